package link_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/link"
)

// Those that write at the same time wait for each other, and none for ever.
func TestStdioWriters(t *testing.T) {
	in, feed := io.Pipe()
	got, out := io.Pipe()
	c, err := link.Dial(t.Context(), link.Address{Scheme: link.Stdio}, link.Options{Stdin: in, Stdout: out})
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	defer c.Close()
	var wg sync.WaitGroup
	const writers, each = 8, 50
	for range writers {
		wg.Go(func() {
			for range each {
				if _, err := io.WriteString(c, "whole\n"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all := make(chan string, 1)
	go func() {
		b := make([]byte, writers*each*len("whole\n"))
		io.ReadFull(got, b)
		all <- string(b)
	}()
	select {
	case text := <-all:
		if text != strings.Repeat("whole\n", writers*each) {
			t.Errorf("pieces: %q", text)
		}
	case <-time.After(30 * time.Second):
		t.Error("a writer waits for ever")
		c.Close()
		got.Close()
	}
	wg.Wait()
}

func TestStdio(t *testing.T) {
	in, feed := io.Pipe()
	got, out := io.Pipe()
	c, err := link.Dial(t.Context(), link.Address{Scheme: link.Stdio}, link.Options{Stdin: in, Stdout: out})
	if err != nil {
		t.Fatal(err)
	}
	if c.Address().String() != "stdio:" {
		t.Errorf("address %s", c.Address())
	}
	// A deadline that passes before there is anything to read, and again after.
	for range 2 {
		if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read %d, %v", n, err)
		}
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	go func() {
		io.WriteString(feed, "hello")
		feed.Close()
	}()
	if b, err := io.ReadAll(c); err != nil || string(b) != "hello" {
		t.Errorf("read %q, %v", b, err)
	}
	// Nobody reads: the write deadline ends it, and the piece under way is
	// not lost.
	if err := c.SetWriteDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if n, err := io.WriteString(c, "x"); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if err := c.SetWriteDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := io.WriteString(c, "first "); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if err := c.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("y", 100_000)
	wrote := make(chan error)
	go func() {
		_, err := io.WriteString(c, long)
		wrote <- err
	}()
	buf := make([]byte, len("first ")+len(long))
	if _, err := io.ReadFull(got, buf); err != nil || string(buf) != "first "+long {
		t.Errorf("got %d bytes that begin %.9q, %v", len(buf), buf, err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := got.Read(buf); err != io.EOF {
		t.Errorf("the other end sees %v after the close", err)
	}
	if _, err := c.Read(buf); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after the close: %v", err)
	}
	if _, err := c.Write(buf); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after the close: %v", err)
	}
	if err := c.SetReadDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("deadline after the close: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if _, err := link.Dial(t.Context(), link.Address{Scheme: link.Stdio}, link.Options{}); err == nil {
		t.Error("stdio without streams")
	}
}

// A reader that never stops does not fill the memory, and Close wakes a read.
func TestStdioReadsAheadLittle(t *testing.T) {
	in, feed := io.Pipe()
	defer in.Close()
	c, err := link.Dial(t.Context(), link.Address{Scheme: link.Stdio}, link.Options{Stdin: in, Stdout: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	fed := make(chan int)
	go func() {
		n := 0
		for {
			m, err := feed.Write(make([]byte, 1000))
			n += m
			if err != nil {
				fed <- n
				return
			}
		}
	}()
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if n := <-fed; n > 100_000 {
		t.Errorf("%d bytes read ahead", n)
	}
	c, err = link.Dial(t.Context(), link.Address{Scheme: link.Stdio}, link.Options{Stdin: in, Stdout: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
