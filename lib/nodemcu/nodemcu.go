// Package nodemcu speaks the Lua prompt of NodeMCU firmware over any stream: it
// gets the prompt whatever state the board is in, asks what the board is and
// has, writes files to its flash and sees that they arrived [OTA 2, 3].
//
// The prompt is made for people: it has no frames, no acknowledges and no flow
// control, and loses what is sent too fast. So one line is under way at a time,
// each is compared with its echo, answers carry a sum, a line that changes
// something is ended only when its echo was right, and whatever went wrong is
// found out by asking, never by guessing. A Console therefore needs no goroutine
// of its own, and is not for concurrent use.
package nodemcu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"
)

// Limits of the console and the flash [OTA 2].
const (
	MaxLine = 250 // bytes sent before a line end; the buffer takes 255
	MaxName = 31  // of a file, luaOTA/ included
)

// Stream is what a prompt is spoken over, such as a link.Conn. One that has also
// SetBaud, Drain and Discard, as a serial port has, can be brought to other
// rates.
type Stream interface {
	io.ReadWriter
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// port is a Stream with a rate.
type port interface {
	SetBaud(baud int) error
	Drain() error
	Discard() error
}

// Options of Attach.
type Options struct {
	Now  func() time.Time // the clock of the stream's deadlines; nil: time.Now
	Log  *slog.Logger     // shows the lines at debug level, without the content of files; nil: none
	Baud int              // the stream's rate; 0: 115200
	Wait time.Duration    // for the prompt; 0: 30 s

	// Cure lets Attach rename init.lua to ~init.bad on a board that restarts
	// over and over; Loop says that this one was seen doing so.
	Cure, Loop bool
}

// BadInit is what init.lua is called after Options.Cure.
const BadInit = "~init.bad"

// Console is a board's prompt.
type Console struct {
	s     Stream
	o     Options
	now   func() time.Time
	log   *slog.Logger
	baud  int // now
	base  int // what the board was found at
	token string
	marks int
	rx    []byte // what came since the last line was sent
	piece [4096]byte

	equipped bool   // the board has the functions of equip
	hasher   string // what H was defined as
	toHex    string // the firmware's function, if any
	opened   bool   // a file may be open
	cured    bool
}

// What a Console fails with, beside the end of the context, PromptError and
// LostError.
var (
	// ErrReboot: the board restarted; what it knew is gone. Attach again.
	ErrReboot = errors.New("the board restarted")
	// ErrFull: the flash took no more.
	ErrFull = errors.New("the flash is full")
	// ErrRefused: the board said no.
	ErrRefused = errors.New("the board refused")
	// ErrNoise: the line was too noisy for as many tries as there are.
	ErrNoise = errors.New("too much noise on the line")
)

// PromptError says why there is no prompt.
type PromptError struct {
	Reason string
	Hint   string // what to do
}

func (e *PromptError) Error() string { return "no prompt: " + e.Reason }

// LostError is a stream that broke.
type LostError struct{ Err error }

func (e *LostError) Error() string { return fmt.Sprintf("the connection broke: %v", e.Err) }

// Unwrap gives the fault of the stream.
func (e *LostError) Unwrap() error { return e.Err }

// Patience of the dialogue. The wire's own time is added.
const (
	waitQuiet  = 20 * time.Millisecond
	waitPrompt = 300 * time.Millisecond
	waitAnswer = 2 * time.Second
	waitWrite  = 4 * time.Second // a line of data: the flash may have to erase
	waitLong   = 15 * time.Second
	tries      = 8
)

// wire is the time that n bytes take.
func (c *Console) wire(n int) time.Duration {
	return time.Duration(n) * 10 * time.Second / time.Duration(c.baud)
}

// write sends bytes.
func (c *Console) write(s string) error {
	if err := c.s.SetWriteDeadline(c.now().Add(5*time.Second + 2*c.wire(len(s)))); err != nil {
		return &LostError{err}
	}
	if _, err := io.WriteString(c.s, s); err != nil {
		return &LostError{fmt.Errorf("writing to the board: %w", err)}
	}
	return nil
}

// keep bounds what is kept of a board that talks without end.
const keep = 64 << 10

// await reads until done says so, or for d; ok says which. done sees what came
// since the last begin.
func (c *Console) await(ctx context.Context, d time.Duration, done func(rx []byte) bool) (ok bool, err error) {
	until := c.now().Add(d)
	if err := ctx.Err(); err != nil {
		return false, context.Cause(ctx)
	}
	if done != nil && done(c.rx) {
		return true, nil
	}
	defer context.AfterFunc(ctx, func() { c.s.SetReadDeadline(time.Unix(1, 0)) })()
	for {
		if err := c.s.SetReadDeadline(until); err != nil {
			return false, &LostError{err}
		}
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		n, err := c.s.Read(c.piece[:])
		c.rx = append(c.rx, c.piece[:n]...)
		if len(c.rx) > keep {
			c.rx = append(c.rx[:0], c.rx[len(c.rx)-keep/2:]...)
		}
		if n > 0 && done != nil && done(c.rx) {
			return true, nil
		}
		switch {
		case err == nil:
			if !c.now().Before(until) {
				return false, nil
			}
		case ctx.Err() != nil:
			return false, context.Cause(ctx)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return false, nil
		default:
			return false, &LostError{fmt.Errorf("reading from the board: %w", err)}
		}
	}
}

// begin forgets what came, and sends. The log does not show the content of files:
// it may be a secret.
func (c *Console) begin(s string) error {
	c.rx = c.rx[:0]
	if c.log != nil {
		shown := s
		if head, _, ok := strings.Cut(s, ",\""); ok && strings.HasPrefix(s, "w(") {
			shown = head + ",...)"
		}
		c.log.Debug("to the board", "line", shown)
	}
	return c.write(s)
}

// pause lets time pass and forgets what comes meanwhile.
func (c *Console) pause(ctx context.Context, d time.Duration) error {
	_, err := c.await(ctx, d, nil)
	c.rx = c.rx[:0]
	return err
}

// calm lets late answers come, until the line is quiet for a moment: else each
// question would be taken to be answered by the answer to the one before.
func (c *Console) calm(ctx context.Context) error {
	for range 20 {
		before := len(c.rx)
		if _, err := c.await(ctx, waitQuiet+c.wire(20), nil); err != nil {
			return err
		}
		if len(c.rx) == before {
			break
		}
	}
	return nil
}

// Pause waits, for a board that is busy with itself.
func (c *Console) Pause(ctx context.Context, d time.Duration) error { return c.pause(ctx, d) }

// Baud is the present rate.
func (c *Console) Baud() int { return c.baud }

// Cured reports whether init.lua was renamed to BadInit.
func (c *Console) Cured() bool { return c.cured }

// mark is a word that no other answer has.
func (c *Console) mark() string {
	c.marks++
	return strconv.FormatUint(uint64(c.marks)*2654435761%(36*36*36*36), 36)
}

// booted tells that the firmware's greeting came: at the start of a line, where
// the echo of a file's content cannot be.
func booted(rx []byte) bool { return bytes.Contains(rx, []byte("\nNodeMCU ")) }

// prompted tells a prompt behind a line end, and which.
func prompted(rx []byte) bool {
	return bytes.Contains(rx, []byte("\n> ")) || bytes.Contains(rx, []byte("\n>> "))
}
