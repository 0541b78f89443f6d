package devs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"lander/lib/jacdac"
	"lander/lib/jacdac/packet"
)

// startWait is how long the program may take to be ready.
const startWait = 3 * time.Second

// settled reads back that the program runs, and watches it.
func (m Manager) settled(ctx context.Context, d Deploy, events *collector, r *Report) error {
	err := m.ready(ctx, events)
	if err == nil && d.Watch > 0 {
		if err = m.watched(ctx, d.Watch, events); err == nil {
			// What has fallen silent meanwhile did not tell.
			err = m.ready(ctx, events)
		}
	}
	if err != nil {
		if pe, ok := errors.AsType[*PanicError](err); ok && d.Program.Map != nil {
			pe.Panic.locate(d.Program.Map)
		}
		return err
	}
	r.Running = true
	if b, err := m.Bus.Query(ctx, m.ID, ClassManager, jacdac.Query{Command: packet.CmdGet | RegProgramName, Tries: 1}); err == nil {
		r.Name = clean(b)
	}
	return nil
}

// ready waits until the device says that the program runs. A panic is seen
// even when the program runs again by then.
func (m Manager) ready(ctx context.Context, events *collector) error {
	until := time.NewTimer(startWait)
	defer until.Stop()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		running, err := m.flag(ctx, RegRunning)
		if err != nil {
			return err
		}
		status, err := m.status(ctx)
		if err != nil {
			return err
		}
		select {
		case p := <-events.panics:
			return &PanicError{m.Name(), p}
		default:
		}
		if running && status == StatusReady {
			return nil
		}
		select {
		case p := <-events.panics:
			return &PanicError{m.Name(), p}
		case <-until.C:
			return &RejectedError{m.Name(), fmt.Sprintf("the program does not run: %s", status)}
		case <-look.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-m.Bus.Done():
			return m.Bus.Err()
		}
	}
}

// status is the status code; a device that has none counts as ready.
func (m Manager) status(ctx context.Context) (Status, error) {
	b, err := m.optional(ctx, RegStatusCode)
	switch {
	case errors.Is(err, jacdac.ErrNotImplemented):
		return StatusReady, nil
	case err != nil:
		return 0, err
	case len(b) < 2:
		return 0, &RejectedError{m.Name(), fmt.Sprintf("its status code has %d bytes", len(b))}
	}
	return Status(binary.LittleEndian.Uint16(b)), nil
}

// watched waits for a panic, or for a restart that a panic may have brought.
func (m Manager) watched(ctx context.Context, d time.Duration, events *collector) error {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case p := <-events.panics:
		return &PanicError{m.Name(), p}
	case <-events.restarts:
		return &PanicError{m.Name(), Panic{Name: "the device restarted"}}
	case <-over.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-m.Bus.Done():
		return m.Bus.Err()
	}
}
