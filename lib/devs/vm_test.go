package devs_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/devs"
	"lander/lib/jacdac"
)

// vmBus is a bus of real virtual machines, of @devicescript/cli 2.16.4.
type vmBus struct {
	addr string
	mu   sync.Mutex
	text []string
}

func startVM(t *testing.T, count int, loss float64) *vmBus {
	t.Helper()
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
	bundle := filepath.Join(filepath.Dir(cli), "built", "devicescript-cli.cjs")
	cmd := exec.Command(node, "testdata/vm.cjs", bundle, fmt.Sprint(count), fmt.Sprint(loss))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	v := &vmBus{}
	port := make(chan string, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for sc := bufio.NewScanner(stdout); sc.Scan(); {
			if p, ok := strings.CutPrefix(sc.Text(), "port "); ok {
				port <- p
			}
			v.mu.Lock()
			v.text = append(v.text, sc.Text())
			v.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		stdin.Close()
		<-done
		cmd.Wait()
	})
	select {
	case p := <-port:
		v.addr = "127.0.0.1:" + p
	case <-time.After(60 * time.Second):
		t.Fatal("the virtual machines do not start")
	}
	return v
}

func (v *vmBus) dial(t *testing.T) *jacdac.Bus {
	t.Helper()
	c, err := net.Dial("tcp", v.addr)
	if err != nil {
		t.Fatal(err)
	}
	b := jacdac.New(jacdac.NewTCP(c), jacdac.Options{})
	t.Cleanup(func() { b.Close() })
	return b
}

