package devs

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"lander/lib/jacdac"
	"lander/lib/jacdac/packet"
)

// Manager is the manager service of one device.
type Manager struct {
	Bus *jacdac.Bus
	ID  packet.DeviceID
}

// Name is how messages call the device: its id and its short name.
func (m Manager) Name() string { return m.ID.String() + " (" + m.ID.ShortName() + ")" }

func (m Manager) get(ctx context.Context, reg uint16) ([]byte, error) {
	return m.Bus.Get(ctx, m.ID, ClassManager, reg)
}

// optional gets a register that not every device has: one that is silent about
// it, and not about others, counts as not implementing it.
func (m Manager) optional(ctx context.Context, reg uint16) ([]byte, error) {
	b, err := m.Bus.Query(ctx, m.ID, ClassManager, jacdac.Query{Command: packet.CmdGet | reg, Tries: optionalTries})
	if errors.Is(err, jacdac.ErrNoAnswer) {
		err = jacdac.ErrNotImplemented
	}
	return b, err
}

// optionalTries is how often a register is asked for that may not be there.
const optionalTries = 4

func (m Manager) number(ctx context.Context, reg uint16) (uint64, error) {
	b, err := m.get(ctx, reg)
	if err != nil {
		return 0, err
	}
	if len(b) == 0 || len(b) > 8 {
		return 0, fmt.Errorf("getting register %#x: an answer of %d bytes", reg, len(b))
	}
	var v [8]byte
	copy(v[:], b)
	return binary.LittleEndian.Uint64(v[:]), nil
}

func (m Manager) flag(ctx context.Context, reg uint16) (bool, error) {
	n, err := m.number(ctx, reg)
	return n != 0, err
}

// setFlag writes a boolean register and reads it back.
func (m Manager) setFlag(ctx context.Context, reg uint16, on bool) error {
	if err := m.Bus.Set(ctx, m.ID, ClassManager, reg, bit(on)); err != nil {
		return err
	}
	got, err := m.flag(ctx, reg)
	if err == nil && got != on {
		err = &RejectedError{Device: m.Name(), Message: fmt.Sprintf("it keeps register %#x at %t", reg, got)}
	}
	return err
}

// RejectedError says that a device answered and did not do what was asked.
type RejectedError struct{ Device, Message string }

func (e *RejectedError) Error() string { return fmt.Sprintf("device %s: %s", e.Device, e.Message) }

// State is what the registers of a device say. What it does not implement is
// nil or "".
type State struct {
	ID             string   `json:"device"`
	ShortName      string   `json:"short_name"`
	Description    string   `json:"description,omitempty"`
	ProductID      string   `json:"product_id,omitempty"`
	Firmware       string   `json:"firmware,omitempty"`
	UptimeMS       *uint64  `json:"uptime_ms,omitempty"`
	Runtime        string   `json:"runtime,omitempty"`
	Program        string   `json:"program,omitempty"`
	ProgramVersion string   `json:"program_version,omitempty"`
	Size           uint32   `json:"size"`
	SHA256         string   `json:"sha256,omitempty"` // "" when there is no program
	Hash           string   `json:"hash,omitempty"`
	Running        bool     `json:"running"`
	Autostart      bool     `json:"autostart"`
	Logging        *bool    `json:"logging"`
	Status         *Status  `json:"status_code,omitempty"`
	StatusText     string   `json:"status,omitempty"`
	Vendor         *uint16  `json:"status_vendor,omitempty"`
	Missing        []string `json:"not_implemented,omitempty"`
}

