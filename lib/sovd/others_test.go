//go:build linux

package sovd_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"lander/lib/journal"
	"lander/lib/proc"
)

// sharedScripts are there at each gateway of the test.
var sharedScripts = map[string]string{
	"quick":  "echo quick",
	"large":  "head -c 700000 /dev/zero | tr '\\0' x",
	"wait":   "echo up; while [ ! -e $GO ]; do sleep 0.05; done; echo gone on",
	"sleep":  "(setsid sleep 300 &); sleep 300 & sleep 300",
	"repeat": "echo once >> $LOG; sleep 0.2",
}

// gateways are some processes on one store.
type gateways struct {
	t       *testing.T
	dir     string
	store   string
	scripts string
	all     []*member
	ended   []string // executions that were ended by others than their owners
}

type member struct {
	dir, url string
	cmd      *exec.Cmd
}

func newGateways(t *testing.T, store string, n int) *gateways {
	g := &gateways{t: t, dir: t.TempDir(), store: store}
	var list []string
	for id, text := range sharedScripts {
		path := filepath.Join(g.dir, id+".sh")
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("{id: %s, path: %s, format: sh, env: {GO: %s/go, LOG: %[3]s/log}}", id, path, g.dir))
	}
	g.scripts = ", scripts: [" + strings.Join(list, ", ") + "]"
	for i := range n {
		m := &member{dir: filepath.Join(g.dir, fmt.Sprintf("gateway%d", i))}
		if err := os.Mkdir(m.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		g.all = append(g.all, m)
		g.open(m)
	}
	t.Cleanup(func() {
		for _, m := range g.all {
			m.cmd.Process.Signal(syscall.SIGCONT)
			m.cmd.Process.Kill()
			m.cmd.Wait()
		}
		proc.Sweep(func(e proc.Environ) bool { return e.Get("LOG") == g.dir+"/log" })
	})
	return g
}

func (g *gateways) open(m *member) {
	g.t.Helper()
	m.cmd = exec.Command(os.Args[0])
	m.cmd.Env = append(os.Environ(), "SOVD_TEST_GATEWAY="+m.dir, "SOVD_TEST_STORE="+g.store, "SOVD_TEST_SCRIPTS="+g.scripts)
	errs, err := os.OpenFile(filepath.Join(m.dir, "stderr"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		g.t.Fatal(err)
	}
	defer errs.Close()
	m.cmd.Stderr = errs
	out, err := m.cmd.StdoutPipe()
	if err == nil {
		err = m.cmd.Start()
	}
	if err != nil {
		g.t.Fatal(err)
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		text, _ := os.ReadFile(errs.Name())
		g.t.Fatalf("a gateway did not start: %v\n%s", err, text)
	}
	m.url = "http://" + strings.TrimSpace(addr)
}

// do sends a request to one of them; failure ends the test.
func (g *gateways) do(m *member, method, path, body string, header ...string) reply {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), method, m.url+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	for _, h := range header {
		k, v, _ := strings.Cut(h, ": ")
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	r := reply{status: res.StatusCode, header: res.Header, text: string(b)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(b, &r.body); err != nil {
			g.t.Fatal(err)
		}
	}
	return r
}

// start starts a script at m and returns the path of its execution.
func (g *gateways) start(m *member, script, query string) string {
	g.t.Helper()
	r := g.do(m, "POST", scripts+"/"+script+"/executions"+query, `{"execution_type":"now"}`)
	if r.status != 202 {
		g.t.Fatalf("start: %d %s", r.status, r.text)
	}
	return r.header.Get("Location")
}

// until waits for a condition.
func (g *gateways) until(what string, done func() bool) {
	g.t.Helper()
	for end := time.Now().Add(90 * time.Second); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			for _, m := range g.all {
				text, _ := os.ReadFile(filepath.Join(m.dir, "stderr"))
				g.t.Logf("%s:\n%s", m.dir, text)
			}
			g.t.Fatalf("never: %s", what)
		}
	}
}

