package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"lander/lib/agent"
	"lander/lib/emp/frame"
	"lander/lib/fetch"
	"lander/lib/job"
	"lander/lib/m3da"
	"lander/lib/proc"
	"lander/lib/remote"
	"lander/lib/stage"
	"lander/lib/trust"
)

func agentCommand() *cli.Command {
	return verb{
		name:  "agent",
		usage: "be the local hub of a device: variables, assets, signed scripts",
		about: `Serves the Embedded Micro Protocol (EMP) to the applications of the device, keeps its variable
tree, runs the signed scripts that come in, and keeps data until it is sent. Signed update
packages are installed from STATE/agent/update/drop, where they are to be moved whole. With
--server, data goes to an M3DA server, which sends commands: scripts it sends are run as those
of anybody, when their signatures are good; what else it asks for rests on --auth alone. A
device with --registration-file that cannot reach the server yet serves its applications all
the same, and registers when it can. allow_md5 = true in the file's [agent] takes the MD5 of a
script for its signature, as the original did. Without --reboot-cmd a Reboot is only logged,
and refused when the server asks. The trust store is read for each script; HUP reads the
configuration again. INT and TERM stop running scripts, answer what is open, and end.`,
		flags: []cli.Flag{
			listenFlag("tcp://127.0.0.1:9999"), readyFileFlag(),
			trustFlag(), stateFlag(), idFlag(), groupFlag(), capabilityFlag(),
			&cli.IntFlag{Name: "max-running", Usage: "run at most `N` scripts at once", Value: agent.DefaultMaxRunning},
			&cli.StringFlag{Name: "memory", Usage: "end a script that holds more than `SIZE` (default: 64MiB for Lua)"},
			&cli.DurationFlag{Name: "wall", Usage: "end a script after `DUR`; 0: no limit", Value: 5 * time.Minute},
			&cli.DurationFlag{Name: "cpu", Usage: "end a script after `DUR` of processor time", Value: time.Minute},
			&cli.StringSliceFlag{Name: "fetch-allow", Usage: "scripts may be downloaded from the special network `CIDR` too, such as 127.0.0.0/8 (repeatable)"},
			&cli.StringFlag{Name: "fetch-ca", Usage: "trust the certificates in `FILE` for downloads"},
			&cli.StringFlag{Name: "server", Usage: "send data to the M3DA server at `ADDR`, m3da://HOST:PORT, and take its commands; of several, with a comma between them, to one that answers"},
			&cli.StringFlag{Name: "server-id", Usage: "the server's `NAME`, which secured sessions need", Value: m3da.DefaultServerID},
			&cli.StringFlag{Name: "server-link", Usage: "keep the link to the server open, or connect when a policy says so: `keep|policy`", Value: "keep"},
			&cli.StringFlag{Name: "auth", Usage: "prove who is who to the server and back by `WORD`: hmac-md5 or hmac-sha1"},
			&cli.StringFlag{Name: "cipher", Usage: "encipher what goes to the server by `WORD`: aes-cbc-128, aes-cbc-256, aes-ctr-128 or aes-ctr-256"},
			&cli.StringFlag{Name: "password-file", Usage: "the password shared with the server is in `FILE`"},
			&cli.StringFlag{Name: "registration-file", Usage: "while the file of --password-file is not there, get its content from the server, with the registration password in `FILE`"},
			&cli.StringFlag{Name: "sink", Usage: "write the data that is due to `FILE` or - as NDJSON, in place of a server"},
			&cli.StringFlag{Name: "sms", Usage: "send and receive SMS by the modem at `ADDR`, such as serial:///dev/ttyUSB2, or send by a command that gets {\"to\",\"text\",\"format\"} on its input"},
			&cli.BoolFlag{Name: "dev", Usage: "for application authors: take what emp simulate sends"},
			&cli.StringFlag{Name: "reboot-cmd", Usage: "run `CMD` with sh when an application asks for a reboot; without it that is only logged"},
			&cli.StringFlag{Name: "on-event", Usage: "run `CMD` with sh for each event, which it gets as JSON on its input; one at a time, for 10 s at most"},
			&cli.BoolFlag{Name: "unsigned-packages", Usage: "install update packages that nobody signed"},
			&cli.BoolFlag{Name: "uncontained", Usage: "run scripts even where the system cannot contain them"},
		},
		server: true,
		exits:  []exitCode{exitUnreachable, exitRejected},
		examples: []example{
			{"lander agent", "on the original's port, for this machine only"},
			{"lander agent --listen unix:///run/lander/agent.sock --id gw-17 --group north", "on a socket, under its own name"},
			{"lander agent --id gw-17 --server m3da://m3da.example.com --auth hmac-sha1 --password-file /etc/lander/password", "with a server"},
		},
		run: runAgent,
	}.command()
}

