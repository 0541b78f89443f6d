package proc

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"lander/lib/job"
)

// connected are the two sides of a program's streams.
type connected struct {
	files  []end // the program's, by descriptor
	child  []end // those of them that we close
	parent []*os.File
	stdin  io.Reader
	stdinW *os.File
	copies []func()
	left   atomic.Int32  // copies under way
	copied chan struct{} // closed when none is
}

// connect gives the program pipes of its own. The copying is ours, not
// os/exec's: it must not hang on a grandchild that holds a pipe.
func connect(s job.Streams, extra []*os.File) (*connected, error) {
	c := &connected{stdin: s.Stdin, copied: make(chan struct{})}
	if err := c.open(s); err != nil {
		c.abandon()
		return nil, err
	}
	for _, f := range extra {
		c.files = append(c.files, endOf(f))
	}
	return c, nil
}

func (c *connected) open(s job.Streams) error {
	if err := c.openStdin(); err != nil {
		return err
	}
	for i, to := range []io.Writer{s.Stdout, s.Stderr, s.Progress} {
		switch {
		case to != nil:
			r, w, err := pipe(false)
			if err != nil {
				return err
			}
			c.parent = append(c.parent, r)
			c.give(w)
			c.copies = append(c.copies, func() { copyOut(to, r); r.Close() })
		case i < 2:
			null, err := openNull(os.O_WRONLY)
			if err != nil {
				return err
			}
			c.give(null)
		}
	}
	return nil
}

func (c *connected) openStdin() error {
	switch f := c.stdin.(type) {
	case nil:
		null, err := openNull(os.O_RDONLY)
		if err != nil {
			return err
		}
		c.give(null)
	case *os.File:
		c.files = append(c.files, endOf(f))
	default:
		w, r, err := pipe(true)
		if err != nil {
			return err
		}
		c.stdinW = w
		c.give(r)
	}
	return nil
}

// give makes f the program's next descriptor.
func (c *connected) give(f end) { c.files, c.child = append(c.files, f), append(c.child, f) }

var smalls = sync.Pool{New: func() any { return new([1 << 10]byte) }}

// copyOut copies with a buffer of the common size of small outputs; io.Copy
// would take 32 KiB for each stream of each run.
func copyOut(to io.Writer, from *os.File) {
	small := smalls.Get().(*[1 << 10]byte)
	defer smalls.Put(small)
	buf := small[:]
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
		if n == len(buf) && n < 64<<10 {
			buf = make([]byte, 8*n)
		}
	}
}

func (c *connected) abandon() {
	for _, f := range c.child {
		f.close()
	}
	for _, f := range c.parent {
		f.Close()
	}
	if c.stdinW != nil {
		c.stdinW.Close()
	}
}

func (c *connected) started() {
	for _, f := range c.child {
		f.close()
	}
	c.left.Store(int32(len(c.copies)))
	if len(c.copies) == 0 {
		close(c.copied)
	}
	for _, cp := range c.copies {
		go func() {
			cp()
			if c.left.Add(-1) == 0 {
				close(c.copied)
			}
		}()
	}
	if c.stdinW != nil {
		// Not waited for: the source may never deliver. It ends when the
		// source does or the pipe breaks.
		go func() { io.Copy(c.stdinW, c.stdin); c.stdinW.Close() }()
	}
}

// wait returns when all output was copied. The group is dead by now; only a
// process that left the group can still hold a pipe, and it is given up.
func (c *connected) wait() {
	timer := time.NewTimer(500 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-c.copied:
	case <-timer.C:
		for _, f := range c.parent {
			f.SetReadDeadline(time.Now())
		}
		<-c.copied
	}
}
