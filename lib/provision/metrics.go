package provision

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Metrics counts what a service does. It is safe for concurrent use.
type Metrics struct {
	current, updated, staged, held, failed, refused, bytes atomic.Int64
}

func (m *Metrics) session(result string) {
	switch result {
	case ResultCurrent:
		m.current.Add(1)
	case ResultUpdated:
		m.updated.Add(1)
	case ResultStaged:
		m.staged.Add(1)
	case ResultHeld:
		m.held.Add(1)
	case ResultFailed:
		m.failed.Add(1)
	}
}

// WriteTo writes the counters in the text form of Prometheus.
func (m *Metrics) WriteTo(w io.Writer) (int64, error) {
	total := 0
	line := func(format string, args ...any) error {
		n, err := fmt.Fprintf(w, format, args...)
		total += n
		return err
	}
	err := line("# TYPE lander_ota_sessions_total counter\n")
	for _, c := range []struct {
		result string
		n      *atomic.Int64
	}{{ResultCurrent, &m.current}, {ResultUpdated, &m.updated}, {ResultStaged, &m.staged}, {ResultHeld, &m.held}, {ResultFailed, &m.failed}, {ResultRefused, &m.refused}} {
		if err == nil {
			err = line("lander_ota_sessions_total{result=%q} %d\n", c.result, c.n.Load())
		}
	}
	if err == nil {
		err = line("# TYPE lander_ota_sent_bytes_total counter\nlander_ota_sent_bytes_total %d\n# TYPE go_goroutines gauge\ngo_goroutines %d\n", m.bytes.Load(), runtime.NumGoroutine())
	}
	return int64(total), err
}

// ServeHTTP implements http.Handler.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	m.WriteTo(w)
}

// Publish serves h at /metrics of l until the function that it returns is
// called, which waits.
func Publish(ctx context.Context, l net.Listener, h http.Handler) (stop func()) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", h)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return ctx }}
	var wg sync.WaitGroup
	wg.Go(func() { srv.Serve(l) })
	return func() {
		srv.Close()
		wg.Wait()
	}
}
