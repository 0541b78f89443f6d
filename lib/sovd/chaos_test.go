//go:build linux

package sovd_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/journal"
	"lander/lib/proc"
	"lander/lib/sovd"
)

// slots shows how many are taken, and how many descriptors are open.
type slots struct{ f *sovd.Files }

func (s slots) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	fds, _ := os.ReadDir("/proc/self/fd")
	fmt.Fprintf(w, "%d %d", s.f.Running(), len(fds))
}

// chaosScripts are those that a gateway must survive.
var chaosScripts = map[string]string{
	"quick":   "echo quick",
	"fail":    "echo no >&2; exit 3",
	"sleep":   "echo up; sleep 30",
	"deaf":    "trap '' TERM; echo up; sleep 30; sleep 30",
	"flood":   "head -c FLOOD /dev/zero",
	"binary":  `printf 'a\377\376b'`,
	"fork":    "sleep 30 & sleep 30 & echo forked",
	"double":  "(setsid sleep 30 &) ; (setsid sh -c 'sleep 30; sleep 30' &) ; echo doubled",
	"timeout": "while :; do sleep 1; done",
}

// chaos is one gateway process and what was acknowledged to its client.
type chaos struct {
	t    *testing.T
	dir  string
	cmd  *exec.Cmd
	errs *os.File
	http *http.Client

	mu      sync.Mutex
	url     string
	started map[string]string // acknowledged executions, with their paths
	deleted map[string]bool   // of which the deletion was asked for
	final   map[string]string // the final answer that a client saw, by id
	doubt   int               // starts whose answer was lost with the gateway
}

func (c *chaos) open() {
	c.t.Helper()
	c.cmd = exec.Command(os.Args[0])
	c.cmd.Env = append(os.Environ(), "SOVD_TEST_GATEWAY="+c.dir)
	c.cmd.Stderr = c.errs
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		text, _ := os.ReadFile(c.errs.Name())
		c.t.Fatalf("the gateway did not start: %v\n%s", err, text)
	}
	c.mu.Lock()
	c.url = "http://" + strings.TrimSpace(addr)
	c.mu.Unlock()
}

func (c *chaos) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
	c.http.CloseIdleConnections()
}

// send returns status 0 when the gateway died meanwhile.
func (c *chaos) send(method, path, body string) (int, map[string]any) {
	c.mu.Lock()
	url := c.url
	c.mu.Unlock()
	req, err := http.NewRequest(method, url+path, strings.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return 0, nil
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil
	}
	var m map[string]any
	if len(b) > 0 && json.Unmarshal(b, &m) != nil {
		c.t.Errorf("%s %s: %d %.100q", method, path, res.StatusCode, b)
	}
	if res.StatusCode >= 500 {
		c.t.Errorf("%s %s: %d %s", method, path, res.StatusCode, b)
	}
	return res.StatusCode, m
}

// address is where the gateway is now.
func (c *chaos) address() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.url
}

// one starts a script and does something to it. It is false when the gateway
// was gone, and returns when the next one is there.
func (c *chaos) one(r *rand.Rand, ids []string) bool {
	was := c.address()
	script := ids[r.IntN(len(ids))]
	status, m := c.send("POST", scripts+"/"+script+"/executions", `{"execution_type":"now"}`)
	if status != 202 {
		if status == 0 {
			c.mu.Lock()
			c.doubt++
			c.mu.Unlock()
			for c.address() == was {
				time.Sleep(time.Millisecond)
			}
			return false
		}
		if status != 429 {
			c.t.Errorf("start: %d %v", status, m)
		}
		return true
	}
	id := m["id"].(string)
	path := scripts + "/" + script + "/executions/" + id
	c.mu.Lock()
	if c.started[id] != "" {
		c.t.Errorf("the id %s came twice", id)
	}
	c.started[id] = path
	c.mu.Unlock()
	switch r.IntN(5) {
	case 0:
		c.send("PUT", path, `{"action":"stop"}`)
	case 1:
		c.send("PUT", path, `{"action":"forced_termination"}`)
	case 2:
		c.send("PUT", path, `{"action":"stop"}`)
		c.mu.Lock()
		c.deleted[id] = true
		c.mu.Unlock()
		c.send("DELETE", path, "")
		return true
	}
	if status, m = c.send("GET", path+"?wait=30s", ""); status == 200 && m["status"] != "running" {
		b, _ := json.Marshal(m)
		c.mu.Lock()
		c.final[id] = string(b)
		c.mu.Unlock()
	}
	return true
}

