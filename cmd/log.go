package cmd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"lander/lib/job"
)

func newLogger(std *streams, c *cli.Context) (*slog.Logger, error) {
	level := slog.LevelWarn
	switch c.Count("verbose") {
	case 0:
	case 1:
		level = slog.LevelInfo
	default:
		level = slog.LevelDebug
	}
	if s := c.String("log-level"); s != "" {
		if err := level.UnmarshalText([]byte(s)); err != nil {
			return nil, usagef("", "--log-level %q is not debug, info, warn or error", s)
		}
	}
	if std.quiet > 0 {
		level = max(level, slog.LevelError)
	}
	std.level = &slog.LevelVar{}
	std.level.Set(level)
	switch format := c.String("log-format"); format {
	case "json":
		return slog.New(slog.NewJSONHandler(std.err, &slog.HandlerOptions{Level: std.level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.String(slog.TimeKey, job.Time{Time: a.Value.Time()}.String())
			}
			return a
		}})), nil
	case "text":
		return slog.New(&lineHandler{std: std, w: std.err, level: std.level, mu: &sync.Mutex{}}), nil
	default:
		return nil, usagef("", "--log-format %q is not text or json", format)
	}
}

// lineHandler writes log lines in the form of every other line on stderr:
// "lander: warning: text key=value".
type lineHandler struct {
	std   *streams
	w     io.Writer
	level slog.Leveler
	attrs []slog.Attr
	group string
	mu    *sync.Mutex
}

func (h *lineHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	var b bytes.Buffer
	b.WriteString("lander: ")
	switch {
	case r.Level >= slog.LevelError:
		b.WriteString(h.std.paint(h.w, "error:") + " ")
	case r.Level >= slog.LevelWarn:
		b.WriteString(h.std.paint(h.w, "warning:") + " ")
	case r.Level < slog.LevelInfo:
		b.WriteString("debug: ")
	}
	b.WriteString(oneLine(r.Message))
	put := func(a slog.Attr) bool {
		v := a.Value.Resolve().String()
		if strings.ContainsAny(v, " \t\n\"=") || v == "" {
			v = fmt.Sprintf("%q", v)
		}
		fmt.Fprintf(&b, " %s%s=%s", h.group, a.Key, oneLine(v))
		return true
	}
	for _, a := range h.attrs {
		put(a)
	}
	r.Attrs(put)
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.w.Write(b.Bytes())
	return err
}

func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append(append([]slog.Attr{}, h.attrs...), attrs...)
	return &c
}

func (h *lineHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.group += name + "."
	return &c
}
