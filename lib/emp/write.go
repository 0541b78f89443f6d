package emp

import (
	"fmt"

	"lander/lib/emp/frame"
)

// chunk is how much is written at once: what the other side must take within
// the write timeout.
const chunk = 64 << 10

// queued is the number of bytes on their way to the transport. mu is held.
func (p *Peer) queued() int { return len(p.out) + len(p.late) + p.writing }

// add queues a frame. While the reader is at work the frame goes behind the
// answers of its batch: a notification that is newer than an answer must not
// overtake it. mu is held.
func (p *Peer) add(f frame.Frame) {
	if p.batching {
		p.late = frame.Append(p.late, f)
	} else {
		p.out = frame.Append(p.out, f)
	}
}

// flushBatch hands the answers of the reader on, and waits while the other
// side does not take them: then no more commands are read.
func (p *Peer) flushBatch() {
	p.mu.Lock()
	if len(p.out) == 0 {
		p.out, p.batch = p.batch, p.out
	}
	p.endBatch()
	for p.stuffed() && p.err == nil {
		p.room.Wait()
	}
	p.mu.Unlock()
}

// stuffed reports whether the other side has to read before more of its
// commands are read. One that keeps to MaxOpen commands is not held up before
// the queue is large, for its own reading may depend on ours. mu is held.
func (p *Peer) stuffed() bool {
	q := p.queued()
	return q > highWater && (p.unsent+p.sending >= MaxOpen || q > 4*p.o.MaxQueue)
}

// endBatch queues what the reader has made and writes. mu is held.
func (p *Peer) endBatch() {
	p.batching = false
	p.out = append(p.out, p.batch...)
	p.out = append(p.out, p.late...)
	p.late = reuse(p.late)
	p.batch = reuse(p.batch)
	p.unsent += p.answered
	p.answered = 0
	p.write(true)
	if p.draining.Load() {
		p.room.Broadcast()
	}
}

// reuse returns an empty buffer, b's own when that is not too large to keep.
func reuse(b []byte) []byte {
	if cap(b) > keepBuffer {
		return nil
	}
	return b[:0]
}

// write sees to it that what is queued gets written. With direct the caller's
// goroutine does it as far as that goes without waiting. mu is held, but let
// go of meanwhile.
func (p *Peer) write(direct bool) {
	if p.busy || p.batching || len(p.out) == 0 || p.err != nil {
		return
	}
	p.busy = true
	if direct && p.raw != nil {
		// A few rounds: others may add faster than this goroutine, which has
		// its own work, can write.
		for range 4 {
			b := p.take()
			p.mu.Unlock()
			n, err := p.raw.write(b)
			if err != nil {
				p.fail(fmt.Errorf("writing: %w", err))
			}
			p.mu.Lock()
			if n < len(b) {
				p.rest = b[n:]
				p.writing = len(p.rest)
				break
			}
			p.written(b)
			if len(p.out) == 0 {
				break
			}
		}
	}
	if p.err != nil || len(p.rest) == 0 && len(p.out) == 0 {
		p.busy = false
		p.room.Broadcast()
		return
	}
	p.wg.Add(1)
	go p.drain()
}

// take moves out aside to be written. mu is held.
func (p *Peer) take() []byte {
	b := p.out
	p.out, p.spare = p.spare, nil
	p.writing = len(b)
	p.sending, p.unsent = p.unsent, 0
	return b
}

// written ends take. mu is held.
func (p *Peer) written(b []byte) {
	p.writing, p.sending = 0, 0
	if p.spare == nil {
		p.spare = reuse(b)
	}
}

// drain writes what is queued, waiting for the other side, and ends when
// nothing is left.
func (p *Peer) drain() {
	defer p.wg.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.err == nil {
		b := p.rest
		p.rest = nil
		if len(b) == 0 {
			if len(p.out) == 0 || p.batching {
				break
			}
			b = p.take()
		}
		p.mu.Unlock()
		if err := p.writeAll(b); err != nil {
			p.fail(fmt.Errorf("writing: %w", err))
		}
		p.mu.Lock()
		p.written(b)
		p.room.Broadcast()
	}
	p.busy = false
	p.room.Broadcast()
}

func (p *Peer) writeAll(b []byte) error {
	if p.raw != nil {
		n, err := p.raw.write(b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	for len(b) > 0 {
		n := min(len(b), chunk)
		t := p.o.Clock.AfterFunc(p.o.WriteTimeout, func() { p.fail(ErrSlowReader) })
		m, err := p.rwc.Write(b[:n])
		t.Stop()
		if err != nil {
			return err
		}
		p.mu.Lock()
		p.writing -= m
		p.mu.Unlock()
		b = b[n:]
	}
	return nil
}
