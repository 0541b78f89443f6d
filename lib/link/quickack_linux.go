package link

import (
	"net"

	"golang.org/x/sys/unix"
)

// quickConn acknowledges what it receives at once. A peer that sends small
// pieces without TCP_NODELAY waits for the acknowledgement of one before it
// sends the next, and the system holds it back for 40 ms otherwise.
type quickConn struct{ netConn }

// Read implements io.Reader. The system takes the setting back by itself, so
// it is made again and again.
func (c quickConn) Read(p []byte) (int, error) {
	c.quick()
	n, err := c.netConn.Read(p)
	c.quick()
	return n, err
}

func (c quickConn) quick() {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		// Only slower where it cannot be set.
		unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
	})
}

func quickAck(c netConn) Conn {
	if _, ok := c.Conn.(*net.TCPConn); !ok {
		return c
	}
	return quickConn{c}
}
