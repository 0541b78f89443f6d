//go:build unix

package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/agent"
	"lander/lib/bundle"
	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/link"
	"lander/lib/proc"
	"lander/lib/remote"
	"lander/lib/trust"
)

const childArg = "lander-script-child"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == childArg {
		os.Exit(remote.ChildMain())
	}
	if len(os.Args) == 3 && os.Args[1] == agentArg {
		beKilled(os.Args[2])
		return
	}
	if dir := os.Getenv(mortalDir); dir != "" {
		if err := beMortal(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// device is a running agent and the key that it trusts.
type device struct {
	t     testing.TB
	dir   string
	key   trust.PrivateKey
	agent *agent.Agent
	addr  link.Address
	stop  func()
}

// startDevice starts an agent; dir "" makes a new one.
func startDevice(t testing.TB, dir string, key *trust.PrivateKey, slots int) *device {
	t.Helper()
	return start(t, dir, key, func(c *agent.Config) { c.MaxRunning = slots })
}

// startDeviceWith starts an agent with settings of its own.
func startDeviceWith(t testing.TB, set func(*agent.Config)) *device {
	t.Helper()
	return start(t, "", nil, set)
}

func start(t testing.TB, dir string, key *trust.PrivateKey, set func(*agent.Config)) *device {
	t.Helper()
	d := &device{t: t, dir: dir}
	if dir == "" {
		d.dir = t.TempDir()
		var err error
		if d.key, err = trust.GenerateKey(); err != nil {
			t.Fatal(err)
		}
		if _, err := trust.Add(filepath.Join(d.dir, "trust"), d.key.Public().Text(), ""); err != nil {
			t.Fatal(err)
		}
		policy := "[defaults]\ncapabilities=['base','tree','device','log','exec']\n"
		if err := os.WriteFile(filepath.Join(d.dir, "trust", "policy.toml"), []byte(policy), 0o600); err != nil {
			t.Fatal(err)
		}
	} else {
		d.key = *key
	}
	opened := openDevice(t, d.dir, set)
	d.agent = opened.agent
	l, err := link.Listen(t.Context(), link.Address{Scheme: link.TCP, Host: "127.0.0.1"}, link.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d.addr = l.Address()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.agent.Serve(ctx, []*link.Listener{l}) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serving: %v", err)
		}
		if err := d.agent.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
		opened.journal.Close()
	})
	t.Cleanup(d.stop)
	return d
}

type opened struct {
	agent   *agent.Agent
	journal *journal.Journal
}

// openDevice opens an agent on a state directory.
func openDevice(t testing.TB, dir string, set func(*agent.Config)) opened {
	serials, err := trust.OpenSerials(filepath.Join(dir, "serials"))
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	sh := &proc.Runner{Grace: 100 * time.Millisecond}
	cfg := agent.Config{
		ID: "gw-1", Dir: filepath.Join(dir, "agent"), Clock: time.Now, Log: log, Budget: job.Budget{CPU: time.Second, Wall: time.Minute},
		Script: &remote.Service{
			Trust:   func() (*trust.Store, error) { return trust.OpenStore(filepath.Join(dir, "trust")) },
			Serials: serials, Journal: j, Runners: remote.Runners{job.FormatSh: sh}, Names: []string{"gw-1"}, Clock: time.Now,
		},
		Lua: func(h remote.Host) job.Runner {
			return &remote.Child{Argv: []string{os.Args[0], childArg}, Host: h}
		},
	}
	set(&cfg)
	a, err := agent.New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return opened{a, j}
}