func (v *vmBus) manager(t *testing.T) devs.Manager {
	t.Helper()
	m, err := devs.Select(t.Context(), v.dial(t), "1234567890abcdef", 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestVM(t *testing.T) {
	v := startVM(t, 1, 0)
	m := v.manager(t)
	t.Run("deploy", func(t *testing.T) {
		for _, name := range []string{"hello", "large", "hello"} {
			p := program(t, name+".devs")
			r, err := deploy(t.Context(), m, devs.Deploy{Program: p})
			if err != nil || !r.Changed || !r.Running || r.Size != len(p.Image) || r.Name != "proj "+name {
				t.Fatalf("%s: %+v, %v", name, r, err)
			}
		}
		r, err := deploy(t.Context(), m, devs.Deploy{Program: program(t, "hello.devs")})
		if err != nil || r.Changed || !r.Running {
			t.Errorf("again: %+v, %v", r, err)
		}
	})
	t.Run("stop and start", func(t *testing.T) {
		if err := m.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s, err := m.State(t.Context()); err != nil || s.Running || *s.Status != devs.StatusSleeping || s.Logging != nil {
			t.Fatalf("%+v, %v", s, err)
		}
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s, err := m.State(t.Context()); err != nil || !s.Running || *s.Status != devs.StatusReady || s.Runtime != "2.16.4" {
			t.Fatalf("%+v, %v", s, err)
		}
	})
	t.Run("panic", func(t *testing.T) {
		r, err := deploy(t.Context(), m, devs.Deploy{Program: program(t, "panicky-dbg.json"), Watch: 10 * time.Second})
		pe, ok := errors.AsType[*devs.PanicError](err)
		if !ok || pe.Panic.Code != 1234 || pe.Panic.Place == nil || pe.Panic.Place.String() != "src/panicky.ts:4" {
			t.Fatalf("%+v, %v", r, err)
		}
	})
	t.Run("throw, roll back", func(t *testing.T) {
		back := program(t, "hello.devs")
		r, err := deploy(t.Context(), m, devs.Deploy{Program: program(t, "thrower.devs"), Watch: 10 * time.Second, Rollback: &back})
		pe, ok := errors.AsType[*devs.PanicError](err)
		if !ok || pe.Panic.Code != devs.PanicException || !r.RolledBack || !r.Running {
			t.Fatalf("%+v, %v", r, err)
		}
		if s, err := m.State(t.Context()); err != nil || s.Program != "proj hello" || !s.Running || !s.Autostart {
			t.Errorf("%+v, %v", s, err)
		}
	})
	t.Run("tight loop", func(t *testing.T) {
		r, err := deploy(t.Context(), m, devs.Deploy{Program: program(t, "loop.devs"), Watch: 30 * time.Second})
		pe, ok := errors.AsType[*devs.PanicError](err)
		if !ok || pe.Panic.Code != 60001 || !strings.Contains(pe.Panic.String(), "timeout") {
			t.Fatalf("%+v, %v", r, err)
		}
		back := program(t, "hello.devs")
		if r, err := deploy(t.Context(), m, devs.Deploy{Program: back}); err != nil || !r.Running {
			t.Fatalf("the next: %+v, %v", r, err)
		}
	})
	t.Run("no log source", func(t *testing.T) {
		f := devs.Follow(t.Context(), m.Bus, devs.FollowOptions{})
		defer f.Close(t.Context())
		gather(t, f, func(r devs.Record) bool { return r.Kind == devs.KindNotice })
	})
	t.Run("clear", func(t *testing.T) {
		if _, err := deploy(t.Context(), m, devs.Deploy{Clear: true}); err != nil {
			t.Fatal(err)
		}
		if s, err := m.State(t.Context()); err != nil || s.Size != 0 {
			t.Errorf("%+v, %v", s, err)
		}
	})
	t.Run("the host is killed", func(t *testing.T) {
		killUpload(t, m, v.dial(t))
	})
	t.Run("reset", func(t *testing.T) {
		if err := m.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// killUpload begins an upload on a bus of its own, cuts it, and deploys again.
func killUpload(t *testing.T, m devs.Manager, doomed *jacdac.Bus) {
	t.Helper()
	victim, err := devs.Select(t.Context(), doomed, m.ID.String(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	large := devs.Deploy{Program: program(t, "large.devs"), Force: true}
	var once sync.Once
	plan, err := victim.Plan(t.Context(), large)
	if err != nil {
		t.Fatal(err)
	}
	// Cut when the device has begun to take it: it has said so by the port.
	defer doomed.Subscribe(m.ID, func(r jacdac.Report) {
		if r.Command == devs.CmdDeployBytecode {
			once.Do(func() { go doomed.Close() })
		}
	})()
	_, err = victim.Deploy(t.Context(), large, plan)
	if _, ok := errors.AsType[*devs.EmptyError](err); !ok {
		t.Fatalf("the cut upload: %v", err)
	}
	if s, err := m.State(t.Context()); err != nil || s.Size != 0 {
		t.Fatalf("after the cut: %+v, %v", s, err)
	}
	r, err := deploy(t.Context(), m, devs.Deploy{Program: program(t, "hello.devs")})
	if err != nil || !r.Running {
		t.Errorf("the next: %+v, %v", r, err)
	}
}

func TestVMLoss(t *testing.T) {
	if os.Getenv("LANDER_LONG") != "1" {
		t.Skip("the real machines have timeouts of their own, which a loaded host misses: LANDER_LONG=1")
	}
	m := startVM(t, 1, 0.05).manager(t)
	begin := time.Now()
	r, err := deploy(t.Context(), m, devs.Deploy{Program: program(t, "large.devs")})
	if err != nil || !r.Running {
		t.Fatalf("%+v, %v", r, err)
	}
	t.Logf("103 KB with 5%% lost each way: %s", time.Since(begin))
}

func TestVMTwenty(t *testing.T) {
	if os.Getenv("LANDER_LONG") != "1" {
		t.Skip("the real machines have timeouts of their own, which a loaded host misses: LANDER_LONG=1")
	}
	v := startVM(t, 20, 0)
	bus := v.dial(t)
	var all []devs.Manager
	for deadline := time.Now().Add(30 * time.Second); len(all) < 20 && time.Now().Before(deadline); {
		found, err := bus.Discover(t.Context(), time.Second, func(d []jacdac.Device, _ bool) bool { return len(devs.Managers(bus, d)) == 20 })
		if err != nil {
			t.Fatal(err)
		}
		all = devs.Managers(bus, found)
	}
	if len(all) != 20 {
		t.Fatalf("%d devices", len(all))
	}
	d := devs.Deploy{Program: program(t, "hello.devs")}
	begin := time.Now()
	for i, err := range devs.Each(all, func(m devs.Manager) error {
		_, err := deploy(t.Context(), m, d)
		return err
	}) {
		if err != nil {
			t.Errorf("%s: %v", all[i].Name(), err)
		}
	}
	t.Logf("20 devices at once: %s", time.Since(begin))
	if _, err := devs.Select(t.Context(), bus, devs.Any, time.Second); err == nil || !strings.Contains(err.Error(), "GU35") {
		t.Errorf("ambiguous: %v", err)
	}
}
