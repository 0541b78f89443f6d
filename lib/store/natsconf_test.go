package store_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// The configuration of the example is that of three servers which form a
// cluster, let in who knows the password, and keep values of the largest size
// on the disk at once.
func TestExampleCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("an election takes seconds: -short")
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "fleet", "nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("LANDER_NATS_PASSWORD", "s3cret")
	routes := map[string]string{}
	for _, node := range []string{"a", "b", "c"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		routes[node] = l.Addr().String()
		l.Close()
	}
	var urls []string
	for node, at := range routes {
		conf := string(text)
		for _, r := range [][2]string{
			{"listen: 0.0.0.0:4222", "listen: 127.0.0.1:-1"}, {"listen: 0.0.0.0:6222", "listen: " + at}, {"/var/lib/nats", t.TempDir()},
			{"nats://a:6222", "nats://" + routes["a"]}, {"nats://b:6222", "nats://" + routes["b"]}, {"nats://c:6222", "nats://" + routes["c"]},
		} {
			if strings.Count(conf, r[0]) != 1 {
				t.Fatalf("%s is there %d times", r[0], strings.Count(conf, r[0]))
			}
			conf = strings.Replace(conf, r[0], r[1], 1)
		}
		path := filepath.Join(t.TempDir(), "nats.conf")
		if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("NODE", node)
		o, err := server.ProcessConfigFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if o.ServerName != node || !o.SyncAlways || o.MaxPayload != 2<<20 && o.MaxPayload != 2_000_000 {
			t.Errorf("%s: name %q, sync always %t, payload %d", node, o.ServerName, o.SyncAlways, o.MaxPayload)
		}
		o.NoLog, o.NoSigs = true, true
		s, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		if !s.ReadyForConnections(20 * time.Second) {
			t.Fatalf("%s does not start", node)
		}
		urls = append(urls, strings.TrimPrefix(s.ClientURL(), "nats://"))
	}
	hosts := make([]string, len(urls))
	for i, u := range urls {
		hosts[i] = u[strings.LastIndex(u, "@")+1:]
	}
	s := openNATS(t, fmt.Sprintf("nats://lander:s3cret@%s/fleet?replicas=3", strings.Join(hosts, ",")))
	large := strings.Repeat("x", 1<<20)
	mustPut(t, s, "a/b", large, 0)
	wantValue(t, s, "a/b", large)
}