func runAgent(k *call) error {
	maskFiles()
	if k.deviceID() == "" {
		return usagef("--id NAME", "this machine has no machine id: name the device with --id")
	}
	for _, name := range k.names() {
		if err := trust.CheckName(name); err != nil {
			return usagef("--id NAME, --group NAME", "no script can be signed for this device: %v", err)
		}
	}
	if k.cli.Int("max-running") < 1 {
		return usagef("", "the value of --max-running is too small")
	}
	svc, closeService, err := k.runService()
	if err != nil {
		return err
	}
	defer closeService()
	cfg := agent.Config{
		ID: k.deviceID(), Version: readVersion().Version, Groups: k.cli.StringSlice("group"), Dir: filepath.Join(k.stateDir(), "agent"),
		UnsignedPackages: k.cli.Bool("unsigned-packages"), Script: svc, MaxRunning: k.cli.Int("max-running"), Clock: time.Now, Log: k.log,
		ClearLeft: func(open, ended []string) (int, error) { return proc.ClearLeft(runDir, open, ended) },
	}
	if lua, ok := svc.Runners[job.FormatLua].(*remote.Child); ok {
		cfg.Lua = func(h remote.Host) job.Runner {
			return &remote.Child{Argv: lua.Argv, Env: lua.Env, Host: h, Family: lua.Family, Log: k.log}
		}
	}
	memory, err := k.sizeFlag("memory", 0)
	if err != nil {
		return err
	}
	cfg.Budget = job.Budget{Wall: k.cli.Duration("wall"), CPU: k.cli.Duration("cpu"), Memory: memory}
	if cfg.Fetch, err = k.fetchOptions(); err != nil {
		return err
	}
	var hook *eventCommand
	if line := k.cli.String("on-event"); line != "" {
		hook = k.onEvent(line)
		defer hook.end() // after the agent, whose last events it is told
	}
	cfg.Event = func(e agent.Event) {
		if b, err := json.Marshal(e); err == nil && k.json {
			k.out.Write(append(b, '\n'))
		}
		if hook != nil {
			hook.take(e)
		}
	}
	if line := k.cli.String("reboot-cmd"); line != "" {
		cfg.Reboot = func(ctx context.Context, reason string) error {
			return k.shell(ctx, line, nil, "LANDER_REASON="+reason)
		}
	}
	cfg.Dev = k.cli.Bool("dev")
	if cfg.SMS, err = k.modem(); err != nil {
		return err
	}
	if cfg.Server, err = k.server(&cfg); err != nil {
		return err
	}
	closeSink, err := k.openSink(&cfg)
	if err != nil {
		return err
	}
	defer closeSink()
	listeners, err := k.listen()
	if err != nil {
		return err
	}
	defer closeAll(listeners)
	if len(listeners) > 0 {
		cfg.Mirror = append(cfg.Mirror, frame.Member{Key: "config.agent.assetport", Value: frame.Int(int64(listeners[0].Address().Port))})
	}
	a, err := agent.New(k.ctx, cfg)
	if err != nil {
		return err
	}
	defer a.Close()
	done, err := k.ready(addresses(listeners))
	if err != nil {
		return err
	}
	defer done()
	defer k.onHangup(nil)()
	if err := a.Serve(k.ctx, listeners); err != nil {
		return err
	}
	return a.Close()
}

// shell runs a configured command. What it prints goes to the standard error.
func (k *call) shell(ctx context.Context, line string, input []byte, env ...string) error {
	r := proc.Runner{Family: k.family}
	o := r.Exec(ctx, proc.Command{Argv: []string{"/bin/sh", "-c", line}, Env: append(os.Environ(), env...)},
		job.Streams{Stdin: bytes.NewReader(input), Stdout: k.streams.err, Stderr: k.streams.err})
	if o.Err != nil {
		return fmt.Errorf("running %q: %w", line, o.Err)
	}
	return nil
}

// openSink opens what --sink names as the agent's uplink.
func (k *call) openSink(cfg *agent.Config) (func(), error) {
	switch path := k.cli.String("sink"); path {
	case "":
		return func() {}, nil
	case "-":
		if k.json {
			return nil, usagef("--sink FILE", "--json and --sink - both write to the standard output")
		}
		cfg.Uplink = stage.NewSink(k.out, time.Now)
		return func() {}, nil
	default:
		f, err := stage.OpenSink(path)
		if err != nil {
			return nil, fmt.Errorf("opening the sink %s: %w", path, plainCause(err))
		}
		cfg.Uplink = stage.NewSink(f, time.Now)
		return func() { f.Close() }, nil
	}
}

// fetchOptions reads what downloads of scripts may do.
func (k *call) fetchOptions() (fetch.Options, error) {
	var o fetch.Options
	for _, s := range k.cli.StringSlice("fetch-allow") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return o, usagef("--fetch-allow 127.0.0.0/8", "--fetch-allow %q is not a network", s)
		}
		o.Allow = append(o.Allow, p.Masked())
	}
	if file := k.cli.String("fetch-ca"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return o, invalidf("", "reading %s: %w", file, plainCause(err))
		}
		if o.RootCAs, err = fetch.Roots(pem); err != nil {
			return o, invalidf("", "%s: %v", file, err)
		}
	}
	return o, nil
}