func (d *device) dial(h emp.Handler) *emp.Peer {
	d.t.Helper()
	c, err := link.Dial(d.t.Context(), d.addr, link.Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	p := emp.NewPeer(c, emp.Options{Handler: h})
	d.t.Cleanup(func() { p.Close(); <-p.Done() })
	return p
}

func (d *device) call(p *emp.Peer, c frame.Command, payload string) frame.Response {
	d.t.Helper()
	r, err := p.Call(d.t.Context(), c, []byte(payload))
	if err != nil {
		d.t.Fatalf("%s %s: %v", c, payload, err)
	}
	return r
}

// want calls and compares status and body.
func (d *device) want(p *emp.Peer, c frame.Command, payload string, status frame.Status, body string) {
	d.t.Helper()
	if r := d.call(p, c, payload); r.Status != status || string(r.Body) != body {
		d.t.Errorf("%s %s: %d %s, want %d %s", c, payload, r.Status, r.Body, status, body)
	}
}

func (d *device) sign(source, format string, serial int64) []byte {
	p, err := bundle.Spool(strings.NewReader(source), 16<<20, "")
	if err != nil {
		d.t.Fatal(err)
	}
	st := trust.Statement{Name: fmt.Sprintf("s%d.%s", serial, format), Format: format, Size: p.Size, SHA256: p.SHA256, Targets: []string{"gw-1"}, Serial: serial, Signed: time.Now().Truncate(time.Second)}
	comment, err := st.Comment()
	if err != nil {
		d.t.Fatal(err)
	}
	return d.signText(p, comment)
}

// signText packs a payload under any trusted comment.
func (d *device) signText(p *bundle.Payload, comment string) []byte {
	var b bytes.Buffer
	if err := bundle.Pack(&b, p.Sign(d.key, comment, bundle.Comment), p.Reader()); err != nil {
		d.t.Fatal(err)
	}
	return b.Bytes()
}

func (d *device) lines() []journal.Line {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, journal.FileName))
	if err != nil {
		d.t.Fatal(err)
	}
	var out []journal.Line
	for l := range bytes.Lines(text) {
		line, err := journal.ParseLine(l)
		if err != nil {
			d.t.Fatal(err)
		}
		out = append(out, line)
	}
	return out
}

// Names: who owns them, who may take them, and when they become free.
func TestRegister(t *testing.T) {
	d := startDevice(t, "", nil, 0)
	a, b := d.dial(nil), d.dial(nil)
	bad := frame.StatusBadParameter
	d.want(a, frame.CmdRegister, `"asset1"`, 0, "null")
	d.want(a, frame.CmdRegister, `"asset1"`, bad, "null")
	d.want(b, frame.CmdRegister, `"asset1"`, bad, "null")
	d.want(b, frame.CmdRegister, `"@sys"`, bad, "null")
	for _, payload := range []string{`""`, `"a.b"`, `"a\u0000b"`, `"a\nb"`} {
		d.want(b, frame.CmdRegister, payload, bad, "null")
	}
	for _, payload := range []string{`null`, `7`, ``} {
		if r := d.call(b, frame.CmdRegister, payload); r.Status != bad {
			t.Errorf("Register %s: %d %s", payload, r.Status, r.Body)
		}
	}
	d.want(b, frame.CmdUnregister, `"nobody"`, bad, "null")
	if r := d.call(b, frame.CmdUnregister, `"asset1"`); r.Status != frame.StatusNotPermitted {
		t.Errorf("foreign Unregister: %d %s", r.Status, r.Body)
	}
	if r := d.call(b, frame.CmdUnregister, `"@sys"`); r.Status != frame.StatusNotPermitted {
		t.Errorf("Unregister @sys: %d %s", r.Status, r.Body)
	}
	d.want(a, frame.CmdUnregister, `"asset1"`, 0, "null")
	d.want(b, frame.CmdRegister, `"asset1"`, 0, "null")
	// The first owner's end does not touch what another owns now.
	a.Close()
	<-a.Done()
	c := d.dial(nil)
	d.want(c, frame.CmdRegister, `"asset1"`, bad, "null")
}

