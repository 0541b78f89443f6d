package proc

import (
	"io"
	"os"

	"lander/lib/job"
)

// connected are the two sides of a program's streams.
type connected struct {
	files  []end // the program's, by descriptor
	child  []end // those of them that we close
	drain  Drain
	stdin  io.Reader
	stdinW *os.File
}

// connect gives the program pipes of its own. The copying is ours, not
// os/exec's: it must not hang on a grandchild that holds a pipe.
func connect(s job.Streams, extra []*os.File) (*connected, error) {
	c := &connected{stdin: s.Stdin}
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
			c.drain.Add(to, r)
			c.give(w)
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

func (c *connected) abandon() {
	for _, f := range c.child {
		f.close()
	}
	c.drain.abandon()
	if c.stdinW != nil {
		c.stdinW.Close()
	}
}

func (c *connected) started() {
	for _, f := range c.child {
		f.close()
	}
	c.drain.Start()
	if c.stdinW != nil {
		// Not waited for: the source may never deliver. It ends when the
		// source does or the pipe breaks.
		go func() { io.Copy(c.stdinW, c.stdin); c.stdinW.Close() }()
	}
}
