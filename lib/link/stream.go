package link

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

const (
	streamPiece  = 4 << 10  // bytes read or written at once
	streamBuffer = 64 << 10 // bytes read ahead
)

// stream gives deadlines to a reader and a writer that know none and may
// block for ever: one goroutine reads ahead, from the first Read on, and each
// piece that is written has one of its own.
type stream struct {
	r io.Reader
	w io.Writer

	mu     sync.Mutex
	wake   *sync.Cond // whatever changes below
	closed bool
	read   deadline
	write  deadline

	reading bool   // the read-ahead has been started
	in      []byte // read ahead
	inErr   error  // what ended the reading, after in

	writing bool // a Write or an op is under way
	flying  bool // w is being called; it may outlive the Write
	flown   int
	flyErr  error

	readers sync.WaitGroup
}

func newStream(r io.Reader, w io.Writer) *stream {
	s := &stream{r: r, w: w}
	s.wake = sync.NewCond(&s.mu)
	return s
}

// deadline wakes its stream when it has passed.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (s *stream) setDeadline(d *deadline, t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = t
	if !t.IsZero() {
		d.timer = time.AfterFunc(time.Until(t), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.wake.Broadcast()
		})
	}
	s.wake.Broadcast()
	return nil
}

// SetReadDeadline implements Conn.
func (s *stream) SetReadDeadline(t time.Time) error { return s.setDeadline(&s.read, t) }

// SetWriteDeadline implements Conn.
func (s *stream) SetWriteDeadline(t time.Time) error { return s.setDeadline(&s.write, t) }

// over says why nothing more can be waited for, if so. mu is held.
func (s *stream) over(d *deadline) error {
	switch {
	case s.closed:
		return net.ErrClosed
	case !d.at.IsZero() && !time.Now().Before(d.at):
		return os.ErrDeadlineExceeded
	}
	return nil
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.reading && !s.closed {
		s.reading = true
		s.readers.Go(s.readAhead)
	}
	for {
		if err := s.over(&s.read); err != nil {
			return 0, err
		}
		if len(s.in) > 0 || len(p) == 0 {
			n := copy(p, s.in)
			s.in = s.in[n:]
			s.wake.Broadcast()
			return n, nil
		}
		if s.inErr != nil {
			return 0, s.inErr
		}
		s.wake.Wait()
	}
}

func (s *stream) readAhead() {
	buf := make([]byte, streamPiece)
	for empty := 0; ; {
		n, err := s.r.Read(buf)
		// A port that timed out by itself returns neither bytes nor error.
		if n > 0 {
			empty = 0
		} else if empty++; err == nil && empty == 100 {
			err = io.ErrNoProgress
		}
		s.mu.Lock()
		for len(s.in)+n > streamBuffer && !s.closed {
			s.wake.Wait()
		}
		s.in = append(s.in, buf[:n]...)
		s.inErr = err
		stop := err != nil || s.closed
		s.wake.Broadcast()
		s.mu.Unlock()
		if stop {
			return
		}
	}
}

// discard forgets what was read ahead.
func (s *stream) discard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in = nil
	s.wake.Broadcast()
}

// Write implements io.Writer. After a deadline the piece under way may still
// go out; n counts those before it.
func (s *stream) Write(p []byte) (n int, err error) {
	err = s.exclusive(func() error {
		for n < len(p) {
			piece := append([]byte(nil), p[n:min(n+streamPiece, len(p))]...)
			m, err := s.fly(func() (int, error) { return s.w.Write(piece) })
			n += m
			if err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// exclusive runs f while no other Write or op does. f holds mu.
func (s *stream) exclusive(f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.writing {
		if err := s.over(&s.write); err != nil {
			return err
		}
		s.wake.Wait()
	}
	s.writing = true
	defer func() {
		s.writing = false
		s.wake.Broadcast()
	}()
	return f()
}

// fly runs op, which may block for ever, in a goroutine, and waits for it or
// for the write deadline. It waits first for one that a deadline left behind.
func (s *stream) fly(op func() (int, error)) (int, error) {
	for s.flying {
		if err := s.over(&s.write); err != nil {
			return 0, err
		}
		s.wake.Wait()
	}
	if err := s.over(&s.write); err != nil {
		return 0, err
	}
	s.flying = true
	go func() {
		n, err := op()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.flying, s.flown, s.flyErr = false, n, err
		s.wake.Broadcast()
	}()
	for s.flying {
		if err := s.over(&s.write); err != nil {
			return 0, err
		}
		s.wake.Wait()
	}
	return s.flown, s.flyErr
}

// shut wakes all that wait and lets nothing begin; false when it was shut
// already.
func (s *stream) shut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.closed = true
	for _, d := range []*deadline{&s.read, &s.write} {
		if d.timer != nil {
			d.timer.Stop()
		}
	}
	s.wake.Broadcast()
	return true
}

// aloft reports whether w is still being called.
func (s *stream) aloft() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flying
}