// A dead owner is probed before anybody is refused its name, also when its
// connection is not being read just then [EMP 7].
func TestDeadOwner(t *testing.T) {
	d := startDeviceWith(t, func(c *agent.Config) { c.Dev = true })
	asked := make(chan *emp.Reply, 300)
	silent := d.dial(emp.HandlerFunc(func(_ []byte, r *emp.Request) ([]byte, error) {
		asked <- r.Later()
		return nil, nil
	}))
	d.want(silent, frame.CmdRegister, `"silent"`, 0, "null")
	owner, err := link.Dial(t.Context(), d.addr, link.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// More than the agent has open at once: it stops reading this connection.
	b := frame.Append(nil, frame.Frame{Command: frame.CmdRegister, Payload: []byte(`"mine"`)})
	for i := range 300 {
		b = frame.Append(b, frame.Frame{Command: frame.CmdSimulate, RequestID: uint8(i), Payload: []byte(`{"command":"senddata","path":"silent.x","ticket":0,"body":{}}`)})
	}
	if _, err := owner.Write(b); err != nil {
		t.Fatal(err)
	}
	var replies []*emp.Reply
	for range emp.MaxOpen {
		replies = append(replies, <-asked)
	}
	next := d.dial(nil)
	d.want(next, frame.CmdRegister, `"mine"`, frame.StatusBadParameter, "null")
	if err := owner.Close(); err != nil {
		t.Fatal(err)
	}
	d.want(next, frame.CmdRegister, `"mine"`, 0, "null")
	for _, r := range replies {
		r.Send(nil, nil)
	}
}

func TestVariables(t *testing.T) {
	d := startDevice(t, "", nil, 0)
	told := make(chan string, 10)
	app := d.dial(emp.HandlerFunc(func(_ []byte, r *emp.Request) ([]byte, error) {
		told <- r.Command.String() + " " + string(r.Payload)
		return nil, nil
	}))
	d.want(app, frame.CmdGetVariable, `"config.agent.deviceId"`, 0, `["gw-1"]`)
	d.want(app, frame.CmdGetVariable, `"nosuch"`, 0, `[null,[]]`)
	d.want(app, frame.CmdRegisterVariable, `[["config.app"],["config.agent.deviceId"]]`, 0, `"DT_ID_0"`)
	d.want(app, frame.CmdSetVariable, `["config.app.x",1]`, 0, "null")
	if got := <-told; got != `NotifyVariable ["DT_ID_0",{"config.app.x":1,"config.agent.deviceId":"gw-1"}]` {
		t.Error(got)
	}
	d.want(app, frame.CmdSetVariable, `["config.app.x",1]`, 0, "null") // no change, no notification
	d.want(app, frame.CmdDeRegisterVariable, `"DT_ID_0"`, 0, "null")
	if r := d.call(app, frame.CmdDeRegisterVariable, `"DT_ID_0"`); r.Status != frame.StatusUnspecifiedError {
		t.Errorf("DeRegisterVariable again: %d", r.Status)
	}
	d.want(app, frame.CmdSetVariable, `["config.app.x",2]`, 0, "null")
	if r := d.call(app, frame.CmdSetVariable, `["config.agent.deviceId","x"]`); r.Status != frame.StatusNotPermitted {
		t.Errorf("set of a mirrored key: %d", r.Status)
	}
	if r := d.call(app, frame.CmdNewSMS, `null`); r.Status != frame.StatusBadParameter && r.Status != frame.StatusNotImplemented {
		t.Errorf("an agent's command from a client: %d", r.Status)
	}
	select {
	case got := <-told:
		t.Errorf("told %s", got)
	default:
	}
	// config is there after a restart.
	d.stop()
	d = startDevice(t, d.dir, &d.key, 0)
	d.want(d.dial(nil), frame.CmdGetVariable, `"config.app.x"`, 0, `[2]`)
}

func (d *device) execute(p *emp.Peer, m frame.ExecuteScript) (job.Result, frame.Response, error) {
	r, err := p.Call(d.t.Context(), frame.CmdExecuteScript, m.Append(nil))
	if err != nil || r.Status != 0 {
		return job.Result{}, r, err
	}
	var res job.Result
	if err := json.Unmarshal(r.Body, &res); err != nil {
		d.t.Errorf("answer %s: %v", r.Body, err)
	}
	return res, r, nil
}

func TestBusyAndRefused(t *testing.T) {
	d := startDevice(t, "", nil, 1)
	p := d.dial(nil)
	loop := frame.ExecuteScript{Bundle: d.sign("sleep 600", "sh", 1), Ticket: "t1", NoWait: true}
	res, _, err := d.execute(p, loop)
	if err != nil || res.Status != job.Running {
		t.Fatalf("%+v, %v", res, err)
	}
	if _, r, _ := d.execute(p, frame.ExecuteScript{Bundle: d.sign("print(1)", "lua", 2)}); r.Status != frame.StatusBusy {
		t.Errorf("all slots taken: %d %s", r.Status, r.Body)
	}
	d.want(p, frame.CmdStopExecution, `{"id":"nope"}`, frame.StatusNotFound, `"no such execution"`)
	if r := d.call(p, frame.CmdStopExecution, `{"id":"`+res.ID+`"}`); !strings.Contains(string(r.Body), `"status":"terminated"`) {
		t.Errorf("stopped: %s", r.Body)
	}
	d.want(p, frame.CmdStopExecution, `{"ticket":"t2"}`, frame.StatusNotFound, `"no such execution"`)
	if r := d.call(p, frame.CmdStopExecution, `{"ticket":"t1"}`); !strings.Contains(string(r.Body), `"id":"`+res.ID+`"`) || !strings.Contains(string(r.Body), `"status":"terminated"`) {
		t.Errorf("stopped by ticket when it has ended: %s", r.Body)
	}
	if _, r, _ := d.execute(p, frame.ExecuteScript{Bundle: []byte("print(1)")}); r.Status != frame.StatusNotPermitted {
		t.Errorf("no bundle: %d %s", r.Status, r.Body)
	}
	if err := os.WriteFile(filepath.Join(d.dir, "trust", "policy.toml"), []byte("[defaults]\nplain=true\ncapabilities=['base','exec']\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stock, err := bundle.Spool(strings.NewReader("print(1)"), 1<<20, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, r, _ := d.execute(p, frame.ExecuteScript{Bundle: d.signText(stock, "stock")}); r.Status != frame.StatusNotPermitted || string(r.Body) != `"load: cannot tell the format of a script that has no name"` {
		t.Errorf("a stock signature: %d %s", r.Status, r.Body)
	}
	if _, r, _ := d.execute(p, frame.ExecuteScript{URL: "http://169.254.1.1/x"}); r.Status != frame.StatusNotPermitted || !strings.Contains(string(r.Body), "download") {
		t.Errorf("an address that is not allowed: %d %s", r.Status, r.Body)
	}
	// One that runs is stopped by its ticket, and no other.
	loop = frame.ExecuteScript{Bundle: d.sign("sleep 600", "sh", 1), Ticket: "t3", NoWait: true}
	if res, _, err = d.execute(p, loop); err != nil || res.Status != job.Running {
		t.Fatalf("%+v, %v", res, err)
	}
	d.want(p, frame.CmdStopExecution, `{"ticket":"t2"}`, frame.StatusNotFound, `"no such execution"`)
	if r := d.call(p, frame.CmdStopExecution, `{"ticket":"t3"}`); !strings.Contains(string(r.Body), `"id":"`+res.ID+`"`) || !strings.Contains(string(r.Body), `"status":"terminated"`) {
		t.Errorf("stopped by ticket: %s", r.Body)
	}
	// The refused one can run later: it cost nothing.
	if res, r, _ := d.execute(p, frame.ExecuteScript{Bundle: d.sign("print(1)", "lua", 2)}); res.Stdout != "1\n" {
		t.Errorf("%+v %d", res, r.Status)
	}
}

// Who does not wait for the end is told of a refusal too, each time.
func TestRefusedAtOnce(t *testing.T) {
	d := startDevice(t, "", nil, 1)
	p := d.dial(nil)
	m := frame.ExecuteScript{Bundle: append(d.sign("print(1)", "lua", 1), 'x'), Ticket: "r", NoWait: true}
	for i := range 1000 {
		if _, r, _ := d.execute(p, m); r.Status != frame.StatusNotPermitted {
			t.Fatalf("the %d. time: %d %s", i+1, r.Status, r.Body)
		}
	}
}

// Many runs, some hostile, some whose client goes away: nothing is left of
// them, and each is in the journal exactly once.
func TestManyRuns(t *testing.T) {
	n := 48
	if os.Getenv("LANDER_LONG") == "1" {
		n = 1000
	}
	d := startDevice(t, "", nil, 16)
	hostile := []string{
		"while true do end", "local t = {} while true do t[#t+1] = {} end", "error({})",
		"local function f() return coroutine.wrap(f)() end f()", "os.exit(3)", `print(("a"):rep(100):find(("a*"):rep(30).."b"))`,
	}
	d.execute(d.dial(nil), frame.ExecuteScript{Bundle: d.sign("print(0)", "lua", 0)}) // what is made once
	before, fds := runtime.NumGoroutine(), descriptors(t)
	var mu sync.Mutex
	answered := map[string]int{}
	work := make(chan int)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range work {
				source := fmt.Sprintf("print(%d)", i)
				if i%10 == 3 {
					source = hostile[i/10%len(hostile)]
				}
				m := frame.ExecuteScript{Bundle: d.sign(source, "lua", int64(i)), Ticket: fmt.Sprintf("t%d", i)}
				c, err := link.Dial(context.Background(), d.addr, link.Options{})
				if err != nil {
					t.Errorf("dial: %v", err)
					continue
				}
				p := emp.NewPeer(c, emp.Options{CallTimeout: 5 * time.Minute})
				if i%10 == 7 {
					// A client that leaves: its script goes on.
					p.Post(frame.CmdExecuteScript, m.Append(nil), nil)
					p.Call(context.Background(), frame.CmdGetVariable, []byte(`"ram"`))
				} else if res, r, err := d.execute(p, m); err != nil || r.Status != 0 || !res.Status.Final() {
					t.Errorf("run %d: %v, status %d %s", i, err, r.Status, r.Body)
				} else {
					mu.Lock()
					answered[res.ID]++
					mu.Unlock()
				}
				p.Close()
				<-p.Done()
			}
		})
	}
	for i := range n {
		work <- i + 1
	}
	close(work)
	wg.Wait()
	deadline := time.Now().Add(2 * time.Minute)
	for len(d.lines()) < n+1 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	seen := map[string]int{}
	for _, l := range d.lines() {
		seen[l.Execution]++
	}
	if len(seen) != n+1 {
		t.Errorf("%d executions in the journal, want %d", len(seen), n+1)
	}
	for id, k := range seen {
		if k != 1 {
			t.Errorf("%s is in the journal %d times", id, k)
		}
	}
	for id := range answered {
		if seen[id] != 1 {
			t.Errorf("%s was answered and is not in the journal", id)
		}
	}
	settle(t, "goroutines", before+2, runtime.NumGoroutine)
	settle(t, "descriptors", fds+2, func() int { return descriptors(t) })
	settle(t, "children", 0, children)
}

