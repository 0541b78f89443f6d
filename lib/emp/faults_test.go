package emp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lander/lib/emp"
	"lander/lib/emp/emptest"
	"lander/lib/emp/frame"
)

func write(t *testing.T, w io.Writer, frames ...frame.Frame) {
	t.Helper()
	var b []byte
	for _, f := range frames {
		b = frame.Append(b, f)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
}

// A client that closes its sending direction still gets every answer.
func TestHalfClose(t *testing.T) {
	a, b := tcpPair(t)
	hold := make(chan struct{})
	gone := make(chan error, 1)
	p := newPeer(t, a, emp.Options{
		Handler: emp.HandlerFunc(func(dst []byte, r *emp.Request) ([]byte, error) {
			if r.Command == frame.CmdGetVariable {
				return append(dst, `"now"`...), nil
			}
			return r.Go(func(ctx context.Context) ([]byte, error) {
				<-hold
				return []byte(`"then"`), ctx.Err()
			})
		}),
		OnGone: func(_ *emp.Peer, err error) { gone <- err },
	})
	write(t, b, frame.Frame{Command: 4, RequestID: 1}, frame.Frame{Command: 9, RequestID: 2}, frame.Frame{Command: 4, RequestID: 3})
	b.CloseWrite()
	if err := await(t, gone, "the end of the input"); err != io.EOF {
		t.Errorf("OnGone got %v", err)
	}
	if !p.Dead() {
		t.Error("a half-closed connection counts as dead")
	}
	if _, err := p.Call(t.Context(), frame.CmdSendData, nil); !errors.Is(err, frame.StatusClosed) {
		t.Errorf("a call that cannot be answered: %v", err)
	}
	close(hold)
	rd := frame.NewReader(b, 0)
	got := map[uint8]string{}
	for range 3 {
		f, err := rd.Next()
		if err != nil {
			t.Fatal(err)
		}
		got[f.RequestID] = string(f.Payload[2:])
	}
	if got[1] != `"then"` || got[2] != `"now"` || got[3] != `"then"` {
		t.Errorf("answers %v", got)
	}
	if _, err := rd.Next(); err != io.EOF {
		t.Errorf("after the answers %v", err)
	}
	await(t, p.Done(), "the peer to end")
	if p.Err() != nil {
		t.Errorf("a regular end is %v", p.Err())
	}
}

// The dead owner of a name is seen before its input has been read to the end.
func TestDead(t *testing.T) {
	a, b := tcpPair(t)
	enter, leave := make(chan struct{}), make(chan struct{})
	p := newPeer(t, a, emp.Options{Handler: emp.HandlerFunc(func(dst []byte, r *emp.Request) ([]byte, error) {
		close(enter)
		<-leave
		return dst, nil
	})})
	if p.Dead() {
		t.Error("a living connection counts as dead")
	}
	write(t, b, frame.Frame{Command: 9})
	await(t, enter, "the command")
	if p.Dead() {
		t.Error("a living connection counts as dead")
	}
	write(t, b, frame.Frame{Command: 9})
	b.Close()
	deadline := time.Now().Add(emptest.Patience)
	for !p.Dead() { // the closing takes its way through the system
		if time.Now().After(deadline) {
			t.Fatal("the closed connection does not count as dead")
		}
		time.Sleep(time.Millisecond)
	}
	close(leave)
	await(t, p.Done(), "the peer to end")
}

func TestCloseEndsEverything(t *testing.T) {
	transports(t, func(t *testing.T, a, b io.ReadWriteCloser) {
		started := make(chan struct{})
		cancelled := make(chan error, 1)
		p := newPeer(t, a, emp.Options{Handler: emp.HandlerFunc(func(dst []byte, r *emp.Request) ([]byte, error) {
			return r.Go(func(ctx context.Context) ([]byte, error) {
				close(started)
				<-ctx.Done()
				cancelled <- ctx.Err()
				return nil, nil
			})
		})})
		lost := make(chan error, 1)
		if err := p.Post(frame.CmdNewSMS, nil, func(_ frame.Response, err error) { lost <- err }); err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, b)
		write(t, b, frame.Frame{Command: 4})
		await(t, started, "the handler")
		p.Close()
		p.Close()
		if err := await(t, lost, "the open call"); !errors.Is(err, frame.StatusClosed) {
			t.Errorf("open call: %v", err)
		}
		await(t, cancelled, "the handler's context")
		await(t, p.Done(), "the peer to end")
		if p.Err() != nil {
			t.Errorf("our own end is %v", p.Err())
		}
		if err := p.Post(frame.CmdNewSMS, nil, nil); !errors.Is(err, frame.StatusClosed) {
			t.Errorf("a command after the end: %v", err)
		}
		if _, err := p.Call(t.Context(), frame.CmdNewSMS, nil); !errors.Is(err, frame.StatusClosed) {
			t.Errorf("a call after the end: %v", err)
		}
	})
}

