package cmd

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lander/lib/bundle"
	"lander/lib/capability"
	"lander/lib/durable"
	"lander/lib/fetch"
	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/luavm"
	"lander/lib/proc"
	"lander/lib/remote"
	"lander/lib/trust"
)

func scriptRunCommand() *cli.Command {
	return verb{
		name:     "run",
		usage:    "run a signed script, here or on an agent",
		operands: "FILE|URL|-",
		about: `Verifies the bundle (or FILE with its FILE.minisig) against the trust store, records its
serial, runs it contained, and passes its output through. With --json the execution object
is printed instead. Refused scripts never run and never cost a serial.`,
		flags: []cli.Flag{
			trustFlag(), stateFlag(), signatureFlag(),
			&cli.BoolFlag{Name: "unsigned", Usage: "run a script that nobody signed"},
			&cli.StringSliceFlag{Name: "arg", Usage: "give the script the argument `K=V` (repeatable)"},
			capabilityFlag(), idFlag(), groupFlag(),
			&cli.StringFlag{Name: "memory", Usage: "end it when it holds more than `SIZE` (default: 64MiB for Lua)"},
			&cli.DurationFlag{Name: "wall", Usage: "end it after `DUR`; 0: no limit", Value: 5 * time.Minute},
			&cli.DurationFlag{Name: "cpu", Usage: "end it after `DUR` of processor time", Value: time.Minute},
			&cli.StringFlag{Name: "lock", Usage: "run only when no other run holds the lock `NAME`; exit 5 when one does"},
			&cli.StringFlag{Name: "on", Usage: "run it on the agent at `ADDR`, or by a gateway: its https://.../components/ID or .../fleet/GROUP; or on each of these that a file (or -) names, one a line"},
			&cli.StringFlag{Name: "token-file", Usage: "with --on of a gateway: the token is in `FILE`"},
			&cli.StringFlag{Name: "retry-failed", Usage: "with --on .../fleet: run the script of `RECORD` anew where it did not complete; with --on FILE: where the lines of an earlier --json in the file RECORD do not say that it did"},
			&cli.StringFlag{Name: "ticket", Usage: "with --on: the agent runs it once under the ticket `T`, and answers a repetition with what came of it"},
			&cli.DurationFlag{Name: "wait", Usage: "with --on: keep trying to connect for `DUR`"},
			&cli.StringFlag{Name: "max-concurrency", Usage: "with --on FILE: run on `N` (or N%) agents at once", Value: "8"},
			&cli.StringFlag{Name: "max-errors", Usage: "with --on FILE: stop when more than `N` (or N%) agents failed"},
			&cli.BoolFlag{Name: "uncontained", Usage: "run scripts even where the system cannot contain them"},
		},
		max:   1,
		exits: []exitCode{exitRefused, exitUnreachable, exitRejected, exitScript, exitINT, exitTERM},
		examples: []example{
			{"lander script run job.lua.signed", "verify and run, output passed through"},
			{"curl -fsS https://example.org/job.signed | lander script run --trust keys -", "straight from a server"},
			{"lander script run --on tcp://gw-17:9999 job.lua.signed", "there: the agent verifies and runs, its output comes back"},
			{"lander script run --on https://gw:8443/api/v1/fleet/north --token-file token --max-errors 5% job.lua.signed", "on every agent of a group, by its gateway"},
			{"lander script run --lock backup --wall 10m --json backup.sh.signed", "from cron: one at a time, result as JSON"},
		},
		run: runScriptRun,
	}.command()
}

func runScriptRun(k *call) error {
	switch {
	case k.onGateway():
		return runOnGateway(k)
	case (k.cli.String("retry-failed") != "" || k.cli.String("token-file") != "") && (k.cli.String("on") == "" || k.onSingle()):
		return usagef("--on https://HOST:PORT/api/v1/fleet, or --on FILE", "--retry-failed and --token-file are for --on with a gateway or a list")
	case len(k.args) == 0:
		return usagef("see lander script run --help", "lander script run needs FILE|URL|-")
	case k.cli.String("on") != "":
		return runOn(k)
	}
	order, done, err := k.runOrder()
	if err != nil {
		return err
	}
	defer done()
	if name := k.cli.String("lock"); name != "" {
		lock, err := k.runLock(name)
		if err != nil {
			return err
		}
		defer lock.Release()
	}
	svc, closeService, err := k.runService()
	if err != nil {
		return err
	}
	defer closeService()
	holdPrograms(svc.Runners, filepath.Join(k.stateDir(), "runs"), k.log)
	if !k.json {
		order.Live = job.Live{Stdout: k.out, Stderr: k.streams.err}
	}
	r, err := svc.Run(k.ctx, order)
	if errors.Is(err, bundle.ErrNotBundle) {
		return invalidf("sign it with lander script sign; what nobody signed runs with --unsigned only", "%s: %v", maskURL(k.args[0]), err)
	}
	if err != nil && r.ID == "" {
		return k.inFile(maskURL(k.args[0]), err)
	}
	if k.json {
		if perr := k.ui.result(r, nil); perr != nil {
			return perr
		}
	}
	if err != nil {
		err = fmt.Errorf("the script has run, but could not be journalled: %w", err)
	}
	if r.Error != nil {
		if k.ctx.Err() != nil {
			return errors.Join(fmt.Errorf("%s: %w", r.Error.Message, k.stopped()), err)
		}
		return errors.Join(r.Error, err)
	}
	return err
}

