//go:build unix

package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/agent"
	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/link"
)

// agentArg makes this binary an agent on the state directory that follows, to
// be killed.
const agentArg = "lander-agent-to-kill"

// serverFile, in that directory, holds the address of its server.
const serverFile = "server"

// beKilled serves on a socket until it dies.
func beKilled(dir string) {
	t := &testing.T{}
	d := openDevice(t, dir, func(c *agent.Config) {
		c.MaxRunning = 32
		if addr, err := os.ReadFile(filepath.Join(dir, serverFile)); err == nil {
			(&plant{addr: string(addr)}).configure(c)
			c.Budget.CPU = time.Minute
		}
	})
	l, err := link.Listen(context.Background(), link.Address{Scheme: link.Unix, Path: filepath.Join(dir, "sock")}, link.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ready")
	if err := d.agent.Serve(context.Background(), []*link.Listener{l}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func startVictim(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], agentArg, dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line := make([]byte, 6)
	if _, err := out.Read(line); err != nil || string(line) != "ready\n" {
		t.Fatalf("the agent did not start: %q, %v", line, err)
	}
	return cmd
}

// Killed in the middle of many runs, an agent answers each ticket after its
// restart, the same answer however often it is asked, and has each execution
// in its journal exactly once.
func TestKilledInTheMiddle(t *testing.T) {
	rounds := 3
	if os.Getenv("LANDER_LONG") == "1" {
		rounds = 40
	}
	d := startDevice(t, "", nil, 0) // for its key and its directories
	d.stop()
	serial := int64(0)
	for round := range rounds {
		victim := startVictim(t, d.dir)
		var messages []frame.ExecuteScript
		for i := range 24 {
			serial++
			// Each run leaves a mark that shows how often it ran.
			source := fmt.Sprintf("tree.set('config.ran.r%d', (tree.get('config.ran.r%d') or 0) + 1)", serial, serial)
			if i%4 == 0 {
				source += " while true do end"
			}
			messages = append(messages, frame.ExecuteScript{Bundle: d.sign(source, "lua", serial), Ticket: fmt.Sprintf("k%d", serial)})
		}
		before := deliverAll(t, d.dir, messages, func(answers int) bool {
			if answers == 1+round*5%15 {
				victim.Process.Kill()
				victim.Wait()
			}
			return answers <= 1+round*5%15
		})
		victim.Process.Kill()
		victim.Wait()
		again := startVictim(t, d.dir)
		first := deliverAll(t, d.dir, messages, func(int) bool { return true })
		second := deliverAll(t, d.dir, messages, func(int) bool { return true })
		for _, m := range messages {
			a, b := first[m.Ticket], second[m.Ticket]
			if a.ID == "" || a.ID != b.ID || a.Status != b.Status || !a.Status.Final() {
				t.Errorf("round %d, ticket %s: %s %s, then %s %s", round, m.Ticket, a.ID, a.Status, b.ID, b.Status)
			}
			if was, ok := before[m.Ticket]; ok && (was.ID != a.ID || was.Status != a.Status) {
				t.Errorf("round %d, ticket %s: answered %s %s before the kill, %s %s after", round, m.Ticket, was.ID, was.Status, a.ID, a.Status)
			}
		}
		marks := d.marks(filepath.Join(d.dir, "sock"))
		for n, count := range marks {
			if count != 1 {
				t.Errorf("round %d: script %s ran %d times", round, n, count)
			}
		}
		again.Process.Kill()
		again.Wait()
	}
	seen := map[string]int{}
	for _, l := range d.lines() {
		seen[l.Execution]++
	}
	for id, n := range seen {
		if n != 1 || id == "" {
			t.Errorf("execution %q is in the journal %d times", id, n)
		}
	}
	if len(seen) != int(serial) {
		t.Errorf("%d executions in the journal, %d tickets", len(seen), serial)
	}
}

// deliverAll sends all messages at once and returns the answers by ticket. It
// calls more with the number of answers so far, and stops when it says so.
func deliverAll(t *testing.T, dir string, messages []frame.ExecuteScript, more func(int) bool) map[string]job.Result {
	t.Helper()
	conn, err := link.Dial(t.Context(), link.Address{Scheme: link.Unix, Path: filepath.Join(dir, "sock")}, link.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := emp.NewPeer(conn, emp.Options{CallTimeout: time.Minute})
	defer func() { p.Close(); <-p.Done() }()
	var mu sync.Mutex
	out := map[string]job.Result{}
	var wg sync.WaitGroup
	for _, m := range messages {
		wg.Go(func() {
			r, err := p.Call(t.Context(), frame.CmdExecuteScript, m.Append(nil))
			if err != nil || r.Status != 0 {
				return
			}
			var res job.Result
			if err := json.Unmarshal(r.Body, &res); err != nil {
				t.Errorf("answer %s: %v", r.Body, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			out[m.Ticket] = res
			more(len(out))
		})
	}
	wg.Wait()
	return out
}

// marks reads what the scripts left in the tree.
func (d *device) marks(sock string) map[string]int {
	conn, err := link.Dial(d.t.Context(), link.Address{Scheme: link.Unix, Path: sock}, link.Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	p := emp.NewPeer(conn, emp.Options{})
	defer func() { p.Close(); <-p.Done() }()
	v, err := frame.ParseVariables(d.call(p, frame.CmdGetVariable, `"config.ran"`).Body)
	if err != nil {
		d.t.Fatal(err)
	}
	out := map[string]int{}
	for _, path := range v.Children {
		leaf, err := frame.ParseVariables(d.call(p, frame.CmdGetVariable, `"`+path+`"`).Body)
		if err != nil {
			d.t.Fatal(err)
		}
		n, _ := leaf.Value.Int()
		out[strings.TrimPrefix(path, "config.ran.")] = int(n)
	}
	return out
}
