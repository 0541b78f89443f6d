package cmd

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"lander/lib/devs"
	"lander/lib/durable"
)

func devsControlVerb(name, usage, about string, do func(ctx context.Context, m devs.Manager) error) *cli.Command {
	return verb{
		name: name, usage: usage, about: about,
		flags: []cli.Flag{connectFlag(defaultDevs), deviceFlag(), allDevicesFlag(), devsWaitFlag(devsWait)},
		exits: []exitCode{exitUnreachable, exitRejected, exitPartial},
		examples: []example{
			{"lander devs " + name, "the only device, at the only serial port"},
			{"lander devs " + name + " --connect tcp://127.0.0.1:8082 --device GU35", "by its short name"},
		},
		run: func(k *call) error { return runDevsControl(k, do) },
	}.command()
}

func devsStartCommand() *cli.Command {
	return devsControlVerb("start", "start the program of a device", `Sets autostart and running, and prints the state that the device then says.`,
		func(ctx context.Context, m devs.Manager) error { return m.Start(ctx) })
}

func devsStopCommand() *cli.Command {
	return devsControlVerb("stop", "stop the program of a device", `Clears autostart and running, and prints the state that the device then says. It stays
stopped until a start or a reset.`,
		func(ctx context.Context, m devs.Manager) error { return m.Stop(ctx) })
}

func devsResetCommand() *cli.Command {
	return devsControlVerb("reset", "restart a device", `Resets the device, waits until it announces itself again, and prints the state that it
then says. The program starts about a second later.`,
		func(ctx context.Context, m devs.Manager) error { return m.Reset(ctx) })
}

func devsStatusCommand() *cli.Command {
	return devsControlVerb("status", "show all that a device says of itself", `Reads every register of the manager and control services. What the device does not
implement is said to be so.`,
		func(context.Context, devs.Manager) error { return nil })
}

func runDevsControl(k *call, do func(ctx context.Context, m devs.Manager) error) error {
	bus, err := k.devsBus(k.ctx)
	if err != nil {
		return err
	}
	defer bus.Close()
	managers, err := k.devsTargets(bus)
	if err != nil {
		return err
	}
	var errs []error
	for i, o := range devs.Each(managers, func(m devs.Manager) outcome[devs.State] {
		if err := do(k.ctx, m); err != nil {
			return outcome[devs.State]{err: err}
		}
		s, err := m.State(k.ctx)
		return outcome[devs.State]{s, err}
	}) {
		errs = append(errs, o.err)
		if o.err != nil {
			switch {
			case len(managers) == 1:
			case k.json:
				k.ui.result(k.failedDevice(managers[i], o.err), nil)
			default:
				k.ui.warn("", "device %s: %v", managers[i].Name(), o.err)
			}
			continue
		}
		if err := k.ui.result(o.value, func(w io.Writer) { printState(w, o.value) }); err != nil {
			return err
		}
	}
	return k.devsPartial(errs)
}

func printState(w io.Writer, s devs.State) {
	yes := map[bool]string{true: "yes", false: "no"}
	logging, uptime := "not implemented", ""
	if s.Logging != nil {
		logging = yes[*s.Logging]
	}
	if s.UptimeMS != nil {
		uptime = fmt.Sprintf("%.1f s", float64(*s.UptimeMS)/1000)
	}
	for _, f := range [][2]string{
		{"device", s.ID + " (" + s.ShortName + ")"}, {"description", s.Description}, {"product", s.ProductID}, {"firmware", s.Firmware},
		{"uptime", uptime}, {"runtime", s.Runtime}, {"program", strings.TrimSpace(s.Program + " " + s.ProgramVersion)},
		{"size", fmt.Sprint(s.Size)}, {"sha256", s.SHA256}, {"hash", s.Hash}, {"running", yes[s.Running]}, {"autostart", yes[s.Autostart]},
		{"logging", logging}, {"status", s.StatusText}, {"not implemented", strings.Join(s.Missing, ", ")},
	} {
		if f[1] != "" {
			fmt.Fprintf(w, "%-16s %s\n", f[0]+":", f[1])
		}
	}
}

func devsReadCommand() *cli.Command {
	return verb{
		name:  "read",
		usage: "fetch the program back from a device",
		about: `Runtime 2.16.4, and firmware made from it, panics and restarts when it is asked for a
program larger than 232 bytes. So this needs --may-crash; to see what a device has, compare
the sha256 that lander devs status prints.`,
		flags: []cli.Flag{
			connectFlag(defaultDevs), deviceFlag(), devsWaitFlag(devsWait),
			outputFlag("write it to `FILE`, or to stdout for -"), forceFlag("overwrite the file"),
			&cli.BoolFlag{Name: "may-crash", Usage: "the device may restart over it"},
		},
		exits: []exitCode{exitRefused, exitUnreachable, exitRejected, exitInterrupted},
		examples: []example{
			{"lander devs read --may-crash -o back.devs", "from the only device"},
			{"lander devs read --may-crash --device GU35 -o - | sha256sum", "by its short name"},
		},
		run: runDevsRead,
	}.command()
}

func runDevsRead(k *call) error {
	out := k.cli.String("output")
	switch {
	case out == "":
		return usagef("-o back.devs, or -o -", "-o FILE is needed")
	case out == "-" && k.json:
		return usagef("", "--json and -o - both write to stdout")
	case !k.cli.Bool("may-crash"):
		return refusedf("lander devs status prints the sha256 of the program; --may-crash reads all the same", "reading a program back makes runtime 2.16.4 panic and restart when it is larger than 232 bytes")
	}
	if _, err := os.Lstat(out); err == nil && out != "-" && !k.cli.Bool("force") {
		return refusedf("--force overwrites it", "%s exists", out)
	}
	bus, err := k.devsBus(k.ctx)
	if err != nil {
		return err
	}
	defer bus.Close()
	managers, err := k.devsTargets(bus)
	if err != nil {
		return err
	}
	image, err := managers[0].ReadBack(k.ctx)
	if err != nil {
		return devsFault(err)
	}
	if out == "-" {
		return k.data(image)
	}
	if err := durable.WriteFile(out, image, 0o644, durable.NoSync); err != nil {
		return fmt.Errorf("writing %s: %w", out, plainCause(err))
	}
	p, err := devs.ParseProgram(image)
	if err != nil {
		return devsFault(err)
	}
	r := struct {
		Device string `json:"device"`
		Output string `json:"output"`
		Size   int    `json:"size"`
		SHA256 string `json:"sha256"`
	}{managers[0].ID.String(), out, len(image), hex.EncodeToString(p.SHA256[:])}
	return k.ui.result(r, func(w io.Writer) { fmt.Fprintln(w, out) })
}
