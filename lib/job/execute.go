package job

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"sync"
	"time"
	"unicode/utf8"
)

// KeepOutput is how much of each of stdout and stderr is kept when a budget
// does not say.
const KeepOutput = 1 << 20

// Live is where output also goes while the script runs; nil writers take
// nothing. A write error there does not stop the script.
type Live struct{ Stdout, Stderr io.Writer }

// Execute runs one task and returns its execution object. The caller fills in
// what only it knows: key, serial, target, ticket and source.
func Execute(ctx context.Context, r Runner, t Task, stdin io.Reader, live Live, clock func() time.Time) Result {
	keep := t.Budget.Output
	if keep <= 0 {
		keep = KeepOutput
	}
	if t.ID == "" {
		t.ID = NewID(clock(), rand.Reader)
	}
	out, errs := &capture{keep: keep, live: live.Stdout}, &capture{keep: keep, live: live.Stderr}
	res := Result{ID: t.ID, Name: t.Name, StartedAt: Time{clock()}}
	o := Guard(ctx, r, t, Streams{Stdin: stdin, Stdout: out, Stderr: errs})
	res.CompletedAt = &Time{clock()}
	res.ExitCode, res.Error = o.ExitCode, o.Err
	switch {
	case o.Terminated:
		res.Status = Terminated
	case o.Err != nil:
		res.Status = Failed
	default:
		res.Status = Completed
	}
	res.Stdout, res.StdoutB64, res.StdoutDropped = out.text()
	res.Stderr, res.StderrB64, res.StderrDropped = errs.text()
	res.Truncated = res.StdoutDropped > 0 || res.StderrDropped > 0
	return res
}

// Guard runs a task and keeps a fault of the runner from ending a service: a
// panic becomes an outcome of CodeInternal.
func Guard(ctx context.Context, r Runner, t Task, s Streams) (o Outcome) {
	defer func() {
		if p := recover(); p != nil {
			o = Outcome{Err: Errorf(CodeInternal, "the runner failed: %v", p), Terminated: true}
		}
	}()
	return r.Run(ctx, t, s)
}

// capture keeps the first bytes of a stream and counts the rest.
type capture struct {
	turn    sync.Mutex // held while live is written to, which may take long
	mu      sync.Mutex // of what follows, but live
	keep    int64
	buf     []byte
	dropped int64
	live    io.Writer // guarded by turn
}

// Write never fails: a script is not stopped by the reader of its output.
func (c *capture) Write(p []byte) (int, error) {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.mu.Lock()
	n := min(int64(len(p)), c.keep-int64(len(c.buf)))
	c.buf = append(c.buf, p[:n]...)
	c.dropped += int64(len(p)) - n
	c.mu.Unlock()
	if c.live != nil {
		if _, err := c.live.Write(p); err != nil {
			c.live = nil
		}
	}
	return len(p), nil
}

func (c *capture) text() (string, []byte, int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.buf
	if c.dropped > 0 {
		// The limit may have cut a character in two: that is no binary output.
		b = trimPartialRune(b)
	}
	if utf8.Valid(b) {
		return string(b), nil, c.dropped + int64(len(c.buf)-len(b))
	}
	return string(c.buf), c.buf, c.dropped
}

func trimPartialRune(b []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if tail := b[len(b)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewID makes an execution id: "exec_" and 26 characters, 48 bits of
// milliseconds and 80 random bits, so that ids sort by time and never repeat.
func NewID(now time.Time, random io.Reader) string {
	var b [16]byte
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	if _, err := io.ReadFull(random, b[6:]); err != nil {
		panic(fmt.Sprintf("reading random bytes: %v", err)) // crypto/rand does not fail
	}
	out := make([]byte, 26)
	// 128 bits in 26 digits of 5 bits: the first holds only 3.
	var acc uint
	bits, pos := 2, 0 // two zero bits in front
	for _, v := range b {
		acc = acc<<8 | uint(v)
		bits += 8
		for bits >= 5 {
			bits -= 5
			out[pos] = crockford[acc>>bits&31]
			pos++
		}
	}
	return "exec_" + string(out)
}
