package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lander/lib/flash"
	"lander/lib/link"
	"lander/lib/luaota/record"
	"lander/lib/nodemcu"
	"lander/lib/nodemcu/rom"
)

func otaFlashCommand() *cli.Command {
	return verb{
		name:     "flash",
		usage:    "put a luaOTA client on a NodeMCU board over its serial port",
		operands: "[DIR]",
		about: `Speaks with the Lua prompt of a board that has NodeMCU firmware: hashes what is there, sends
what is missing under temporary names, hashes it on the board, gives the files their names
with init.lua last, and hashes them again. Exit code 0 means that all of them were read back.
A run that is cut off leaves each file old or new, and the next run completes it.
Without DIR the client is our own; DIR holds another one, for instance the original's
directory. The board's configuration stays as it is unless --device-config, --set or
--register say otherwise. Secrets are never flags: the WiFi password and the secret come from
--device-config FILE, from --set spwd=@FILE and secret=@FILE (@- is stdin), or from the
variables LANDER_SPWD and LANDER_SECRET. With --compile modules are sent and compiled anew each
time: a board does not tell what its bytecode was made of.`,
		flags: []cli.Flag{
			&cli.StringFlag{Name: "port", Value: "serial:auto", Usage: "the board is at `PORT`: /dev/ttyUSB0, serial:///dev/ttyUSB0, or auto when there is only one"},
			&cli.IntFlag{Name: "baud", Value: link.DefaultBaud, Usage: "the rate of the firmware's prompt is `N`; others are tried when it is silent"},
			&cli.StringFlag{Name: "fast", Value: "off", Usage: "transfer at `RATE`: a number, auto or off"},
			&cli.BoolFlag{Name: "compile", Usage: "let the board compile the modules"},
			&cli.StringSliceFlag{Name: "set", Usage: "set `K=V` in the board's config.json, or K=@FILE; ssid, server, port, app, ... (repeatable)"},
			&cli.StringFlag{Name: "device-config", Usage: "the board's config.json is `FILE`"},
			&cli.StringFlag{Name: "register", Usage: "write ESP-<chip id>.json with a fresh secret into the tree `DIR` of ota serve; fills in server and port"},
			&cli.BoolFlag{Name: "no-init", Usage: "leave init.lua alone"},
			&cli.BoolFlag{Name: "verify-only", Usage: "compare, change nothing"},
			dryRunFlag("say what would be done"),
			&cli.BoolFlag{Name: "run", Usage: "restart the board at the end and wait until its client has reached the provisioning service"},
			&cli.BoolFlag{Name: "list-ports", Usage: "list the serial ports of this machine and stop"},
			&cli.StringFlag{Name: "image", Usage: "write a file system image over the ROM loader instead: `FILE@OFFSET`; 0x numbers are hexadecimal"},
			forceFlag("go on whatever the checks before the transfer find"),
			&cli.DurationFlag{Name: "wait", Value: 30 * time.Second, Usage: "wait at most `DUR` for the prompt, and as long for the client after --run"},
		},
		max:   1,
		exits: []exitCode{exitRefused, exitUnreachable, exitRejected, exitPartial, exitInterrupted, exitINT, exitTERM},
		examples: []example{
			{"lander ota flash --set ssid=lab --set spwd=@wifi.txt --register tree/ --run", "a new board, from nothing to its first update"},
			{"lander ota flash --port /dev/ttyUSB0 --device-config board.json --fast auto", "at the fastest rate that works"},
			{"lander ota flash --verify-only --json lua_examples/luaOTA", "is the original client on the board?"},
			{"lander ota flash --list-ports", "what is there to choose from"},
		},
		run: runOTAFlash,
	}.command()
}

func runOTAFlash(k *call) error {
	c := k.cli
	switch {
	case c.Bool("list-ports"):
		return k.listPorts()
	case c.Bool("verify-only") && (c.Bool("run") || c.Bool("dry-run")):
		return usagef("", "--verify-only excludes --run and --dry-run")
	case c.IsSet("image"):
		return k.flashImage()
	}
	o, err := k.flashOptions()
	if err != nil {
		return err
	}
	conn, err := k.flashPort()
	if err != nil {
		return err
	}
	defer conn.Close()
	o.Baud = c.Int("baud")
	if o.Register != nil {
		if own := k.ownAddresses(); len(own) == 1 {
			o.Register.Server = own[0]
		}
	}
	bar := k.progressBar("sending")
	o.Show = func(p flash.Progress) { bar.set(p.Done, p.Total) }
	r, err := flash.Run(k.ctx, conn, o)
	bar.clear()
	if perr := k.printFlash(r, err, o); perr != nil {
		return perr
	}
	return k.flashFault(err)
}