// TestChaos starts many scripts of every bad kind, stops and deletes some, and
// kills the gateway in between. Afterwards there is no process too many, every
// acknowledged execution is there once and as it was last seen, and all slots
// are free.
func TestChaos(t *testing.T) {
	starts, kills, flood := 60, 2, "1000000"
	if os.Getenv("LANDER_LONG") == "1" {
		starts, kills, flood = 1000, 8, "100000000"
	}
	c := &chaos{t: t, dir: t.TempDir(), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}, started: map[string]string{}, deleted: map[string]bool{}, final: map[string]string{}}
	var err error
	if c.errs, err = os.Create(filepath.Join(c.dir, "stderr")); err != nil {
		t.Fatal(err)
	}
	defer c.errs.Close()
	var ids []string
	for id, text := range chaosScripts {
		dir := filepath.Join(c.dir, "scripts", "main-computer", id)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		text = strings.ReplaceAll(text, "FLOOD", flood)
		for name, content := range map[string]string{"metadata.json": `{"name":"` + id + `"}`, "script.sh": text} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		ids = append(ids, id)
	}
	c.open()
	defer func() { c.kill() }()
	first := ""
	for round := range kills + 1 {
		var wg sync.WaitGroup
		var left sync.Mutex
		n := starts / (kills + 1)
		for w := range 5 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(round), uint64(w)))
				for {
					left.Lock()
					n--
					more := n >= 0
					left.Unlock()
					if !more {
						return
					}
					if !c.one(r, ids) {
						left.Lock()
						n++
						left.Unlock()
					}
				}
			})
		}
		if round < kills {
			// In the middle of it all.
			for {
				left.Lock()
				half := n <= starts/(kills+1)/2
				left.Unlock()
				if half {
					break
				}
				time.Sleep(time.Millisecond)
			}
			c.kill()
			c.open()
		}
		wg.Wait()
		c.idle(round, &first)
	}
	c.verify()
}

// idle waits until all slots are free, and compares the descriptors.
func (c *chaos) idle(round int, first *string) {
	deadline := time.Now().Add(30 * time.Second)
	for {
		res, err := c.http.Get(c.url + "/slots")
		if err != nil {
			c.t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		taken, fds, _ := strings.Cut(string(b), " ")
		if taken == "0" {
			if *first == "" {
				*first = fds
			}
			was, _ := strconv.Atoi(*first)
			// Connections of clients come and go.
			if now, _ := strconv.Atoi(fds); now > was+10 {
				c.t.Errorf("%d descriptors open after round %d, %d at first", now, round, was)
			}
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%s slots are taken for ever", taken)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// verify kills the gateway once more and looks at what is left.
func (c *chaos) verify() {
	t := c.t
	c.kill()
	c.open()
	ours := map[string]bool{}
	count := map[string]int{}
	for id := range chaosScripts {
		for next := scripts + "/" + id + "/executions?limit=500"; next != ""; {
			status, m := c.send("GET", next, "")
			if status != 200 {
				t.Fatalf("list: %d %v", status, m)
			}
			for _, it := range m["items"].([]any) {
				x := it.(map[string]any)
				count[x["id"].(string)]++
				ours[x["id"].(string)] = true
				if x["status"] == "running" {
					t.Errorf("%v is running", x["id"])
				}
			}
			next, _ = m["_links"].(map[string]any)["next"].(string)
		}
	}
	unknown := 0
	for id, n := range count {
		if n != 1 {
			t.Errorf("%s is there %d times", id, n)
		}
		if c.started[id] == "" {
			unknown++
		}
	}
	if unknown > c.doubt {
		t.Errorf("%d executions that nobody started, and %d starts without an answer", unknown, c.doubt)
	}
	for id, path := range c.started {
		ours[id] = true
		if count[id] == 0 && !c.deleted[id] {
			t.Errorf("%s is lost", path)
		}
		if want := c.final[id]; want != "" {
			_, m := c.send("GET", path, "")
			if got, _ := json.Marshal(m); string(got) != want {
				t.Errorf("%s was %s and is %s", path, want, got)
			}
		}
	}
	// Nothing of any run is left on this machine.
	for _, e := range must(os.ReadDir("/proc")) {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if id := proc.Mark(pid); id != "" && ours[id] {
				line, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
				t.Errorf("process %d of %s is left: %q", pid, id, line)
			}
		}
	}
	if v, err := journal.VerifyDir(t.Context(), c.dir, ""); err != nil {
		t.Errorf("the journal: %+v, %v", v, err)
	}
	t.Logf("%d acknowledged, %d in doubt of which %d ran, %d finals compared", len(c.started), c.doubt, unknown, len(c.final))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
