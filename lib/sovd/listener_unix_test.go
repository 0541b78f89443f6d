//go:build unix

package sovd_test

import (
	"bufio"
	"context"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"lander/lib/link"
	"lander/lib/sovd"
)

// told passes on that something was logged.
type told chan string

func (l told) Write(p []byte) (int, error) {
	select {
	case l <- string(p):
	default:
	}
	return len(p), nil
}

// A server that has no descriptors left serves again when it has.
func TestServerWithoutDescriptors(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l, err := link.Listen(ctx, link.Address{Scheme: link.TCP, Host: "127.0.0.1"}, link.Options{})
	if err != nil {
		t.Fatal(err)
	}
	words := make(told, 1)
	srv := &http.Server{ErrorLog: log.New(words, "", 0), Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(sovd.Listener(ctx, l, nil)) }()
	defer func() { srv.Close(); <-served }()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: l.Address().Port, Addr: [4]byte{127, 0, 0, 1}})
	var word string
	select {
	case word = <-words:
	case err := <-served:
		served <- err
		word = "ended: " + err.Error()
	}
	if rerr := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); rerr != nil || err != nil {
		t.Fatal(rerr, err)
	}
	if !strings.Contains(word, "too many open files") || strings.HasPrefix(word, "ended") {
		t.Errorf("%q", word)
	}
	c, err := net.Dial("tcp", strings.TrimPrefix(l.Address().String(), "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Errorf("%q, %v", line, err)
	}
}
