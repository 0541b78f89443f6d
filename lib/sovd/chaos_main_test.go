//go:build linux

package sovd_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/proc"
	"lander/lib/sovd"
	"lander/lib/store"
)

// sharedLease is that of gateways on one store in a test.
const sharedLease = 3 * time.Second

// gatewayMain is a gateway in a process of its own, which a test kills. It
// serves the directory in the variable and prints its address; metrics tell
// the slots at /slots. With a store in another variable it shares that with
// others.
func gatewayMain() {
	dir := os.Getenv("SOVD_TEST_GATEWAY")
	must := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	m, err := sovd.ParseManifest([]byte(`{manifest_version: "1.0", components: [{id: main-computer}]` + os.Getenv("SOVD_TEST_SCRIPTS") + `}`))
	must(err)
	address := os.Getenv("SOVD_TEST_STORE")
	st, err := store.Open(ctx, address, filepath.Join(dir, "store"))
	must(err)
	var presence *store.Presence
	if address != "" {
		name, err := sovd.GatewayName(dir, rand.Reader)
		must(err)
		presence, err = store.Join(ctx, st, store.JoinOptions{Name: name, Lease: sharedLease, Log: log})
		must(err)
	}
	j, err := journal.Open(dir, journal.Options{})
	must(err)
	run := filepath.Join(dir, "run")
	must(os.RemoveAll(run))
	must(os.MkdirAll(run, 0o700))
	family, err := proc.NewFamily()
	must(err)
	runner := &proc.Runner{TempDir: run, Dirs: proc.NewDirs(run, 16), Relative: true, Family: family, Grace: 200 * time.Millisecond}
	audit := sovd.NewAudit(j, log)
	o := sovd.FilesOptions{
		Dir: filepath.Join(dir, "scripts"), State: dir, Store: st, Audit: audit, MaxRunning: 5, History: 1_000_000, Timeout: 2 * time.Second,
		Managed: m.Scripts, Presence: presence, Lease: sharedLease, Budget: job.Budget{Output: 4096}, Runners: map[string]job.Runner{"sh": runner}, Sweep: proc.Sweep, Log: log,
	}
	if presence != nil {
		o.MaxRunning, o.Timeout, o.Budget.Output, o.InStore = 50, 0, 0, true
	}
	f, err := sovd.OpenFiles(ctx, o)
	must(err)
	g, err := sovd.New(sovd.Config{Manifest: m, Provider: f, Journal: j, Audit: audit, Metrics: sovd.NewMetrics(f.Running), Clock: time.Now, Log: log, Page: slots{f}})
	must(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Println(l.Addr())
	must(g.Serve(ctx, []net.Listener{l}))
	must(f.Close(context.Background()))
	if presence != nil {
		must(presence.Close())
	}
	must(st.Close())
	must(j.Close())
}