// Open calls end with CLOSED when the other side goes.
func TestLinkDies(t *testing.T) {
	transports(t, func(t *testing.T, a, b io.ReadWriteCloser) {
		p := newPeer(t, a, emp.Options{})
		go func() {
			frame.NewReader(b, 0).Next()
			b.Close()
		}()
		if _, err := p.Call(t.Context(), frame.CmdNewSMS, nil); !errors.Is(err, frame.StatusClosed) {
			t.Errorf("%v", err)
		}
		await(t, p.Done(), "the peer to end")
	})
}

// An announced 2 GiB get a status and the end of the connection, not memory.
func TestOversizedFrame(t *testing.T) {
	for _, size := range []uint32{101, 1<<31 - 1, 1<<32 - 1} {
		a, b := tcpPair(t)
		p := newPeer(t, a, emp.Options{Handler: echo, MaxPayload: 100})
		in := frame.Append(nil, frame.Frame{Command: 9, RequestID: 1, Payload: []byte(`"first"`)})
		in = frame.Header{Command: 30, RequestID: 5, Size: size}.Append(in)
		in = append(in, make([]byte, 100_000)...)
		go b.Write(in)
		app := frame.NewReader(b, 0)
		if f, err := app.Next(); err != nil || f.RequestID != 1 {
			t.Fatalf("the command before it: %+v, error %v", f, err)
		}
		f, err := app.Next()
		if err != nil || f.Command != 30 || f.RequestID != 5 || !f.Response {
			t.Fatalf("%+v, error %v", f, err)
		}
		if r, _ := frame.ParseResponse(f.Payload); r.Status != frame.StatusBadParameter || !strings.Contains(r.Err().Error(), "the limit is 100") {
			t.Errorf("answered with %v", r.Err())
		}
		if _, err := app.Next(); err != io.EOF {
			t.Errorf("after the answer %v", err)
		}
		b.Close()
		await(t, p.Done(), "the peer to end")
		if big, ok := errors.AsType[*frame.TooLargeError](p.Err()); !ok || big.Header.Size != size {
			t.Errorf("ended because of %v", p.Err())
		}
	}
}

func TestEndInsideAFrame(t *testing.T) {
	whole := frame.Append(nil, frame.Frame{Command: 9, Payload: []byte(`"x"`)})
	for n := 1; n < len(whole); n++ {
		a, b := net.Pipe()
		p := newPeer(t, a, emp.Options{Handler: echo})
		b.Write(whole[:n])
		b.Close()
		await(t, p.Done(), "the peer to end")
		if !errors.Is(p.Err(), io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes: %v", n, p.Err())
		}
	}
}

// One byte a second, as it were.
func TestSlowSender(t *testing.T) {
	a, b := net.Pipe()
	newPeer(t, a, emp.Options{Handler: echo})
	go func() {
		for _, c := range frame.Append(nil, frame.Frame{Command: 9, RequestID: 3, Payload: []byte(`"slow"`)}) {
			b.Write([]byte{c})
		}
	}()
	f, err := frame.NewReader(b, 0).Next()
	if err != nil || string(f.Payload) != "\x00\x00\"slow\"" {
		t.Errorf("%+v, error %v", f, err)
	}
}