// alive counts the processes of the test's scripts whose execution is one of
// those.
func (g *gateways) alive(ids map[string]bool) (n int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		g.t.Fatal(err)
	}
	for _, e := range entries {
		env, err := os.ReadFile("/proc/" + e.Name() + "/environ")
		if err != nil || proc.Environ(env).Get("LOG") != g.dir+"/log" {
			continue
		}
		if ids[proc.Environ(env).Get("LANDER_EXECUTION")] {
			n++
		}
	}
	return n
}

// ends counts the lines about ends in all journals, by execution.
func (g *gateways) ends() map[string][]string {
	out := map[string][]string{}
	for _, m := range g.all {
		for _, l := range journalLines(g.t, m.dir) {
			if l.Action == journal.ActionRun {
				out[l.Execution] = append(out[l.Execution], l.Outcome)
			}
		}
	}
	return out
}

func idOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func TestSharedStore(t *testing.T) {
	t.Run("files", func(t *testing.T) {
		t.Parallel()
		testShared(t, filepath.Join(t.TempDir(), "store"))
	})
	t.Run("nats", func(t *testing.T) {
		t.Parallel()
		s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true, JetStream: true, MaxPayload: 2 << 20, StoreDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		if !s.ReadyForConnections(20 * time.Second) {
			t.Fatal("the server does not start")
		}
		testShared(t, s.ClientURL()+"/shared")
	})
}

