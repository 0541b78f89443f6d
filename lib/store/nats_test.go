package store_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"

	"lander/lib/store"
	"lander/lib/store/storetest"
)

// natsServer starts a server in this process.
func natsServer(t testing.TB, o *server.Options) *server.Server {
	t.Helper()
	o.Host, o.NoLog, o.NoSigs, o.JetStream = "127.0.0.1", true, true, true
	if o.MaxPayload == 0 {
		o.MaxPayload = 2 << 20
	}
	if o.StoreDir == "" {
		o.StoreDir = t.TempDir()
	}
	if o.Port == 0 {
		o.Port = -1
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s
}

func openNATS(t testing.TB, address string) *store.NATS {
	t.Helper()
	o, err := store.ParseNATS(address)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenNATS(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestNATS(t *testing.T) {
	srv := natsServer(t, &server.Options{})
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		n++
		return openNATS(t, fmt.Sprintf("%s/suite%d", srv.ClientURL(), n))
	})
}

func TestParseNATS(t *testing.T) {
	tests := []struct {
		address string
		want    store.NATSOptions
		err     string
	}{
		{"nats://h:4222", store.NATSOptions{Servers: "nats://h:4222", Name: "lander"}, ""},
		{"nats://a:1,b:2/plant?replicas=3&creds=/f&ca=/c", store.NATSOptions{Servers: "nats://a:1,nats://b:2", Name: "plant", Replicas: 3, Creds: "/f", CA: "/c"}, ""},
		{"nats://u:p@a:1/", store.NATSOptions{Servers: "nats://u:p@a:1", Name: "lander"}, ""},
		{"nats://", store.NATSOptions{}, "a server is missing"},
		{"nats://a,,b", store.NATSOptions{}, "a server is missing"},
		{"nats://a/b.c", store.NATSOptions{}, "no name"},
		{"nats://a?replicas=0", store.NATSOptions{}, "replicas"},
		{"nats://a?replicas=9", store.NATSOptions{}, "replicas"},
		{"nats://a?x=1", store.NATSOptions{}, `"x" is not known`},
		{"nats://a?%", store.NATSOptions{}, "cannot be read"},
		{"http://a", store.NATSOptions{}, "not a nats://"},
	}
	for _, tt := range tests {
		got, err := store.ParseNATS(tt.address)
		if tt.err != "" {
			if !errors.Is(err, store.ErrScheme) || !strings.Contains(err.Error(), tt.err) || got != (store.NATSOptions{}) {
				t.Errorf("%s: %+v, %v", tt.address, got, err)
			}
			continue
		}
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, %s", tt.address, err, diff)
		}
	}
}

// A server that takes too little, and one that is not there.
func TestNATSUnusable(t *testing.T) {
	srv := natsServer(t, &server.Options{MaxPayload: 1 << 20})
	if _, err := store.Open(t.Context(), srv.ClientURL(), ""); err == nil || !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("small messages: %v", err)
	}
	if _, err := store.Open(t.Context(), "nats://user:secret@127.0.0.1:1", ""); !errors.Is(err, store.ErrUnreachable) || strings.Contains(err.Error(), "secret") {
		t.Errorf("nobody there: %v", err)
	}
}

// A server that is restarted: who waits goes on, and what was written stays.
func TestNATSRestart(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	options := func() *server.Options { return &server.Options{Port: port, StoreDir: dir} }
	srv := natsServer(t, options())
	s := openNATS(t, srv.ClientURL())
	mustPut(t, s, "a/b.c", "before", 0)
	srv.Shutdown()
	srv.WaitForShutdown()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := storetest.Add(t.Context(), s, "sum/n"); err != nil {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	natsServer(t, options())
	wg.Wait()
	wantValue(t, s, "a/b.c", "before")
	wantValue(t, s, "sum/n", "20")
}

// Three servers, of which the stream's leader dies in the middle: every
// number is written once, and none is lost.
func TestNATSCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("an election takes seconds: -short")
	}
	var routes []string
	var ports []int
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
		routes = append(routes, "nats://"+l.Addr().String())
		l.Close()
	}
	var servers []*server.Server
	var urls []string
	for i, port := range ports {
		srv := natsServer(t, &server.Options{
			ServerName: fmt.Sprint("n", i), Routes: server.RoutesFromStr(strings.Join(routes, ",")),
			Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: port}, StoreDir: filepath.Join(t.TempDir(), fmt.Sprint(i)),
		})
		servers = append(servers, srv)
		urls = append(urls, strings.TrimPrefix(srv.ClientURL(), "nats://"))
	}
	s := openNATS(t, "nats://"+strings.Join(urls, ",")+"/chaos?replicas=3")
	const writers, each = 8, 25
	numbers := make(chan int, writers*each)
	half := make(chan struct{})
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if w == 0 && i == each/2 {
					close(half)
				}
				n, err := storetest.Add(t.Context(), s, "sum/n")
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
				numbers <- n
			}
		})
	}
	<-half
	for _, srv := range servers {
		if srv.JetStreamIsStreamLeader("$G", "chaos") {
			srv.Shutdown()
			break // the next may lead by now, and one alone is no majority
		}
	}
	wg.Wait()
	close(numbers)
	seen := map[int]bool{}
	for n := range numbers {
		if seen[n] {
			t.Errorf("%d was written twice", n)
		}
		seen[n] = true
	}
	wantValue(t, s, "sum/n", fmt.Sprint(writers*each))
}

