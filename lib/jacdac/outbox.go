package jacdac

import (
	"context"
	"sync"

	"lander/lib/jacdac/packet"
)

// Limits of an outbox in bytes.
const (
	maxQueue  = 1 << 20 // beyond it frames are dropped, as a busy bus drops them
	roomQueue = 64 << 10
)

// outbox holds the frames that wait to be written. Putting one in never
// waits: readers do it.
type outbox struct {
	mu    sync.Mutex
	queue []byte // frames, one after the other
	kick  chan struct{}
	taken chan struct{} // closed, and replaced, when the queue was taken
}

func newOutbox() *outbox {
	return &outbox{kick: make(chan struct{}, 1), taken: make(chan struct{})}
}

// put appends by add; false when too much is waiting, and it did not.
func (o *outbox) put(add func(dst []byte) []byte) bool {
	o.mu.Lock()
	if len(o.queue) > maxQueue {
		o.mu.Unlock()
		return false
	}
	o.queue = add(o.queue)
	o.mu.Unlock()
	select {
	case o.kick <- struct{}{}:
	default:
	}
	return true
}

// room waits until little is waiting.
func (o *outbox) room(ctx context.Context, done <-chan struct{}) error {
	for {
		o.mu.Lock()
		taken, full := o.taken, len(o.queue) > roomQueue
		o.mu.Unlock()
		if !full {
			return nil
		}
		select {
		case <-taken:
		case <-ctx.Done():
			return ctx.Err()
		case <-done:
			return ErrClosed
		}
	}
}

// run writes to t what is put in, until done is closed or t fails.
func (o *outbox) run(t Transport, done <-chan struct{}) error {
	var out []byte
	for {
		select {
		case <-o.kick:
		case <-done:
			return nil
		}
		o.mu.Lock()
		out, o.queue = o.queue, out[:0]
		close(o.taken)
		o.taken = make(chan struct{})
		o.mu.Unlock()
		for rest := out; len(rest) > 0; {
			n := packet.FrameHeader + int(rest[2])
			if err := t.WriteFrame(rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
}
