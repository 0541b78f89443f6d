package sms

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Refusal is a modem that said no: "+CMS ERROR: 38", or just "ERROR".
type Refusal struct{ Text string }

func (e *Refusal) Error() string { return "the modem says " + e.Text }

// maxLine bounds a line of the modem in bytes.
const maxLine = 4096

// maxAnswer bounds the lines of one answer.
const maxAnswer = 2000

// prompt is what lines carries for the "> " that asks for the text.
const prompt = "> "

// line is the line to a modem: commands one way, lines of text the other.
type line struct {
	c       io.ReadWriteCloser
	timeout time.Duration
	lines   chan string // closed when the line is lost
	stop    chan struct{}
	err     error    // why, when lines is closed
	came    []string // what the modem said unasked
}

func newLine(c io.ReadWriteCloser, timeout time.Duration) *line {
	l := &line{c: c, timeout: timeout, lines: make(chan string), stop: make(chan struct{})}
	go l.read()
	return l
}

// close ends the line and waits for its reader.
func (l *line) close() {
	l.c.Close()
	close(l.stop)
	for range l.lines {
	}
}

// read hands on what comes, line by line. The prompt has no line end.
func (l *line) read() {
	defer close(l.lines)
	r := bufio.NewReader(l.c)
	var text []byte
	hand := func(s string) bool {
		select {
		case l.lines <- s:
			return true
		case <-l.stop:
			return false
		}
	}
	for {
		b, err := r.ReadByte()
		if err != nil {
			l.err = fmt.Errorf("reading from the modem: %w", err)
			return
		}
		switch {
		case b == '\r' || b == '\n':
			s := strings.TrimSpace(string(text))
			text = text[:0]
			if s != "" && !hand(s) {
				return
			}
		case len(text) < maxLine:
			if text = append(text, b); string(text) == prompt {
				text = text[:0]
				if !hand(prompt) {
					return
				}
			}
		}
	}
}

// errSilent is a modem that does not answer in time.
var errSilent = errors.New("the modem does not answer in time")

// next is the next line.
func (l *line) next(late <-chan time.Time) (string, error) {
	select {
	case s, ok := <-l.lines:
		if !ok {
			return "", l.err
		}
		return s, nil
	case <-late:
		return "", errSilent
	}
}

// unasked keeps a line that is no answer. It reports whether it is one.
func (l *line) unasked(s string) bool {
	for _, p := range []string{"+CMTI:", "+CDSI:", "RING", "+CREG:", "^", "NO CARRIER", "+CRING:", "+CGREG:"} {
		if strings.HasPrefix(s, p) {
			if p == "+CMTI:" && len(l.came) < maxAnswer {
				l.came = append(l.came, s)
			}
			return true
		}
	}
	return false
}

// do sends a command and returns the lines of its answer, without the OK.
func (l *line) do(command string) ([]string, error) {
	return l.say(command+"\r", command, l.timeout)
}

func (l *line) say(text, echo string, timeout time.Duration) ([]string, error) {
	if _, err := io.WriteString(l.c, text); err != nil {
		return nil, fmt.Errorf("writing to the modem: %w", err)
	}
	t := time.NewTimer(timeout)
	defer t.Stop()
	var out []string
	for {
		s, err := l.next(t.C)
		switch {
		case err != nil:
			return nil, err
		case s == "OK":
			return out, nil
		case s == "ERROR" || strings.HasPrefix(s, "+CMS ERROR") || strings.HasPrefix(s, "+CME ERROR"):
			return nil, &Refusal{s}
		case s == prompt:
			return append(out, prompt), nil
		case s == echo, l.unasked(s):
		case len(out) < maxAnswer:
			out = append(out, s)
		}
	}
}