// flashPort opens --port.
func (k *call) flashPort() (link.Conn, error) {
	text := k.cli.String("port")
	switch {
	case text == "auto":
		text = defaultDevs
	case strings.HasPrefix(text, "/"):
		text = "serial://" + text
	case strings.HasPrefix(text, "COM"):
		text = "serial:///" + text
	}
	a, err := link.Parse(text)
	if err != nil {
		return nil, usagef("auto, /dev/ttyUSB0 or serial:///dev/ttyUSB0", "--port: %v", err)
	}
	if n := k.cli.Int("baud"); n < 300 || n > 4_000_000 {
		return nil, usagef("115200 is usual", "--baud %d is no rate", n)
	}
	conn, err := link.Dial(k.ctx, a, link.Options{Baud: k.cli.Int("baud")})
	if ae, ok := errors.AsType[*link.AutoError](err); ok {
		return nil, &fault{exit: exitUnreachable, msg: err.Error(), hint: "name one with --port", cause: err, detail: map[string]any{"ports": portList(ae.Ports)}}
	}
	if err != nil {
		return nil, dialFault(err)
	}
	return conn, nil
}

// portEntry is a line of --list-ports.
type portEntry struct {
	Path         string `json:"path"`
	Product      string `json:"product,omitempty"`
	Manufacturer string `json:"manufacturer,omitempty"`
	VID          string `json:"vid,omitempty"`
	PID          string `json:"pid,omitempty"`
	Serial       string `json:"serial,omitempty"`
}

func portList(ports []link.Port) []portEntry {
	out := []portEntry{}
	for _, p := range ports {
		out = append(out, portEntry(p))
	}
	return out
}

func (k *call) listPorts() error {
	ports, err := link.Ports()
	if err != nil {
		return err
	}
	return k.ui.result(map[string]any{"ports": portList(ports)}, func(w io.Writer) {
		for _, p := range ports {
			fmt.Fprintln(w, p)
		}
		if len(ports) == 0 {
			fmt.Fprintln(w, "no serial port found")
		}
	})
}

// flashOptions reads everything that is needed before a board is touched.
func (k *call) flashOptions() (flash.Options, error) {
	c := k.cli
	o := flash.Options{
		Files: flash.Client(), Own: true,
		NoInit: c.Bool("no-init"), Compile: c.Bool("compile"), VerifyOnly: c.Bool("verify-only"), DryRun: c.Bool("dry-run"),
		Force: c.Bool("force"), Run: c.Bool("run"), RunWait: c.Duration("wait"), Wait: c.Duration("wait"), Log: k.log,
	}
	var err error
	if o.Fast, err = parseFast(c.String("fast")); err != nil {
		return o, err
	}
	if len(k.args) == 1 {
		root, err := os.OpenRoot(k.args[0])
		if err != nil {
			return o, invalidf("", "reading %s: %w", k.args[0], plainCause(err))
		}
		defer root.Close()
		if o.Files, err = flash.Dir(root.FS()); err != nil {
			hint := "a directory with check.lua, or with luaOTA/check.lua"
			if errors.Is(err, flash.ErrForms) {
				hint = "take one of them away; --compile makes the .lc on the board"
			}
			return o, invalidf(hint, "%s: %w", k.args[0], plainCause(err))
		}
		o.Own = false
	}
	if path := c.String("device-config"); path != "" {
		b, err := k.readInput(path, "the configuration", 64<<10)
		if err != nil {
			return o, err
		}
		if o.Config, err = record.ParseObject([]byte(strings.TrimSpace(string(b)))); err != nil {
			return o, invalidf("", "%s: not a configuration: %w", path, err)
		}
	}
	if o.Set, err = k.flashSet(); err != nil {
		return o, err
	}
	if dir := c.String("register"); dir != "" {
		if st, err := os.Stat(dir); err != nil || !st.IsDir() {
			return o, invalidf("the DIR of lander ota serve", "--register: %s is not a directory", dir)
		}
		o.Register = &flash.Register{Dir: dir}
	}
	return o, nil
}

// parseFast reads --fast: the rates to try.
func parseFast(s string) ([]int, error) {
	switch s {
	case "off", "":
		return nil, nil
	case "auto":
		return []int{921600, 460800, 230400}, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 9600 || n > 4_000_000 {
		return nil, usagef("460800, auto or off", "--fast %q is no rate", s)
	}
	return []int{n}, nil
}

// secretKeys of config.json have values that no command line may show.
var secretKeys = map[string]string{"spwd": "LANDER_SPWD", "secret": "LANDER_SECRET"}

// flashSet reads --set and the secrets.
func (k *call) flashSet() (record.Object, error) {
	var out record.Object
	for key, variable := range secretKeys {
		if v := k.getenv(variable); v != "" {
			out = out.With(key, record.String(v))
		}
	}
	for _, s := range k.cli.StringSlice("set") {
		key, v, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return nil, usagef("--set ssid=lab", "--set %q is not K=V", s)
		}
		if path, file := strings.CutPrefix(v, "@"); file {
			b, err := k.readInput(path, "--set "+key, 4096)
			if err != nil {
				return nil, err
			}
			v = strings.TrimRight(string(b), "\r\n")
		} else if variable := secretKeys[key]; variable != "" {
			return nil, usagef(fmt.Sprintf("--set %s=@FILE, or the variable %s", key, variable), "--set %s: a secret is not taken from the command line, which others can read", key)
		}
		out = out.With(key, configValue(key, v))
	}
	return out, nil
}

