package emp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lander/lib/emp"
	"lander/lib/emp/emptest"
	"lander/lib/emp/frame"
)

// tcpPair is two ends of a loopback connection.
func tcpPair(t testing.TB) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

// transports are what every test of the protocol runs over.
func transports(t *testing.T, f func(t *testing.T, a, b io.ReadWriteCloser)) {
	t.Run("tcp", func(t *testing.T) {
		a, b := tcpPair(t)
		f(t, a, b)
	})
	t.Run("pipe", func(t *testing.T) {
		a, b := net.Pipe()
		f(t, a, b)
	})
}

func newPeer(t testing.TB, rwc io.ReadWriteCloser, o emp.Options) *emp.Peer {
	t.Helper()
	p := emp.NewPeer(rwc, o)
	t.Cleanup(func() {
		p.Close()
		await(t, p.Done(), "the peer to be done")
	})
	return p
}

func await[T any](t testing.TB, ch <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(emptest.Patience):
		t.Fatalf("waited too long for %s", what)
	}
	return v
}

// echo answers at once with its payload, or in other ways that the payload
// asks for.
var echo = emp.HandlerFunc(func(dst []byte, r *emp.Request) ([]byte, error) {
	if !r.Command.Private() && r.Command.Direction() == 0 {
		return nil, emp.Unsupported(r.Command)
	}
	v, err := frame.ParseValue(r.Payload)
	if err != nil {
		return nil, err
	}
	s, _ := v.Str()
	switch s {
	case "panic":
		panic("as asked")
	case "null":
		return dst, nil
	case "static":
		return []byte(`"static"`), nil
	case "taken":
		return nil, frame.Errorf(frame.StatusBadParameter, "taken")
	case "secret":
		return nil, errors.New("open /etc/shadow: no")
	case "go":
		return r.Go(func(context.Context) ([]byte, error) { return []byte(`"gone"`), nil })
	case "go panic":
		return r.Go(func(context.Context) ([]byte, error) { panic("as asked") })
	case "go error":
		return r.Go(func(context.Context) ([]byte, error) { return nil, frame.StatusNotAvailable })
	case "later":
		reply := r.Later()
		reply.Send([]byte("1"), nil)
		reply.Send([]byte("2"), nil)
		return append(dst, "garbage"...), nil
	}
	return v.Append(dst), nil
})

func TestAnswers(t *testing.T) {
	transports(t, func(t *testing.T, a, b io.ReadWriteCloser) {
		newPeer(t, a, emp.Options{Handler: echo})
		app := emptest.New(b, emptest.Lua())
		for _, tt := range []struct {
			cmd    frame.Command
			in     string
			status frame.Status
			body   string
		}{
			{frame.CmdGetVariable, `{"a":[1,2.0,"x"]}`, 0, `{"a":[1,2.0,"x"]}`},
			{frame.CmdGetVariable, ``, 0, `null`},
			{frame.CmdGetVariable, `"null"`, 0, `null`},
			{frame.CmdGetVariable, `"static"`, 0, `"static"`},
			{frame.CmdRegister, `"taken"`, -12, `"taken"`},
			{frame.CmdRegister, `"secret"`, -5, `null`},
			{frame.CmdRegister, `"panic"`, -5, `null`},
			{frame.CmdRegister, `"go"`, 0, `"gone"`},
			{frame.CmdRegister, `"go panic"`, -5, `null`},
			{frame.CmdRegister, `"go error"`, -19, `null`},
			{frame.CmdRegister, `"later"`, 0, `1`},
			{frame.CmdRegister, `"a","b"`, -12, `"malformed JSON at byte 3: text after the value"`},
			{frame.CmdRegister, `{"a"`, -12, `"malformed JSON at byte 4: no colon"`},
			{frame.CmdRegister, "\"\xff\"", -12, `"malformed JSON at byte 3: string is not UTF-8"`},
			{53, `null`, -15, `"unsupported EMP command 53"`},
			{65535, `{{{`, -15, `"unsupported EMP command 65535"`},
			{frame.CmdGetVariable, `"still there"`, 0, `"still there"`},
		} {
			r, err := app.CallRaw(tt.cmd, []byte(tt.in))
			if err != nil {
				t.Fatalf("%s: %v", tt.in, err)
			}
			if r.Status != tt.status || string(r.Body) != tt.body {
				t.Errorf("%s: %v %s, want %v %s", tt.in, r.Status, r.Body, tt.status, tt.body)
			}
		}
		if err := app.Faults(); err != nil {
			t.Error(err)
		}
	})
}

