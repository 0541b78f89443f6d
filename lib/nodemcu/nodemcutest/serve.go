package nodemcutest

import (
	"context"
	"io"
	"time"
)

// Serving is how a Board is run in real time.
type Serving struct {
	// Paced makes each byte take its time on the wire; else only the board's
	// own work takes any.
	Paced bool
	// Rate tells the rate of the other side; nil: always the board's.
	Rate func() int
}

// Serve runs the board on a stream, such as the master of a pty, until ctx ends
// or the stream does, and switches it off. The stream must be closed then, to
// end its reader. An unplugged board makes Serve return.
func (b *Board) Serve(ctx context.Context, rw io.ReadWriter, s Serving) error {
	in := make(chan []byte)
	done := make(chan struct{})
	defer close(done)
	go read(rw, in, done)
	b.unpaced = !s.Paced
	began := time.Now()
	b.power()
	defer b.Off()
	var free time.Duration
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !b.gone {
		b.advance(time.Since(began))
		out := b.due(s.Rate)
		if len(out) > 0 {
			if _, err := rw.Write(out); err != nil {
				return err
			}
			continue
		}
		timer.Reset(b.idle())
		var events chan event
		if b.m != nil && b.m.conn != nil {
			events = b.m.events
		}
		select {
		case <-ctx.Done():
			return nil
		case p, ok := <-in:
			if !ok {
				return nil
			}
			rate := b.rate
			if s.Rate != nil {
				rate = s.Rate()
			}
			free = max(free, time.Since(began))
			for _, c := range p {
				if s.Paced {
					free += byteTime(rate)
				}
				b.rx = append(b.rx, timed{free, rate, c})
			}
		case e, ok := <-events:
			b.advance(time.Since(began))
			if b.m == nil {
				break // it restarted meanwhile
			}
			if !ok {
				b.m.conn, e = nil, event{word: "closed"}
			}
			b.m.run(e)
			b.settle()
		case <-timer.C:
		}
	}
	return nil
}

// due takes out what has been sent by now.
func (b *Board) due(rate func() int) []byte {
	var out []byte
	for len(b.tx) > 0 && b.tx[0].at <= b.now {
		c := b.tx[0].b
		if rate != nil {
			c = garbled(b.tx[0], rate())
		}
		out = append(out, c)
		b.tx = b.tx[1:]
	}
	return out
}

// idle is how long nothing will happen by itself.
func (b *Board) idle() time.Duration {
	d := time.Second
	if at, ok := b.next(); ok {
		d = min(d, at-b.now)
	}
	if len(b.tx) > 0 {
		d = min(d, b.tx[0].at-b.now)
	}
	return max(d, 0)
}

func read(r io.Reader, in chan<- []byte, done <-chan struct{}) {
	defer close(in)
	for {
		p := make([]byte, 4096)
		n, err := r.Read(p)
		if n > 0 {
			select {
			case in <- p[:n]:
			case <-done:
				return
			}
		}
		if err != nil {
			return
		}
	}
}
