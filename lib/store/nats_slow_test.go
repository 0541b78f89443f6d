package store_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"lander/lib/store"
)

// longWay listens where connections reach target by a way that takes delay in
// each direction.
func longWay(t *testing.T, target string, delay *atomic.Int64) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				in.Close()
				return
			}
			for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
				wg.Go(func() { carry(way[0], way[1], delay) })
			}
		}
	})
	return l.Addr().String()
}

func carry(from, to net.Conn, delay *atomic.Int64) {
	type piece struct {
		due time.Time
		b   []byte
	}
	pieces := make(chan piece, 1000)
	go func() {
		defer close(pieces)
		for {
			b := make([]byte, 32<<10)
			n, err := from.Read(b)
			if n > 0 {
				pieces <- piece{time.Now().Add(time.Duration(delay.Load())), b[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	defer to.Close()
	var failed error
	for p := range pieces {
		time.Sleep(time.Until(p.due))
		if failed == nil {
			if _, failed = to.Write(p.b); failed != nil {
				from.Close()
			}
		}
	}
}

// Servers that are far away, not gone: answers are waited for as long as the
// way there is, and who watches hears of all.
func TestNATSLongWay(t *testing.T) {
	srv := natsServer(t, &server.Options{})
	near := openNATS(t, srv.ClientURL())
	var delay atomic.Int64
	far := openNATS(t, "nats://"+longWay(t, strings.TrimPrefix(srv.ClientURL(), "nats://"), &delay))
	far.SetTry(50 * time.Millisecond)
	delay.Store(int64(60 * time.Millisecond))

	rev, err := far.Put(t.Context(), "a/far", []byte("1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := far.Get(t.Context(), "a/far"); err != nil || e.Rev != rev || string(e.Value) != "1" {
		t.Errorf("%+v, %v", e, err)
	}
	n := 0
	for c, err := range far.Watch(t.Context(), "a") {
		if err != nil {
			t.Fatal(err)
		}
		if c.Kind == store.Caught {
			n = 1
		} else if n > 0 && string(c.Value) != fmt.Sprint("near ", n) {
			t.Errorf("%+v, want the change %d", c, n)
		} else if n > 0 {
			n++
		}
		if n > 3 {
			break
		}
		if n > 0 {
			if _, err := near.Put(t.Context(), fmt.Sprint("a/near", n), fmt.Append(nil, "near ", n), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
}
