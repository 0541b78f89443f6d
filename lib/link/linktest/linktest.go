// Package linktest makes links fail the way real ones do: cut, late, doubled,
// damaged, and in pieces of any size. Faults sit at byte offsets of one
// direction, so that a test says exactly what its peer must bear:
//
//	a, b := linktest.Pipe()
//	a = linktest.Wrap(a, linktest.Faults{
//		Read:  []linktest.Fault{linktest.Split(1)},
//		Write: []linktest.Fault{linktest.Cut(100)},
//	})
//
// reads byte by byte and loses the link after 100 bytes written.
package linktest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"lander/lib/link"
)

// ErrCut is what a read or write past a Cut returns.
var ErrCut = errors.New("link cut by the test")

// Fault is one thing that goes wrong in one direction of a stream.
type Fault struct {
	at   int64 // offset of the first byte it is about
	n    int64 // bytes it is about
	kind kind
	mask byte
	hold <-chan struct{}
}

type kind int

const (
	split kind = iota + 1
	cut
	drop
	duplicate
	flip
	hold
)

// Split lets at most n bytes through at once: Split(1) is every byte alone.
func Split(n int) Fault { return Fault{kind: split, n: int64(max(n, 1))} }

// Cut closes the stream after that many bytes.
func Cut(after int64) Fault { return Fault{kind: cut, at: after} }

// Drop loses n bytes from offset at on.
func Drop(at, n int64) Fault { return Fault{kind: drop, at: at, n: n} }

// Duplicate sends the n bytes from offset at on twice.
func Duplicate(at, n int64) Fault { return Fault{kind: duplicate, at: at, n: n} }

// Flip flips the bits of mask in the byte at offset at.
func Flip(at int64, mask byte) Fault { return Fault{kind: flip, at: at, n: 1, mask: mask} }

// Hold keeps the byte at offset at, and all after it, until the channel is
// closed or gives a value: for delays the test itself ends.
func Hold(at int64, until <-chan struct{}) Fault { return Fault{kind: hold, at: at, hold: until} }

// Faults are the faults of both directions, seen from the one who reads and
// writes the stream.
type Faults struct {
	Read  []Fault
	Write []Fault
}

// Pipe is two ends of a link in memory. A write waits for its reader, as with
// net.Pipe. The Address of both is that of stdio.
func Pipe() (a, b link.Conn) {
	x, y := net.Pipe()
	return pipeEnd{x}, pipeEnd{y}
}

type pipeEnd struct{ net.Conn }

func (pipeEnd) Address() link.Address { return link.Address{Scheme: link.Stdio} }

// Stream is a stream with faults. Deadlines and Address are those of the
// stream below, where it has them.
type Stream struct {
	inner io.ReadWriteCloser
	done  chan struct{}
	once  sync.Once

	rmu   sync.Mutex
	in    lane
	raw   []byte // read and not through the faults yet
	ready []byte // through the faults and not handed out yet
	rerr  error  // what came with the last bytes

	wmu sync.Mutex
	out lane
}

// Wrap puts faults on a stream.
func Wrap(inner io.ReadWriteCloser, f Faults) *Stream {
	return &Stream{inner: inner, done: make(chan struct{}), in: lane{faults: f.Read}, out: lane{faults: f.Write}}
}

// lane is one direction.
type lane struct {
	faults []Fault
	off    int64  // bytes that came so far
	again  []byte // being collected for a Duplicate
}

// most is the size of the largest piece, 0 for any.
func (l *lane) most() int {
	n := 0
	for _, f := range l.faults {
		if f.kind == split && (n == 0 || int(f.n) < n) {
			n = int(f.n)
		}
	}
	return n
}

// step passes one byte: it returns what comes out, which may be nothing or
// several bytes.
func (l *lane) step(b byte) (out []byte) {
	lost := false
	for _, f := range l.faults {
		inside := l.off >= f.at && l.off < f.at+f.n
		switch {
		case f.kind == flip && inside:
			b ^= f.mask
		case f.kind == drop && inside:
			lost = true
		}
	}
	if !lost {
		out = append(out, b)
	}
	for _, f := range l.faults {
		if f.kind != duplicate || l.off < f.at || l.off >= f.at+f.n {
			continue
		}
		l.again = append(l.again, out...)
		if l.off == f.at+f.n-1 {
			out = append(out, l.again...)
			l.again = nil
		}
	}
	l.off++
	return out
}

