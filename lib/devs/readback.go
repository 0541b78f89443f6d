package devs

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"lander/lib/jacdac"
)

// readIdle is how long a device may pause while it sends its program.
const readIdle = 3 * time.Second

// ReadBack fetches the program from the device.
//
// Runtime 2.16.4 panics and restarts when the program is larger than 232
// bytes. To see what a device has, compare its sha256 instead. [JD 4]
func (m Manager) ReadBack(ctx context.Context) ([]byte, error) {
	size, sum, err := m.program(ctx)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		return nil, &RejectedError{m.Name(), "it has no program"}
	}
	var mu sync.Mutex
	var image []byte
	full := make(chan struct{}, 1)
	moved := make(chan struct{}, 1)
	in, err := m.Bus.Local().OpenInlet(func(data []byte, flags byte) {
		mu.Lock()
		defer mu.Unlock()
		if flags&jacdac.PipeMetadata == 0 && len(image) < size {
			image = append(image, data...)
		}
		offer(moved, struct{}{})
		if flags&jacdac.PipeClose != 0 {
			offer(full, struct{}{})
		}
	})
	if err != nil {
		return nil, err
	}
	defer in.Shut()
	events := m.collect()
	defer events.stop()
	self := m.Bus.Self()
	payload := binary.LittleEndian.AppendUint16(append([]byte(nil), self[:]...), in.Port())
	if err := m.Bus.Command(ctx, m.ID, ClassManager, CmdReadBytecode, append(payload, 0, 0)); err != nil {
		return nil, fmt.Errorf("asking for the program: %w", err)
	}
	idle := time.NewTimer(readIdle)
	defer idle.Stop()
	for done := false; !done; {
		select {
		case <-full:
			done = true
		case <-moved:
			idle.Reset(readIdle)
		case <-events.restarts:
			return nil, &RejectedError{m.Name(), "it restarted instead of sending its program"}
		case <-idle.C:
			return nil, fmt.Errorf("device %s: %w with its program", m.Name(), jacdac.ErrNoAnswer)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-m.Bus.Done():
			return nil, m.Bus.Err()
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(image) > size {
		image = image[:size] // the last piece may be longer than what is left
	}
	if got, err := newProgram(image); err != nil || got.SHA256 != sum {
		return nil, &VerifyError{m.Name(), "what it sent does not have the sha256 that it says"}
	}
	return image, nil
}
