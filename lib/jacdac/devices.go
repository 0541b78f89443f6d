package jacdac

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"lander/lib/jacdac/packet"
)

// lostAfter is how long a device may be silent before it is taken for gone.
const lostAfter = 3 * time.Second

// Device is what a device last announced.
type Device struct {
	ID       packet.DeviceID
	Announce packet.Announce
	Seen     time.Time
}

// Index is the service index of a class, the first one when it has several.
func (d Device) Index(class uint32) (byte, bool) {
	i := slices.Index(d.Announce.Services, class)
	return byte(i + 1), i >= 0
}

type device struct{ Device }

// Change is what became of a device.
type Change int

// The changes that Watch tells.
const (
	Appeared  Change = iota + 1 // announced for the first time, or again after it was Gone
	Restarted                   // its restart counter fell
	Gone                        // silent for three seconds
)

type watch struct{ f func(Device, Change) }

// Watch calls f for each change of a device until stop is called. Devices that
// are there already are told at once, as Appeared. The calls come one at a time;
// f must not call Watch.
func (b *Bus) Watch(f func(Device, Change)) (stop func()) {
	w := &watch{f}
	b.mu.Lock()
	b.watches[w] = struct{}{}
	b.mu.Unlock()
	b.telling.Lock()
	for _, d := range b.Devices() {
		f(d, Appeared)
	}
	b.telling.Unlock()
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watches, w)
	}
}

func (b *Bus) tell(d Device, c Change) {
	b.mu.Lock()
	list := make([]*watch, 0, len(b.watches))
	for w := range b.watches {
		list = append(list, w)
	}
	b.mu.Unlock()
	b.telling.Lock()
	defer b.telling.Unlock()
	for _, w := range list {
		w.f(d, c)
	}
}

// maxDevices bounds what a babbling bus can make us remember.
const maxDevices = 4096

func (b *Bus) takeAnnounce(id packet.DeviceID, payload []byte) {
	a, err := packet.ParseAnnounce(payload)
	if err != nil {
		return
	}
	b.mu.Lock()
	d := b.devices[id]
	change := Change(0)
	switch {
	case d == nil && len(b.devices) >= maxDevices:
		b.mu.Unlock()
		return
	case d == nil:
		d = &device{Device{ID: id}}
		b.devices[id] = d
		change = Appeared
	case a.Restarts() < d.Announce.Restarts():
		change = Restarted
	}
	d.Announce, d.Seen = a, time.Now()
	dev := d.Device
	b.mu.Unlock()
	if change != 0 {
		b.tell(dev, change)
	}
}

// expire forgets the devices that have been silent for too long.
func (b *Bus) expire(now time.Time) {
	var gone []Device
	b.mu.Lock()
	for id, d := range b.devices {
		if now.Sub(d.Seen) > lostAfter {
			gone = append(gone, d.Device)
			delete(b.devices, id)
		}
	}
	b.mu.Unlock()
	for _, d := range gone {
		b.tell(d, Gone)
	}
}

// Devices are those heard lately, by id.
func (b *Bus) Devices() []Device {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Device, 0, len(b.devices))
	for _, d := range b.devices {
		out = append(out, d.Device)
	}
	sort.Slice(out, func(i, j int) bool { return bytes.Compare(out[i].ID[:], out[j].ID[:]) < 0 })
	return out
}

// Device is the device with the id, when it was heard lately.
func (b *Bus) Device(id packet.DeviceID) (Device, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.devices[id]
	if d == nil {
		return Device{}, false
	}
	return d.Device, true
}

// Ask asks every device to announce itself at once.
func (b *Bus) Ask() {
	f, err := packet.New(packet.FlagCommand|packet.FlagBroadcast, packet.ClassID(0), packet.Packet{Command: packet.CmdAnnounce})
	if err == nil {
		b.Send(&f)
	}
}

// Discover asks for announcements, and again and again, until enough says so
// of the devices heard, which it is asked whenever one came and when the bus
// has settled. It returns what is there then, or when wait is over.
func (b *Bus) Discover(ctx context.Context, wait time.Duration, enough func(devices []Device, settled bool) bool) ([]Device, error) {
	news := make(chan struct{}, 1)
	defer b.Watch(func(_ Device, c Change) {
		if c != Gone {
			select {
			case news <- struct{}{}:
			default:
			}
		}
	})()
	b.Ask()
	if wait < b.pace.Settle {
		wait = b.pace.Settle
	}
	over := time.NewTimer(wait)
	defer over.Stop()
	settle := time.NewTimer(wait)
	defer settle.Stop()
	again := time.NewTicker(b.pace.Settle / 2)
	defer again.Stop()
	period := b.pace.Settle / 2
	for {
		select {
		case <-news:
			if enough(b.Devices(), false) {
				return b.Devices(), nil
			}
			settle.Reset(b.pace.Settle)
		case <-settle.C:
			if enough(b.Devices(), true) {
				return b.Devices(), nil
			}
		case <-again.C:
			// Ever more seldom: a silent bus is not helped by shouting.
			period = min(2*period, 500*time.Millisecond)
			again.Reset(period)
			b.Ask()
		case <-over.C:
			return b.Devices(), nil
		case <-ctx.Done():
			return nil, fmt.Errorf("looking for devices: %w", context.Cause(ctx))
		case <-b.done:
			return nil, fmt.Errorf("looking for devices: %w", b.err)
		}
	}
}

// Index is the service index of a class at a device, from its last
// announcement.
func (b *Bus) Index(id packet.DeviceID, class uint32) (byte, error) {
	d, ok := b.Device(id)
	if !ok {
		return 0, fmt.Errorf("device %s: %w: it is silent", id, ErrNoAnswer)
	}
	if class == ClassControl {
		return packet.IndexControl, nil
	}
	i, ok := d.Index(class)
	if !ok {
		return 0, fmt.Errorf("device %s: %w %08x", id, ErrNoService, class)
	}
	return i, nil
}

// ClassControl stands for the control service, which has index 0 everywhere.
const ClassControl = 0