// gate returns the channel that the next byte waits for, and whether the
// stream is cut before it.
func (l *lane) gate() (wait []<-chan struct{}, isCut bool) {
	for _, f := range l.faults {
		switch {
		case f.kind == hold && f.at == l.off:
			wait = append(wait, f.hold)
		case f.kind == cut && l.off >= f.at:
			isCut = true
		}
	}
	return wait, isCut
}

// pass waits and cuts where the next byte asks for it.
func (s *Stream) pass(l *lane) error {
	wait, isCut := l.gate()
	for _, c := range wait {
		select {
		case <-c:
		case <-s.done:
			return net.ErrClosed
		}
	}
	if isCut {
		s.Close()
		return ErrCut
	}
	return nil
}

// Read implements io.Reader.
func (s *Stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.rmu.Lock()
	defer s.rmu.Unlock()
	for len(s.ready) == 0 {
		if err := s.fill(len(p)); err != nil {
			return 0, err
		}
	}
	n := len(s.ready)
	if most := s.in.most(); most > 0 {
		n = min(n, most)
	}
	n = copy(p, s.ready[:n])
	s.ready = s.ready[n:]
	return n, nil
}

// fill moves bytes from below to ready, up to the next one that has to wait.
func (s *Stream) fill(size int) error {
	if len(s.raw) == 0 {
		if _, isCut := s.in.gate(); isCut {
			return s.pass(&s.in)
		}
		if err := s.rerr; err != nil {
			s.rerr = nil // a deadline may be set again
			return err
		}
		buf := make([]byte, size)
		n, err := s.inner.Read(buf)
		s.raw, s.rerr = buf[:n], err
	}
	for len(s.raw) > 0 {
		if wait, isCut := s.in.gate(); len(wait) > 0 || isCut {
			if len(s.ready) > 0 {
				return nil
			}
			if err := s.pass(&s.in); err != nil {
				return err
			}
		}
		s.ready = append(s.ready, s.in.step(s.raw[0])...)
		s.raw = s.raw[1:]
	}
	return nil
}

// Write implements io.Writer. The count is of p's bytes, whatever became of
// them.
func (s *Stream) Write(p []byte) (n int, err error) {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	var ready []byte
	flush := func(upTo int) error {
		for len(ready) > 0 {
			m := len(ready)
			if most := s.out.most(); most > 0 {
				m = min(m, most)
			}
			if _, err := s.inner.Write(ready[:m]); err != nil {
				return err
			}
			ready = ready[m:]
		}
		n = upTo
		return nil
	}
	for i, b := range p {
		if wait, isCut := s.out.gate(); len(wait) > 0 || isCut {
			if err := flush(i); err != nil {
				return n, err
			}
			if err := s.pass(&s.out); err != nil {
				return n, err
			}
		}
		ready = append(ready, s.out.step(b)...)
	}
	return n, flush(len(p))
}

// Close closes the stream below and wakes what is held.
func (s *Stream) Close() error {
	s.once.Do(func() { close(s.done) })
	return s.inner.Close()
}

// Address implements link.Conn.
func (s *Stream) Address() link.Address {
	if c, ok := s.inner.(link.Conn); ok {
		return c.Address()
	}
	return link.Address{Scheme: link.Stdio}
}

// SetReadDeadline implements link.Conn.
func (s *Stream) SetReadDeadline(t time.Time) error {
	if c, ok := s.inner.(interface{ SetReadDeadline(time.Time) error }); ok {
		return c.SetReadDeadline(t)
	}
	return fmt.Errorf("setting a deadline: %w", errors.ErrUnsupported)
}

// SetWriteDeadline implements link.Conn.
func (s *Stream) SetWriteDeadline(t time.Time) error {
	if c, ok := s.inner.(interface{ SetWriteDeadline(time.Time) error }); ok {
		return c.SetWriteDeadline(t)
	}
	return fmt.Errorf("setting a deadline: %w", errors.ErrUnsupported)
}

var _ link.Conn = (*Stream)(nil)