func TestNoHandler(t *testing.T) {
	a, b := net.Pipe()
	newPeer(t, a, emp.Options{})
	app := emptest.New(b, emptest.C())
	r, err := app.Call(frame.CmdReboot, frame.Value{})
	if err != nil || r.Status != frame.StatusNotImplemented {
		t.Errorf("%v, error %v", r.Status, err)
	}
}

// The bytes on the wire, responses included.
func TestWireBytes(t *testing.T) {
	a, b := net.Pipe()
	newPeer(t, a, emp.Options{Handler: emp.HandlerFunc(func(dst []byte, r *emp.Request) ([]byte, error) {
		switch {
		case r.Command == frame.CmdRegister && string(r.Payload) == `"asset1"`:
			return dst, nil
		case r.Command == frame.CmdRegisterSMSListener:
			return append(dst, '1'), nil
		}
		return nil, frame.StatusBadParameter
	})})
	for _, tt := range []struct{ in, out string }{
		{"\x00\x02\x00\x00\x00\x00\x00\x08\"asset1\"", "\x00\x02\x01\x00\x00\x00\x00\x06\x00\x00null"},
		{"\x00\x02\x00\x10\x00\x00\x00\x03\"b\"", "\x00\x02\x01\x10\x00\x00\x00\x06\xff\xf4null"},
		{"\x00\x07\x00\x01\x00\x00\x00\x07[\"\",\"\"]", "\x00\x07\x01\x01\x00\x00\x00\x03\x00\x001"},
		{"\x00\x02\xfe\x05\x00\x00\x00\x08\"asset1\"", "\x00\x02\x01\x05\x00\x00\x00\x06\x00\x00null"},
	} {
		go io.WriteString(b, tt.in)
		got := make([]byte, len(tt.out))
		if _, err := io.ReadFull(b, got); err != nil || string(got) != tt.out {
			t.Errorf("%q: %q, error %v, want %q", tt.in, got, err, tt.out)
		}
	}
}

func TestCall(t *testing.T) {
	transports(t, func(t *testing.T, a, b io.ReadWriteCloser) {
		p := newPeer(t, a, emp.Options{})
		app := emptest.New(b, emptest.Lua())
		app.Handle(frame.CmdNewSMS, func(payload []byte) (frame.Status, frame.Value, bool) {
			v, _ := frame.ParseValue(payload)
			return frame.StatusOK, v, true
		})
		for range 3 {
			r, err := p.Call(t.Context(), frame.CmdNewSMS, []byte(`["a","b",1]`))
			if err != nil || r.Status != 0 || string(r.Body) != `["a","b",1]` {
				t.Fatalf("%+v, error %v", r, err)
			}
		}
		r, err := p.Call(t.Context(), frame.CmdSendData, []byte(`{}`))
		if err != nil || !errors.Is(r.Err(), frame.StatusNotFound) || r.Err().Error() != "cannot find callback" {
			t.Errorf("%+v, error %v", r, err)
		}
		got, _ := app.Commands(4)
		for i, f := range got {
			if f.RequestID != 0 {
				t.Errorf("command %d has request id %d: lockstep uses 0", i, f.RequestID)
			}
		}
		if err := app.Faults(); err != nil {
			t.Error(err)
		}
	})
}

