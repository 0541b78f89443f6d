package emp_test

import (
	"context"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lander/lib/emp"
	"lander/lib/emp/emptest"
	"lander/lib/emp/frame"
)

// flaky fails its first accepts as a process without descriptors does.
type flaky struct {
	net.Listener
	left atomic.Int64
}

func (l *flaky) Accept() (net.Conn, error) {
	if l.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

func TestServe(t *testing.T) {
	before := runtime.NumGoroutine()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fl := &flaky{Listener: l}
	fl.left.Store(2)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	started, hold := make(chan struct{}), make(chan struct{})
	go func() {
		served <- emp.Serve(ctx, fl, emptest.Patience, nil, func(c net.Conn) emp.Options {
			return emp.Options{Handler: emp.HandlerFunc(func(dst []byte, r *emp.Request) ([]byte, error) {
				if r.Command == frame.CmdConnectToServer {
					return r.Go(func(context.Context) ([]byte, error) { close(started); <-hold; return []byte(`"done"`), nil })
				}
				return frame.AppendString(dst, c.RemoteAddr().String()), nil
			})}
		})
	}()
	var wg sync.WaitGroup
	dial := func() *emptest.Sim {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return emptest.New(c, emptest.Lua())
	}
	for range 20 {
		wg.Go(func() {
			app := dial()
			for range 10 {
				if r, err := app.Call(frame.CmdGetVariable, frame.String("x")); err != nil || r.Status != 0 {
					t.Errorf("%v, error %v", r.Status, err)
				}
			}
			app.Close()
		})
	}
	wg.Wait()
	// What is open at the end is answered before the connection is closed.
	app := dial()
	answer := make(chan string, 1)
	go func() {
		r, err := app.Call(frame.CmdConnectToServer, frame.Value{})
		if err != nil {
			t.Error(err)
		}
		answer <- string(r.Body)
	}()
	await(t, started, "the command")
	cancel()
	time.AfterFunc(10*time.Millisecond, func() { close(hold) })
	if got := await(t, answer, "the answer"); got != `"done"` {
		t.Errorf("answer %s", got)
	}
	if err := await(t, served, "Serve"); err != nil {
		t.Error(err)
	}
	app.Close()
	for deadline := time.Now().Add(emptest.Patience); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestServeListenerFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := emp.Serve(t.Context(), l, 0, nil, func(net.Conn) emp.Options { return emp.Options{} }); err == nil {
		t.Error("a closed listener is no regular end")
	}
}
