//go:build unix

package fleet_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/fleet"
	"lander/lib/job"
	"lander/lib/link"
	"lander/lib/m3da"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/proc"
	"lander/lib/sovd"
	"lander/lib/store"
)

// gatewayVar has the test's program be a gateway on the state that it names.
const gatewayVar = "FLEET_TEST_GATEWAY"

// gatewayMain prints where it listens, and serves until its input ends.
func gatewayMain(dir string) error {
	st, err := store.OpenFiles(filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	f, err := fleet.Open(context.Background(), fleet.Options{Store: st, Clock: time.Now, Log: log})
	if err != nil {
		return err
	}
	files, err := sovd.OpenFiles(context.Background(), sovd.FilesOptions{Dir: filepath.Join(dir, "scripts"), State: dir, Store: st, Runners: map[string]job.Runner{"sh": &proc.Runner{}}})
	if err != nil {
		return err
	}
	f.Use(files)
	g, err := sovd.New(sovd.Config{Provider: sovd.Split{Mine: f.Owns, First: f, Rest: files, Log: log}, Devices: f, Clock: time.Now, Log: log})
	if err != nil {
		return err
	}
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	l, err := link.Listen(context.Background(), link.Address{Scheme: link.TCP, Host: "127.0.0.1"}, link.Options{})
	if err != nil {
		return err
	}
	f.SetBase("http://" + web.Addr().String())
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { g.Serve(ctx, []net.Listener{web}) })
	wg.Go(func() { f.Serve(ctx, l) })
	fmt.Printf("http://%s %s\n", web.Addr(), strings.TrimPrefix(l.Address().String(), "tcp://"))
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		debug.FreeOSMemory() // it is to be measured
		fmt.Println("ok")
	}
	cancel()
	wg.Wait()
	f.Close()
	return st.Close()
}

// simulated is a device that fetches its script and says that it ran.
type simulated struct {
	dev  *m3da.Device
	wg   sync.WaitGroup
	runs int // guarded by the test's mutex
}

func (s *simulated) commands(items []envelope.Item, done func()) {
	for _, i := range items {
		m, ok := i.(envelope.Message)
		if !ok {
			continue
		}
		if _, ok := m.Body.Get("Describe"); ok {
			s.wg.Go(func() {
				body := bysant.OfMap(bysant.Member{Key: bysant.Name("groups"), Value: bysant.OfList(bysant.OfString("sim"))})
				s.dev.Exchange(context.Background(), "", envelope.Message{Path: "@sys.agent", Body: body}.Append(nil))
			})
		}
		if args, ok := m.Body.Get("ExecuteScript"); ok {
			url, _ := args.Get("url")
			address, _ := url.Str()
			s.wg.Go(func() {
				status, text := int64(-1), "download: it failed"
				if res, err := http.Get(address); err == nil {
					if _, err := io.Copy(io.Discard, res.Body); err == nil && res.StatusCode == 200 {
						status, text = 0, "ok"
					}
					res.Body.Close()
				}
				done()
				s.dev.Exchange(context.Background(), "", envelope.Response{Ticket: m.Ticket, Status: status, Data: bysant.OfString(text)}.Append(nil))
			})
		}
	}
}

// rss is the memory of a process in bytes; 0 where nothing tells.
func rss(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for l := range strings.Lines(string(b)) {
		var kb int64
		if n, _ := fmt.Sscanf(l, "VmRSS: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	return 0
}

// Many simulated agents on one gateway: what an idle one costs, and how long a
// script takes to all of them. With LANDER_LONG=1 there are 2,000.
func TestManyAgents(t *testing.T) {
	n := 100
	if os.Getenv("LANDER_LONG") == "1" {
		n = 2000
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), gatewayVar+"="+t.TempDir())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	lines := bufio.NewReader(out)
	var url, addr string
	if _, err := fmt.Fscanln(lines, &url, &addr); err != nil {
		t.Fatal(err)
	}
	memory := func() int64 {
		fmt.Fprintln(in, "measure")
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		return rss(cmd.Process.Pid)
	}
	before := memory()
	all := make([]*simulated, n)
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, 64)
	began := time.Now()
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			s := &simulated{}
			ready := make(chan struct{})
			dev, err := m3da.NewDevice(c, m3da.DeviceOptions{ID: fmt.Sprintf("sim-%d", i), Commands: func(items []envelope.Item) {
				<-ready
				s.commands(items, func() { mu.Lock(); s.runs++; mu.Unlock() })
			}})
			if err != nil {
				t.Error(err)
				return
			}
			s.dev = dev
			close(ready)
			for range 2 { // the second one says that it speaks our additions
				if err := dev.Exchange(t.Context(), "", nil); err != nil {
					t.Error(err)
				}
			}
			s.wg.Wait()
			all[i] = s
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(func() {
		for _, s := range all {
			s.dev.Close()
			s.wg.Wait()
		}
	})
	connected := time.Since(began)
	each := (memory() - before) / int64(n)
	g := &rig{t: t, url: url}
	script := g.upload("fleet", "job.lua", []byte("print(1)"))
	began = time.Now()
	x := g.do("POST", "/fleet/executions", "", []byte(`{"script":"`+script+`","target":{"group":"sim"}}`), 202)
	end := g.waitMany(x["id"].(string))
	took := time.Since(began)
	if text(end, "counts", "completed") != fmt.Sprint(n) {
		t.Errorf("counts: %v", end["counts"])
	}
	mu.Lock()
	for i, s := range all {
		if s.runs != 1 {
			t.Errorf("sim-%d ran %d times", i, s.runs)
		}
	}
	mu.Unlock()
	t.Logf("%d agents: connected in %v, %d bytes for each idle one, one script to all in %v", n, connected, each, took)
	if os.Getenv("LANDER_LONG") == "1" && (each > 30_000 || took > 20*time.Second) {
		t.Error("more than 30 KB for an idle agent, or more than 20 s for a script to all")
	}
}

