package sovd

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"lander/lib/job"
)

// Metrics counts what a gateway does. It is safe for concurrent use and
// serves itself in the text form of Prometheus.
type Metrics struct {
	running  func() int
	requests counters // by method and status
	starts   atomic.Int64
	rejects  counters // by reason
	ended    counters // by status
	dropped  atomic.Int64
	duration histogram // of requests
	runs     histogram // of executions
}

// NewMetrics makes counters; running tells how many slots are taken, nil when
// nobody knows.
func NewMetrics(running func() int) *Metrics {
	if running == nil {
		running = func() int { return 0 }
	}
	return &Metrics{running: running}
}

// SetRunning says who tells how many slots are taken. It is called before the
// first request.
func (m *Metrics) SetRunning(running func() int) { m.running = running }

// counters count by a label.
type counters struct {
	mu sync.Mutex
	n  map[string]*atomic.Int64
}

func (c *counters) add(label string) {
	c.mu.Lock()
	n := c.n[label]
	if n == nil {
		if c.n == nil {
			c.n = map[string]*atomic.Int64{}
		}
		n = new(atomic.Int64)
		c.n[label] = n
	}
	c.mu.Unlock()
	n.Add(1)
}

// bounds of the histograms, in seconds.
var bounds = []float64{0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 300}

type histogram struct {
	buckets [10]atomic.Int64
	nanos   atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	i, _ := slices.BinarySearch(bounds, d.Seconds())
	h.buckets[i].Add(1)
	h.nanos.Add(int64(d))
}

var knownMethods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}

func (m *Metrics) request(method string, status int, took time.Duration) {
	if !slices.Contains(knownMethods, method) {
		method = "other"
	}
	m.requests.add(method + " " + strconv.Itoa(status))
	m.duration.observe(took)
}

// start counts a start, or why there was none.
func (m *Metrics) start(err error) {
	if err == nil {
		m.starts.Add(1)
		return
	}
	m.rejects.add(string(kindOf(err)))
}

// Ended counts an execution that has ended; Files calls it.
func (m *Metrics) Ended(x Execution) {
	m.ended.add(string(x.Status))
	if x.CompletedAt != nil {
		m.runs.observe(x.CompletedAt.Sub(x.StartedAt.Time))
	}
	if x.Detail != nil {
		m.dropped.Add(x.Detail.StdoutDropped + x.Detail.StderrDropped)
	}
}

// WriteTo writes all counters.
func (m *Metrics) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	label := func(c *counters, name, key string) {
		c.mu.Lock()
		defer c.mu.Unlock()
		fmt.Fprintf(&b, "# TYPE %s counter\n", name)
		for _, l := range slices.Sorted(maps.Keys(c.n)) {
			fmt.Fprintf(&b, "%s{%s=%q} %d\n", name, key, l, c.n[l].Load())
		}
	}
	m.requests.mu.Lock()
	fmt.Fprintf(&b, "# TYPE lander_gateway_requests_total counter\n")
	for _, l := range slices.Sorted(maps.Keys(m.requests.n)) {
		var method, status string
		fmt.Sscan(l, &method, &status)
		fmt.Fprintf(&b, "lander_gateway_requests_total{method=%q,status=%q} %d\n", method, status, m.requests.n[l].Load())
	}
	m.requests.mu.Unlock()
	m.duration.writeTo(&b, "lander_gateway_request_seconds")
	fmt.Fprintf(&b, "# TYPE lander_gateway_starts_total counter\nlander_gateway_starts_total %d\n", m.starts.Load())
	fmt.Fprintf(&b, "# TYPE lander_gateway_running gauge\nlander_gateway_running %d\n", m.running())
	label(&m.rejects, "lander_gateway_rejects_total", "reason")
	for _, s := range []job.Status{job.Completed, job.Failed, job.Terminated} {
		m.ended.touch(string(s))
	}
	label(&m.ended, "lander_gateway_executions_total", "status")
	m.runs.writeTo(&b, "lander_gateway_execution_seconds")
	fmt.Fprintf(&b, "# TYPE lander_gateway_output_dropped_bytes_total counter\nlander_gateway_output_dropped_bytes_total %d\n", m.dropped.Load())
	fmt.Fprintf(&b, "# TYPE go_goroutines gauge\ngo_goroutines %d\n", runtime.NumGoroutine())
	return b.WriteTo(w)
}

// touch shows a label before anything was counted.
func (c *counters) touch(label string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]*atomic.Int64{}
	}
	if c.n[label] == nil {
		c.n[label] = new(atomic.Int64)
	}
}

func (h *histogram) writeTo(w io.Writer, name string) {
	fmt.Fprintf(w, "# TYPE %s histogram\n", name)
	sum := int64(0)
	for i, le := range bounds {
		sum += h.buckets[i].Load()
		fmt.Fprintf(w, "%s_bucket{le=\"%g\"} %d\n", name, le, sum)
	}
	sum += h.buckets[len(bounds)].Load()
	fmt.Fprintf(w, "%s_bucket{le=\"+Inf\"} %d\n%s_sum %g\n%s_count %d\n", name, sum, name, time.Duration(h.nanos.Load()).Seconds(), name, sum)
}

// ServeHTTP implements http.Handler.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	m.WriteTo(w)
}
