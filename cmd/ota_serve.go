package cmd

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"lander/lib/durable"
	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/link"
	"lander/lib/luaota"
	"lander/lib/luavm"
	"lander/lib/provision"
	"lander/lib/store"
	"lander/lib/trust"
)

const otaListen = "tcp://127.0.0.1:8266"

func storeFlag() cli.Flag {
	return &cli.StringFlag{Name: "store", Usage: "keep the records of the boards at `ADDR` instead of the state directory"}
}

func otaServeCommand() *cli.Command {
	return verb{
		name:     "serve",
		usage:    "keep NodeMCU boards up to date with a tree of files",
		operands: "DIR",
		about: `Speaks luaOTA with all boards at once. DIR holds ESP-<decimal chip id>.json or default.json,
which name the files and the secret, as the original's server has them. Files wait on the
board until all have arrived, then they are renamed. A tree that changes is read anew, a
broken release is never sent: its boards are told OK! and start what they have. SIGHUP looks
at the tree at once. With an update the files that collect names are fetched from the board,
and kept in collected/ID/ beside its record in the state directory.`,
		flags: []cli.Flag{
			listenFlag(otaListen), readyFileFlag(), stateFlag(), storeFlag(),
			&cli.StringFlag{Name: "trust", Usage: "serve only a tree whose tree.signed verifies with the trust store `DIR`"},
			&cli.StringFlag{Name: "release", Usage: "call the release `NAME` where the manifest does not name it"},
			&cli.IntFlag{Name: "percent", Value: 100, Usage: "let a release reach `N` percent of the boards, always the same ones"},
			&cli.StringSliceFlag{Name: "group", Usage: "update only boards of the group `NAME` (repeatable)"},
			&cli.IntFlag{Name: "max-failures", Usage: "halt a release that failed on `N` boards; 0: never"},
			&cli.DurationFlag{Name: "silence", Usage: "a board that is silent for `DUR` after an update counts as a failure; 0: never"},
			&cli.StringFlag{Name: "rate", Usage: "begin at most `N/min` updates"},
			dryRunFlag("print what each known board would get, and stop"),
			&cli.BoolFlag{Name: "check", Usage: "check the tree and stop; exit code 3 when a release is broken"},
			&cli.BoolFlag{Name: "once", Usage: "end after the first board's session"},
			&cli.StringFlag{Name: "metrics", Usage: "publish counters at http://`ADDR`/metrics"},
		},
		min: 1, max: 1, server: true,
		exits: []exitCode{exitRefused, exitUnreachable, exitRejected, exitPartial, exitInterrupted},
		examples: []example{
			{"lander ota serve --listen tcp://0.0.0.0:8266 tree/", "for all boards of the network"},
			{"lander ota serve --check tree/", "in CI: names, sizes, Lua syntax with line numbers"},
			{"lander ota serve --dry-run --json tree/ | jq -c .plan", "what would be sent"},
			{"lander ota serve --trust keys/ --percent 10 --max-failures 3 tree/", "a signed release, carefully"},
		},
		run: runOTAServe,
	}.command()
}

func runOTAServe(k *call) error {
	o, closeOptions, err := k.otaOptions()
	if err != nil {
		return err
	}
	defer closeOptions()
	switch {
	case k.cli.Bool("check"):
		return k.otaCheck(o)
	case k.cli.Bool("dry-run"):
		return k.otaDryRun(o)
	}
	j, err := journal.Open(k.stateDir(), journal.Options{Log: k.log})
	if err != nil {
		return err
	}
	defer j.Close()
	o.Journal = j
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	o.Reload = hup
	svc, err := provision.New(k.ctx, o)
	if err != nil {
		return k.otaFault(err)
	}
	if t := svc.Tree(); t.Default == nil && len(t.Releases) == 0 {
		return invalidf("make a default.json with secret and files", "%s: no manifest", k.args[0])
	}
	listeners, err := k.listen()
	if err != nil {
		return err
	}
	defer closeAll(listeners)
	k.reachable(listeners)
	closeMetrics, err := k.publish(svc.Metrics())
	if err != nil {
		return err
	}
	defer closeMetrics()
	done, err := k.ready(addresses(listeners))
	if err != nil {
		return err
	}
	defer done()
	return sessionFault(svc.Serve(k.ctx, listeners))
}

// sessionFault says with --once how the session went.
func sessionFault(err error) error {
	se, ok := errors.AsType[*provision.SessionError](err)
	if !ok {
		return err
	}
	f := &fault{exit: exitInterrupted, msg: oneLine(err.Error()), hint: "the board's next visit goes on with it", cause: err}
	if _, said := errors.AsType[*luaota.StatusError](err); said || se.Refused {
		f.exit, f.hint = exitRejected, ""
	}
	if errors.Is(err, luaota.ErrTag) {
		f.hint = "the secret of its manifest is not that of its config.json"
	}
	return f
}