// A client that never reads is closed after the write timeout, and the others
// never notice it.
func TestNeverReads(t *testing.T) {
	transports(t, func(t *testing.T, a, b io.ReadWriteCloser) {
		clock := emptest.NewClock(time.Unix(0, 0))
		big := frame.String(strings.Repeat("x", 100_000)).Append(nil)
		p := newPeer(t, a, emp.Options{Clock: clock, Handler: emp.HandlerFunc(func(dst []byte, r *emp.Request) ([]byte, error) {
			return append(dst, big...), nil
		})})
		var sent atomic.Int64
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			for {
				if _, err := b.Write(frame.Append(nil, frame.Frame{Command: 9, Payload: big[:20_000]})); err != nil {
					return
				}
				sent.Add(1)
			}
		}()
		// The reading stops by itself: the writer gets no further.
		last := int64(-1)
		for n := sent.Load(); n != last || n == 0; n = sent.Load() {
			last = n
			time.Sleep(50 * time.Millisecond)
		}
		for !isDone(p) {
			clock.Advance(emp.DefaultWriteTimeout)
			time.Sleep(time.Millisecond)
		}
		await(t, p.Done(), "the peer to end")
		if !errors.Is(p.Err(), emp.ErrSlowReader) {
			t.Errorf("ended because of %v", p.Err())
		}
		await(t, stop, "the writer")
	})
}

func isDone(p *emp.Peer) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// Notifications to a client that does not read end its connection at the
// bound; Post itself never waits.
func TestPostToNeverReads(t *testing.T) {
	transports(t, func(t *testing.T, a, b io.ReadWriteCloser) {
		p := newPeer(t, a, emp.Options{MaxQueue: 1 << 20})
		payload := frame.String(strings.Repeat("x", 60_000)).Append(nil)
		var ended atomic.Int64
		var err error
		n := 0
		for ; n < 256 && err == nil; n++ {
			err = p.Post(frame.CmdNotifyVariable, payload, func(_ frame.Response, err error) {
				if errors.Is(err, frame.StatusClosed) {
					ended.Add(1)
				}
			})
		}
		if !errors.Is(err, frame.StatusClosed) || !errors.Is(err, emp.ErrSlowReader) {
			t.Fatalf("after %d notifications: %v", n, err)
		}
		await(t, p.Done(), "the peer to end")
		if int(ended.Load()) != n-1 {
			t.Errorf("%d of %d notifications learned of the end", ended.Load(), n-1)
		}
	})
}

func TestDrain(t *testing.T) {
	a, b := tcpPair(t)
	started, hold := make(chan struct{}), make(chan struct{})
	p := newPeer(t, a, emp.Options{Handler: emp.HandlerFunc(func(dst []byte, r *emp.Request) ([]byte, error) {
		if r.Command == frame.CmdGetVariable {
			return dst, nil
		}
		return r.Go(func(context.Context) ([]byte, error) { close(started); <-hold; return []byte("1"), nil })
	})})
	app := frame.NewReader(b, 0)
	write(t, b, frame.Frame{Command: 4, RequestID: 1})
	await(t, started, "the open command")
	drained := make(chan error, 1)
	go func() { drained <- p.Drain(context.Background()) }()
	for status := frame.StatusOK; status != frame.StatusClosed; {
		write(t, b, frame.Frame{Command: 9, RequestID: 2})
		f, err := app.Next()
		if err != nil {
			t.Fatalf("with a command open: %v", err)
		}
		r, _ := frame.ParseResponse(f.Payload)
		status = r.Status
	}
	close(hold)
	if f, err := app.Next(); err != nil || f.RequestID != 1 || string(f.Payload) != "\x00\x001" {
		t.Errorf("the open command is answered with %+v, error %v", f, err)
	}
	if _, err := app.Next(); err != io.EOF {
		t.Errorf("then %v", err)
	}
	if err := await(t, drained, "Drain"); err != nil {
		t.Error(err)
	}
}

func TestDrainGivesUp(t *testing.T) {
	a, b := tcpPair(t)
	started := make(chan struct{})
	p := newPeer(t, a, emp.Options{Handler: emp.HandlerFunc(func(dst []byte, r *emp.Request) ([]byte, error) {
		return r.Go(func(ctx context.Context) ([]byte, error) { close(started); <-ctx.Done(); return nil, nil })
	})})
	write(t, b, frame.Frame{Command: 4})
	await(t, started, "the handler")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Drain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	await(t, p.Done(), "the peer to end")
}
