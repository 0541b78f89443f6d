package sovd

import (
	"context"
	"crypto/tls"
	"net"

	"lander/lib/link"
)

// Listener makes a listener of the HTTP server of one of ours; with a TLS
// configuration its connections are encrypted.
func Listener(ctx context.Context, l *link.Listener, c *tls.Config) net.Listener {
	var out net.Listener = accepting{l, ctx}
	if c != nil {
		out = tls.NewListener(out, c)
	}
	return out
}

type accepting struct {
	*link.Listener
	ctx context.Context // of the accepting, which has no other way to get it
}

func (a accepting) Accept() (net.Conn, error) {
	c, err := a.Listener.Accept(a.ctx)
	if err != nil {
		return nil, err
	}
	if u, ok := c.(interface{ NetConn() net.Conn }); ok {
		return u.NetConn(), nil
	}
	return nil, net.ErrClosed
}

func (a accepting) Addr() net.Addr { return name(a.Listener.Address().String()) }

type name string

func (name) Network() string  { return "link" }
func (n name) String() string { return string(n) }
