package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Listener accepts streams.
type Listener struct {
	ln      deadlineListener
	address Address
	cleanup func() error // removes what Listen made, nil when nothing

	once   sync.Once
	closed error // of the first Close
}

type deadlineListener interface {
	net.Listener
	SetDeadline(t time.Time) error
}

// Listen listens at a tcp or unix address. A tcp port of 0 is chosen by the
// system: see Address.
//
// A unix socket appears with its mode, by default 0600, and is removed by
// Close. One that is left over from before is replaced when nobody answers
// there; anything else at the path is left alone, and an error.
func Listen(ctx context.Context, a Address, o Options) (*Listener, error) {
	switch a.Scheme {
	case TCP:
		lc := net.ListenConfig{KeepAlive: o.KeepAlive}
		ln, err := lc.Listen(ctx, "tcp", a.hostPort())
		if err != nil {
			return nil, listenError(a, err)
		}
		tl := ln.(*net.TCPListener)
		a.Port = tl.Addr().(*net.TCPAddr).Port
		return &Listener{ln: tl, address: a}, nil
	case Unix:
		mode := o.SocketMode
		if mode == 0 {
			mode = 0o600
		}
		ln, cleanup, err := listenUnix(ctx, a.Path, mode)
		if err != nil {
			return nil, listenError(a, err)
		}
		return &Listener{ln: ln, address: a, cleanup: cleanup}, nil
	}
	return nil, fmt.Errorf("listening at %s: %w: only tcp and unix listen", a, ErrScheme)
}

func listenError(a Address, err error) error {
	if isInUse(err) {
		return fmt.Errorf("listening at %s: %w", a, ErrInUse)
	}
	return fmt.Errorf("listening at %s: %w", a, cause(err))
}

// FileListener listens at a socket that is bound already, as a service manager
// hands it over. The file may be closed afterwards; a socket's path stays when
// the Listener is closed.
func FileListener(f *os.File) (*Listener, error) {
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("listening at the socket %s: %w", f.Name(), cause(err))
	}
	switch ln := ln.(type) {
	case *net.TCPListener:
		return &Listener{ln: ln, address: tcpAddress(ln.Addr())}, nil
	case *net.UnixListener:
		return &Listener{ln: ln, address: Address{Scheme: Unix, Path: ln.Addr().String()}}, nil
	}
	ln.Close()
	return nil, fmt.Errorf("listening at the socket %s: %w: %s", f.Name(), ErrScheme, ln.Addr().Network())
}

func tcpAddress(a net.Addr) Address {
	ap := a.(*net.TCPAddr).AddrPort()
	return Address{Scheme: TCP, Host: ap.Addr().Unmap().String(), Port: int(ap.Port())}
}

// acceptError is an Accept that failed and is worth another try a little
// later: the process has no descriptors left, or the peer's network failed. It
// is a net.Error, by which an HTTP server knows.
type acceptError struct{ err error }

func (e *acceptError) Error() string { return e.err.Error() }
func (e *acceptError) Unwrap() error { return e.err }

// Timeout implements net.Error.
func (*acceptError) Timeout() bool { return false }

// Temporary implements net.Error.
func (*acceptError) Temporary() bool { return true }

// Accept waits for the next stream, until ctx ends or the Listener is closed,
// which is net.ErrClosed. Any other error is a net.Error that is Temporary
// unless the socket cannot be listened at any more. It is for one goroutine.
func (l *Listener) Accept(ctx context.Context) (Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("accepting at %s: %w", l.address, err)
	}
	var c net.Conn
	for {
		if err := l.ln.SetDeadline(time.Time{}); err != nil {
			return nil, fmt.Errorf("accepting at %s: %w", l.address, net.ErrClosed)
		}
		stop := context.AfterFunc(ctx, func() { l.ln.SetDeadline(time.Unix(1, 0)) })
		var err error
		c, err = l.ln.Accept()
		stop()
		if err == nil {
			break
		}
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("accepting at %s: %w", l.address, ctx.Err())
		case errors.Is(err, os.ErrDeadlineExceeded):
			continue // set by the end of an earlier call's ctx
		case errors.Is(err, net.ErrClosed):
			return nil, fmt.Errorf("accepting at %s: %w", l.address, net.ErrClosed)
		}
		why := cause(err)
		err = fmt.Errorf("accepting at %s: %w", l.address, why)
		if why == syscall.EBADF || why == syscall.EINVAL || why == syscall.ENOTSOCK {
			return nil, err
		}
		return nil, &acceptError{err}
	}
	peer := l.address
	if _, ok := c.(*net.TCPConn); ok {
		peer = tcpAddress(c.RemoteAddr())
	}
	return netConn{c, peer}, nil
}

// Address is where the Listener listens, with the port that was chosen.
func (l *Listener) Address() Address { return l.address }

// Close ends the listening. Connections that were accepted stay.
func (l *Listener) Close() error {
	// Whoever closes second waits for the first: a process that ends then
	// must not leave the socket behind.
	l.once.Do(func() {
		l.closed = l.ln.Close()
		if l.cleanup != nil {
			l.closed = errors.Join(l.closed, l.cleanup())
		}
	})
	return l.closed
}
