package link_test

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"lander/lib/link"
)

// wsServer answers each binary message twice, with a text message between,
// and leaves at "bye".
func wsServer(t *testing.T) link.Address {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/bus" {
			http.NotFound(w, r)
			return
		}
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			_, b, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if string(b) == "bye" {
				c.Close(websocket.StatusNormalClosure, "")
				return
			}
			c.Write(r.Context(), websocket.MessageBinary, b)
			c.Write(r.Context(), websocket.MessageText, []byte("{}"))
			c.Write(r.Context(), websocket.MessageBinary, b)
		}
	}))
	t.Cleanup(srv.Close)
	a, err := link.Parse("ws" + strings.TrimPrefix(srv.URL, "http") + "/bus")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestWebSocketMessages(t *testing.T) {
	c, err := link.Dial(t.Context(), wsServer(t), link.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ws := c.(*link.WebSocket)
	if err := ws.WriteMessage([]byte("one")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if b, err := ws.ReadMessage(); err != nil || string(b) != "one" {
			t.Fatalf("%q, %v", b, err)
		}
	}
	ws.WriteMessage([]byte("bye"))
	if _, err := ws.ReadMessage(); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
}

func TestWebSocketStream(t *testing.T) {
	c, err := link.Dial(t.Context(), wsServer(t), link.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "abc"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 6)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "abcabc" {
		t.Fatalf("%q, %v", b, err)
	}
	c.SetReadDeadline(time.Now())
	if _, err := c.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	c.SetReadDeadline(time.Time{})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(b); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestWebSocketDialFails(t *testing.T) {
	a := wsServer(t)
	a.Path = "/nothing"
	if _, err := link.Dial(t.Context(), a, link.Options{}); !errors.Is(err, link.ErrUnreachable) || !strings.Contains(err.Error(), "404") {
		t.Errorf("no WebSocket there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := link.Dial(ctx, a, link.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	if _, err := link.Dial(t.Context(), link.Address{Scheme: link.WS, Host: "127.0.0.1", Port: port, Path: "/"}, link.Options{}); !errors.Is(err, link.ErrUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
}

// A peer that stops in the midst of a message, or never answers, does not keep
// Close.
func TestWebSocketCloseDoesNotWait(t *testing.T) {
	for name, after := range map[string]string{"mute": "", "half a message": "\x82\x7f\x00\x00\x00\x00\x00\x00\x10\x00abc"} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
				conn, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n%s",
					base64.StdEncoding.EncodeToString(sum[:]), after)
				io.Copy(io.Discard, conn)
			}))
			defer srv.Close()
			a, err := link.Parse("ws" + strings.TrimPrefix(srv.URL, "http") + "/")
			if err != nil {
				t.Fatal(err)
			}
			conn, err := link.Dial(t.Context(), a, link.Options{})
			if err != nil {
				t.Fatal(err)
			}
			read := make(chan error, 1)
			go func() {
				_, err := conn.(*link.WebSocket).ReadMessage()
				read <- err
			}()
			begun := time.Now()
			conn.Close()
			if took := time.Since(begun); took > 4*time.Second { // the library's own wait is 5 s
				t.Errorf("Close took %v", took)
			}
			if err := <-read; err == nil {
				t.Error("a message was read")
			}
		})
	}
}
