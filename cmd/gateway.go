package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"lander/lib/durable"
	"lander/lib/journal"
	"lander/lib/sovd"
	"lander/lib/store"
)

const gatewayListen = "tcp://127.0.0.1:8080"

func gatewayCommand() *cli.Command {
	return verb{
		name:     "gateway",
		usage:    "serve diagnostic scripts over REST (SOVD)",
		operands: "[hash-secret]",
		about: `Serves the scripts of components and apps at /api/v1: upload, start, follow, stop. Executions
and their output survive a restart; what was running is ended and recorded as terminated. The
library may be filled by hand: SCRIPTS/<entity>/<script>/metadata.json beside script.sh.
The NodeMCU boards of an ota serve with the same --state or --store, and the DeviceScript
devices of --devs, are components too: releases are assigned to the ones, programs deployed to
the others, as executions.
A configuration file in YAML is read as a parameter file of ros2_medkit. With the operand
hash-secret it reads a client's secret on its input and prints the hash for the auth file.
HUP reads the configuration, the auth file, the manifest and the certificates again; what is
broken changes nothing. INT and TERM stop running scripts, finish what is open, and end.`,
		flags: append([]cli.Flag{
			listenFlag(gatewayListen), readyFileFlag(), stateFlag(), trustFlag(), storeFlag(), capabilityFlag(),
			&cli.StringFlag{Name: "scripts", Usage: "keep the scripts in `DIR`; without it the feature is off (501)"},
			&cli.StringFlag{Name: "manifest", Usage: "the entities and managed scripts are in the YAML `FILE`"},
			&cli.BoolFlag{Name: "no-uploads", Usage: "take no uploads: only scripts that are there"},
			&cli.StringFlag{Name: "max-upload", Usage: "take scripts of at most `SIZE`", DefaultText: "10MiB"},
			&cli.IntFlag{Name: "max-running", Value: sovd.DefaultMaxRunning, Usage: "run at most `N` scripts at once"},
			&cli.DurationFlag{Name: "script-timeout", Value: sovd.DefaultTimeout, Usage: "end a script after `DUR`; 0: never"},
			&cli.IntFlag{Name: "history", Value: sovd.DefaultHistory, Usage: "keep `N` finished executions; of agents 10000, unless it is said"},
			&cli.StringFlag{Name: "auth", Usage: "clients, roles and keys are in the TOML `FILE`"},
			&cli.StringFlag{Name: "tls-cert", Usage: "serve TLS with the certificate in `FILE`"},
			&cli.StringFlag{Name: "tls-key", Usage: "the key of the certificate is in `FILE`"},
			&cli.StringFlag{Name: "client-ca", Usage: "clients must show a certificate that one in `FILE` signed"},
			&cli.BoolFlag{Name: "signed-only", Usage: "take and run only signed bundles that the trust store lets on the entity"},
			&cli.StringFlag{Name: "provider", Usage: "scripts are the business of `CMD`, which speaks JSON lines on its input and output"},
			&cli.StringFlag{Name: "metrics", Usage: "publish counters at http://`ADDR`/metrics"},
			&cli.StringFlag{Name: "access-log", Usage: "append a line of JSON for each request to `FILE`"},
			&cli.StringFlag{Name: "memory", Usage: "end a script that holds more than `SIZE`"},
			&cli.DurationFlag{Name: "cpu", Usage: "end a script after `DUR` of processor time"},
			&cli.StringFlag{Name: "output-limit", Usage: "keep `SIZE` of each of stdout and stderr", DefaultText: "1MiB"},
			&cli.StringFlag{Name: "script-user", Usage: "run scripts as the user `NAME`; needs root"},
			&cli.BoolFlag{Name: "no-new-privileges", Usage: "keep the gateway and its scripts from gaining rights by set-user-id programs"},
			&cli.BoolFlag{Name: "uncontained", Usage: "run scripts even where the system cannot contain them"},
		}, append(fleetFlags(), boardFlags()...)...),
		max: 1, server: true,
		exits: []exitCode{exitRefused, exitUnreachable},
		examples: []example{
			{"lander gateway --scripts /var/lib/scripts --manifest robot.yaml", "for this machine only"},
			{"lander gateway --scripts s/ --manifest robot.yaml --auth auth.toml --tls-cert c.pem --tls-key k.pem --listen tcp://0.0.0.0:8443", "for others, who log in"},
			{"lander gateway --scripts s/ --m3da m3da://127.0.0.1:44900 --m3da-credentials agents.toml", "agents connect and are components"},
			{"lander gateway --scripts s/ --devs tcp://127.0.0.1:8082", "the DeviceScript devices of a bus are components"},
			{"lander gateway hash-secret < secret.txt", "a line for secret_hash in the auth file"},
		},
		run: runGateway,
	}.command()
}

