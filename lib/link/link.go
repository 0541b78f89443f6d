package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// Conn is an open stream. Reads and writes past their deadline fail with
// os.ErrDeadlineExceeded and can be tried again with a later one; a deadline
// may be set while they wait. Close wakes them with net.ErrClosed.
type Conn interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error

	// Address says what the other end is: the one that was dialled, with auto
	// replaced by the port that was found; for an accepted connection the
	// peer's, or the listener's when the peer has none.
	Address() Address
}

// What Dial and Listen fail with, beside ErrAddress and ErrScheme and the end
// of the context. All but ErrNotSerial may be gone at the next try.
var (
	ErrUnreachable = errors.New("unreachable")                 // nobody answers there
	ErrInUse       = errors.New("address in use")              // Listen: another listens there
	ErrBusy        = errors.New("port busy")                   // serial: another process has it
	ErrGone        = errors.New("the port is not there")       // serial: never was, or not any more
	ErrPermission  = errors.New("no permission")               // serial: see the hint in the text
	ErrNotSerial   = errors.New("not a serial port")           // serial: the path is something else
	ErrAmbiguous   = errors.New("not exactly one serial port") // serial:auto, see AutoError
)

// DefaultBaud is the rate of a serial port where nothing else is said.
const DefaultBaud = 115200

// DefaultDialTimeout bounds one attempt to connect.
const DefaultDialTimeout = 10 * time.Second

// Options of Dial and Listen; the zero value is good for tcp, unix and serial.
type Options struct {
	Timeout   time.Duration // of Dial; 0: DefaultDialTimeout, negative: only ctx
	KeepAlive time.Duration // tcp: idle time before probes; 0: 15 s, negative: none
	QuickAck  bool          // tcp: acknowledge at once, for a peer that delays small writes
	Baud      int           // serial: when the address does not say; 0: DefaultBaud

	SocketMode fs.FileMode // Listen on unix: mode of the socket; 0: 0600

	// Stdin and Stdout are the stream of stdio:. They are closed with it
	// where they can be.
	Stdin  io.Reader
	Stdout io.Writer
}

// Dial opens the stream at a.
func Dial(ctx context.Context, a Address, o Options) (Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", a, err)
	}
	switch a.Scheme {
	case TCP, Unix:
		return dialNet(ctx, a, o)
	case Serial:
		return openSerial(a, o)
	case WS, WSS:
		return dialWebSocket(ctx, a, o)
	case Stdio:
		if o.Stdin == nil || o.Stdout == nil {
			return nil, fmt.Errorf("connecting to %s: the streams are not given", a)
		}
		return newStdio(a, o.Stdin, o.Stdout), nil
	}
	return nil, fmt.Errorf("connecting to %s: %w", a, ErrScheme)
}

func dialNet(ctx context.Context, a Address, o Options) (Conn, error) {
	d := net.Dialer{Timeout: o.Timeout, KeepAlive: o.KeepAlive}
	switch {
	case o.Timeout == 0:
		d.Timeout = DefaultDialTimeout
	case o.Timeout < 0:
		d.Timeout = 0
	}
	target := a.Path
	if a.Scheme == TCP {
		if a.Port == 0 {
			return nil, fmt.Errorf("connecting to %s: %w: port 0 is for listening", a, ErrAddress)
		}
		target = a.hostPort()
	}
	c, err := d.DialContext(ctx, a.Scheme, target)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("connecting to %s: %w", a, ctx.Err())
		}
		return nil, fmt.Errorf("connecting to %s: %w: %w", a, ErrUnreachable, cause(err))
	}
	if o.QuickAck {
		return quickAck(netConn{c, a}), nil
	}
	return netConn{c, a}, nil
}

// netConn is a connection of package net. TCP_NODELAY is on by default there.
type netConn struct {
	net.Conn
	address Address
}

func (c netConn) Address() Address { return c.address }

// NetConn is the connection below, as tls.Conn has it.
func (c netConn) NetConn() net.Conn { return c.Conn }

// SyscallConn gives the descriptor to who must ask it something, such as
// whether the other end is gone.
func (c netConn) SyscallConn() (syscall.RawConn, error) {
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return sc.SyscallConn()
}

// cause strips operation and addresses, which the caller's words already say.
func cause(err error) error {
	if oe, ok := errors.AsType[*net.OpError](err); ok {
		err = oe.Err
	}
	if se, ok := errors.AsType[*os.SyscallError](err); ok {
		err = se.Err
	}
	return err
}
