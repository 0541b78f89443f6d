package nodemcutest

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

func (b *Board) option(word string) bool {
	for w := range strings.FieldsSeq(b.Options) {
		if w == word {
			return true
		}
	}
	return false
}

// errGone is what a port gives that was pulled out.
var errGone = errors.New("serial port /dev/simulated: the port is not there")

// Wire is a serial port with a board at its end, at the speed of the rate. Its
// time, of Now and of the deadlines, is the board's: a read that finds nothing
// makes it pass. It is a stream with deadlines, the rate can be set, and it is
// safe for concurrent use.
type Wire struct {
	mu       sync.Mutex
	b        *Board
	epoch    time.Time
	rate     int
	free     time.Duration // when the last written byte is out
	deadline time.Time
	closed   bool
	Sent     int // bytes towards the board
	MaxRate  int // what the wire carries; above it all is garbage; 0: any rate
}

// NewWire powers a board, if it is not yet, and connects to it.
func NewWire(b *Board) *Wire {
	if b.Boots == 0 {
		b.power()
	}
	b.gone = false
	return &Wire{b: b, rate: 115200, free: b.now, epoch: time.Unix(1_700_000_000, 0)}
}

// Now is the board's clock.
func (w *Wire) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.epoch.Add(w.b.now)
}

// Read implements io.Reader.
func (w *Wire) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		if w.closed {
			return 0, net.ErrClosed
		}
		n := 0
		for n < len(p) && n < len(w.b.tx) && w.b.tx[n].at <= w.b.now {
			p[n] = garbled(w.onWire(w.b.tx[n]), w.rate)
			n++
		}
		if n > 0 {
			w.b.tx = w.b.tx[n:]
			return n, nil
		}
		if w.b.gone {
			return 0, errGone
		}
		next, ok := w.b.next()
		if len(w.b.tx) > 0 && (!ok || w.b.tx[0].at < next) {
			next, ok = w.b.tx[0].at, true
		}
		if w.deadline.IsZero() && !ok {
			return 0, io.ErrNoProgress // it would wait for ever
		}
		if until := w.deadline.Sub(w.epoch); !w.deadline.IsZero() && (!ok || next > until) {
			w.b.advance(max(until, w.b.now))
			if len(w.b.tx) == 0 || w.b.tx[0].at > w.b.now {
				return 0, os.ErrDeadlineExceeded
			}
			continue
		}
		w.b.advance(max(next, w.b.now))
	}
}

// onWire is what becomes of a byte that is too fast.
func (w *Wire) onWire(c timed) timed {
	if w.MaxRate > 0 && c.rate > w.MaxRate {
		c.b = c.b*29 | 0x81
	}
	return c
}

// Write implements io.Writer. It does not wait: the bytes arrive one after the
// other.
func (w *Wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, net.ErrClosed
	}
	if w.b.gone {
		return 0, errGone
	}
	w.Sent += len(p)
	for _, c := range p {
		w.free = max(w.free, w.b.now) + byteTime(w.rate)
		w.b.rx = append(w.b.rx, w.onWire(timed{w.free, w.rate, c}))
	}
	return len(p), nil
}

// SetReadDeadline is in the board's time.
func (w *Wire) SetReadDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deadline = t
	return nil
}

// SetWriteDeadline does nothing: a write never waits.
func (w *Wire) SetWriteDeadline(time.Time) error { return nil }

// SetBaud changes the rate of this side.
func (w *Wire) SetBaud(rate int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rate = rate
	return nil
}

// Drain waits until what was written is out.
func (w *Wire) Drain() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.advance(max(w.free, w.b.now))
	return nil
}

// Discard forgets what came and was not read.
func (w *Wire) Discard() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for n < len(w.b.tx) && w.b.tx[n].at <= w.b.now {
		n++
	}
	w.b.tx = w.b.tx[n:]
	return nil
}

// Close lets go of the port; the board goes on.
func (w *Wire) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	return nil
}
