package proc

import (
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"lander/lib/job"
)

// connected are the parent's ends of a program's streams.
type connected struct {
	child  []*os.File
	parent []*os.File
	stdin  io.Reader
	stdinW *os.File
	copies []func()
	wg     sync.WaitGroup
}

// connect gives the command pipes of its own. The copying is ours, not
// os/exec's: Wait must not hang on a grandchild that holds a pipe.
func connect(cmd *exec.Cmd, s job.Streams) (*connected, error) {
	c := &connected{stdin: s.Stdin}
	for _, out := range []struct {
		to  io.Writer
		set func(*os.File)
	}{
		{s.Stdout, func(f *os.File) { cmd.Stdout = f }}, {s.Stderr, func(f *os.File) { cmd.Stderr = f }},
		{s.Progress, func(f *os.File) { cmd.ExtraFiles = append([]*os.File{f}, cmd.ExtraFiles...) }},
	} {
		if out.to == nil {
			continue
		}
		r, w, err := os.Pipe()
		if err != nil {
			c.abandon()
			return nil, err
		}
		c.parent, c.child = append(c.parent, r), append(c.child, w)
		out.set(w)
		c.copies = append(c.copies, func() { copyOut(out.to, r); r.Close() })
	}
	if s.Stdin == nil {
		return c, nil
	}
	if f, ok := s.Stdin.(*os.File); ok {
		cmd.Stdin = f
		return c, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		c.abandon()
		return nil, err
	}
	c.child, c.stdinW = append(c.child, r), w
	cmd.Stdin = r
	return c, nil
}

// copyOut copies with a buffer of the common size of small outputs; io.Copy
// would take 32 KiB for each stream of each run.
func copyOut(to io.Writer, from *os.File) {
	buf := make([]byte, 1<<10)
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
	for _, f := range append(c.child, c.parent...) {
		f.Close()
	}
	if c.stdinW != nil {
		c.stdinW.Close()
	}
}

func (c *connected) started() {
	for _, f := range c.child {
		f.Close()
	}
	for _, cp := range c.copies {
		c.wg.Go(cp)
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
	done := make(chan struct{})
	go func() { c.wg.Wait(); close(done) }()
	timer := time.NewTimer(500 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		for _, f := range c.parent {
			f.SetReadDeadline(time.Now())
		}
		<-done
	}
}