// otaDir is the tree that the operand names, and where its state is.
func (k *call) otaDir() (dir, state string, err error) {
	dir = k.args[0]
	st, err := os.Stat(dir)
	if err != nil {
		return "", "", invalidf("", "reading %s: %w", dir, plainCause(err))
	}
	if !st.IsDir() {
		return "", "", invalidf("", "%s is not a directory", dir)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return "", "", fmt.Errorf("finding %s: %w", dir, err)
	}
	sum := sha256.Sum256([]byte(real))
	return dir, filepath.Join(k.stateDir(), "ota", hex.EncodeToString(sum[:])[:12]), nil
}

func (k *call) otaStore(state string) (store.Store, error) {
	s, err := store.Open(k.ctx, k.cli.String("store"), state)
	if errors.Is(err, store.ErrScheme) {
		return nil, usagef("a directory, or nothing for the state directory", "--store: %v", err)
	}
	return s, err
}

func (k *call) otaOptions() (provision.Options, func(), error) {
	c := k.cli
	o := provision.Options{
		Percent: c.Int("percent"), MaxFailures: c.Int("max-failures"), Silence: c.Duration("silence"), Once: c.Bool("once"),
		Groups: c.StringSlice("group"), Clock: time.Now, Log: k.log,
		Load: provision.LoadOptions{Check: checkLua, Release: c.String("release")},
	}
	if o.Percent < 0 || o.Percent > 100 {
		return o, nil, usagef("", "--percent %d is not between 0 and 100", o.Percent)
	}
	if o.MaxFailures < 0 {
		return o, nil, usagef("", "--max-failures %d is below 0", o.MaxFailures)
	}
	var err error
	if o.Rate, err = parseRate(c.String("rate")); err != nil {
		return o, nil, err
	}
	dir, state, err := k.otaDir()
	if err != nil {
		return o, nil, err
	}
	o.Name = filepath.Base(state)
	root, err := provision.OpenDir(dir)
	if err != nil {
		return o, nil, invalidf("", "reading %s: %w", dir, plainCause(err))
	}
	o.Tree = root
	if c.String("trust") != "" {
		if _, err := k.trustStore(); err != nil {
			root.Close()
			return o, nil, err
		}
		signed := provision.Signed{Trust: k.trustStore, BuildTime: buildTime(), Clock: time.Now}
		if !c.Bool("check") && !c.Bool("dry-run") {
			if signed.Serials, err = trust.OpenSerials(filepath.Join(k.stateDir(), "serials")); err != nil {
				root.Close()
				return o, nil, fmt.Errorf("the state directory %s: %w", k.stateDir(), err)
			}
		}
		o.Verify = signed.Verify
	}
	if !c.Bool("check") {
		if o.Store, err = k.otaStore(state); err != nil {
			root.Close()
			return o, nil, err
		}
	}
	o.Event = k.otaEvent
	o.Collect = func(device, name string, content []byte) error { return keepCollected(state, device, name, content) }
	return o, func() {
		if o.Store != nil {
			o.Store.Close()
		}
		root.Close()
	}, nil
}

// keepCollected writes what was fetched of a board to collected/ID/NAME of the
// state, in the place of what was fetched before. The board's names are not those
// of a file system: what is no letter, digit, dot, _ or - is =XX there.
func keepCollected(state, device, name string, content []byte) error {
	dir := filepath.Join(state, "collected", device)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, store.Word(name)), content, 0o600)
}

func parseRate(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n := 0
	number, unit, _ := strings.Cut(s, "/")
	if _, err := fmt.Sscanf(number, "%d", &n); err != nil || n < 1 || unit != "" && unit != "min" || fmt.Sprint(n) != number {
		return 0, usagef("write it as 10/min", "--rate %q is not a number per minute", s)
	}
	return n, nil
}

// checkLua compiles a source of the operator's own tree.
func checkLua(name string, source []byte) (int, string) {
	err := luavm.Check(name, source)
	if err == nil {
		return 0, ""
	}
	if je, ok := errors.AsType[*job.Error](err); ok {
		return je.Line, strings.TrimPrefix(je.Message, fmt.Sprintf("%s:%d: ", name, je.Line))
	}
	return 0, err.Error()
}

// otaEvent prints an event: all of them as JSON, the ends of sessions as text.
func (k *call) otaEvent(e provision.Event) {
	if k.json {
		if b, err := json.Marshal(e); err == nil {
			k.out.Write(append(b, '\n'))
		}
		return
	}
	switch e.Event {
	case provision.EventSession, provision.EventDone:
		line := fmt.Sprintf("%s %s %s %s %d bytes", e.Time, e.Device, e.Release, e.Result, e.Bytes)
		if e.Reason != "" {
			line += ": " + oneLine(e.Reason)
		}
		k.ui.result(nil, func(w io.Writer) { fmt.Fprintln(w, line) })
	}
}

