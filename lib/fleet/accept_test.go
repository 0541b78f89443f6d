package fleet

import (
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lander/lib/link"
	"lander/lib/store"
)

// busyListener has no descriptors for its first two connections, and is closed
// after them.
type busyListener struct{ accepts atomic.Int32 }

func (l *busyListener) Accept(context.Context) (link.Conn, error) {
	if l.accepts.Add(1) <= 2 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return nil, net.ErrClosed
}

func (*busyListener) Address() link.Address { return link.Address{} }

// A lack of descriptors does not end the taking of sessions.
func TestServeWithoutDescriptors(t *testing.T) {
	f, err := Open(t.Context(), Options{Store: store.NewMemory(), Clock: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l := &busyListener{}
	if err := f.Serve(t.Context(), l); err != nil || l.accepts.Load() != 3 {
		t.Errorf("%v after %d accepts", err, l.accepts.Load())
	}
}
