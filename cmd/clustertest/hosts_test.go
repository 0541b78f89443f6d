//go:build unix

// Package clustertest has no code: its test runs gateways, agents and the
// servers of their store as processes, and kills them.
package clustertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"lander/cmd"
	"lander/lib/agent"
	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/link"
	"lander/lib/proc"
	"lander/lib/remote"
	"lander/lib/trust"
)

// roleVar has the test's program be one of the processes.
const roleVar = "LANDER_TEST_ROLE"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(roleVar) {
	case "":
		os.Exit(m.Run())
	case "gateway":
		os.Exit(cmd.Main(append([]string{"lander"}, os.Args[1:]...), os.Stdin, os.Stdout, os.Stderr))
	case "nats":
		err = natsMain(os.Args[1:])
	case "agents":
		err = agentsMain(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func untilTerm() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT)
	<-c
}

// natsMain is one server of a cluster: NAME PORT ROUTEPORT ROUTES DIR.
func natsMain(args []string) error {
	var port, route int
	fmt.Sscan(args[1], &port)
	fmt.Sscan(args[2], &route)
	s, err := server.NewServer(&server.Options{
		ServerName: args[0], Host: "127.0.0.1", Port: port, NoLog: true, NoSigs: true, MaxPayload: 2 << 20,
		JetStream: true, StoreDir: args[4], SyncAlways: true,
		Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: route}, Routes: server.RoutesFromStr(args[3]),
	})
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(time.Minute) {
		return errors.New("the server does not start")
	}
	untilTerm()
	s.Shutdown()
	return nil
}

// agentsMain is some agents: DIR SERVERS QUICK ID...
func agentsMain(args []string) error {
	dir, servers, quick := args[0], strings.Split(args[1], ","), args[2] == "quick"
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for i, id := range args[3:] {
		a, err := newAgent(filepath.Join(dir, id), filepath.Join(dir, "trust"), id, servers, i, quick)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		l, err := link.Listen(ctx, link.Address{Scheme: link.TCP, Host: "127.0.0.1"}, link.Options{})
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		wg.Go(func() {
			a.Serve(ctx, []*link.Listener{l})
			a.Close()
		})
	}
	untilTerm()
	cancel()
	wg.Wait()
	return nil
}

// newAgent is an agent of ours, as lander agent makes it, that connects to
// one of several gateways, beginning with a different one each.
func newAgent(dir, keys, id string, servers []string, first int, quick bool) (*agent.Agent, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	serials, err := trust.OpenSerials(filepath.Join(dir, "serials"))
	if err != nil {
		return nil, err
	}
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		return nil, err
	}
	var next atomic.Int64
	next.Store(int64(first))
	dial := func(ctx context.Context) (io.ReadWriteCloser, error) {
		var errs []error
		for range servers {
			d := net.Dialer{Timeout: 5 * time.Second}
			c, err := d.DialContext(ctx, "tcp", servers[int(next.Add(1))%len(servers)])
			if err == nil {
				return c, nil
			}
			errs = append(errs, err)
		}
		return nil, errors.Join(errs...)
	}
	cfg := agent.Config{
		ID: id, Version: "1", Dir: filepath.Join(dir, "agent"), Clock: time.Now, Log: slog.New(slog.DiscardHandler),
		Script: &remote.Service{
			Trust:   func() (*trust.Store, error) { return trust.OpenStore(keys) },
			Serials: serials, Journal: j, Runners: remote.Runners{job.FormatSh: &proc.Runner{Grace: 100 * time.Millisecond}}, Names: []string{id}, Clock: time.Now,
		},
		Server: &agent.Server{Keep: true, Dial: dial, Reply: 30 * time.Second},
	}
	cfg.Fetch.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	if quick {
		// Answers do not wait to be gathered.
		cfg.AfterFunc = func(d time.Duration, f func()) func() bool {
			if d == 5*time.Second {
				d = 100 * time.Millisecond
			}
			return time.AfterFunc(d, f).Stop
		}
	}
	return agent.New(context.Background(), cfg)
}
