package cmd

import (
	"context"
	"fmt"
	"net"
	"testing"

	"lander/lib/link"
)

// Of several servers the agent finds one that answers, and goes on to the
// next when it comes again.
func TestDialerTriesAll(t *testing.T) {
	var d dialer
	accepted := make(chan int, 10)
	for i := range 4 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		d.addrs = append(d.addrs, link.Address{Scheme: link.TCP, Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port})
		if i%2 == 0 {
			l.Close() // nobody is there
			continue
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				c.Close()
				accepted <- i
			}
		}()
	}
	for _, want := range []int{1, 3, 1} {
		c, err := d.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if got := <-accepted; got != want {
			t.Errorf("connected to %d, want %d", got, want)
		}
	}
	d.addrs = []link.Address{d.addrs[0], d.addrs[2]}
	d.next = 0
	if c, err := d.dial(t.Context()); err == nil || c != nil {
		t.Errorf("nobody is there, and it is connected: %v", fmt.Sprint(c))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := d.dial(ctx); err == nil || c != nil {
		t.Error("a context that has ended connects")
	}
}