// configValue is a text, but where the client takes another value: a password
// of digits is no number.
func configValue(key, v string) record.Value {
	if n, err := strconv.ParseInt(v, 10, 32); key == "port" && err == nil {
		return record.Int(n)
	}
	if (key == "leave" || key == "strict") && (v == "true" || v == "false") {
		return record.Value(v)
	}
	return record.String(v)
}

// flashFault gives the faults of a flash their exit codes.
func (k *call) flashFault(err error) error {
	as := func(exit exitCode, hint string, detail any) error {
		return &fault{exit: exit, msg: err.Error(), hint: hint, cause: err, detail: detail}
	}
	const again = "run it again: what is in place already is not sent again"
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if e, ok := errors.AsType[*flash.PreflightError](err); ok {
		return as(exitRefused, "nothing was changed; --force goes on nevertheless", map[string]any{"problems": e.Problems})
	}
	if e, ok := errors.AsType[*flash.TreeError](err); ok {
		return as(exitInvalid, "lander ota serve --check "+filepath.Dir(e.Path)+" tells more", nil)
	}
	if e, ok := errors.AsType[*flash.ImageError](err); ok {
		return as(imageExit(e), "run it again: the whole image is sent anew; a slower --baud and a shorter cable help against damaged data", nil)
	}
	if e, ok := errors.AsType[*flash.MismatchError](err); ok {
		return as(exitInterrupted, again, map[string]string{"file": e.File, "digest": e.Alg, "want": e.Want, "got": e.Got})
	}
	if e, ok := errors.AsType[*flash.InterruptedError](err); ok {
		return as(exitInterrupted, again, map[string]any{"file": e.File, "done": e.Done, "of": e.Of})
	}
	if e, ok := errors.AsType[*flash.FullError](err); ok {
		return as(exitRejected, "remove files from the board, or --image an empty file system", map[string]any{"file": e.File, "need": e.Need, "free": e.Free})
	}
	if e, ok := errors.AsType[*flash.DiffersError](err); ok {
		return as(exitPartial, "without --verify-only they are sent", map[string]any{"files": e.Files})
	}
	if e, ok := errors.AsType[*flash.StartError](err); ok {
		return as(exitPartial, "is lander ota serve running at the configuration's server and port, and the WiFi password right?", map[string]any{"printed": e.Printed})
	}
	if e, ok := errors.AsType[*nodemcu.PromptError](err); ok {
		return as(exitUnreachable, e.Hint, nil)
	}
	if e, ok := errors.AsType[*rom.ChipError](err); ok {
		return as(exitRejected, e.Hint(), nil)
	}
	if _, ok := errors.AsType[*nodemcu.LostError](err); ok {
		return as(exitUnreachable, again, nil)
	}
	if errors.Is(err, nodemcu.ErrReboot) || errors.Is(err, nodemcu.ErrNoise) {
		return as(exitUnreachable, "", nil)
	}
	return err
}

// printFlash prints what was done; of a run that failed only what differs.
func (k *call) printFlash(r flash.Report, err error, o flash.Options) error {
	if o.DryRun && r.Plan != nil && err == nil {
		return k.ui.result(r.Plan, func(w io.Writer) { printFlashPlan(w, *r.Plan) })
	}
	_, differs := errors.AsType[*flash.DiffersError](err)
	_, silent := errors.AsType[*flash.StartError](err)
	if err != nil && !differs && !silent {
		return nil
	}
	return k.ui.result(r, func(w io.Writer) {
		for _, f := range r.Files {
			fmt.Fprintf(w, "%s %s, %d bytes", f.Name, f.Action, f.Bytes)
			if f.Retries > 0 {
				fmt.Fprintf(w, ", %d retries", f.Retries)
			}
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "board %s: %d files compared by %s, %d bytes sent at %d baud, %d ms\n", orDash(r.Device.Chip), len(r.Files), r.Digest, r.Sent, r.Baud, r.ElapsedMS)
		switch {
		case r.Started != "":
			fmt.Fprintln(w, "the board said: "+oneLine(r.Started))
		case err == nil && !o.VerifyOnly && r.Sent > 0:
			fmt.Fprintln(w, "restart the board to start the client, or say --run")
		}
		if r.Registered != "" {
			fmt.Fprintln(w, "registered: "+r.Registered)
		}
		if r.Cured {
			fmt.Fprintln(w, "the board restarted over and over: its old init.lua is called "+nodemcu.BadInit)
		}
	})
}

func printFlashPlan(w io.Writer, p flash.Plan) {
	fmt.Fprintf(w, "board %s: %d bytes to send, %d of %d free\n", orDash(p.Device.Chip), p.Bytes, p.Device.Free, p.Device.Total)
	for _, name := range p.Remove {
		fmt.Fprintf(w, "  remove %s\n", name)
	}
	for _, s := range p.Files {
		fmt.Fprintf(w, "  %s %s, %d bytes\n", s.Action, s.Name, s.Bytes)
		for _, name := range s.Shadows {
			fmt.Fprintf(w, "  remove %s\n", name)
		}
	}
	for _, name := range p.Leave {
		fmt.Fprintf(w, "  leave %s\n", name)
	}
}
