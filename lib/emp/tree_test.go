package emp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"lander/lib/devtree"
	"lander/lib/emp"
	"lander/lib/emp/emptest"
	"lander/lib/emp/frame"
)

// hub is an agent that knows the tree alone.
func hub(t *testing.T, o devtree.Options) (*devtree.Tree, func(emptest.Dialect) *emptest.Sim) {
	t.Helper()
	tree, err := devtree.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- emp.Serve(ctx, l, 0, nil, func(net.Conn) emp.Options { return connect(tree) })
	}()
	t.Cleanup(func() {
		cancel()
		if err := await(t, served, "Serve"); err != nil {
			t.Error(err)
		}
		tree.Close()
	})
	return tree, func(d emptest.Dialect) *emptest.Sim {
		t.Helper()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		app := emptest.New(c, d)
		t.Cleanup(func() {
			app.Close()
			if err := app.Faults(); err != nil {
				t.Errorf("%s client: %v", d.Name, err)
			}
		})
		return app
	}
}

func ok(t *testing.T, app *emptest.Sim, c frame.Command, payload string) string {
	t.Helper()
	v, err := frame.ParseValue([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	r, err := app.Call(c, v)
	if err != nil || r.Err() != nil {
		t.Fatalf("%v %s: %v %v", c, payload, err, r.Err())
	}
	return string(r.Body)
}

// A day in the life of both client libraries on one tree.
func TestVariableCommands(t *testing.T) {
	for _, d := range []emptest.Dialect{emptest.Lua(), emptest.C()} {
		t.Run(d.Name, func(t *testing.T) {
			_, dial := hub(t, devtree.Options{File: filepath.Join(t.TempDir(), "tree")})
			app := dial(d)
			app.Handle(frame.CmdNotifyVariable, func([]byte) (frame.Status, frame.Value, bool) {
				return frame.StatusOK, frame.Value{}, true
			})
			if got := ok(t, app, frame.CmdSetVariable, `["config.foo",{"a":1,"b":{"c":"x"},"e":{}}]`); got != "null" {
				t.Errorf("body of SetVariable %s", got)
			}
			if got := ok(t, app, frame.CmdGetVariable, `"config.foo.a"`); got != "[1]" {
				t.Errorf("GetVariable %s", got)
			}
			if got := ok(t, app, frame.CmdRegisterVariable, `[["config.foo"],["config.foo.a"]]`); got != `"DT_ID_0"` {
				t.Errorf("RegisterVariable %s", got)
			}
			ok(t, app, frame.CmdSetVariable, `["config.foo.q",5]`)
			got, err := app.Commands(1)
			if err != nil || string(got[0].Payload) != `["DT_ID_0",{"config.foo.q":5,"config.foo.a":1}]` {
				t.Fatalf("notification %+v, error %v", got, err)
			}
			ok(t, app, frame.CmdSetVariable, `["config.foo.q",null]`)
			got, err = app.Commands(2)
			if err != nil || string(got[1].Payload) != `["DT_ID_0",{"config.foo.q":null,"config.foo.a":1}]` {
				t.Fatalf("notification %s, error %v", got[1].Payload, err)
			}
			ok(t, app, frame.CmdDeRegisterVariable, `"DT_ID_0"`)
			ok(t, app, frame.CmdSetVariable, `["config.foo.q",6]`)
			ok(t, app, frame.CmdGetVariable, `""`)
			if got, _ := app.Commands(0); len(got) != 2 {
				t.Errorf("%d notifications after the deregistration", len(got)-2)
			}
			r, err := app.Call(frame.CmdGetVariable, frame.Value{})
			if err != nil || r.Status != frame.StatusBadParameter {
				t.Errorf("GetVariable without payload: %v, error %v", r.Status, err)
			}
		})
	}
}

// The answer to a SetVariable comes before its notification, whatever its
// root and however many are on their way.
func TestResponseBeforeNotification(t *testing.T) {
	for _, root := range []string{"config", "ram"} {
		a, b := tcpPair(t)
		tree, err := devtree.Open(devtree.Options{File: filepath.Join(t.TempDir(), "tree")})
		if err != nil {
			t.Fatal(err)
		}
		newPeer(t, a, connect(tree))
		rd := frame.NewReader(b, 0)
		write(t, b, frame.Frame{Command: frame.CmdRegisterVariable, Payload: frame.RegisterVariable{Watch: []string{root}}.Append(nil)})
		if f, err := rd.Next(); err != nil || string(f.Payload) != "\x00\x00\"DT_ID_0\"" {
			t.Fatalf("%q, error %v", f.Payload, err)
		}
		const n = 200
		var in []byte
		for i := range n {
			p := frame.SetVariable{Path: fmt.Sprintf("%s.x%d", root, i), Value: frame.Int(int64(i))}
			in = frame.Append(in, frame.Frame{Command: frame.CmdSetVariable, RequestID: uint8(i), Payload: p.Append(nil)})
		}
		go b.Write(in)
		answered := map[string]bool{}
		told := 0
		for told < n {
			f, err := rd.Next()
			if err != nil {
				t.Fatal(err)
			}
			if f.Response {
				if f.Command == frame.CmdSetVariable {
					answered[fmt.Sprintf("%s.x%d", root, f.RequestID)] = true
				}
				continue
			}
			p, err := frame.ParseNotifyVariable(f.Payload)
			if err != nil || len(p.Changes) != 1 {
				t.Fatalf("%s, error %v", f.Payload, err)
			}
			if !answered[p.Changes[0].Key] {
				t.Errorf("%s is told before its SetVariable is answered", p.Changes[0].Key)
			}
			if v, _ := p.Changes[0].Value.Int(); v != int64(told) {
				t.Errorf("notification %d is of %v", told, p.Changes[0])
			}
			told++
			f.Response, f.Payload = true, []byte("\x00\x00null")
			write(t, b, f)
		}
		b.Close()
		tree.Close()
	}
}

// Watches die with their connection.
func TestWatchDiesWithConnection(t *testing.T) {
	tree, dial := hub(t, devtree.Options{})
	dead, alive := dial(emptest.Lua()), dial(emptest.Lua())
	for _, app := range []*emptest.Sim{dead, alive} {
		app.Handle(frame.CmdNotifyVariable, func([]byte) (frame.Status, frame.Value, bool) { return 0, frame.Value{}, true })
		ok(t, app, frame.CmdRegisterVariable, `["ram.x"]`)
	}
	dead.Close()
	for i := range 300 {
		if err := tree.SetWait(t.Context(), "ram.x", frame.Int(int64(i))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := alive.Commands(300); err != nil {
		t.Error(err)
	}
}

// Whatever comes, the answers are sound and the end is clean.
func FuzzPeer(f *testing.F) {
	var all []byte
	for i, in := range frame.Catalog() {
		all = frame.Append(all, frame.Frame{Command: in.Command, RequestID: uint8(i), Payload: []byte(in.Example)})
	}
	f.Add(all)
	f.Add([]byte("\x00\x09\x00\x01\x00\x00\x00\x05\"a\xff\"x"))
	f.Add([]byte("\x00\x09\x00\x01\x7f\xff\xff\xff"))
	f.Add([]byte("\x00\x09\x01\x01\x00\x00\x00\x01\x00\x00\x0c\x01\x00\x00\x00\x00\x00"))
	tree, err := devtree.Open(devtree.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		commands := 0
		for rest := in; ; {
			fr, after, err := frame.Parse(rest, 0)
			if err == nil && !fr.Response {
				commands++
			}
			if _, big := errors.AsType[*frame.TooLargeError](err); big {
				if h, _ := frame.ParseHeader(rest); !h.Response {
					commands++
				}
			}
			if err != nil {
				break
			}
			rest = after
		}
		a, b := tcpPair(t)
		p := emp.NewPeer(a, connect(tree))
		go func() {
			b.Write(in)
			b.CloseWrite()
		}()
		out, err := io.ReadAll(b)
		if err != nil {
			t.Fatal(err)
		}
		await(t, p.Done(), "the peer to end")
		for rest := out; len(rest) > 0; {
			fr, after, err := frame.Parse(rest, 0)
			if err != nil {
				t.Fatalf("the answers %q end in %q", out, rest)
			}
			rest = after
			if !fr.Response {
				continue
			}
			commands--
			r, err := frame.ParseResponse(fr.Payload)
			if err != nil || len(r.Body) == 0 {
				t.Fatalf("answer %q: %v", fr.Payload, err)
			}
			if _, err := r.Value(); err != nil {
				t.Fatalf("answer %q: %v", fr.Payload, err)
			}
		}
		if commands != 0 {
			t.Fatalf("%d commands without an answer", commands)
		}
	})
}

// A watcher that never reads loses its connection; the setter and the other
// watchers do not notice it.
func TestSlowWatcherBlocksNobody(t *testing.T) {
	tree, dial := hub(t, devtree.Options{})
	alive := dial(emptest.Lua())
	alive.Handle(frame.CmdNotifyVariable, func([]byte) (frame.Status, frame.Value, bool) { return 0, frame.Value{}, true })
	ok(t, alive, frame.CmdRegisterVariable, `["ram.x"]`)
	a, b := tcpPair(t)
	slow := newPeer(t, a, connect(tree))
	write(t, b, frame.Frame{Command: frame.CmdRegisterVariable, Payload: []byte(`["ram"]`)})
	if _, err := frame.NewReader(b, 0).Next(); err != nil {
		t.Fatal(err)
	}
	// 256 notifications can be on their way to it: more than its queue takes.
	text := strings.Repeat("x", 80_000)
	for i := range 200 {
		pair := frame.Map(frame.Member{Key: "x", Value: frame.Int(int64(i))}, frame.Member{Key: "y", Value: frame.String(fmt.Sprint(i, text))})
		if err := tree.SetWait(t.Context(), "ram", pair); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := alive.Commands(200); err != nil {
		t.Error(err)
	}
	await(t, slow.Done(), "the slow watcher to be closed")
	if !errors.Is(slow.Err(), emp.ErrSlowReader) {
		t.Errorf("closed because of %v", slow.Err())
	}
}

// Wherever a connection is cut, nothing of it is left.
func TestCutAnywhere(t *testing.T) {
	tree, err := benchTree()
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	var in []byte
	for i, f := range []frame.Frame{
		{Command: frame.CmdRegisterVariable, Payload: []byte(`["ram"]`)},
		{Command: frame.CmdSetVariable, Payload: []byte(`["ram.x",{"a":1}]`)},
		{Command: frame.CmdGetVariable, Payload: []byte(`"ram.x"`)},
		{Command: frame.CmdSetVariable, Payload: []byte(`["ram.x"]`)},
	} {
		f.RequestID = uint8(i)
		in = frame.Append(in, f)
	}
	before := runtime.NumGoroutine()
	for n := range in {
		a, b := net.Pipe()
		p := emp.NewPeer(a, connect(tree))
		go io.Copy(io.Discard, b)
		b.Write(in[:n])
		b.Close()
		await(t, p.Done(), "the peer to end")
	}
	for end := time.Now().Add(emptest.Patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
	// No watch is left: nobody is told of this.
	if err := tree.SetWait(t.Context(), "ram.x", frame.Int(1)); err != nil {
		t.Error(err)
	}
}
