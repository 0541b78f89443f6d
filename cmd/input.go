package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"lander/lib/trust"
)

// isWeb tells the address of a gateway's API, or of a script, from others.
func isWeb(text string) bool {
	return strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://")
}

// openInput opens a file operand, or stdin for "-". what names it in errors.
func (k *call) openInput(path, what string) (io.ReadCloser, error) {
	if path == "-" {
		r, err := k.stdin(what)
		if err != nil {
			return nil, err
		}
		return readable{k, path, io.NopCloser(r)}, nil
	}
	st, err := os.Stat(path)
	if err != nil {
		hint := ""
		if strings.Contains(path, "://") {
			hint = "it is taken for a file: get it by another program, and pass it on stdin"
		}
		return nil, invalidf(hint, "reading %s: %w", path, plainCause(err))
	}
	switch {
	case st.IsDir():
		return nil, invalidf("", "reading %s: it is a directory", path)
	case st.Mode()&fs.ModeNamedPipe != 0 && !strings.HasPrefix(path, "/dev/fd/") && !strings.HasPrefix(path, "/proc/self/fd/"):
		// Opening it would wait for a writer that may never come.
		return nil, invalidf("pass it on stdin: lander ... - < "+path, "reading %s: it is a FIFO", path)
	case st.Mode()&(fs.ModeSocket|fs.ModeDevice) != 0 && st.Mode()&fs.ModeCharDevice == 0:
		return nil, invalidf("", "reading %s: it is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, invalidf("", "reading %s: %w", path, plainCause(err))
	}
	return readable{k, path, f}, nil
}

// readable is an input whose faults say which it is, and that it is one.
type readable struct {
	k    *call
	path string
	io.ReadCloser
}

func (r readable) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	if err != nil && err != io.EOF {
		err = r.k.readFault(r.path, err)
	}
	return n, err
}

// plainCause strips what the caller's message says already.
//
//go:noinline // many call it, none in a hurry: each copy is size
func plainCause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// stdin hands stdin out, once, and not from a terminal: a command that waits
// for typed bytes looks as if it hung.
func (k *call) stdin(what string) (io.Reader, error) {
	if k.stdinUser != "" {
		return nil, usagef("", "%s and %s cannot both be read from stdin", k.stdinUser, what)
	}
	k.stdinUser = what
	if isTerminal(k.in) {
		return nil, usagef("redirect a file into it, or name the file", "refusing to read %s from a terminal", what)
	}
	return &untilStopped{k.ctx, k.in}, nil
}

// untilStopped reads in until ctx ends, also where in is silent then: nothing
// else wakes who reads a pipe. The one that waits there ends with the process.
type untilStopped struct {
	ctx context.Context
	in  io.Reader
}

func (u *untilStopped) Read(b []byte) (int, error) {
	own := make([]byte, len(b)) // who waits on must not write into b
	var n int
	var err error
	done := make(chan struct{})
	go func() {
		n, err = u.in.Read(own)
		close(done)
	}()
	select {
	case <-done:
		return copy(b, own[:n]), err
	case <-u.ctx.Done():
		return 0, context.Cause(u.ctx)
	}
}

// readFault is what keeps an input from being read: that the call was stopped,
// or the input itself.
func (k *call) readFault(what string, err error) error {
	if k.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return k.stopped()
	}
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	return invalidf("", "reading %s: %w", what, plainCause(err))
}

// readInput reads a small file operand whole.
func (k *call) readInput(path, what string, limit int64) ([]byte, error) {
	f, err := k.openInput(path, what)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, k.readFault(path, err)
	}
	if int64(len(b)) > limit {
		return nil, invalidf("", "reading %s: larger than %d bytes", path, limit)
	}
	return b, nil
}

// privateKey reads --key, asking for a passphrase when it needs one.
func (k *call) privateKey() (trust.PrivateKey, error) {
	path := k.cli.String("key")
	if path == "" {
		return trust.PrivateKey{}, usagef("make one with lander script keygen --out NAME", "--key FILE is needed")
	}
	text, err := k.readInput(path, "the key", 64<<10)
	if err != nil {
		return trust.PrivateKey{}, err
	}
	if err := k.checkKeyMode(path); err != nil {
		return trust.PrivateKey{}, err
	}
	pass := ""
	if trust.Encrypted(text) {
		if pass, err = k.passphrase("passphrase for "+path, false); err != nil {
			return trust.PrivateKey{}, err
		}
	}
	key, err := trust.ParsePrivateKey(text, pass)
	if err != nil {
		return key, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// checkKeyMode warns of a key that others can read.
func (k *call) checkKeyMode(path string) error {
	st, err := os.Stat(path)
	if err != nil || st.Mode()&0o077 == 0 || !st.Mode().IsRegular() || os.PathSeparator == '\\' {
		return nil
	}
	if k.cli.Bool("strict") {
		return refusedf("chmod 600 "+path, "the key file %s can be read by others", path)
	}
	k.ui.warn("chmod 600 "+path, "the key file %s can be read by others", path)
	return nil
}

// passphrase reads from --passphrase-fd, else asks on the terminal, twice
// when it is a new one.
func (k *call) passphrase(prompt string, fresh bool) (string, error) {
	if fd := k.cli.Int("passphrase-fd"); fd >= 0 {
		var f io.Reader
		var err error
		if fd != 0 {
			f = &untilStopped{k.ctx, os.NewFile(uintptr(fd), "fd "+strconv.Itoa(fd))}
		} else if f, err = k.stdin("the passphrase"); err != nil {
			return "", err
		}
		b, err := io.ReadAll(io.LimitReader(f, 4097))
		if err != nil {
			return "", k.readFault(fmt.Sprintf("the passphrase from descriptor %d", fd), err)
		}
		line, _, _ := bytes.Cut(b, []byte("\n"))
		if len(line) == 0 || len(line) > 4096 {
			return "", invalidf("", "the passphrase from descriptor %d is empty or too long", fd)
		}
		return strings.TrimSuffix(string(line), "\r"), nil
	}
	if k.cli.Bool("no-input") || !isTerminal(k.err) {
		return "", usagef("give it with --passphrase-fd N", "a %s is needed, and there is no terminal to ask on", prompt)
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", usagef("give it with --passphrase-fd N", "a %s is needed, and there is no terminal to ask on", prompt)
	}
	defer tty.Close()
	ask := func(q string) (string, error) {
		fmt.Fprintf(tty, "%s: ", q)
		b, err := term.ReadPassword(int(tty.Fd()))
		fmt.Fprintln(tty)
		if err != nil {
			return "", fmt.Errorf("reading the passphrase: %w", err)
		}
		return string(b), nil
	}
	pass, err := ask(prompt)
	if err != nil || !fresh {
		return pass, err
	}
	again, err := ask("again")
	if err == nil && again != pass {
		err = usagef("", "the two passphrases differ")
	}
	return pass, err
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
