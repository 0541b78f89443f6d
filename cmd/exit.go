package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"lander/lib/durable"
	"lander/lib/fetch"
	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/link"
	"lander/lib/remote"
	"lander/lib/store"
	"lander/lib/trust"
)

// exitCode is a line of the exit table.
type exitCode struct {
	code int
	name string
	help string
}

// The exit table, the only one.
var (
	exitOK          = exitCode{0, "ok", "everything asked for happened"}
	exitFailed      = exitCode{1, "failed", "a fault with no better number"}
	exitUsage       = exitCode{2, "usage", "the command line is wrong"}
	exitInvalid     = exitCode{3, "invalid", "an input is malformed or cannot be read"}
	exitRefused     = exitCode{4, "refused", "signature, key, policy or permission said no"}
	exitUnreachable = exitCode{5, "unreachable", "no connection, or busy; try again later"}
	exitRejected    = exitCode{6, "rejected", "the peer answered and said no"}
	exitScript      = exitCode{7, "script", "the script ran and failed"}
	exitPartial     = exitCode{8, "partial", "some of several targets or files failed"}
	exitInterrupted = exitCode{9, "interrupted", "the link was lost half-way; the device's state is uncertain"}
	exitINT         = exitCode{130, "interrupted", "ended by SIGINT"}
	exitTERM        = exitCode{143, "interrupted", "ended by SIGTERM"}
)

var exitTable = []exitCode{exitOK, exitFailed, exitUsage, exitInvalid, exitRefused, exitUnreachable, exitRejected, exitScript, exitPartial, exitInterrupted}

// exitOf maps the sentinels of the library. The first that errors.Is finds
// counts.
var exitOf = []struct {
	err  error
	exit exitCode
}{
	{trust.ErrInvalid, exitInvalid},
	{fetch.ErrTooLarge, exitInvalid},
	{fetch.ErrURL, exitInvalid},
	{link.ErrNotSerial, exitInvalid},
	{store.ErrScheme, exitInvalid},
	{link.ErrAddress, exitUsage},
	{link.ErrScheme, exitUsage},
	{fetch.ErrAddress, exitRefused},
	{fetch.ErrRedirect, exitRefused},
	{fetch.ErrCertificate, exitRefused},
	{remote.ErrUncontained, exitRefused},
	{fetch.ErrUnreachable, exitUnreachable},
	{fetch.ErrTimeout, exitUnreachable},
	{link.ErrUnreachable, exitUnreachable},
	{link.ErrInUse, exitUnreachable},
	{store.ErrUnreachable, exitUnreachable},
	{link.ErrBusy, exitUnreachable},
	{link.ErrGone, exitUnreachable},
	{link.ErrAmbiguous, exitUnreachable},
	{remote.ErrLocked, exitUnreachable},
	{durable.ErrLocked, exitUnreachable}, // a state directory is in use
	{context.DeadlineExceeded, exitUnreachable},
}

// fault is an error that already knows its exit code.
type fault struct {
	exit   exitCode
	msg    string
	hint   string
	detail any
	cause  error
	silent bool // the reason was told already
}

func (f *fault) Error() string { return f.msg }
func (f *fault) Unwrap() error { return f.cause }

//go:noinline // many call it, none in a hurry: each copy is size
func usagef(hint, format string, args ...any) error {
	return &fault{exit: exitUsage, msg: fmt.Sprintf(format, args...), hint: hint}
}

//go:noinline // many call it, none in a hurry: each copy is size
func invalidf(hint, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &fault{exit: exitInvalid, msg: err.Error(), hint: hint, cause: errors.Unwrap(err)}
}

func refusedf(hint, format string, args ...any) error {
	return &fault{exit: exitRefused, msg: fmt.Sprintf(format, args...), hint: hint}
}

// classify gives each error its exit code: the one place that does.
func classify(ctx context.Context, err error) exitCode {
	if f, ok := errors.AsType[*fault](err); ok {
		return f.exit
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		if strings.HasPrefix(context.Cause(ctx).Error(), "terminated") {
			return exitTERM
		}
		return exitINT
	}
	if _, ok := errors.AsType[*trust.Refusal](err); ok {
		return exitRefused
	}
	if je, ok := errors.AsType[*job.Error](err); ok {
		switch je.Code {
		case job.CodeLoad:
			return exitInvalid // it did not run
		case job.CodeInternal:
			return exitFailed
		}
		return exitScript
	}
	if _, ok := errors.AsType[*journal.BrokenError](err); ok {
		return exitRefused
	}
	if se, ok := errors.AsType[*fetch.StatusError](err); ok {
		if se.Code >= 500 {
			return exitUnreachable
		}
		return exitRejected
	}
	for _, row := range exitOf {
		if errors.Is(err, row.err) {
			return row.exit
		}
	}
	return exitFailed
}

// report tells an error on stderr and returns the exit code.
func (s *streams) report(ctx context.Context, err error) int {
	if err == nil {
		return 0
	}
	exit := classify(ctx, err)
	f, ok := errors.AsType[*fault](err)
	if ok && f.silent && !s.json {
		return exit.code
	}
	if exit == exitUnreachable && s.quiet > 1 {
		return exit.code
	}
	msg, hint := oneLine(err.Error()), ""
	var detail any
	if ok {
		hint, detail = f.hint, f.detail
	}
	if r, ok := errors.AsType[*trust.Refusal](err); ok {
		hint = r.Hint
		detail = map[string]string{"reason": r.Reason}
	}
	if s.json {
		writeJSONError(s.err, exit, msg, hint, detail)
		return exit.code
	}
	fmt.Fprintf(s.err, "lander: %s %s\n", s.paint(s.err, "error:"), msg)
	if hint != "" {
		fmt.Fprintf(s.err, "lander: %s %s\n", s.paint(s.err, "hint:"), oneLine(hint))
	}
	return exit.code
}

// oneLine keeps a message that quotes foreign text, or that joins several, on its
// line, and control characters off the terminal.
func oneLine(s string) string {
	s = strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "; ")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\r':
			return ' '
		case r < ' ', r == 0x7f, r >= 0x80 && r < 0xa0:
			return '?'
		}
		return r
	}, s)
}

func writeJSONError(w io.Writer, exit exitCode, msg, hint string, detail any) {
	type body struct {
		Code    string `json:"code"`
		Exit    int    `json:"exit"`
		Message string `json:"message"`
		Hint    string `json:"hint"`
		Detail  any    `json:"detail"`
	}
	if detail == nil {
		detail = struct{}{}
	}
	b, err := json.Marshal(map[string]body{"error": {exit.name, exit.code, msg, hint, detail}})
	if err != nil {
		b = fmt.Appendf(nil, `{"error":{"code":%q,"exit":%d,"message":%q}}`, exit.name, exit.code, msg)
	}
	w.Write(append(b, '\n'))
}
