package fetch

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
)

func TestAskedConnReadsOnlyWhenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		c := &askedConn{Conn: ours, asked: make(chan struct{})}
		go theirs.Write([]byte("early"))
		got := make(chan string, 1)
		go func() {
			buf := make([]byte, 5)
			_, err := io.ReadFull(c, buf)
			if err != nil {
				buf = []byte(err.Error())
			}
			got <- string(buf)
		}()
		synctest.Wait()
		select {
		case s := <-got:
			t.Errorf("read %q before anything was asked", s)
		default:
		}
		go io.ReadFull(theirs, make([]byte, 3))
		if _, err := c.Write([]byte("GET")); err != nil {
			t.Fatal(err)
		}
		if s := <-got; s != "early" {
			t.Errorf("read %q", s)
		}
		c.Close()
		theirs.Close()
	})
}

func TestAskedConnCloseWakesRead(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := &askedConn{Conn: ours, asked: make(chan struct{})}
	got := make(chan error)
	go func() {
		_, err := c.Read(make([]byte, 1))
		got <- err
	}()
	c.Close()
	if err := <-got; err == nil {
		t.Error("a read of a closed connection")
	}
	c.Close()
}
