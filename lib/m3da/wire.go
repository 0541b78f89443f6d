package m3da

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
)

// wire reads and writes envelopes. One goroutine reads, any may write.
type wire struct {
	rwc     io.ReadWriteCloser
	sized   bool // maps are written with their length
	scanner bysant.Scanner
	buf     []byte // what was read
	at      int    // of it, what was used

	write sync.Mutex
	once  sync.Once
	err   error
}

// minRead is how much room a read has at least.
const minRead = 4 << 10

// next reads one envelope, in however many pieces it comes. io.EOF is the end
// between two of them.
func (w *wire) next() (envelope.Envelope, error) {
	for {
		if len(w.buf) > w.at {
			n, err := w.scanner.Scan(w.buf[w.at:])
			if err == nil {
				e, _, err := envelope.Parse(w.buf[w.at : w.at+n])
				w.at += n
				return e, err
			}
			if !errors.Is(err, bysant.ErrShort) {
				return envelope.Envelope{}, err
			}
		}
		if w.at > 0 {
			w.buf = append(w.buf[:0], w.buf[w.at:]...)
			w.at = 0
		}
		if cap(w.buf)-len(w.buf) < minRead {
			w.buf = append(make([]byte, 0, 2*cap(w.buf)+minRead), w.buf...)
		}
		n, err := w.rwc.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		if n == 0 && err != nil {
			if err == io.EOF && len(w.buf) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return envelope.Envelope{}, err
		}
	}
}

// send writes an envelope as a whole.
func (w *wire) send(e envelope.Envelope) error {
	if w.sized {
		e = e.Sized()
	}
	b := e.Append(nil)
	w.write.Lock()
	defer w.write.Unlock()
	if _, err := w.rwc.Write(b); err != nil {
		return fmt.Errorf("sending an envelope: %w", err)
	}
	return nil
}

func (w *wire) close() error {
	w.once.Do(func() { w.err = w.rwc.Close() })
	return w.err
}