// reachable warns of a server that no board will find.
func (k *call) reachable(ls []*link.Listener) {
	if slices.ContainsFunc(ls, func(l *link.Listener) bool { return !l.Address().Loopback() }) {
		return
	}
	var own []string
	for _, ip := range k.ownAddresses() {
		own = append(own, "--listen tcp://"+ip+":8266")
	}
	k.ui.warn(strings.Join(own, " or "), "listening for this machine alone: boards cannot reach it")
}

// ownAddresses are those that other machines may reach this one at.
func (k *call) ownAddresses() []string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		k.log.Debug("listing the addresses of this machine", "error", err)
	}
	var own []string
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && n.IP.To4() != nil {
			own = append(own, n.IP.String())
		}
	}
	return own
}

// publish serves the counters, where --metrics says.
func (k *call) publish(m http.Handler) (func(), error) {
	addr := strings.TrimPrefix(k.cli.String("metrics"), "tcp://")
	if addr == "" {
		return func() {}, nil
	}
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, usagef("127.0.0.1:9100", "--metrics %q is not HOST:PORT", addr)
	}
	l, err := new(net.ListenConfig).Listen(k.ctx, "tcp", addr)
	if err != nil {
		return nil, &fault{exit: exitUnreachable, msg: fmt.Sprintf("--metrics: %v", err), cause: err}
	}
	k.log.Info("metrics", "address", l.Addr().String())
	return provision.Publish(k.ctx, l, m), nil
}

// otaFault gives the errors of a tree their exit codes.
func (k *call) otaFault(err error) error {
	if _, ok := errors.AsType[*trust.Refusal](err); ok {
		return k.inFile(k.args[0], err)
	}
	return err
}

// treeCheck is the result of --check.
type treeCheck struct {
	OK       bool                `json:"ok"`
	Releases []treeRelease       `json:"releases"`
	Problems []provision.Problem `json:"problems"`
}

type treeRelease struct {
	Manifest string `json:"manifest"`
	Release  string `json:"release"`
	Chk      string `json:"chk"`
	Files    int    `json:"files"`
	Bytes    int64  `json:"bytes"`
	Estimate int64  `json:"estimate_ms"` // that a new board is busy
	OK       bool   `json:"ok"`
}

func (k *call) otaCheck(o provision.Options) error {
	t, err := provision.Prepare(o)
	if err != nil {
		return k.otaFault(err)
	}
	res := treeCheck{OK: !t.Broken(), Releases: []treeRelease{}, Problems: append([]provision.Problem{}, t.Problems...)}
	for _, r := range t.All() {
		res.Releases = append(res.Releases, treeRelease{r.Manifest, r.Name, r.Chk, len(r.Items), r.Bytes(), r.Estimate().Milliseconds(), !r.Broken})
	}
	err = k.ui.result(res, func(w io.Writer) {
		for _, r := range res.Releases {
			if r.OK {
				fmt.Fprintf(w, "%s: release %s, %d files, %d bytes, about %.1f s on a new board\n", r.Manifest, r.Release, r.Files, r.Bytes, float64(r.Estimate)/1000)
			}
		}
		for _, p := range res.Problems {
			fmt.Fprintln(w, oneLine(p.String()))
		}
	})
	if err != nil || res.OK {
		return err
	}
	bad := 0
	for _, p := range t.Problems {
		if !p.Warning {
			bad++
		}
	}
	problems := "problems"
	if bad == 1 {
		problems = "problem"
	}
	return invalidf("", "%s: %d %s: %w", k.args[0], bad, problems, provision.ErrBroken)
}

func (k *call) otaDryRun(o provision.Options) error {
	t, err := provision.Prepare(o)
	if err != nil {
		return k.otaFault(err)
	}
	plans, err := provision.Plans(k.ctx, t, o)
	if err != nil {
		return err
	}
	for _, p := range plans {
		type line struct {
			Event string `json:"event"`
			provision.Plan
		}
		err := k.ui.result(line{"plan", p}, func(w io.Writer) {
			fmt.Fprintf(w, "%s: %s %s", p.Device, p.Action, p.Release)
			if p.Reason != "" {
				fmt.Fprintf(w, " (%s)", oneLine(p.Reason))
			}
			if p.Action == provision.ActionUpdate {
				fmt.Fprintf(w, ", %d bytes in %d records, about %.1f s", p.Bytes, p.Records, float64(p.Millis)/1000)
			}
			fmt.Fprintln(w)
			for _, s := range p.Steps {
				fmt.Fprintf(w, "  %s %s\n", s.Do, s.Name)
			}
		})
		if err != nil {
			return err
		}
	}
	if t.Broken() {
		exit := exitPartial
		if !slices.ContainsFunc(t.All(), func(r *provision.Release) bool { return !r.Broken }) {
			exit = exitInvalid
		}
		return &fault{exit: exit, msg: fmt.Sprintf("%s: releases are broken", k.args[0]), hint: "lander ota serve --check " + k.args[0], cause: provision.ErrBroken}
	}
	return nil
}
