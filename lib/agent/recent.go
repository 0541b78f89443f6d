package agent

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
)

// maxRecent is how much of the log is kept in ram, in bytes.
const maxRecent = 256 << 10

// recent is the end of the agent's log, for LogUpload.
type recent struct {
	mu  sync.Mutex
	buf []byte
}

func newRecent() *recent { return &recent{} }

// Write takes one line.
func (r *recent) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.buf = append(r.buf, p...)
	if len(r.buf) > 2*maxRecent {
		rest := r.buf[len(r.buf)-maxRecent:]
		rest = rest[bytes.IndexByte(rest, '\n')+1:]
		r.buf = append(r.buf[:0], rest...)
	}
	return len(p), nil
}

func (r *recent) text() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	rest := r.buf[max(0, len(r.buf)-maxRecent):]
	if len(rest) < len(r.buf) {
		rest = rest[bytes.IndexByte(rest, '\n')+1:]
	}
	return append([]byte{}, rest...)
}

// over is a handler that also does what h does.
func (r *recent) over(h slog.Handler) slog.Handler {
	return both{h, slog.NewTextHandler(r, &slog.HandlerOptions{Level: slog.LevelInfo})}
}

// both hands records to two handlers.
type both struct{ a, b slog.Handler }

func (h both) Enabled(ctx context.Context, l slog.Level) bool {
	return h.a.Enabled(ctx, l) || h.b.Enabled(ctx, l)
}

func (h both) Handle(ctx context.Context, r slog.Record) error {
	if h.b.Enabled(ctx, r.Level) {
		h.b.Handle(ctx, r.Clone()) // it is memory
	}
	if h.a.Enabled(ctx, r.Level) {
		return h.a.Handle(ctx, r)
	}
	return nil
}

func (h both) WithAttrs(as []slog.Attr) slog.Handler {
	return both{h.a.WithAttrs(as), h.b.WithAttrs(as)}
}

func (h both) WithGroup(name string) slog.Handler {
	return both{h.a.WithGroup(name), h.b.WithGroup(name)}
}