// An application of ours on the original's agent, with its short lists and
// `[]` for `{}`.
func TestOriginalAgent(t *testing.T) {
	a, b := tcpPair(t)
	app := newPeer(t, a, emp.Options{})
	agent := emptest.New(b, emptest.OriginalAgent())
	agent.Handle(frame.CmdGetVariable, func(payload []byte) (frame.Status, frame.Value, bool) {
		p, err := frame.ParseGetVariable(payload)
		switch {
		case err != nil:
			return frame.StatusBadParameter, frame.String("agent/treemgr.lua:12: no"), true
		case p.Many:
			return 0, frame.List(frame.Map(), frame.List()), true
		case p.Paths[0] == "config.agent":
			return 0, frame.List(frame.Value{}, frame.Strings([]string{"config.agent.deviceId"})), true
		}
		return 0, frame.List(frame.String("0123"), frame.Value{}), true
	})
	for _, tt := range []struct {
		p    frame.Payload
		want string
	}{
		{frame.GetVariable{Paths: []string{"config.agent.deviceId"}}, `["0123"]`},
		{frame.GetVariable{Paths: []string{"config.agent"}}, `[null,["config.agent.deviceId"]]`},
		{frame.GetVariable{Many: true}, `[[],[]]`},
	} {
		r, err := app.Call(t.Context(), frame.CmdGetVariable, tt.p.Append(nil))
		if err != nil || r.Err() != nil {
			t.Fatal(err, r.Err())
		}
		v, err := frame.ParseVariables(r.Body)
		if err != nil || string(v.Append(nil)) != tt.want {
			t.Errorf("%s: %+v, error %v, want %s", tt.p.Append(nil), v, err, tt.want)
		}
	}
	r, err := app.Call(t.Context(), frame.CmdGetVariable, []byte("5"))
	if err != nil || !errors.Is(r.Err(), frame.StatusBadParameter) {
		t.Errorf("%v, error %v", r.Err(), err)
	}
	if err := agent.Faults(); err != nil {
		t.Error(err)
	}
}

// C clients answer by the two bytes of the status, and no byte or one are
// error statuses that leave the connection alone.
func TestShortResponses(t *testing.T) {
	a, b := net.Pipe()
	p := newPeer(t, a, emp.Options{})
	go func() {
		rd := frame.NewReader(b, 0)
		for _, payload := range []string{"\x00\x00", "\xff\xed", "", "\x00", "\x00\x00null"} {
			f, err := rd.Next()
			if err != nil {
				return
			}
			f.Response, f.Payload = true, []byte(payload)
			b.Write(frame.Append(nil, f))
		}
	}()
	for i, want := range []frame.Status{0, frame.StatusNotAvailable, frame.StatusBadFormat, frame.StatusBadFormat, 0} {
		r, err := p.Call(t.Context(), frame.CmdSendData, nil)
		if err != nil || r.Status != want {
			t.Errorf("response %d: %v, error %v, want %v", i, r.Status, err, want)
		}
	}
}

// 256 commands open in both directions at once, answered in random order.
func TestInterleaved(t *testing.T) {
	transports(t, func(t *testing.T, a, b io.ReadWriteCloser) {
		var most, open atomic.Int64
		var release sync.WaitGroup
		release.Add(2 * emp.MaxOpen)
		slow := emp.HandlerFunc(func(dst []byte, r *emp.Request) ([]byte, error) {
			payload := bytes.Clone(r.Payload)
			return r.Go(func(context.Context) ([]byte, error) {
				if n := open.Add(1); n > most.Load() {
					most.Store(n)
				}
				release.Done()
				release.Wait() // until all of both directions are open
				time.Sleep(rand.N(2 * time.Millisecond))
				open.Add(-1)
				return payload, nil
			})
		})
		ends := []*emp.Peer{newPeer(t, a, emp.Options{Handler: slow}), newPeer(t, b, emp.Options{Handler: slow})}
		var wg sync.WaitGroup
		for e, p := range ends {
			for i := range emp.MaxOpen {
				wg.Go(func() {
					want := fmt.Sprintf(`"%d from %d"`, i, e)
					r, err := p.Call(t.Context(), frame.CmdPData, []byte(want))
					if err != nil || string(r.Body) != want {
						t.Errorf("%s: %s, error %v", want, r.Body, err)
					}
				})
			}
		}
		wg.Wait()
		if n := most.Load(); n < emp.MaxOpen+1 {
			t.Errorf("at most %d were open at once", n)
		}
	})
}