// State reads all registers of the document.
func (m Manager) State(ctx context.Context) (State, error) {
	s := State{ID: m.ID.String(), ShortName: m.ID.ShortName()}
	read := func(class uint32, reg uint16, name string, must bool, take func(b []byte)) error {
		q := jacdac.Query{Command: packet.CmdGet | reg}
		if !must {
			q.Tries = optionalTries // some firmware is silent about what it does not know
		}
		b, err := m.Bus.Query(ctx, m.ID, class, q)
		switch {
		case err == nil:
			take(b)
			return nil
		case errors.Is(err, jacdac.ErrNotImplemented), !must && errors.Is(err, jacdac.ErrNoAnswer):
			s.Missing = append(s.Missing, name)
			return nil
		}
		return fmt.Errorf("device %s: getting %s: %w", m.Name(), name, err)
	}
	for _, r := range []struct {
		class uint32
		reg   uint16
		name  string
		must  bool
		take  func(b []byte)
	}{
		{ClassManager, RegRunning, "running", true, func(b []byte) { s.Running = len(b) > 0 && b[0] != 0 }},
		{ClassManager, RegAutostart, "autostart", true, func(b []byte) { s.Autostart = len(b) > 0 && b[0] != 0 }},
		{ClassManager, RegProgramSize, "program_size", true, func(b []byte) {
			if len(b) >= 4 {
				s.Size = binary.LittleEndian.Uint32(b)
			}
		}},
		{ClassManager, RegProgramSHA256, "program_sha256", false, func(b []byte) {
			if len(b) == sha256.Size && [sha256.Size]byte(b) != [sha256.Size]byte{} {
				s.SHA256 = hex.EncodeToString(b)
			}
		}},
		{ClassManager, RegLogging, "logging", false, func(b []byte) {
			on := len(b) > 0 && b[0] != 0
			s.Logging = &on
		}},
		{ClassManager, RegStatusCode, "status_code", false, func(b []byte) {
			if len(b) >= 4 {
				code, vendor := Status(binary.LittleEndian.Uint16(b)), binary.LittleEndian.Uint16(b[2:])
				s.Status, s.StatusText, s.Vendor = &code, code.String(), &vendor
			}
		}},
		{ClassManager, RegProgramHash, "program_hash", false, func(b []byte) {
			if len(b) >= 4 {
				s.Hash = fmt.Sprintf("%08x", binary.LittleEndian.Uint32(b))
			}
		}},
		{ClassManager, RegRuntimeVersion, "runtime_version", false, func(b []byte) {
			if v, ok := parseVersion(b); ok {
				s.Runtime = v.String()
			}
		}},
		{ClassManager, RegProgramName, "program_name", false, func(b []byte) { s.Program = clean(b) }},
		{ClassManager, RegProgramVersion, "program_version", false, func(b []byte) { s.ProgramVersion = clean(b) }},
		{jacdac.ClassControl, RegDescription, "description", false, func(b []byte) { s.Description = clean(b) }},
		{jacdac.ClassControl, RegProductID, "product_id", false, func(b []byte) {
			if len(b) >= 4 {
				s.ProductID = fmt.Sprintf("%08x", binary.LittleEndian.Uint32(b))
			}
		}},
		{jacdac.ClassControl, RegFirmwareVersion, "firmware_version", false, func(b []byte) { s.Firmware = clean(b) }},
		{jacdac.ClassControl, RegUptime, "uptime", false, func(b []byte) {
			if len(b) >= 8 {
				ms := binary.LittleEndian.Uint64(b) / 1000
				s.UptimeMS = &ms
			}
		}},
	} {
		if err := read(r.class, r.reg, r.name, r.must, r.take); err != nil {
			return State{}, err
		}
	}
	return s, nil
}

// Start starts the program and reads back that it runs. With autostart off it
// stays off: see Stop.
func (m Manager) Start(ctx context.Context) error {
	if err := m.setFlag(ctx, RegAutostart, true); err != nil {
		return err
	}
	return m.setFlag(ctx, RegRunning, true)
}

// Stop stops the program for good: until a start or the next reset. With
// autostart on, the device would start it again by its timer. [JD 4]
func (m Manager) Stop(ctx context.Context) error {
	if err := m.setFlag(ctx, RegAutostart, false); err != nil {
		return err
	}
	return m.setFlag(ctx, RegRunning, false)
}

// resetWait is how long a device may take to come back.
const resetWait = 15 * time.Second

// Reset restarts the device and waits until it announces itself again.
func (m Manager) Reset(ctx context.Context) error {
	back := make(chan struct{}, 1)
	var known life
	defer m.Bus.Watch(func(d jacdac.Device, c jacdac.Change) {
		if d.ID != m.ID || !known.restarted(d, c) {
			return
		}
		if _, ok := d.Index(ClassManager); ok {
			select {
			case back <- struct{}{}:
			default:
			}
		}
	})()
	before, _ := m.Bus.Device(m.ID)
	// Not acknowledged and sent again: it would reset twice.
	f, err := packet.New(packet.FlagCommand, m.ID, packet.Packet{Service: packet.IndexControl, Command: CmdControlReset})
	if err != nil {
		return err
	}
	m.Bus.Send(&f)
	again := time.NewTimer(2 * time.Second)
	defer again.Stop()
	over := time.NewTimer(resetWait)
	defer over.Stop()
	for {
		select {
		case <-back:
			return nil
		case <-again.C:
			// Lost on the way, unless the device fell silent meanwhile.
			if now, ok := m.Bus.Device(m.ID); ok && now.Seen.After(before.Seen.Add(time.Second)) {
				m.Bus.Send(&f)
			}
		case <-over.C:
			return fmt.Errorf("device %s: %w: no restart seen within %s", m.Name(), jacdac.ErrNoAnswer, resetWait)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-m.Bus.Done():
			return m.Bus.Err()
		}
	}
}