func BenchmarkNATS(b *testing.B) {
	srv := natsServer(b, &server.Options{SyncAlways: os.Getenv("LANDER_LONG") == "1"})
	s := openNATS(b, srv.ClientURL())
	b.RunParallel(func(pb *testing.PB) {
		key, rev := fmt.Sprintf("w/%p", pb), store.Revision(0)
		for pb.Next() {
			var err error
			if rev, err = s.Put(b.Context(), key, []byte(strings.Repeat("v", 200)), rev); err != nil {
				b.Error(err)
			}
		}
	})
}

// A server that is restarted forgets who watched: what was changed meanwhile
// is told all the same.
func TestNATSWatchGoesOn(t *testing.T) {
	dir := t.TempDir()
	srv := natsServer(t, &server.Options{StoreDir: dir})
	port := srv.Addr().(*net.TCPAddr).Port
	s := openNATS(t, srv.ClientURL())
	gone, err := s.Put(t.Context(), "k/gone", []byte("x"), 0)
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "k/stays", "x", 0)
	changes := make(chan store.Change)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer close(changes)
		for c, err := range s.Watch(ctx, "k") {
			if err != nil {
				return
			}
			select {
			case changes <- c:
			case <-ctx.Done():
			}
		}
	}()
	told := map[string]store.ChangeKind{}
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.After(60 * time.Second); !ok(); {
			select {
			case c := <-changes:
				told[c.Key] = c.Kind
			case <-end:
				t.Fatalf("%s: it is not told: %v", what, told)
			}
		}
	}
	until("what is there", func() bool { return told[""] == store.Caught })
	srv.Shutdown()
	srv.WaitForShutdown()
	natsServer(t, &server.Options{Port: port, StoreDir: dir})
	if err := s.Delete(t.Context(), "k/gone", gone); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "k/new", "x", 0)
	until("what has changed", func() bool {
		_, isNew := told["k/new"]
		return isNew && told["k/gone"] == store.Deleted && told["k/stays"] == store.Wrote
	})
}

// What is written while the server is away for longer than one try takes is
// written once, and is not taken for another's.
func TestNATSWriteAcrossRestart(t *testing.T) {
	dir := t.TempDir()
	srv := natsServer(t, &server.Options{StoreDir: dir})
	port := srv.Addr().(*net.TCPAddr).Port
	s := openNATS(t, srv.ClientURL())
	s.SetTry(50 * time.Millisecond)
	old, err := s.Put(t.Context(), "k/old", []byte("1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	srv.Shutdown()
	srv.WaitForShutdown()
	var wg sync.WaitGroup
	revs := make([]store.Revision, 3)
	wg.Go(func() {
		var err error
		if revs[0], err = s.Put(t.Context(), "k/new", []byte("a"), 0); err != nil {
			t.Errorf("a new key: %v", err)
		}
	})
	wg.Go(func() {
		var err error
		if revs[1], err = s.Put(t.Context(), "k/old", []byte("2"), old); err != nil {
			t.Errorf("a key that was there: %v", err)
		}
	})
	// Another operation gives up after some tries: so have those by then.
	short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := s.Get(short, "k/old"); !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("without a server: %v", err)
	}
	natsServer(t, &server.Options{StoreDir: dir, Port: port})
	wg.Wait()
	for i, key := range []string{"k/new", "k/old"} {
		if e, err := s.Get(t.Context(), key); err != nil || e.Rev != revs[i] {
			t.Errorf("%s: %+v, %v, and the write said %d", key, e, err, revs[i])
		}
	}
	if _, err := s.Put(t.Context(), "k/old", []byte("3"), old); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a write over an old one: %v", err)
	}
}