// A queue of one command for each of many devices that are away, by 32
// writers, beside a loop that appends and syncs. With LANDER_LONG=1 there are
// 100,000 devices.
func TestQueueOfMany(t *testing.T) {
	n := 1000
	if os.Getenv("LANDER_LONG") == "1" {
		n = 100_000
	}
	dir := t.TempDir()
	devices := map[string]fleet.Credentials{}
	for i := range n {
		devices[fmt.Sprintf("dev-%d", i)] = fleet.Credentials{}
	}
	open := func() (*fleet.Fleet, func()) {
		st, err := store.OpenFiles(filepath.Join(dir, "store"))
		if err != nil {
			t.Fatal(err)
		}
		f, err := fleet.Open(t.Context(), fleet.Options{Store: st, Devices: devices, Clock: time.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return f, func() { f.Close(); st.Close() }
	}
	f, done := open()
	f.Use(oneScript("print(1)"))
	began := time.Now()
	var wg sync.WaitGroup
	next := make(chan int)
	for range 32 {
		wg.Go(func() {
			for i := range next {
				if _, err := f.StartExecution(t.Context(), sovd.Ref{Kind: sovd.Components, ID: fmt.Sprintf("dev-%d", i)}, "s", sovd.Start{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	rate := float64(n) / time.Since(began).Seconds()
	done()
	f, done = nil, nil
	runtime.GC() // a process that was started anew has nothing of the old one
	began = time.Now()
	f, done = open()
	took := time.Since(began)
	defer done()
	waiting := 0
	for e := range f.Entities() {
		if e.Detail["waiting"] == 1 {
			waiting++
		}
	}
	if waiting != n {
		t.Errorf("%d of %d wait after the restart", waiting, n)
	}
	raw := appendAndSync(t, filepath.Join(dir, "raw"), bytes.Repeat([]byte("x"), 600))
	t.Logf("%d commands: %.0f a second, a raw loop %.0f; opened again in %v", n, rate, raw, took)
}

// appendAndSync is the rate of a loop that appends a record and syncs.
func appendAndSync(t *testing.T, path string, record []byte) float64 {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	began, n := time.Now(), 0
	for ; n < 500 && time.Since(began) < 2*time.Second; n++ {
		if _, err := file.Write(record); err != nil {
			t.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	return float64(n) / time.Since(began).Seconds()
}

// oneScript is a library of one script.
type oneScript string

func (s oneScript) ListScripts(context.Context, sovd.Ref) ([]sovd.Script, error) { return nil, nil }
func (s oneScript) GetScript(context.Context, sovd.Ref, string) (sovd.Script, error) {
	return sovd.Script{ID: "s"}, nil
}
func (s oneScript) UploadScript(context.Context, sovd.Ref, sovd.Upload) (sovd.Script, error) {
	return sovd.Script{}, sovd.Errorf(sovd.KindInput, "none")
}
func (s oneScript) DeleteScript(context.Context, sovd.Ref, string) error { return nil }
func (s oneScript) ReadScript(context.Context, sovd.Ref, string) (sovd.Source, error) {
	return sovd.Source{Script: sovd.Script{ID: "s"}, Format: job.FormatLua, Bytes: []byte(s)}, nil
}
