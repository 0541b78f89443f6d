//go:build unix

package agent_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"lander/lib/agent"
	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/link"
	"lander/lib/remote"
	"lander/lib/stage"
)

// mortalDir, in the environment, makes the test binary an agent that is
// killed.
const mortalDir = "AGENT_TEST_DIR"

// beMortal serves until it is killed: the state is in dir, and so are the
// socket and the sink.
func beMortal(dir string) error {
	ctx := context.Background()
	sink, err := stage.OpenSink(filepath.Join(dir, "sink"))
	if err != nil {
		return err
	}
	a, err := agent.New(ctx, agent.Config{
		ID: "mortal", Dir: filepath.Join(dir, "agent"), Clock: time.Now, Log: slog.New(slog.DiscardHandler),
		Script: &remote.Service{Clock: time.Now}, Uplink: stage.NewSink(sink, time.Now),
	})
	if err != nil {
		return err
	}
	l, err := link.Listen(ctx, link.Address{Scheme: link.Unix, Path: filepath.Join(dir, "sock")}, link.Options{})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	go func() { // each line asks for a collection
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			debug.FreeOSMemory()
			fmt.Println("collected")
		}
	}()
	return a.Serve(ctx, []*link.Listener{l})
}

// mortal starts such an agent and connects to it.
func mortal(t *testing.T, dir string) (*exec.Cmd, *emp.Peer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), mortalDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { child.Process.Kill(); child.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the agent says %q, %v", line, err)
	}
	c, err := link.Dial(t.Context(), link.Address{Scheme: link.Unix, Path: filepath.Join(dir, "sock")}, link.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := emp.NewPeer(c, emp.Options{})
	t.Cleanup(func() { p.Close(); <-p.Done() })
	return child, p
}

// promise is what an agent has confirmed, for good.
type promise struct {
	mu   sync.Mutex
	data map[string]map[int64]bool // by kind
	last int64                     // of the variable
	told int
}

func (p *promise) note(kind string, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told++
	if kind == "variable" {
		p.last = max(p.last, n)
		return
	}
	if p.data[kind] == nil {
		p.data[kind] = map[int64]bool{}
	}
	p.data[kind][n] = true
}

const rowTable = `{"asset":"a","storage":"flash","policy":"hourly","path":"t","columns":["n","pad"]}`

// hammer sends commands of all kinds, up to 40 at once, until the agent dies.
func (p *promise) hammer(t *testing.T, peer *emp.Peer, from int64, reached func()) int64 {
	r, err := peer.Call(t.Context(), frame.CmdTableNew, []byte(rowTable))
	if err != nil || r.Status != 0 {
		t.Errorf("TableNew: %v %s", err, r.Body)
		return from
	}
	id := string(r.Body)
	pad := bytes.Repeat([]byte("x"), 2000)
	window := make(chan struct{}, 40)
	var wg sync.WaitGroup
	n := from
	for ; ; n++ {
		this, kind, cmd, payload := n, "", frame.Command(0), ""
		switch n % 4 {
		case 0:
			kind, cmd, payload = "data", frame.CmdPData, fmt.Sprintf(`{"asset":"a","policy":"hourly","path":"p","data":{"n":%d,"s":{"n":%d}}}`, n, n)
		case 1:
			kind, cmd, payload = "row", frame.CmdTableRow, fmt.Sprintf(`{"table":%s,"row":{"n":%d,"pad":"%s"}}`, id, n, pad)
		case 2:
			kind, cmd, payload = "ack", frame.CmdPAcknowledge, fmt.Sprintf(`{"ticket":%d,"status":0,"policy":"hourly","persisted":true}`, n)
		case 3:
			kind, cmd, payload = "variable", frame.CmdSetVariable, fmt.Sprintf(`["config.n",%d]`, n)
		}
		if n%97 == 96 { // the sink has its share of the crashes
			kind, cmd, payload = "", frame.CmdPFlush, `{"policy":"hourly"}`
		}
		select {
		case window <- struct{}{}:
		case <-peer.Done():
		}
		wg.Add(1)
		err := peer.Post(cmd, []byte(payload), func(r frame.Response, err error) {
			defer wg.Done()
			if err == nil && kind != "" && r.Status == 0 {
				p.note(kind, this)
				reached()
			} else if err == nil && r.Status != 0 {
				t.Errorf("%s: %d %s", cmd, r.Status, r.Body)
			}
			select {
			case <-window:
			default:
			}
		})
		if err != nil {
			wg.Done()
			break
		}
	}
	wg.Wait()
	return n
}

// The agent is killed again and again in the middle of its work. What it had
// confirmed is there after the next start, and nothing is corrupt.
func TestKill(t *testing.T) {
	rounds := 10
	if os.Getenv("LANDER_LONG") == "1" {
		rounds = 200
	}
	dir := t.TempDir()
	p := &promise{data: map[string]map[int64]bool{}}
	next := int64(1)
	for round := range rounds {
		child, peer := mortal(t, dir)
		r, err := peer.Call(t.Context(), frame.CmdGetVariable, []byte(`"config.n"`))
		if err != nil {
			t.Fatal(err)
		}
		var got []any
		if err := json.Unmarshal(r.Body, &got); err != nil {
			t.Fatal(err)
		}
		if n, _ := got[0].(float64); int64(n) < p.last {
			t.Errorf("round %d: the variable was confirmed as %d and is %v", round, p.last, got[0])
		}
		var once sync.Once
		limit := rand.N(80 * time.Millisecond)
		next = p.hammer(t, peer, next, func() {
			once.Do(func() { time.AfterFunc(limit, func() { child.Process.Kill() }) })
		})
		child.Wait()
		peer.Close()
		<-peer.Done()
	}
	_, peer := mortal(t, dir)
	if r, err := peer.Call(t.Context(), frame.CmdPFlush, []byte(`{"policy":"*"}`)); err != nil || string(r.Body) != "null" {
		t.Fatalf("PFlush: %v %s", err, r.Body)
	}
	sent := readSink(t, filepath.Join(dir, "sink"))
	for kind, ns := range p.data {
		lost := 0
		for n := range ns {
			if !sent[kind][n] {
				lost++
			}
		}
		if lost > 0 {
			t.Errorf("of %d %s that were confirmed %d are lost", len(ns), kind, lost)
		}
		t.Logf("%s: %d confirmed, %d sent", kind, len(ns), len(sent[kind]))
	}
	if p.told < rounds || len(p.data) != 3 {
		t.Errorf("only %d confirmations in %d rounds", p.told, rounds)
	}
	if damaged, _ := filepath.Glob(filepath.Join(dir, "agent", "*.damaged")); len(damaged) > 0 {
		t.Errorf("damaged: %v", damaged)
	}
}

// readSink reads what was sent, and that records came whole.
func readSink(t *testing.T, path string) map[string]map[int64]bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sent := map[string]map[int64]bool{"data": {}, "row": {}, "ack": {}, "deep": {}}
	for line := range bytes.Lines(text) {
		var m struct {
			Kind, Path string
			Ticket     int64
			Columns    struct{ N []int64 }
		}
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("line %.80q: %v", line, err)
		}
		kind := map[string]string{"a.p": "data", "a.p.s": "deep", "a.t": "row"}[m.Path]
		for _, n := range m.Columns.N {
			sent[kind][n] = true
		}
		if m.Kind == "acknowledge" {
			sent["ack"][m.Ticket] = true
		}
	}
	for n := range sent["data"] {
		if !sent["deep"][n] {
			t.Errorf("half of the record %d was sent", n)
		}
	}
	return sent
}
