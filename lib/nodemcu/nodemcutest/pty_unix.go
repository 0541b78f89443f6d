//go:build linux || darwin

package nodemcutest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Pty is a board behind a serial port of this machine.
type Pty struct {
	Path   string // of the port
	stop   func()
	served sync.WaitGroup
	err    error
	master *os.File
}

// NewPty powers a board behind a new pty, in real time. Close ends it.
func NewPty(b *Board, s Serving) (*Pty, error) {
	return newPty(func(ctx context.Context, master *os.File) error { return b.Serve(ctx, master, s) })
}

// NewROMPty has a chip in its loader behind a new pty. A pty has no modem lines:
// it is in its loader from the start.
func NewROMPty(r *ROM) (*Pty, error) {
	return newPty(func(ctx context.Context, master *os.File) error {
		defer context.AfterFunc(ctx, func() { master.Close() })()
		err := r.Serve(master)
		if ctx.Err() != nil || errors.Is(err, fs.ErrClosed) {
			return nil
		}
		return err
	})
}

func newPty(serve func(context.Context, *os.File) error) (*Pty, error) {
	master, port, err := pty.Open()
	if err != nil {
		return nil, fmt.Errorf("opening a pty: %w", err)
	}
	// A new pty echoes until somebody makes it raw [OTA 4]. It is kept open:
	// the master reads an error while nobody else has it.
	if _, err := term.MakeRaw(int(port.Fd())); err != nil {
		port.Close()
		master.Close()
		return nil, fmt.Errorf("making the pty raw: %w", err)
	}
	if master, err = waitable(master); err != nil {
		port.Close()
		return nil, fmt.Errorf("making the pty non-blocking: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &Pty{Path: port.Name(), stop: stop, master: master}
	p.served.Go(func() {
		p.err = serve(ctx, master)
		master.Close() // who has the port sees it vanish
		port.Close()
	})
	return p, nil
}

// waitable is the same file in the hands of the runtime's poller: only such a one
// can be closed below a Read.
func waitable(f *os.File) (*os.File, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// Close pulls the plug and waits for the board's end.
func (p *Pty) Close() error {
	p.stop()
	p.served.Wait()
	return p.err
}