// A 257th command waits: nothing is dropped, nothing refused.
func TestBackPressure(t *testing.T) {
	transports(t, func(t *testing.T, a, b io.ReadWriteCloser) {
		var started atomic.Int64
		go1, full := make(chan struct{}), make(chan struct{})
		h := emp.HandlerFunc(func(dst []byte, r *emp.Request) ([]byte, error) {
			return r.Go(func(context.Context) ([]byte, error) {
				if started.Add(1) == emp.MaxOpen {
					close(full)
				}
				<-go1
				return nil, nil
			})
		})
		newPeer(t, a, emp.Options{Handler: h})
		const n = 1000
		written := make(chan error, 1)
		go func() {
			var err error
			for i := 0; i < n && err == nil; i++ {
				_, err = b.Write(frame.Append(nil, frame.Frame{Command: 2, RequestID: uint8(i), Payload: []byte(`"x"`)}))
			}
			written <- err
		}()
		await(t, full, "256 open commands")
		if s := started.Load(); s != emp.MaxOpen {
			t.Errorf("%d handlers run", s)
		}
		close(go1)
		rd := frame.NewReader(b, 0)
		for i := range n {
			if f, err := rd.Next(); err != nil || !f.Response {
				t.Fatalf("response %d: %v", i, err)
			}
		}
		if err := await(t, written, "the writer"); err != nil {
			t.Error(err)
		}
	})
}

func TestSameIDTwice(t *testing.T) {
	a, b := net.Pipe()
	hold := make(chan struct{})
	h := emp.HandlerFunc(func(dst []byte, r *emp.Request) ([]byte, error) {
		return r.Go(func(context.Context) ([]byte, error) { <-hold; return nil, nil })
	})
	newPeer(t, a, emp.Options{Handler: h})
	for range 2 {
		b.Write(frame.Append(nil, frame.Frame{Command: 4, RequestID: 7}))
	}
	close(hold)
	rd := frame.NewReader(b, 0)
	for range 2 {
		if f, err := rd.Next(); err != nil || f.RequestID != 7 || !f.Response {
			t.Errorf("%+v, error %v", f, err)
		}
	}
}

// A command from inside a handler's answer: neither side waits for the other.
func TestCommandInsideCommand(t *testing.T) {
	transports(t, func(t *testing.T, a, b io.ReadWriteCloser) {
		var depth emp.HandlerFunc = func(dst []byte, r *emp.Request) ([]byte, error) {
			v, _ := frame.ParseValue(r.Payload)
			n, _ := v.Int()
			if n == 0 {
				return append(dst, `"bottom"`...), nil
			}
			p := r.Peer()
			return r.Go(func(ctx context.Context) ([]byte, error) {
				res, err := p.Call(ctx, frame.CmdPFlush, frame.Int(n-1).Append(nil))
				return res.Body, err
			})
		}
		p := newPeer(t, a, emp.Options{Handler: depth})
		newPeer(t, b, emp.Options{Handler: depth})
		r, err := p.Call(t.Context(), frame.CmdPFlush, []byte("50"))
		if err != nil || string(r.Body) != `"bottom"` {
			t.Errorf("%s, error %v", r.Body, err)
		}
	})
}

func TestBigFrames(t *testing.T) {
	transports(t, func(t *testing.T, a, b io.ReadWriteCloser) {
		p := newPeer(t, a, emp.Options{Handler: echo})
		q := newPeer(t, b, emp.Options{Handler: echo})
		big := frame.String(strings.Repeat("x", 1<<20)).Append(nil)
		var wg sync.WaitGroup
		for range 4 {
			for _, e := range []*emp.Peer{p, q} {
				wg.Go(func() {
					r, err := e.Call(t.Context(), frame.CmdGetVariable, big)
					if err != nil || !bytes.Equal(r.Body, big) {
						t.Errorf("%d bytes, error %v", len(r.Body), err)
					}
				})
			}
		}
		wg.Wait()
	})
}