// runOrder builds what is to be run from operand and flags. done closes what
// was opened.
func (k *call) runOrder() (remote.Order, func(), error) {
	o := remote.Order{Source: job.SourceCLI, Actor: userName(), Name: k.args[0]}
	var err error
	if o.Args, err = k.scriptArgs(); err != nil {
		return o, nil, err
	}
	memory, err := k.sizeFlag("memory", 0)
	if err != nil {
		return o, nil, err
	}
	o.Budget = job.Budget{Wall: k.cli.Duration("wall"), CPU: k.cli.Duration("cpu"), Memory: memory}
	if k.args[0] != "-" && !isTerminal(k.in) {
		o.Stdin = k.in
	}
	operand := k.args[0]
	if isWeb(operand) {
		return k.urlOrder(o, operand)
	}
	o.Signature, err = k.detachedFor(operand)
	if err != nil {
		return o, nil, err
	}
	src, err := k.openInput(operand, "the script")
	if err != nil {
		return o, nil, err
	}
	closeSrc := func() { src.Close() }
	if o.Signature != nil {
		o.Fetch = func(trust.Verdict) (io.ReadCloser, error) { return src, nil }
		return o, closeSrc, nil
	}
	o.Bundle = src
	if k.cli.Bool("unsigned") {
		err = k.unsigned(&o, src, filepath.ToSlash(relative(operand)))
	}
	if err != nil {
		src.Close()
	}
	return o, closeSrc, err
}

func (k *call) urlOrder(o remote.Order, url string) (remote.Order, func(), error) {
	opts := fetch.Options{AllowLoopback: true, MaxBytes: trust.MaxSignatureText + bundle.Cap(job.FormatLua)}
	if k.cli.String("signature") != "" {
		sig, err := k.detachedFor(url)
		if err != nil {
			return o, nil, err
		}
		o.Signature = sig
		o.Fetch = func(v trust.Verdict) (io.ReadCloser, error) {
			if !v.Plain {
				opts.MaxBytes = v.Statement.Size + 1 // one more shows that there is more
			}
			return fetch.Get(k.ctx, url, opts)
		}
		return o, func() {}, nil
	}
	body, err := fetch.Get(k.ctx, url, opts)
	if err != nil {
		return o, nil, err
	}
	o.Bundle = body
	if k.cli.Bool("unsigned") {
		err = k.unsigned(&o, body, filepath.Base(body.URL))
	}
	if err != nil {
		body.Close()
	}
	return o, func() { body.Close() }, err
}

// unsigned takes the input as a bare script, unless it is a bundle after all:
// a signature that is there is never ignored.
func (k *call) unsigned(o *remote.Order, src io.Reader, name string) error {
	limit := int64(trust.MaxSignatureText) + bundle.Cap(job.FormatLua)
	b, err := io.ReadAll(io.LimitReader(src, limit+1))
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, plainCause(err))
	}
	o.Bundle = bytes.NewReader(b)
	if bundle.Is(b) {
		return nil
	}
	if int64(len(b)) > bundle.Cap(job.FormatLua) {
		return &bundle.SizeError{Limit: bundle.Cap(job.FormatLua)}
	}
	format := job.DetectFormat(name, b[:min(len(b), 256)])
	if !job.Runnable(format) {
		if name != "-" && format == "" {
			return invalidf("give it an extension (.lua .sh .bash .py) or a #! line", "%s: cannot tell its format", name)
		}
		format = job.FormatLua
	}
	if name == "-" {
		name = "stdin"
	}
	caps, err := k.capabilities()
	if err != nil {
		return err
	}
	k.ui.warn("", "running %s unsigned: nobody vouches for it", name)
	o.Bundle, o.Unsigned = nil, &remote.Unsigned{Name: name, Format: format, Payload: b, Capabilities: caps}
	return nil
}

