package sovd_test

import (
	"bufio"
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
	family, err := proc.NewFamily()
	if err != nil {
		b.Log(err) // not on this system
	}
	audit := sovd.NewAudit(j, slog.New(slog.DiscardHandler))
	f, err := sovd.OpenFiles(b.Context(), sovd.FilesOptions{
		Dir: filepath.Join(dir, "scripts"), State: dir, Store: st, Audit: audit, Managed: m.Scripts, MaxRunning: slots, Runners: map[string]job.Runner{"sh": &proc.Runner{TempDir: runs, Dirs: proc.NewDirs(runs, 16), Relative: true, Family: family}},
	})
	if err != nil {
		b.Fatal(err)
	}
	g, err := sovd.New(sovd.Config{Manifest: m, Provider: f, Journal: j, Audit: audit, Clock: time.Now, Log: slog.New(slog.DiscardHandler)})
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

// workers does n things with some workers and returns how long that took.
func workers(count, n int, do func()) time.Duration {
	var wg sync.WaitGroup
	begun := time.Now()
	for w := range count {
		wg.Go(func() {
			for range (n + w) / count {
				do()
			}
		})
	}
	wg.Wait()
	return time.Since(begun)
}

// caller is a client on one connection that does as little as one can: what a
// client costs is not what is measured.
type caller struct {
	conn net.Conn
	r    *bufio.Reader
	buf  []byte
}

func newCaller(b testing.TB, url string) *caller {
	b.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return &caller{conn: conn, r: bufio.NewReader(conn)}
}

// call sends one request and returns the status and the body of its answer.
func (c *caller) call(method, path, body string) (int, string, error) {
	c.buf = fmt.Appendf(c.buf[:0], "%s %s HTTP/1.1\r\nHost: gateway\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body)
	if _, err := c.conn.Write(c.buf); err != nil {
		return 0, "", err
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// median of some measurements.
func median(d []float64) float64 {
	slices.Sort(d)
	return d[len(d)/2]
}

// BenchmarkStarts measures executions to their end through the gateway, with
// everything durable, against bare fork and exec of the same script with 4
// workers, in turns: with 4 clients, each with one start under way, and with
// 8, where a commit has something to group. The gateway captures three streams
// of each run and looks for what left its group; the bare side has no streams,
// as os/exec does it when nobody asks. Beside the ratio of the times stands
// that of the processor time of both, scripts and clients included, on which
// other load tells less.
func BenchmarkStarts(b *testing.B) {
	url, _ := bench(b, 8)
	script := filepath.Join(b.TempDir(), "true.sh")
	if err := os.WriteFile(script, []byte("true\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	callers := make(chan *caller, 8)
	for range cap(callers) {
		callers <- newCaller(b, url)
	}
	start := func() {
		c := <-callers
		status, text, err := c.call("POST", benchRuns+"?wait=30s", `{"execution_type":"now"}`)
		if err != nil || status != 202 || !strings.Contains(text, `"completed"`) {
			b.Errorf("%d %s %v", status, text, err)
		}
		callers <- c
	}
	const n = 400
	var bare, four, eight, fourRatio, eightRatio, cpuRatio []float64
	procs := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(procs)
	for b.Loop() {
		runtime.GOMAXPROCS(procs)
		c0 := used(b)
		d1 := workers(4, n, func() {
			if err := exec.Command("/bin/sh", script).Run(); err != nil {
				b.Error(err)
			}
		})
		runtime.GOMAXPROCS(procs + 1) // as the gateway's command has it
		c1 := used(b)
		d2 := workers(4, n, start)
		c2 := used(b)
		d3 := workers(8, n, start)
		fourRatio, eightRatio = append(fourRatio, d1.Seconds()/d2.Seconds()), append(eightRatio, d1.Seconds()/d3.Seconds())
		cpuRatio = append(cpuRatio, (c1-c0).Seconds()/(c2-c1).Seconds())
		bare, four, eight = append(bare, n/d1.Seconds()), append(four, n/d2.Seconds()), append(eight, n/d3.Seconds())
	}
	b.ReportMetric(median(fourRatio), "of-bare")
	b.ReportMetric(median(eightRatio), "of-bare-8")
	b.ReportMetric(median(cpuRatio), "of-bare-cpu")
	b.ReportMetric(median(bare), "bare/s")
	b.ReportMetric(median(four), "starts/s")
	b.ReportMetric(median(eight), "starts/s-8")
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
		d1 := workers(4, n, get(bareURL+"/x"))
		d2 := workers(4, n, get(status))
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