func testShared(t *testing.T, store string) {
	g := newGateways(t, store, 3)
	a, b, c := g.all[0], g.all[1], g.all[2]

	// What one has run all show alike, at once.
	x := g.start(a, "quick", "?wait=30s")
	at := g.do(a, "GET", x, "")
	if at.at("parameters.stdout") != "quick\n" {
		t.Error(at.text)
	}
	for _, m := range []*member{b, c} {
		if r := g.do(m, "GET", x, ""); r.status != 200 || r.text != at.text {
			t.Errorf("%d %s\nat its owner %s", r.status, r.text, at.text)
		}
		g.until("in the list of the others", func() bool {
			return strings.Contains(g.do(m, "GET", scripts+"/quick/executions", "").text, idOf(x))
		})
	}
	large := g.start(a, "large", "?wait=30s")
	if r := g.do(c, "GET", large, ""); len(fmt.Sprint(r.at("parameters.stdout"))) != 700_000 {
		t.Errorf("large output: %.300s", r.text)
	}

	// What runs elsewhere is followed, waited for, and stopped.
	run := g.start(a, "wait", "")
	if r := g.do(b, "GET", run, ""); r.at("status") != "running" {
		t.Errorf("elsewhere, running: %s", r.text)
	}
	if r := g.do(b, "DELETE", run, ""); r.status != 409 {
		t.Errorf("deleted while it runs: %d %s", r.status, r.text)
	}
	var followed string
	var wg sync.WaitGroup
	wg.Go(func() { followed = g.do(c, "GET", run+"/events", "").text })
	wg.Go(func() {
		if r := g.do(b, "GET", run+"?wait=60s", ""); r.at("parameters.stdout") != "up\ngone on\n" {
			t.Errorf("waited elsewhere: %s", r.text)
		}
	})
	if err := os.WriteFile(g.dir+"/go", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if !strings.Contains(followed, `{"text":"up\ngone on\n"}`) || !strings.Contains(followed, "id: end") {
		t.Errorf("followed elsewhere: %s", followed)
	}
	for action, message := range map[string]string{"stop": "Execution stopped by user", "forced_termination": "Execution forcefully terminated"} {
		x := g.start(a, "sleep", "")
		r := g.do(b, "PUT", x, `{"action":"`+action+`"}`)
		if r.status != 200 || r.at("status") != "terminated" || r.at("error.message") != message {
			t.Errorf("%s elsewhere: %d %s", action, r.status, r.text)
		}
		if r := g.do(c, "PUT", x, `{"action":"stop"}`); r.status != 409 {
			t.Errorf("stopped twice: %d %s", r.status, r.text)
		}
	}
	if r := g.do(b, "PUT", large, `{"action":"stop"}`); r.status != 409 {
		t.Errorf("stopped when it was over: %d %s", r.status, r.text)
	}

	g.sharedUpload()
	g.sharedKey()

	// Any of them forgets.
	if r := g.do(b, "DELETE", large, ""); r.status != 204 {
		t.Errorf("deleted elsewhere: %d %s", r.status, r.text)
	}
	for _, m := range g.all {
		g.until("gone everywhere", func() bool { return g.do(m, "GET", large, "").status == 404 })
	}

	g.sharedDeath()
	g.sharedStall()
	g.quit()
}

// sharedUpload uploads a script at one, runs it at another, and deletes it at
// the third.
func (g *gateways) sharedUpload() {
	g.t.Helper()
	body := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"up.sh\"\r\n\r\necho uploaded; read x\r\n--b--\r\n"
	up := g.do(g.all[0], "POST", scripts, body, "Content-Type: multipart/form-data; boundary=b")
	if up.status != 201 {
		g.t.Fatalf("upload: %d %s", up.status, up.text)
	}
	path, id := up.header.Get("Location"), fmt.Sprint(up.at("id"))
	for _, m := range g.all {
		r, list := g.do(m, "GET", path, ""), g.do(m, "GET", scripts, "")
		if r.status != 200 || r.at("managed") != false || !strings.Contains(list.text, id) {
			g.t.Errorf("%d %s\n%s", r.status, r.text, list.text)
		}
	}
	r := g.do(g.all[1], "POST", path+"/executions?wait=30s", `{"execution_type":"now"}`)
	if r.at("parameters.stdout") != "uploaded\n" {
		g.t.Errorf("uploaded elsewhere: %s", r.text)
	}
	up2 := g.do(g.all[0], "POST", scripts, strings.Replace(body, "read x", "sleep 300", 1), "Content-Type: multipart/form-data; boundary=b")
	long := g.start(g.all[1], fmt.Sprint(up2.at("id")), "")
	if r := g.do(g.all[2], "GET", long, ""); r.at("status") != "running" {
		g.t.Errorf("elsewhere: %s", r.text)
	}
	if r := g.do(g.all[2], "DELETE", up2.header.Get("Location"), ""); r.status != 409 {
		g.t.Errorf("deleted while it runs: %d %s", r.status, r.text)
	}
	g.do(g.all[2], "PUT", long, `{"action":"forced_termination"}`)
	if r := g.do(g.all[2], "DELETE", path, ""); r.status != 204 {
		g.t.Errorf("deleted elsewhere: %d %s", r.status, r.text)
	}
	for _, m := range g.all {
		if r := g.do(m, "GET", path, ""); r.status != 404 {
			g.t.Errorf("after its deletion: %d %s", r.status, r.text)
		}
	}
}

// sharedKey starts the same with one Idempotency-Key everywhere at once.
func (g *gateways) sharedKey() {
	g.t.Helper()
	var mu sync.Mutex
	ids, replays := map[string]int{}, 0
	var wg sync.WaitGroup
	for i := range 9 {
		wg.Go(func() {
			r := g.do(g.all[i%3], "POST", scripts+"/repeat/executions?wait=30s", `{"execution_type":"now"}`, "Idempotency-Key: one")
			mu.Lock()
			defer mu.Unlock()
			ids[fmt.Sprint(r.status, r.at("id"))]++
			if r.header.Get("Idempotent-Replayed") == "true" {
				replays++
			}
		})
	}
	wg.Wait()
	log, err := os.ReadFile(g.dir + "/log")
	if err != nil || len(ids) != 1 || replays != 8 || string(log) != "once\n" {
		g.t.Errorf("%v, %d replays, ran %q, %v", ids, replays, log, err)
	}
	if r := g.do(g.all[2], "POST", scripts+"/repeat/executions", `{"execution_type":"now","parameters":1}`, "Idempotency-Key: one"); r.status != 422 && r.status != 409 {
		g.t.Errorf("the key for another request: %d %s", r.status, r.text)
	}
}

// sharedDeath kills a gateway in the middle.
func (g *gateways) sharedDeath() {
	g.t.Helper()
	a, b, c := g.all[0], g.all[1], g.all[2]
	paths, dead := map[string]bool{}, map[string]bool{}
	for range 6 {
		x := g.start(a, "sleep", "")
		paths[x], dead[idOf(x)] = true, true
	}
	other := g.start(b, "sleep", "")
	g.do(c, "PUT", g.start(a, "sleep", ""), `{"action":"stop"}`)
	a.cmd.Process.Kill()
	a.cmd.Wait()
	for x := range paths {
		for _, m := range []*member{b, c} {
			g.until("the dead one's executions are ended", func() bool {
				r := g.do(m, "GET", x+"?wait=1s", "")
				return r.at("status") == "terminated" && r.at("error.message") == "The gateway that ran the script is gone"
			})
		}
	}
	if r := g.do(c, "GET", other, ""); r.at("status") != "running" {
		g.t.Errorf("that of the living: %s", r.text)
	}
	g.open(a)
	if n := g.alive(dead); n > 0 {
		g.t.Errorf("%d processes of the dead gateway are there after its restart", n)
	}
	for x := range paths {
		if r := g.do(a, "GET", x, ""); r.at("error.message") != "The gateway that ran the script is gone" {
			g.t.Errorf("at its owner, again: %s", r.text)
		}
	}
	g.cut(dead)
	if r := g.do(b, "PUT", other, `{"action":"forced_termination"}`); r.status != 200 {
		g.t.Errorf("%d %s", r.status, r.text)
	}
}

// sharedStall stops a gateway for longer than its lease: what it ran is ended
// by the others, and by itself when it comes back.
func (g *gateways) sharedStall() {
	g.t.Helper()
	b, c := g.all[1], g.all[2]
	stalled := map[string]bool{}
	var paths []string
	for range 3 {
		x := g.start(b, "sleep", "")
		paths, stalled[idOf(x)] = append(paths, x), true
	}
	if err := b.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		g.t.Fatal(err)
	}
	for _, x := range paths {
		g.until("the stalled one's executions are ended", func() bool { return g.do(c, "GET", x+"?wait=1s", "").at("status") == "terminated" })
	}
	if err := b.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		g.t.Fatal(err)
	}
	g.until("nothing of it runs", func() bool { return g.alive(stalled) == 0 })
	for _, x := range paths {
		want := g.do(c, "GET", x, "").text
		g.until("both say the same", func() bool { return g.do(b, "GET", x+"?wait=1s", "").text == want })
	}
	g.until("it starts again", func() bool {
		return g.do(b, "POST", scripts+"/quick/executions?wait=30s", `{"execution_type":"now"}`).status == 202
	})
	g.cut(stalled)
}

// cut notes executions that others have ended.
func (g *gateways) cut(ids map[string]bool) {
	for id := range ids {
		g.ended = append(g.ended, id)
	}
}

// quit ends all of them in peace, and looks into their journals.
func (g *gateways) quit() {
	g.t.Helper()
	for _, m := range g.all {
		m.cmd.Process.Signal(syscall.SIGTERM)
	}
	for _, m := range g.all {
		if err := m.cmd.Wait(); err != nil {
			text, _ := os.ReadFile(filepath.Join(m.dir, "stderr"))
			g.t.Errorf("%v\n%s", err, text)
		}
	}
	ends := g.ends()
	for _, id := range g.ended {
		if len(ends[id]) != 1 || ends[id][0] != "terminated" {
			g.t.Errorf("%s has the ends %q", id, ends[id])
		}
	}
	for id, e := range ends {
		if len(e) > 1 {
			g.t.Errorf("%s has the ends %q", id, e)
		}
	}
}
