package sovd_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/proc"
	"lander/lib/sovd"
	"lander/lib/store"
)

// bench is a gateway with its records on disk, and a client that keeps its
// connections.
func bench(b testing.TB, slots int) (url string, client *http.Client) {
	b.Helper()
	dir := b.TempDir()
	for name, text := range map[string]string{"true.sh": "true\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	m, err := sovd.ParseManifest([]byte(`{manifest_version: "1.0", components: [{id: one}], scripts: [{id: t, path: ` + dir + `/true.sh, format: sh}]}`))
	if err != nil {
		b.Fatal(err)
	}
	st, err := store.OpenFiles(filepath.Join(dir, "store"))
	if err != nil {
		b.Fatal(err)
	}
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		b.Fatal(err)
	}
	runs := filepath.Join(dir, "run")
	if err := os.Mkdir(runs, 0o700); err != nil {
		b.Fatal(err)
	}
	f, err := sovd.OpenFiles(b.Context(), sovd.FilesOptions{
		Dir: filepath.Join(dir, "scripts"), State: dir, Store: st, Managed: m.Scripts, MaxRunning: slots, Runners: map[string]job.Runner{"sh": &proc.Runner{TempDir: runs, Relative: true}},
	})
	if err != nil {
		b.Fatal(err)
	}
	g, err := sovd.New(sovd.Config{Manifest: m, Provider: f, Journal: j, Clock: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	url = serveBench(b, g)
	b.Cleanup(func() { g.Close(); f.Close(context.Background()); st.Close(); j.Close() })
	return url, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
}

func serveBench(b testing.TB, h http.Handler) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	var wg sync.WaitGroup
	wg.Go(func() { srv.Serve(l) })
	b.Cleanup(func() { srv.Close(); wg.Wait() })
	return "http://" + l.Addr().String()
}

func send(b testing.TB, c *http.Client, method, url, body string) (int, string) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		b.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.Error(err)
	}
	return res.StatusCode, string(text)
}

const benchRuns = "/api/v1/components/one/scripts/t/executions"

// workers does n things with 4 workers and returns how long that took.
func workers(n int, do func()) time.Duration {
	var wg sync.WaitGroup
	begun := time.Now()
	for w := range 4 {
		wg.Go(func() {
			for range (n + w) / 4 {
				do()
			}
		})
	}
	wg.Wait()
	return time.Since(begun)
}

// median of some measurements.
func median(d []float64) float64 {
	slices.Sort(d)
	return d[len(d)/2]
}

// BenchmarkStarts measures executions to their end through the gateway, with
// everything durable, against bare fork and exec of the same script, in turns.
func BenchmarkStarts(b *testing.B) {
	url, client := bench(b, 8)
	script := filepath.Join(b.TempDir(), "true.sh")
	if err := os.WriteFile(script, []byte("true\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	const n = 200
	var ratios, ours, bare []float64
	for b.Loop() {
		d1 := workers(n, func() {
			if err := exec.Command("/bin/sh", script).Run(); err != nil {
				b.Error(err)
			}
		})
		d2 := workers(n, func() {
			if status, text := send(b, client, "POST", url+benchRuns+"?wait=30s", `{"execution_type":"now"}`); status != 202 || !strings.Contains(text, `"completed"`) {
				b.Errorf("%d %s", status, text)
			}
		})
		ratios = append(ratios, d1.Seconds()/d2.Seconds())
		bare, ours = append(bare, n/d1.Seconds()), append(ours, n/d2.Seconds())
	}
	b.ReportMetric(median(ratios), "of-bare")
	b.ReportMetric(median(bare), "bare/s")
	b.ReportMetric(median(ours), "starts/s")
}

// BenchmarkStatus measures GETs of a finished execution against a bare JSON
// handler that sends as many bytes, in turns.
func BenchmarkStatus(b *testing.B) {
	url, client := bench(b, 4)
	_, text := send(b, client, "POST", url+benchRuns+"?wait=30s", `{"execution_type":"now"}`)
	id := text[strings.Index(text, "exec_"):][:31]
	status := url + benchRuns + "/" + id
	_, body := send(b, client, "GET", status, "")
	bareURL := serveBench(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, body)
	}))
	const n = 2000
	var ratios, ours, bare []float64
	get := func(url string) func() {
		return func() {
			if status, _ := send(b, client, "GET", url, ""); status != 200 {
				b.Errorf("%d", status)
			}
		}
	}
	for b.Loop() {
		d1 := workers(n, get(bareURL+"/x"))
		d2 := workers(n, get(status))
		ratios = append(ratios, d1.Seconds()/d2.Seconds())
		bare, ours = append(bare, n/d1.Seconds()), append(ours, n/d2.Seconds())
	}
	b.ReportMetric(median(ratios), "of-bare")
	b.ReportMetric(median(bare), "bare/s")
	b.ReportMetric(median(ours), "gets/s")
}

// BenchmarkWait measures one `true` from its start to its end with ?wait.
func BenchmarkWait(b *testing.B) {
	url, client := bench(b, 4)
	var took []float64
	for b.Loop() {
		begun := time.Now()
		send(b, client, "POST", url+benchRuns+"?wait=30s", `{"execution_type":"now"}`)
		took = append(took, float64(time.Since(begun).Microseconds())/1000)
	}
	b.ReportMetric(median(took), "p50-ms")
}
