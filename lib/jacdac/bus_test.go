package jacdac_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lander/lib/jacdac"
	"lander/lib/jacdac/jacdactest"
	"lander/lib/jacdac/packet"
)

var deviceID = packet.DeviceID{0x12, 0x34, 0x56, 0x78, 0x90, 0xab, 0xcd, 0xef}

const class = 0x11223344

// sink is a service that takes a pipe, and has one register.
type sink struct {
	node  *jacdac.Node
	mu    sync.Mutex
	value []byte
	data  []byte
	flags []byte
	sets  int
	deaf  time.Time // no register is read before
}

func (s *sink) Class() uint32 { return class }

func (s *sink) Command(r *jacdac.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Command {
	case packet.CmdGet | 0x80:
		if !time.Now().Before(s.deaf) {
			r.Answer(s.value)
		}
	case packet.CmdSet | 0x80:
		s.value = bytes.Clone(r.Payload)
		s.sets++
	case 0x80:
		s.data, s.flags = nil, nil
		in, err := s.node.OpenInlet(func(b []byte, flags byte) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.data = append(s.data, b...)
			if flags != 0 {
				s.flags = append(s.flags, flags)
			}
		})
		if err == nil {
			r.Answer([]byte{byte(in.Port()), byte(in.Port() >> 8)})
		}
	default:
		return false
	}
	return true
}

// bench is a host and a device with a sink.
func bench(t testing.TB, share float64) (*jacdac.Bus, *sink) {
	t.Helper()
	add := jacdactest.Bus(t)
	s := &sink{}
	s.node = add(nil).Attach(deviceID, nil, s)
	host := add(func(tr jacdac.Transport) jacdac.Transport { return jacdactest.NewLossy(tr, share, 3) })
	if _, err := host.Discover(t.Context(), 5*time.Second, func(d []jacdac.Device, _ bool) bool { return len(d) > 0 }); err != nil {
		t.Fatal(err)
	}
	return host, s
}

func TestRegisters(t *testing.T) {
	for _, share := range []float64{0, 0.2} {
		synctest.Test(t, func(t *testing.T) {
			b, _ := bench(t, share)
			for i := range byte(20) {
				if err := b.Set(t.Context(), deviceID, class, 0x80, []byte{i, 7}); err != nil {
					t.Fatal(err)
				}
				if v, err := b.Get(t.Context(), deviceID, class, 0x80); err != nil || !bytes.Equal(v, []byte{i, 7}) {
					t.Fatalf("%x, %v", v, err)
				}
			}
			if _, err := b.Get(t.Context(), deviceID, class, 0x99); !errors.Is(err, jacdac.ErrNotImplemented) {
				t.Errorf("unknown register: %v", err)
			}
			if _, err := b.Get(t.Context(), deviceID, 0x5555, 0x80); !errors.Is(err, jacdac.ErrNoService) {
				t.Errorf("unknown service: %v", err)
			}
			if _, err := b.Get(t.Context(), packet.DeviceID{1}, class, 0x80); !errors.Is(err, jacdac.ErrNoAnswer) {
				t.Errorf("unknown device: %v", err)
			}
		})
	}
}

// A device that erases its flash hears nothing for a second or two.
func TestRegisterOfABusyDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := bench(t, 0)
		s.mu.Lock()
		s.value, s.deaf = []byte{7}, time.Now().Add(3*time.Second)
		s.mu.Unlock()
		if v, err := b.Get(t.Context(), deviceID, class, 0x80); err != nil || !bytes.Equal(v, []byte{7}) {
			t.Errorf("%x, %v", v, err)
		}
		s.mu.Lock()
		s.deaf = time.Now().Add(time.Minute)
		s.mu.Unlock()
		from := time.Now()
		if _, err := b.Get(t.Context(), deviceID, class, 0x80); !errors.Is(err, jacdac.ErrNoAnswer) || time.Since(from) > 5*time.Second {
			t.Errorf("after %s: %v", time.Since(from), err)
		}
	})
}

// Whatever the window, the losses and the length, what was closed has arrived
// whole and once; equal blocks have equal CRCs 32 packets apart.
func TestPipe(t *testing.T) {
	random := make([]byte, 30000)
	for i := range random {
		random[i] = byte(i * i >> 3)
	}
	for _, data := range [][]byte{nil, make([]byte, 224), make([]byte, 40000), random} {
		for _, window := range []int{1, 4, 31} {
			for _, share := range []float64{0, 0.05, 0.1} {
				synctest.Test(t, func(t *testing.T) {
					b, s := bench(t, share)
					port, err := b.Query(t.Context(), deviceID, class, jacdac.Query{Command: 0x80, Acked: true})
					if err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second) // a repeated query opens another port: take the last
					shown := 0
					err = b.SendPipe(t.Context(), jacdac.Pipe{ID: deviceID, Port: uint16(port[0]) | uint16(port[1])<<8, Chunk: 224, Window: window,
						Show: func(acked, n int) { shown = acked }}, data)
					if err != nil {
						t.Fatalf("%d bytes, window %d, loss %v: %v", len(data), window, share, err)
					}
					synctest.Wait()
					s.mu.Lock()
					defer s.mu.Unlock()
					if !bytes.Equal(s.data, data) || !slices.Equal(s.flags, []byte{jacdac.PipeClose}) || shown != len(data) {
						t.Errorf("%d bytes, window %d, loss %v: %d arrived, flags %x, shown %d", len(data), window, share, len(s.data), s.flags, shown)
					}
				})
			}
		}
	}
}

func TestNoAckEndsAfterItsBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := bench(t, 0)
		s.node.Mute(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := b.Set(ctx, deviceID, class, 0x80, []byte{1}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		begin := time.Now()
		err := b.Set(t.Context(), deviceID, class, 0x80, []byte{1})
		if took := time.Since(begin); !errors.Is(err, jacdac.ErrNoAck) || took < 3*time.Second || took > 6*time.Second {
			t.Errorf("%v after %s", err, took)
		}
		err = b.SendPipe(t.Context(), jacdac.Pipe{ID: deviceID, Port: 3, Chunk: 224}, make([]byte, 1000))
		if !errors.Is(err, jacdac.ErrNoAck) {
			t.Errorf("%v", err)
		}
	})
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := bench(t, 0)
		var got []jacdac.Change
		defer b.Watch(func(_ jacdac.Device, c jacdac.Change) { got = append(got, c) })()
		time.Sleep(10 * time.Second) // the counter stays at 15
		s.node.Restart()
		time.Sleep(time.Second)
		s.node.Mute(true)
		time.Sleep(5 * time.Second)
		s.node.Mute(false)
		time.Sleep(time.Second)
		synctest.Wait()
		if want := []jacdac.Change{jacdac.Appeared, jacdac.Restarted, jacdac.Gone, jacdac.Appeared}; !slices.Equal(got, want) {
			t.Errorf("%v", got)
		}
	})
}

// An event comes three times with one counter.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := bench(t, 0)
		var words []uint16
		defer b.Subscribe(deviceID, func(r jacdac.Report) {
			if r.Event() {
				words = append(words, r.Command)
			}
		})()
		s.node.Event(1, 0x80, []byte{1})
		s.node.Event(1, 0x80, []byte{1})
		time.Sleep(time.Second)
		synctest.Wait()
		if want := []uint16{0x8180, 0x8280, 0x8180, 0x8280, 0x8180, 0x8280}; !slices.Equal(words, want) {
			t.Errorf("%04x", words)
		}
	})
}

func TestLostLinkEndsWhatWaits(t *testing.T) {
	a, c := net.Pipe()
	b := jacdac.New(jacdac.NewTCP(a), jacdac.Options{})
	go io.Copy(io.Discard, c)
	done := make(chan error, 1)
	go func() {
		_, err := b.Discover(t.Context(), time.Hour, func([]jacdac.Device, bool) bool { return false })
		done <- err
	}()
	c.Close()
	if err := <-done; !errors.Is(err, jacdac.ErrLost) || !errors.Is(b.Err(), jacdac.ErrLost) {
		t.Errorf("%v", err)
	}
	b.Close()
}

// A board on a serial line: it is asked for frames until one comes, and its
// text comes between them.
func TestSerial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		b := jacdac.New(jacdac.NewSerial(near), jacdac.Options{})
		defer b.Close()
		var text []byte
		stop, ok := b.SubscribeText(func(p []byte) { text = append(text, p...) })
		defer stop()
		if !ok || b.Pace().Window != 1 {
			t.Errorf("text %t, window %d", ok, b.Pace().Window)
		}
		var got []string
		asked := make(chan struct{})
		go func() {
			p := packet.Serial{Frame: func(f []byte) {
				got = append(got, hex.EncodeToString(f))
				if len(got) == 6 { // the second round of the two
					close(asked)
				}
			}}
			io.Copy(&p, far)
		}()
		<-asked
		if got[0] != "b16e04454a1af618aaaaaaaa003d8100" || got[1] != "d30804454a1af618aaaaaaaa003d8300" || got[2] != got[0] {
			t.Errorf("asked with %v", got)
		}
		announce, _ := hex.DecodeString("205920401234567890abcdef1c0000000f0f0200667e4b1e2bea3411405b5b154adc0711fcee62149c6e6014")
		far.Write([]byte("half a "))
		far.Write(packet.AppendSerial(nil, announce))
		far.Write([]byte("line\n"))
		synctest.Wait()
		if d, ok := b.Device(deviceID); !ok || len(d.Announce.Services) != 6 || string(text) != "half a line\n" {
			t.Errorf("%+v, text %q", d, text)
		}
		far.Close()
	})
}

// What is taken off the bus does not do what is asked of all of its kind.
func TestMutedHearsNoBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := bench(t, 0)
		set := func() int {
			t.Helper()
			f, err := packet.New(packet.FlagCommand|packet.FlagBroadcast, packet.ClassID(class), packet.Packet{Service: packet.IndexBroadcast, Command: packet.CmdSet | 0x80, Payload: []byte{1}})
			if err != nil {
				t.Fatal(err)
			}
			b.Send(&f)
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.sets
		}
		if n := set(); n != 1 {
			t.Fatalf("set %d times by a broadcast, want once", n)
		}
		s.node.Mute(true)
		if n := set(); n != 1 {
			t.Errorf("off the bus, the node was set")
		}
	})
}
