package link_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/link"
)

func parse(t testing.TB, text string) link.Address {
	t.Helper()
	a, err := link.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// socketDir is a directory whose path is short enough for a socket.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "l")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func listen(t *testing.T, a link.Address) *link.Listener {
	t.Helper()
	l, err := link.Listen(t.Context(), a, link.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// exchange connects to l and sends a word each way.
func exchange(t *testing.T, l *link.Listener) (dialled, accepted link.Conn) {
	t.Helper()
	got := make(chan link.Conn, 1)
	go func() {
		c, err := l.Accept(t.Context())
		if err != nil {
			t.Error(err)
		}
		got <- c
	}()
	c, err := link.Dial(t.Context(), l.Address(), link.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s := <-got
	if s == nil {
		t.FailNow()
	}
	t.Cleanup(func() { s.Close() })
	for _, dir := range [][2]link.Conn{{c, s}, {s, c}} {
		if _, err := io.WriteString(dir[0], "word"); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 4)
		if _, err := io.ReadFull(dir[1], buf); err != nil || string(buf) != "word" {
			t.Fatalf("%q, %v", buf, err)
		}
	}
	return c, s
}

func TestTCP(t *testing.T) {
	for _, text := range []string{"tcp://127.0.0.1:0", "tcp://localhost:0", "tcp://[::1]:0"} {
		if text == "tcp://[::1]:0" {
			if ln, err := net.Listen("tcp6", "[::1]:0"); err != nil {
				t.Logf("no IPv6 loopback on this machine: %v", err)
				continue
			} else {
				ln.Close()
			}
		}
		l := listen(t, parse(t, text))
		if l.Address().Port == 0 || l.Address().Host != parse(t, text).Host {
			t.Errorf("%s: listens at %s", text, l.Address())
		}
		c, s := exchange(t, l)
		if c.Address() != l.Address() {
			t.Errorf("dialled %s, says %s", l.Address(), c.Address())
		}
		if a := s.Address(); a.Scheme != link.TCP || a.Port == 0 || !a.Loopback() {
			t.Errorf("accepted from %s", a)
		}
		if _, err := link.Listen(t.Context(), l.Address(), link.Options{}); !errors.Is(err, link.ErrInUse) {
			t.Errorf("second listener: %v, want ErrInUse", err)
		}
		l.Close()
		_, err := link.Dial(t.Context(), l.Address(), link.Options{})
		if !errors.Is(err, link.ErrUnreachable) || strings.Count(err.Error(), l.Address().Host) != 1 {
			t.Errorf("after the close: %v", err)
		}
	}
	if _, err := link.Dial(t.Context(), parse(t, "tcp://127.0.0.1:0"), link.Options{}); !errors.Is(err, link.ErrAddress) {
		t.Errorf("port 0: %v", err)
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, text := range []string{"tcp://127.0.0.1:1", "unix:///nowhere", "serial:///nowhere", "stdio:"} {
		if _, err := link.Dial(ctx, parse(t, text), link.Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want Canceled", text, err)
		}
	}
}

func TestDeadlines(t *testing.T) {
	c, _ := exchange(t, listen(t, parse(t, "tcp://127.0.0.1:0")))
	got := make(chan error)
	go func() {
		_, err := c.Read(make([]byte, 1))
		got <- err
	}()
	// Set while the read waits, or before: it ends it either way.
	if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := <-got; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestAccept(t *testing.T) {
	l := listen(t, parse(t, "tcp://127.0.0.1:0"))
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan error)
	go func() {
		_, err := l.Accept(ctx)
		got <- err
	}()
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Errorf("end of the context: %v", err)
	}
	exchange(t, l) // it is not spoilt by that
	go func() {
		_, err := l.Accept(t.Context())
		got <- err
	}()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-got; !errors.Is(err, net.ErrClosed) {
		t.Errorf("close: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestListenElsewhere(t *testing.T) {
	for _, text := range []string{"stdio:", "serial:auto", "serial:///dev/ttyS0"} {
		if _, err := link.Listen(t.Context(), parse(t, text), link.Options{}); !errors.Is(err, link.ErrScheme) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func skipUnix(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("unix sockets have no modes and inodes on this system")
	}
}

func TestUnix(t *testing.T) {
	skipUnix(t)
	dir := socketDir(t)
	path := filepath.Join(dir, "agent.sock")
	a := link.Address{Scheme: link.Unix, Path: path}
	l := listen(t, a)
	c, s := exchange(t, l)
	if c.Address() != a || s.Address() != a || l.Address() != a {
		t.Errorf("addresses %s, %s, %s", c.Address(), s.Address(), l.Address())
	}
	st, err := os.Lstat(path)
	if err != nil || st.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	if _, err := link.Listen(t.Context(), a, link.Options{}); !errors.Is(err, link.ErrInUse) {
		t.Errorf("second listener: %v, want ErrInUse", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if es, err := os.ReadDir(dir); err != nil || len(es) != 0 {
		t.Errorf("left behind: %v, %v", es, err)
	}
	if _, err := link.Dial(t.Context(), a, link.Options{}); !errors.Is(err, link.ErrUnreachable) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("dial after the close: %v", err)
	}
	o, err := link.Listen(t.Context(), a, link.Options{SocketMode: 0o660})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if st, err := os.Lstat(path); err != nil || st.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

// stale leaves a socket behind that nobody listens at.
func stale(t *testing.T, path string) {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
}

func TestUnixReplacesOnlyStaleSockets(t *testing.T) {
	skipUnix(t)
	dir := socketDir(t)
	sock := filepath.Join(dir, "stale")
	stale(t, sock)
	exchange(t, listen(t, link.Address{Scheme: link.Unix, Path: sock}))

	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, filepath.Join(dir, "symlink")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"file", "symlink", "."} {
		_, err := link.Listen(t.Context(), link.Address{Scheme: link.Unix, Path: filepath.Join(dir, name)}, link.Options{})
		if err == nil || !strings.Contains(err.Error(), "not a socket") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "precious" {
		t.Errorf("the file has %q, %v", b, err)
	}
	if _, err := link.Listen(t.Context(), link.Address{Scheme: link.Unix, Path: filepath.Join(dir, "no", "dir")}, link.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

// Of many that find the same stale socket one listens in the end.
func TestUnixOneListener(t *testing.T) {
	skipUnix(t)
	path := filepath.Join(socketDir(t), "s")
	stale(t, path)
	a := link.Address{Scheme: link.Unix, Path: path}
	var mu sync.Mutex
	var won []*link.Listener
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			l, err := link.Listen(t.Context(), a, link.Options{})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won = append(won, l)
			} else if !errors.Is(err, link.ErrInUse) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d listeners at one path", len(won))
	}
	exchange(t, won[0])
	// It does not take away the socket of one that came after it.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	after := listen(t, a)
	if err := won[0].Close(); err != nil {
		t.Error(err)
	}
	exchange(t, after)
}

func TestFileListener(t *testing.T) {
	skipUnix(t)
	path := filepath.Join(socketDir(t), "s")
	for _, text := range []string{"tcp://127.0.0.1:0", "unix://" + path} {
		var ln interface {
			net.Listener
			File() (*os.File, error)
		}
		a := parse(t, text)
		switch a.Scheme {
		case link.TCP:
			l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			ln = l
			a.Port = l.Addr().(*net.TCPAddr).Port
		case link.Unix:
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			l.SetUnlinkOnClose(false)
			ln = l
		}
		f, err := ln.File()
		if err != nil {
			t.Fatal(err)
		}
		ln.Close()
		l, err := link.FileListener(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		if l.Address() != a {
			t.Errorf("listens at %s, want %s", l.Address(), a)
		}
		exchange(t, l)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the service manager's socket: %v", err)
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if l, err := link.FileListener(f); err == nil {
		t.Errorf("%v listens at no socket", l.Address())
	}
}
