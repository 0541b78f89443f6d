package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"unicode/utf8"

	"github.com/fatih/color"
	"golang.org/x/term"
)

// streams are the process's own, with what decides how to write on them.
type streams struct {
	in      io.Reader
	out     *outWriter
	err     io.Writer
	getenv  environment
	json    bool
	quiet   int
	noColor bool
	ctx     context.Context // of the call; ends with the first signal
	level   *slog.LevelVar  // of the log

	stdinUser string // who reads stdin
}

// outWriter remembers the first fault of stdout, so that a full disk behind a
// redirection is not taken for success.
type outWriter struct {
	turn sync.Mutex // one writes at a time, for as long as the reader takes
	w    io.Writer
	mu   sync.Mutex // of err: who asks for it does not wait for the reader
	err  error
}

func (o *outWriter) Write(p []byte) (int, error) {
	o.turn.Lock()
	defer o.turn.Unlock()
	if err := o.failed(); err != nil {
		return 0, err
	}
	n, err := o.w.Write(p)
	if err == nil {
		return n, nil
	}
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	err = fmt.Errorf("writing to stdout: %w", err)
	o.mu.Lock()
	o.err = err
	o.mu.Unlock()
	return n, err
}

func (o *outWriter) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colored decides for one stream: never into a pipe, unless forced.
func (s *streams) colored(w io.Writer) bool {
	switch {
	case s.noColor || s.getenv("NO_COLOR") != "":
		return false
	case s.getenv("CLICOLOR_FORCE") != "" && s.getenv("CLICOLOR_FORCE") != "0":
		return true
	}
	return s.getenv("TERM") != "dumb" && isTerminal(w)
}

// paint colours the words that begin a line on stderr.
func (s *streams) paint(w io.Writer, word string) string {
	if !s.colored(w) {
		return word
	}
	c := color.New(color.FgRed, color.Bold)
	switch word {
	case "warning:":
		c = color.New(color.FgYellow, color.Bold)
	case "hint:":
		c = color.New(color.FgCyan)
	}
	c.EnableColor()
	return c.Sprint(word)
}

// printer writes results: to stdout, as text or as JSON, and nothing else.
type printer struct {
	std   *streams
	json  bool
	quiet bool
}

func newPrinter(std *streams, asJSON, quiet, _ bool) *printer {
	return &printer{std: std, json: asJSON, quiet: quiet}
}

// result writes the one result of a command: v as a JSON object, or what text
// writes. Under --quiet the text is left out; JSON was asked for.
func (p *printer) result(v any, text func(io.Writer)) error {
	if p.json {
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("rendering the result: %w", err)
		}
		_, err = p.std.out.Write(append(b, '\n'))
		return err
	}
	if !p.quiet && text != nil {
		text(p.std.out)
	}
	return nil
}

// warn writes a warning line to stderr, and a hint line when there is one.
func (p *printer) warn(hint, format string, args ...any) {
	if p.quiet {
		return
	}
	msg := oneLine(fmt.Sprintf(format, args...))
	if p.json {
		b, _ := json.Marshal(map[string]string{"warning": msg, "hint": hint})
		p.std.err.Write(append(b, '\n'))
		return
	}
	fmt.Fprintf(p.std.err, "lander: %s %s\n", p.std.paint(p.std.err, "warning:"), msg)
	if hint != "" {
		fmt.Fprintf(p.std.err, "lander: %s %s\n", p.std.paint(p.std.err, "hint:"), oneLine(hint))
	}
}

// looksBinary says whether bytes would disturb a terminal.
func looksBinary(b []byte) bool {
	if !utf8.Valid(b) {
		return true
	}
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
			return true
		}
	}
	return false
}

// data writes a payload to stdout as it is, but not binary to a terminal.
func (s *streams) data(b []byte) error {
	if isTerminal(s.out.w) && looksBinary(b) {
		return usagef("redirect it, or name a file with -o FILE", "refusing to write binary data to a terminal")
	}
	_, err := s.out.Write(b)
	return err
}
