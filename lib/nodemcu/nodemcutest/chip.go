package nodemcutest

import (
	"bytes"
	"os"
	"time"

	"lander/lib/nodemcu/rom"
)

// Chip is a serial port with a whole board at its end: its prompt, and, after a
// reset by the modem lines, the loader in its ROM. Its time is that of Wire.
type Chip struct {
	*Wire
	lines
	ROM      *ROM
	out      []byte
	deadline time.Time
}

// NewChip powers a board.
func NewChip(b *Board, r *ROM) *Chip {
	c := &Chip{Wire: NewWire(b), ROM: r}
	c.changed = func(loader bool) {
		c.ROM.synced, c.out = false, nil
		if !loader {
			c.Wire.mu.Lock()
			defer c.Wire.mu.Unlock()
			b.PowerCycle()
		}
	}
	return c
}

var _ rom.Port = (*Chip)(nil)

// Read implements io.Reader.
func (c *Chip) Read(p []byte) (int, error) {
	if !c.Loader() {
		return c.Wire.Read(p)
	}
	if len(c.out) > 0 {
		// One frame at a time: the next may be on its way still.
		n := copy(p, c.out[:1+bytes.IndexByte(c.out[1:], 0xC0)+1])
		c.out = c.out[n:]
		return n, nil
	}
	c.Wire.mu.Lock()
	defer c.Wire.mu.Unlock()
	c.b.now = max(c.b.now, c.deadline.Sub(c.epoch))
	return 0, os.ErrDeadlineExceeded
}

// Write implements io.Writer.
func (c *Chip) Write(p []byte) (int, error) {
	if !c.Loader() {
		return c.Wire.Write(p)
	}
	c.out = append(c.out, c.ROM.take(p)...)
	return len(p), nil
}

// SetReadDeadline is in the board's time.
func (c *Chip) SetReadDeadline(t time.Time) error {
	c.deadline = t
	return c.Wire.SetReadDeadline(t)
}