// settle waits for a count to come down.
func settle(t *testing.T, what string, limit int, count func() int) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for count() > limit {
		if time.Now().After(deadline) {
			t.Errorf("%d %s, want at most %d", count(), what, limit)
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func descriptors(t testing.TB) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		if os.Getenv("LANDER_INTEROP") == "1" {
			t.Fatal("no /proc")
		}
		t.Skip("no /proc")
	}
	return len(entries)
}

// children counts the processes whose parent we are.
func children() int {
	n := 0
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		var state string
		var ppid int
		if fmt.Sscan(rest, &state, &ppid); ppid == os.Getpid() {
			n++
		}
	}
	return n
}

// A ticket has one run and one answer, whoever asks and however often, also
// at the same time.
func TestTickets(t *testing.T) {
	d := startDevice(t, "", nil, 16)
	m := frame.ExecuteScript{Bundle: d.sign(`tree.set("config.n", (tree.get("config.n") or 0) + 1) print("x")`, "lua", 1), Ticket: "7"}
	ids := make(chan string, 20)
	var wg sync.WaitGroup
	for range 10 {
		p := d.dial(nil)
		wg.Go(func() {
			for range 2 {
				res, r, err := d.execute(p, m)
				if err != nil || r.Status != 0 {
					t.Errorf("%v, %d %s", err, r.Status, r.Body)
				}
				ids <- res.ID + res.Stdout
			}
		})
	}
	wg.Wait()
	close(ids)
	first := <-ids
	for id := range ids {
		if id != first {
			t.Errorf("answers %q and %q", first, id)
		}
	}
	d.want(d.dial(nil), frame.CmdGetVariable, `"config.n"`, 0, `[1]`)
	// After a restart too; and a refusal is an answer as well.
	refused := frame.ExecuteScript{Bundle: append(d.sign("print(2)", "lua", 2), 'x'), Ticket: "8"}
	_, r1, _ := d.execute(d.dial(nil), refused)
	d.stop()
	d = startDevice(t, d.dir, &d.key, 16)
	p := d.dial(nil)
	if res, _, _ := d.execute(p, m); res.ID+res.Stdout != first {
		t.Errorf("after the restart %q, want %q", res.ID+res.Stdout, first)
	}
	_, r2, _ := d.execute(p, refused)
	if r1.Status != frame.StatusNotPermitted || r2.Status != r1.Status || string(r1.Body) != string(r2.Body) {
		t.Errorf("refusals %d %s and %d %s", r1.Status, r1.Body, r2.Status, r2.Body)
	}
	// The same ticket with another command is another command.
	if res, _, _ := d.execute(p, frame.ExecuteScript{Bundle: d.sign("print(3)", "lua", 3), Ticket: "7"}); res.Stdout != "3\n" {
		t.Errorf("%+v", res)
	}
	if n := len(d.lines()); n != 3 {
		t.Errorf("%d journal lines, want 3", n)
	}
}

// Two agents must not share a state directory.
func TestStateIsLocked(t *testing.T) {
	d := startDevice(t, "", nil, 0)
	_, err := agent.New(t.Context(), agent.Config{Dir: filepath.Join(d.dir, "agent"), Clock: time.Now})
	if err == nil || !strings.Contains(err.Error(), "another agent uses") {
		t.Errorf("error %v", err)
	}
}
