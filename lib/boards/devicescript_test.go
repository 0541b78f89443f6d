package boards_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lander/lib/boards"
	"lander/lib/devs"
	"lander/lib/jacdac"
	"lander/lib/jacdac/packet"
	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
)

func program(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "devs", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// on is the source of the devices of a bus at an address.
func on(t *testing.T, addr string) *boards.DeviceScript {
	t.Helper()
	s := boards.OpenDeviceScript(t.Context(), boards.DeviceScriptOptions{
		Dial: func(ctx context.Context) (*jacdac.Bus, error) {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
			if err != nil {
				return nil, err
			}
			return jacdac.New(jacdac.NewTCP(c), jacdac.Options{}), nil
		},
		Where: addr, Again: 10 * time.Millisecond, Every: time.Second, Clock: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(func() { s.Close() })
	return s
}

const deviceID = "1234567890abcdef"

// simulate is a bus with one device that prints lines and panics after so many.
func simulate(t *testing.T, lines int) (addr string, cut func()) {
	t.Helper()
	id, err := packet.ParseDeviceID(deviceID)
	if err != nil {
		t.Fatal(err)
	}
	sim, err := devs.Simulate([]devs.BoardConfig{{ID: id, Description: "a board", Restart: time.Hour, Behaviour: func(ctx context.Context, p *devs.Process) {
		for i := range lines {
			p.Log(fmt.Sprintf("line %d", i))
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
				return
			}
		}
		p.Panic(1234, 5)
	}}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	conns := make(chan net.Conn, 100)
	go func() {
		defer close(done)
		sim.Serve(ctx, func(context.Context) (io.ReadWriteCloser, error) {
			c, err := l.Accept()
			if err == nil {
				conns <- c
			}
			return c, err
		})
	}()
	t.Cleanup(func() { cancel(); l.Close(); <-done; sim.Close() })
	return l.Addr().String(), func() { (<-conns).Close() }
}

func TestDeviceScript(t *testing.T) {
	addr, cut := simulate(t, 5)
	g := newRig(t, store.NewMemory(), on(t, addr))
	path := "/components/" + deviceID
	g.until("the device", func() bool {
		e := g.boards.Entity(deviceID)
		return e != nil && e.Detail["runtime"] != nil
	})
	c := g.get(path)
	if text(c, "name") != "GU35" || text(c, "description") != "a board" || text(c, "x-lander", "online") != "true" || text(c, "x-lander", "runtime") != "2.16.4" {
		t.Errorf("component: %v", c)
	}
	// What is no program is not kept.
	up := sovd.Upload{Filename: "x.devs", Body: strings.NewReader("print(1)"), Name: func() string { return "x" }, Description: func() string { return "" }, Schema: func() json.RawMessage { return nil }, Check: func() error { return nil }}
	if x, err := g.boards.UploadScript(t.Context(), sovd.Ref{Kind: sovd.Components, ID: deviceID}, up); err == nil {
		t.Errorf("a Lua script was taken: %+v", x)
	}
	id := g.upload(path, program(t, "hello.devs"))
	// It panics while it is watched.
	x := g.final(g.start(deviceID, id, `{"watch":60}`))
	if x["status"] != "failed" || !strings.Contains(text(x, "error", "message"), "panicked") || text(x, "x-lander", "code") != "script" || !strings.Contains(text(x, "parameters", "stdout"), "line 1\n") {
		t.Errorf("it ended as %v", x)
	}
	g.until("the panic", func() bool { return g.boards.Entity(deviceID).Detail["panic"] != nil })
	if v := g.get(path + "/data/panic"); text(v, "data", "code") != "1234" {
		t.Errorf("panic: %v", v)
	}
	// It is left stopped.
	x = g.final(g.start(deviceID, id, `{"start":false,"force":true}`))
	if x["status"] != "completed" || !strings.Contains(text(x, "parameters", "stderr"), "stopped") {
		t.Errorf("it ended as %v", x)
	}
	if v := g.get(path + "/data/running"); text(v, "data") != "false" {
		t.Errorf("running: %v", v)
	}
	// A start that is for another program is refused; the digest may be that of
	// the image or that of the text it came in.
	image, hexed := program(t, "hello.devs"), hex.EncodeToString(program(t, "hello.devs"))
	id = g.upload(path, []byte(hexed))
	for text, ok := range map[string]bool{string(image): true, hexed: true, "another": false} {
		sum := sha256.Sum256([]byte(text))
		s := sovd.Start{SHA256: hex.EncodeToString(sum[:]), Parameters: []byte(`{"start":false}`)}
		x, err := g.boards.StartExecution(t.Context(), sovd.Ref{Kind: sovd.Components, ID: deviceID}, id, s)
		if (err == nil) != ok || !ok && !strings.Contains(err.Error(), "replaced") {
			t.Errorf("a start for the digest of %.10q: %v", text, err)
		}
		if err == nil {
			g.final(path + "/scripts/" + id + "/executions/" + x.ID)
		}
	}
	// The connection is lost and comes back.
	cut()
	g.until("the device resets", func() bool {
		ref := sovd.Ref{Kind: sovd.Components, ID: deviceID}
		x, err := g.boards.StartExecution(t.Context(), ref, "reset", sovd.Start{})
		if err == nil {
			x, err = g.boards.WaitExecution(t.Context(), ref, "reset", x.ID)
		}
		return err == nil && x.Status == job.Completed
	})
	g.do("POST", path+"/scripts/"+id+"/executions", "", `{"execution_type":"now","parameters":{"watch":-1}}`, 400)
	g.do("POST", path+"/scripts/stop/executions", "", `{"execution_type":"now","parameters":{"x":1}}`, 400)
}

// The same with the real virtual machine, of @devicescript/cli 2.16.4.
func TestVM(t *testing.T) {
	missing := func(why string) {
		if os.Getenv("LANDER_INTEROP") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("node is not installed")
	}
	cli, err := exec.LookPath("devs")
	if err != nil {
		missing("devs, of @devicescript/cli, is not installed")
	}
	if cli, err = filepath.EvalSymlinks(cli); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, filepath.Join("..", "devs", "testdata", "vm.cjs"), filepath.Join(filepath.Dir(cli), "built", "devicescript-cli.cjs"), "1", "0")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	port, done := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(done)
		for sc := bufio.NewScanner(stdout); sc.Scan(); {
			if p, ok := strings.CutPrefix(sc.Text(), "port "); ok {
				port <- p
			}
		}
	}()
	t.Cleanup(func() { stdin.Close(); <-done; cmd.Wait() })
	var addr string
	select {
	case p := <-port:
		addr = "127.0.0.1:" + p
	case <-time.After(60 * time.Second):
		t.Fatal("the virtual machine does not start")
	}
	g := newRig(t, store.NewMemory(), on(t, addr))
	path := "/components/" + deviceID
	g.until("the device", func() bool {
		e := g.boards.Entity(deviceID)
		return e != nil && e.Detail["runtime"] != nil
	})
	hello := g.upload(path, program(t, "hello.devs"))
	x := g.final(g.start(deviceID, hello, `{"watch":0.2}`))
	if x["status"] != "completed" {
		t.Fatalf("it ended as %v", x)
	}
	sum := text(x, "x-lander", "sha256")
	if v := g.get(path + "/data/sha256"); text(v, "data") != sum {
		t.Errorf("it has %v, sent was %s", v, sum)
	}
	if v := g.get(path); text(v, "x-lander", "program") != "proj hello" || text(v, "x-lander", "running") != "true" {
		t.Errorf("component: %v", v)
	}
	panicky := g.upload(path, program(t, "panicky-dbg.json"))
	x = g.final(g.start(deviceID, panicky, `{"watch":20}`))
	if x["status"] != "failed" || !strings.Contains(text(x, "error", "message"), "panicked") {
		t.Errorf("it ended as %v", x)
	}
	x = g.final(g.start(deviceID, hello, `{"watch":0.2}`))
	if x["status"] != "completed" {
		t.Errorf("it ended as %v", x)
	}
	for _, script := range []string{"stop", "start"} {
		if x := g.final(g.start(deviceID, script, "null")); x["status"] != "completed" {
			t.Errorf("%s ended as %v", script, x)
		}
		if v := g.get(path + "/data/running"); text(v, "data") != fmt.Sprint(script == "start") {
			t.Errorf("after %s: %v", script, v)
		}
	}
}
