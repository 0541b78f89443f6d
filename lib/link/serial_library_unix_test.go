//go:build unix

package link_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"lander/lib/link"
)

func openByLibrary(t *testing.T) (device *os.File, p *link.SerialPort) {
	t.Helper()
	device, path := newPTY(t)
	p, err := link.OpenByLibrary(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return device, p
}

func TestLibraryTransfers(t *testing.T) {
	device, p := openByLibrary(t)
	data := bytes.Repeat([]byte("0123456789abcde\n"), 8<<10)
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
	if err := errors.Join(p.Drain(), p.SetBaud(9600), p.SetDTR(false), p.SetRTS(true), p.Discard()); err != nil {
		t.Error(err)
	}
}

func TestLibraryDeadlines(t *testing.T) {
	device, p := openByLibrary(t)
	buf := make([]byte, 8)
	p.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	if n, err := p.Read(buf); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d, %v", n, err)
	}
	if _, err := device.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	p.SetReadDeadline(time.Time{})
	if _, err := io.ReadFull(p, buf[:4]); err != nil || string(buf[:4]) != "late" {
		t.Errorf("read %q, %v", buf[:4], err)
	}
	p.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := p.Write(make([]byte, 1<<20)); n == 1<<20 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("wrote %d, %v", n, err)
	}
	// A pty does not let go of the blocked write: Close gives up on it.
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := p.Read(buf); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after the close: %v", err)
	}
}

func TestLibraryHangUp(t *testing.T) {
	device, p := openByLibrary(t)
	got := make(chan error)
	go func() {
		_, err := p.Read(make([]byte, 1))
		got <- err
	}()
	device.Close()
	if err := <-got; !errors.Is(err, link.ErrGone) {
		t.Errorf("read: %v, want ErrGone", err)
	}
	if _, err := p.Write([]byte("x")); !errors.Is(err, link.ErrGone) {
		t.Errorf("write: %v, want ErrGone", err)
	}
}

func TestLibraryCloseWakesRead(t *testing.T) {
	_, p := openByLibrary(t)
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
