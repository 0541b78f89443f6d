//go:build unix

package link_test

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"lander/lib/link"
)

// A lack of descriptors passes: it is an error that servers know as such, and
// the stream is still there afterwards.
func TestAcceptWithoutDescriptors(t *testing.T) {
	l := listen(t, parse(t, "tcp://127.0.0.1:0"))
	c, err := link.Dial(t.Context(), l.Address(), link.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	_, err = l.Accept(t.Context())
	if rerr := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); rerr != nil {
		t.Fatal(rerr)
	}
	passing, ok := err.(interface {
		net.Error
		Temporary() bool
	})
	if !ok || !passing.Temporary() || passing.Timeout() || !errors.Is(err, syscall.EMFILE) {
		t.Errorf("%T %v", err, err)
	}
	accepted, err := l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	accepted.Close()
}
