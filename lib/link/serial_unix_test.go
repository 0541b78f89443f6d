//go:build unix

package link_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"lander/lib/link"
)

// newPTY is a pseudo terminal: the device's end and the path of ours. The
// device's end is raw and does not echo.
func newPTY(t *testing.T) (device *os.File, path string) {
	t.Helper()
	device, tty, err := pty.Open()
	if err != nil {
		if os.Getenv("LANDER_INTEROP") == "1" {
			t.Fatalf("no pseudo terminal: %v", err)
		}
		t.Skipf("no pseudo terminal on this machine: %v", err)
	}
	t.Cleanup(func() { device.Close() })
	path = tty.Name()
	// Ours, kept open so that the device's end never sees the last close.
	t.Cleanup(func() { tty.Close() })
	return device, path
}

func openSerial(t *testing.T, path string) *link.SerialPort {
	t.Helper()
	c, err := link.Dial(t.Context(), link.Address{Scheme: link.Serial, Path: path}, link.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*link.SerialPort)
}

func TestSerialIsTransparent(t *testing.T) {
	device, path := newPTY(t)
	p := openSerial(t, path)
	if want := "serial://" + path + "?baud=115200"; p.Address().String() != want {
		t.Errorf("address %s, want %s", p.Address(), want)
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	buf := make([]byte, 256)
	if _, err := p.Write(all); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(device, buf); err != nil || !bytes.Equal(buf, all) {
		t.Errorf("to the device: %x, %v", buf, err)
	}
	if _, err := device.Write(all); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(p, buf); err != nil || !bytes.Equal(buf, all) {
		t.Errorf("from the device: %x, %v", buf, err)
	}
	if err := p.Drain(); err != nil {
		t.Errorf("drain: %v", err)
	}
	// A pty has no modem lines: that is no error.
	if err := errors.Join(p.SetDTR(false), p.SetRTS(false), p.SetDTR(true), p.SetRTS(true)); err != nil {
		t.Errorf("modem lines: %v", err)
	}
}

func TestSerialLarge(t *testing.T) {
	device, path := newPTY(t)
	p := openSerial(t, path)
	data := bytes.Repeat([]byte("0123456789abcde\n"), 16<<10) // 256 KiB
	go io.Copy(device, device)
	wrote := make(chan error)
	go func() {
		_, err := p.Write(data)
		wrote <- err
	}()
	buf := make([]byte, len(data))
	if _, err := io.ReadFull(p, buf); err != nil || !bytes.Equal(buf, data) {
		t.Errorf("echo differs: %v", err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}

func TestSerialDeadlines(t *testing.T) {
	device, path := newPTY(t)
	p := openSerial(t, path)
	buf := make([]byte, 64<<10)
	for _, at := range []time.Time{time.Unix(1, 0), time.Now().Add(5 * time.Millisecond)} {
		if err := p.SetReadDeadline(at); err != nil {
			t.Fatal(err)
		}
		if n, err := p.Read(buf); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read %d, %v", n, err)
		}
	}
	// One that is set while a read waits.
	if err := p.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	got := make(chan error)
	go func() {
		_, err := p.Read(buf)
		got <- err
	}()
	p.SetReadDeadline(time.Unix(1, 0))
	if err := <-got; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("woken read: %v", err)
	}
	// Nothing that came late is lost.
	if _, err := device.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	p.SetReadDeadline(time.Time{})
	if _, err := io.ReadFull(p, buf[:4]); err != nil || string(buf[:4]) != "late" {
		t.Errorf("read %q, %v", buf[:4], err)
	}

	// Nobody reads at the device's end: no large write ends by itself.
	p.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := p.Write(make([]byte, 1<<20)); n == 1<<20 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("blocked write: %d, %v", n, err)
	}
	if err := p.SetBaud(9600); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("an operation past the deadline: %v", err)
	}
	p.SetWriteDeadline(time.Time{})
	go func() {
		_, err := p.Write(buf)
		got <- err
	}()
	if err := p.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := <-got; !errors.Is(err, net.ErrClosed) {
		t.Errorf("blocked write after the close: %v", err)
	}
	if _, err := p.Read(buf); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after the close: %v", err)
	}
	if _, err := p.Write(buf); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after the close: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestSerialCloseWakesRead(t *testing.T) {
	_, path := newPTY(t)
	p := openSerial(t, path)
	got := make(chan error)
	go func() {
		_, err := p.Read(make([]byte, 1))
		got <- err
	}()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := <-got; !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v, want ErrClosed", err)
	}
}

func TestSerialHangUp(t *testing.T) {
	device, path := newPTY(t)
	p := openSerial(t, path)
	got := make(chan error)
	go func() {
		_, err := p.Read(make([]byte, 1))
		got <- err
	}()
	device.Close()
	gone := func(what string, err error) {
		t.Helper()
		pe, ok := errors.AsType[*link.PortError](err)
		if !errors.Is(err, link.ErrGone) || !ok || pe.Port != path || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want ErrGone naming %s", what, err, path)
		}
	}
	gone("read under way", <-got)
	_, err := p.Read(make([]byte, 1))
	gone("next read", err)
	_, err = p.Write([]byte("x"))
	gone("write", err)
	gone("drain", p.Drain())
	if err := p.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// Root passes TIOCEXCL: the lock beside it keeps a second opener out, in this
// process and in any other.
func TestSerialIsExclusive(t *testing.T) {
	_, path := newPTY(t)
	p := openSerial(t, path)
	a := link.Address{Scheme: link.Serial, Path: path}
	_, err := link.Dial(t.Context(), a, link.Options{})
	if pe, ok := errors.AsType[*link.PortError](err); !errors.Is(err, link.ErrBusy) || !ok || pe.Port != path {
		t.Errorf("second opener: %v, want ErrBusy", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	again := openSerial(t, path)
	again.Close()
}

func TestSerialDiscard(t *testing.T) {
	device, path := newPTY(t)
	p := openSerial(t, path)
	buf := make([]byte, 64)
	if _, err := device.Write([]byte("old garbage")); err != nil {
		t.Fatal(err)
	}
	// Part of it is read ahead by now.
	if _, err := io.ReadFull(p, buf[:1]); err != nil {
		t.Fatal(err)
	}
	if err := p.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := device.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(p, buf[:3]); err != nil || string(buf[:3]) != "new" {
		t.Errorf("read %q, %v", buf[:3], err)
	}
}

func TestSerialWrongPaths(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{filepath.Join(dir, "none"): link.ErrGone, file: link.ErrNotSerial, fifo: link.ErrNotSerial, dir: link.ErrNotSerial, "/dev/null": link.ErrNotSerial} {
		_, err := link.Dial(t.Context(), link.Address{Scheme: link.Serial, Path: path}, link.Options{})
		if !errors.Is(err, want) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}

func TestSerialByAnotherName(t *testing.T) {
	_, path := newPTY(t)
	by := filepath.Join(t.TempDir(), "usb-board-if00")
	if err := os.Symlink(path, by); err != nil {
		t.Fatal(err)
	}
	p := openSerial(t, by)
	if p.Address().Path != by {
		t.Errorf("address %s", p.Address())
	}
	if _, err := link.Dial(t.Context(), link.Address{Scheme: link.Serial, Path: path}, link.Options{}); !errors.Is(err, link.ErrBusy) {
		t.Errorf("by its first name: %v, want ErrBusy", err)
	}
}

func TestSerialErrorsAreWords(t *testing.T) {
	err := error(&link.PortError{Port: "/dev/ttyUSB0", Err: link.ErrBusy})
	if err.Error() != "serial port /dev/ttyUSB0: port busy" || errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
