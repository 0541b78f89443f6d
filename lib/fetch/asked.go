package fetch

import (
	"net"
	"sync"
)

// askedConn reads nothing before something was written: net/http prints what
// a server says unasked to the standard logger, for every user to see.
type askedConn struct {
	net.Conn
	asked chan struct{} // closed with the first Write, or by Close
	once  sync.Once
}

func (c *askedConn) Read(p []byte) (int, error) {
	<-c.asked
	return c.Conn.Read(p)
}

func (c *askedConn) Write(p []byte) (int, error) {
	c.once.Do(func() { close(c.asked) })
	return c.Conn.Write(p)
}

func (c *askedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { close(c.asked) })
	return err
}
