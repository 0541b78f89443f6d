//go:build unix

package link_test

import (
	"net"
	"syscall"
	"testing"

	"lander/lib/link"
)

func TestNoDelay(t *testing.T) {
	c, s := exchange(t, listen(t, parse(t, "tcp://127.0.0.1:0")))
	for _, c := range []link.Conn{c, s} {
		rc, err := c.(interface{ NetConn() net.Conn }).NetConn().(syscall.Conn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		rc.Control(func(fd uintptr) {
			if on, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_NODELAY); err != nil || on == 0 {
				t.Errorf("TCP_NODELAY %d, %v", on, err)
			}
		})
	}
}
