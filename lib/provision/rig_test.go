package provision_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/job"
	"lander/lib/link"
	"lander/lib/luaota"
	"lander/lib/luaota/luaotatest"
	"lander/lib/luavm"
	"lander/lib/provision"
	"lander/lib/store"
)

// rig is a service over a tree in a directory, and boards that visit it.
type rig struct {
	t     testing.TB
	dir   string
	addr  string
	store store.Store
	svc   *provision.Service
	clock *clock
	log   *lockedBuffer
	stop  func()

	mu     sync.Mutex
	events []provision.Event
	ended  map[string]int // sessions of a board that are over
	deaf   bool           // no events
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	off time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.off)
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off += d
}

func check(name string, src []byte) (int, string) {
	err := luavm.Check(name, src)
	if err == nil {
		return 0, ""
	}
	if je, ok := err.(*job.Error); ok {
		return je.Line, je.Message
	}
	return 0, err.Error()
}

// write writes a tree; all times are the same unless a test changes them.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1700000000, 0)
		if err := os.Chtimes(p, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func newRig(t testing.TB, files map[string]string, change func(*provision.Options)) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), store: store.NewMemory(), clock: &clock{}, log: &lockedBuffer{}, ended: map[string]int{}}
	write(t, r.dir, files)
	r.start(change)
	t.Cleanup(func() { r.stop() })
	return r
}

// start runs the service; again after stop, with the same store.
func (r *rig) start(change func(*provision.Options)) {
	r.t.Helper()
	o := provision.Options{
		Tree: os.DirFS(r.dir), Load: provision.LoadOptions{Check: check}, Store: r.store, Percent: 100, Poll: -1,
		Clock: r.clock.now, Log: slog.New(slog.NewTextHandler(r.log, nil)),
		Event: func(e provision.Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, e)
			if e.Event == provision.EventSession || e.Event == provision.EventDone || e.Event == provision.EventRefused {
				r.ended[e.Device]++
			}
		},
	}
	if change != nil {
		change(&o)
	}
	r.deaf = o.Event == nil
	ctx, cancel := context.WithCancel(context.Background())
	svc, err := provision.New(ctx, o)
	if err != nil {
		cancel()
		r.t.Fatal(err)
	}
	l, err := link.Listen(ctx, link.Address{Scheme: link.TCP, Host: "127.0.0.1"}, link.Options{})
	if err != nil {
		cancel()
		r.t.Fatal(err)
	}
	r.svc, r.addr = svc, net.JoinHostPort("127.0.0.1", strconv.Itoa(l.Address().Port))
	done := make(chan error, 1)
	go func() { done <- svc.Serve(ctx, []*link.Listener{l}) }()
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				r.t.Errorf("serve: %v", err)
			}
			l.Close()
		})
	}
}

// retree replaces the tree and serves the new one with the same store.
func (r *rig) retree(files map[string]string, change func(*provision.Options)) {
	r.t.Helper()
	r.stop()
	write(r.t, r.dir, files)
	r.start(change)
}

func (r *rig) dial() net.Conn {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	return conn
}

// boot lets a board boot once.
func (r *rig) boot(id int64, flash *luaotatest.Flash, change func(*luaota.Device)) (luaota.Ending, error) {
	r.t.Helper()
	d, err := luaotatest.Boot(id, flash)
	if err != nil {
		return luaota.Ending{}, err
	}
	if change != nil {
		change(d)
	}
	before := r.over(id)
	e, err := d.Run(r.dial())
	// The service writes its record when the board is gone already.
	for end := time.Now().Add(10 * time.Second); !r.deaf && r.over(id) == before; time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			r.t.Fatalf("board %d: no event within 10 s", id)
		}
	}
	return e, err
}

func (r *rig) over(id int64) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended[strconv.FormatInt(id, 10)]
}

// settle boots a board until it starts its application, and returns how often it
// rebooted before.
func (r *rig) settle(id int64, flash *luaotatest.Flash) int {
	r.t.Helper()
	for n := range 20 {
		e, err := r.boot(id, flash, nil)
		if err != nil {
			r.t.Fatal(err)
		}
		if !e.Reboot {
			if e.Message != luaota.MessageOK {
				r.t.Fatalf("ended with %q\n%s", e.Message, tail(r.log.String()))
			}
			return n
		}
	}
	r.t.Fatal("it boots for ever")
	return 0
}

func (r *rig) device(id int64) provision.Device {
	r.t.Helper()
	all, err := provision.Devices(r.t.Context(), r.store)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, d := range all {
		if d.ID == strconv.FormatInt(id, 10) {
			return d
		}
	}
	r.t.Fatalf("board %d is not known", id)
	return provision.Device{}
}

// eventsOf are the events of one kind so far.
func (r *rig) eventsOf(kind string) (out []provision.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Event == kind {
			out = append(out, e)
		}
	}
	return out
}

// wait waits for the service to have told of n events of a kind.
func (r *rig) wait(kind string, n int) []provision.Event {
	r.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if got := r.eventsOf(kind); len(got) >= n {
			return got
		}
	}
	r.t.Fatalf("no %d events %s within 10 s", n, kind)
	return nil
}

func board(secret string) *luaotatest.Flash {
	return luaotatest.NewFlash(map[string]string{
		luaota.ConfigName: `{"app":"main","ssid":"lab","spwd":"w1fi-geheim","server":"127.0.0.1","port":8266,"secret":"` + secret + "\"}\n",
	})
}

func same(t testing.TB, flash *luaotatest.Flash, want map[string]string) {
	t.Helper()
	files := flash.Files()
	delete(files, luaota.ConfigName)
	for name, text := range want {
		if got, there := files[name]; !there || got != text {
			t.Errorf("%s is %q (%v), want %q", name, cut(got), there, cut(text))
		}
		delete(files, name)
	}
	for name := range files {
		t.Errorf("%s is left on the flash", name)
	}
}

func cut(s string) string { return s[:min(len(s), 60)] }

const lc = luaotatest.Bytecode

// copyDevice gives a board the record of another.
func (r *rig) copyDevice(from, to int64) {
	r.t.Helper()
	ctx := r.t.Context()
	e, err := r.store.Get(ctx, "device/"+strconv.FormatInt(from, 10))
	if err != nil {
		r.t.Fatal(err)
	}
	text := strings.Replace(string(e.Value), `"device":"`+strconv.FormatInt(from, 10)+`"`, `"device":"`+strconv.FormatInt(to, 10)+`"`, 1)
	if _, err := r.store.Put(ctx, "device/"+strconv.FormatInt(to, 10), []byte(text), 0); err != nil {
		r.t.Fatal(err)
	}
}

func tail(s string) string { return s[max(0, len(s)-1500):] }