func (k *call) scriptArgs() (map[string]string, error) {
	var out map[string]string
	for _, a := range k.cli.StringSlice("arg") {
		name, value, ok := strings.Cut(a, "=")
		if !ok || !plainWord(name) || strings.ContainsRune(value, 0) {
			return nil, usagef("--arg name=value", "--arg %q is not K=V with a plain word K", a)
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = value
	}
	return out, nil
}

// plainWord reports whether a name can be one of a Lua field and of an
// environment variable.
func plainWord(s string) bool {
	for i, c := range s {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func (k *call) capabilities() (capability.Set, error) {
	set, err := capability.Parse(k.cli.StringSlice("capability"))
	if err != nil {
		return nil, usagef("", "--capability: %v", err)
	}
	return set, nil
}

// runService opens the state that a run needs, all of it before anything
// runs: what cannot be recorded is not run.
func (k *call) runService() (*remote.Service, func(), error) {
	if _, err := k.trustStore(); err != nil {
		return nil, nil, err
	}
	state := k.stateDir()
	serials, err := trust.OpenSerials(filepath.Join(state, "serials"))
	if err != nil {
		return nil, nil, fmt.Errorf("the state directory %s: %w", state, err)
	}
	j, err := journal.Open(state, journal.Options{Log: k.log})
	if err != nil {
		return nil, nil, err
	}
	limit, err := k.capabilities()
	if err != nil {
		return nil, nil, err
	}
	if !k.cli.IsSet("capability") {
		limit = nil
	}
	runners, err := k.runners()
	if err != nil {
		return nil, nil, err
	}
	k.family.Keep() // scripts restart services here
	return &remote.Service{
		Trust: k.trustStore, Serials: serials, Journal: j, Runners: runners, Names: k.names(),
		BuildTime: buildTime(), Limit: limit, Clock: time.Now, Log: k.log,
	}, func() { j.Close() }, nil
}

// runDir is where programs that are scripts have their directories: the
// system's own place for what is temporary.
const runDir = ""

// runners are the ways to run each format here.
func (k *call) runners() (remote.Runners, error) {
	k.adopt()
	var lua job.Runner
	switch {
	case runtime.GOOS != "windows":
		self, err := os.Executable()
		if runtime.GOOS == "linux" {
			self, err = "/proc/self/exe", nil
		}
		if err != nil {
			return nil, fmt.Errorf("finding this program to run the script in: %w", err)
		}
		lua = &remote.Child{Argv: []string{self, childCommand}, Env: k.zone(), Family: k.family, Log: k.log}
	case k.cli.Bool("uncontained"):
		lua = &luavm.Runner{}
	default:
		return nil, &fault{exit: exitRefused, msg: remote.ErrUncontained.Error(), hint: "--uncontained runs it all the same", cause: remote.ErrUncontained}
	}
	p := &proc.Runner{TempDir: runDir, Env: k.zone(), Family: k.family}
	return remote.Runners{
		job.FormatLua: lua, job.FormatLuac51: lua,
		job.FormatSh: p, job.FormatBash: p, job.FormatPython: p,
	}, nil
}

// adopt has what leaves the process group of its script found again.
func (k *call) adopt() {
	if k.family != nil {
		return
	}
	family, err := proc.NewFamily()
	if err != nil {
		k.log.Debug("scripts can leave their process group unseen", "reason", err)
		return
	}
	k.family = family
}

// zone is what scripts have of our environment: the time zone, where it is not
// the system's own.
func (k *call) zone() []string {
	if tz := k.getenv("TZ"); tz != "" {
		return []string{"TZ=" + tz}
	}
	return nil
}

func (k *call) runLock(name string) (*durable.Lock, error) {
	if strings.ContainsAny(name, "/\\\x00\n") || name == "." || name == ".." {
		return nil, usagef("", "--lock %q is not a plain name", name)
	}
	dir := filepath.Join(k.stateDir(), "locks")
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the state directory %s: %w", k.stateDir(), err)
	}
	lock, err := durable.TryLock(filepath.Join(dir, name+".lock"))
	if errors.Is(err, durable.ErrLocked) {
		return nil, &fault{exit: exitUnreachable, msg: fmt.Sprintf("the lock %s is held by another run", name), cause: remote.ErrLocked}
	}
	return lock, err
}

// names are what this machine answers to as a target.
func (k *call) names() []string {
	names := []string{}
	if id := k.deviceID(); id != "" {
		names = append(names, id)
	}
	for _, g := range k.cli.StringSlice("group") {
		names = append(names, "group:"+strings.TrimPrefix(g, "group:"))
	}
	return names
}

// deviceID is --id, else made from the machine id, else "".
func (k *call) deviceID() string {
	if id := k.cli.String("id"); id != "" {
		return id
	}
	id := machineID()
	if id == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("lander" + id))
	return hex.EncodeToString(sum[:])[:16]
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}
