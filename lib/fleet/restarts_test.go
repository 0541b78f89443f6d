//go:build unix

package fleet_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// try is like do, for a gateway that may be down: ok is false then.
func (g *rig) try(method, path, body string) (answer []byte, ok bool) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), method, g.url+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		g.t.Error(err)
		return nil, false
	}
	// A start whose answer is lost is not made twice.
	req.Header.Set("Idempotency-Key", fmt.Sprintf("%x", body))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, false
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return b, err == nil && res.StatusCode < 300
}

// Gateway and agents are started anew again and again while scripts run: each
// execution ends once, one that completed ran once, and none ran twice.
func TestRestarts(t *testing.T) {
	each, rounds := 8, 2
	if os.Getenv("LANDER_LONG") == "1" {
		each, rounds = 60, 12
	}
	g := newRig(t, nil)
	dir := t.TempDir()
	var agents []*device
	scripts := map[string]string{}
	for i := range 3 {
		id := fmt.Sprintf("gw-%d", i)
		agents = append(agents, g.agent(id, nil, nil))
		g.online(id, true)
		scripts[id] = g.upload("components/"+id, "job.sh", g.sign(`sleep 0.1; echo "$LANDER_ARG_N" >> `+dir+"/"+id, "sh", 1))
	}
	type run struct{ device, n, path string }
	var mu sync.Mutex
	var runs []run
	var wg sync.WaitGroup
	for id, script := range scripts {
		for w := range 2 {
			wg.Go(func() {
				for k := range each {
					n := fmt.Sprintf("n%d-%d", w, k)
					base := "/components/" + id + "/scripts/" + script + "/executions"
					var x []byte
					for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
						var ok bool
						if x, ok = g.try("POST", base, `{"execution_type":"now","parameters":{"n":"`+n+`"}}`); ok {
							break
						}
						if time.Now().After(end) {
							t.Errorf("%s %s is not taken: %s", id, n, x)
							return
						}
					}
					_, rest, _ := bytes.Cut(x, []byte(`"id":"`))
					xid, _, _ := bytes.Cut(rest, []byte(`"`))
					mu.Lock()
					runs = append(runs, run{id, n, base + "/" + string(xid)})
					mu.Unlock()
					for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
						x, ok := g.try("GET", base+"/"+string(xid), "")
						if ok && (bytes.Contains(x, []byte(`"completed_at"`))) {
							break
						}
						if time.Now().After(end) {
							t.Errorf("%s %s does not end: %s", id, n, x)
							return
						}
					}
				}
			})
		}
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for i := range rounds {
		mu.Lock()
		before := len(runs)
		mu.Unlock()
		// Something has begun since the last round, or all is over.
		for over := false; !over; {
			mu.Lock()
			over = len(runs) > before+1
			mu.Unlock()
			select {
			case <-done:
				over = true
			case <-time.After(5 * time.Millisecond):
			}
		}
		a := agents[i%len(agents)]
		a.stop()
		g.restart()
		a.start()
	}
	<-done
	if t.Failed() {
		return
	}
	counts := map[string]int{}
	for _, r := range runs {
		status := g.get(r.path)["status"].(string)
		counts[status]++
		b, err := os.ReadFile(dir + "/" + r.device)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		lines := 0
		for l := range bytes.Lines(b) {
			if string(bytes.TrimSpace(l)) == r.n {
				lines++
			}
		}
		if status == "completed" && lines != 1 || lines > 1 || status == "running" || status == "prepared" {
			t.Errorf("%s %s is %s, and ran %d times", r.device, r.n, status, lines)
		}
	}
	if len(runs) != 6*each || counts["completed"] == 0 {
		t.Errorf("%d executions: %v", len(runs), counts)
	}
	t.Logf("%d executions: %v", len(runs), counts)
}
