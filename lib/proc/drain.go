package proc

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// What is still taken when a program has ended: what its pipes hold, from
// whom else may hold them for a while, and no more than a pipe can hold.
const (
	afterEnd    = 500 * time.Millisecond
	afterEndMax = 1 << 20
)

// Drain copies what comes out of a program's pipes. It is neither held up by a
// process that outlives the program with a pipe of it, nor, beyond the end of
// a context, by a reader that takes nothing.
type Drain struct {
	pipes  []*os.File
	copies []func()
	ended  atomic.Bool
	left   sync.WaitGroup
}

// Add has a pipe copied from Start on; then it is closed.
func (d *Drain) Add(to io.Writer, from *os.File) {
	d.pipes = append(d.pipes, from)
	d.copies = append(d.copies, func() { d.copyOut(to, from); from.Close() })
}

// abandon closes the pipes of a program that did not start.
func (d *Drain) abandon() {
	for _, f := range d.pipes {
		f.Close()
	}
}

// Start begins to copy.
func (d *Drain) Start() {
	for _, c := range d.copies {
		d.left.Go(c)
	}
}

// Wait is called when the program has ended, and returns when all that it wrote
// was taken, or, with false, a while after ctx has ended. A copy that is stuck
// then ends when its writer lets go.
func (d *Drain) Wait(ctx context.Context) bool {
	d.ended.Store(true)
	for _, f := range d.pipes {
		f.SetReadDeadline(time.Now().Add(afterEnd))
	}
	copied := make(chan struct{})
	go func() { d.left.Wait(); close(copied) }()
	select {
	case <-copied:
		return true
	case <-ctx.Done():
	}
	timer := time.NewTimer(2 * afterEnd)
	defer timer.Stop()
	select {
	case <-copied:
		return true
	case <-timer.C:
		return false
	}
}

var smalls = sync.Pool{New: func() any { return new([1 << 10]byte) }}

// copyOut copies with a buffer of the common size of small outputs; io.Copy
// would take 32 KiB for each stream of each run.
func (d *Drain) copyOut(to io.Writer, from *os.File) {
	small := smalls.Get().(*[1 << 10]byte)
	defer smalls.Put(small)
	buf := small[:]
	retried := false
	for after := 0; after < afterEndMax; {
		n, err := from.Read(buf)
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				return
			}
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && !retried {
			retried = true // it may have passed before there was time to look
			from.SetReadDeadline(time.Now().Add(afterEnd / 10))
			continue
		}
		if err != nil {
			return
		}
		if d.ended.Load() {
			// The writer may have taken long: the pipe is not to blame.
			from.SetReadDeadline(time.Now().Add(afterEnd))
			after += n
		}
		if n == len(buf) && n < 64<<10 {
			buf = make([]byte, 8*n)
		}
	}
}