func runGateway(k *call) (err error) {
	if len(k.args) > 0 {
		if k.args[0] != hashSecret {
			return usagef("lander gateway hash-secret", "lander gateway does not take %q", k.args[0])
		}
		return runHashSecret(k)
	}
	maskFiles()
	set, err := k.gatewaySettings()
	if err != nil {
		return err
	}
	if k.getenv("GOMAXPROCS") == "" {
		// A start holds one of them while the kernel makes the process.
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
	dir := filepath.Join(k.stateDir(), "gateway")
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the state directory %s: %w", k.stateDir(), err)
	}
	lock, err := durable.TryLock(filepath.Join(dir, "lock"))
	if err != nil && !errors.Is(err, durable.ErrLocked) {
		return fmt.Errorf("the state directory %s: %w", dir, err)
	}
	if err != nil {
		return &fault{exit: exitUnreachable, msg: fmt.Sprintf("another gateway has the state directory %s: %v", dir, err), hint: "--state DIR", cause: err}
	}
	defer lock.Release()
	st, err := k.gatewayStore(dir)
	if err != nil {
		return err
	}
	defer st.Close()
	presence, err := k.joinGateways(st, dir)
	if err != nil {
		return err
	}
	defer presence.Close()
	j, err := journal.Open(k.stateDir(), journal.Options{Log: k.log})
	if err != nil {
		return err
	}
	defer j.Close()
	cfg := sovd.Config{Page: sovd.Page(), Journal: j, Audit: sovd.NewAudit(j, k.log), Clock: time.Now, Log: k.log, Version: readVersion().Version}
	cfg.Ready = func() error {
		if !presence.Held() {
			return errors.New("the gateway has lost touch with the others on its store")
		}
		return nil
	}
	lines := &eventLines{w: k.out, json: k.json}
	if err := lines.open(k.cli.String("access-log")); err != nil {
		return err
	}
	defer lines.close()
	if k.json || lines.file != nil {
		cfg.Access = func(a sovd.Access) { lines.write(a, true) }
	}
	again := &gatewayFiles{}
	tlsConfig, err := k.gatewaySecurity(set, &cfg, st, again)
	if err != nil {
		return err
	}
	if cfg.Auth != nil && k.cli.String("store") != "" {
		defer followRevoked(k, cfg.Auth)()
	}
	var agents *gatewayFleet
	defer func() {
		if cerr := agents.close(); err == nil {
			err = cerr
		}
	}()
	known, err := k.openBoards(&cfg, st, presence, lines)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := known.close(k.ctx); err == nil {
			err = cerr
		}
	}()
	closeProvider, err := k.gatewayProvider(set, &cfg, st, presence, dir, lines, &agents, known, again)
	if err != nil {
		return err
	}
	if err := known.over(k, &cfg, agents); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(k.ctx), sovd.DrainTime)
		defer cancel()
		if cerr := closeProvider(ctx); err == nil {
			err = cerr
		}
	}()
	gw, err := sovd.New(cfg)
	if err != nil {
		return invalidf("", "%w", err)
	}
	again.gw = gw
	if again.described = append(again.described, known.Describe); agents != nil {
		again.described = append(again.described, agents.Describe)
	}
	return k.serveGateway(gw, &cfg, tlsConfig, agents, again, ros2Address(set)...)
}

// gatewayStore opens the records.
func (k *call) gatewayStore(dir string) (store.Store, error) {
	s, err := store.Open(k.ctx, k.cli.String("store"), filepath.Join(dir, "store"))
	if errors.Is(err, store.ErrScheme) {
		return nil, usagef("a directory, or nats://HOST:4222", "--store: %v", err)
	}
	return s, err
}

// eventLines writes NDJSON: to the standard output with --json, and requests
// to the access log.
type eventLines struct {
	mu   sync.Mutex
	w    io.Writer
	json bool
	file *os.File
}

func (l *eventLines) open(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return fmt.Errorf("opening the access log: %w", err)
	}
	l.file = f
	return nil
}

func (l *eventLines) close() {
	if l.file != nil {
		l.file.Close()
	}
}

func (l *eventLines) write(v any, access bool) {
	b, err := json.Marshal(v)
	if err != nil {
		return
	}
	b = append(b, '\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.json {
		l.w.Write(b)
	}
	if access && l.file != nil {
		l.file.Write(b)
	}
}
