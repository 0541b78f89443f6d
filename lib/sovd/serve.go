package sovd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// DrainTime is how long a shutdown waits for requests under way.
const DrainTime = 10 * time.Second

// Serve serves the listeners until ctx ends, then lets the requests under way
// finish: waits and streams of events end at once, and nothing new is taken.
// It closes the listeners.
func (g *Gateway) Serve(ctx context.Context, listeners []net.Listener) error {
	srv := &http.Server{
		Handler:           g,
		ReadHeaderTimeout: 10 * time.Second, // bodies have deadlines of their own
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(quiet{g.c.Log.Handler()}, slog.LevelDebug),
	}
	var wg sync.WaitGroup
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		wg.Go(func() {
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	close(g.draining)
	timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), DrainTime)
	defer cancel()
	if srv.Shutdown(timeout) != nil {
		srv.Close()
	}
	wg.Wait()
	g.Close()
	return err
}

// quiet is the server's own log: what clients do wrong is no error of ours.
type quiet struct{ slog.Handler }

func (h quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Message = strings.TrimSpace(r.Message)
	return h.Handler.Handle(ctx, r)
}
