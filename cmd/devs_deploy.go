package cmd

import (
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"lander/lib/devs"
	"lander/lib/jacdac"
)

func devsDeployCommand() *cli.Command {
	return verb{
		name:     "deploy",
		usage:    "put a program on a device, and see that it runs",
		operands: "FILE.devs|FILE-dbg.json|FILE.signed|-",
		about: `Stops the program that is there, sends the new one, compares size and sha256 with what the
device then has, starts it and reads back that it runs. A device that has the program
already is left as it is, but for being started. A signed bundle must be for the device's
id; with --trust only such are taken. There is no way back on the device: a deployment that
is cut off leaves it empty, and exits 9 saying so.`,
		flags: []cli.Flag{
			connectFlag(defaultDevs), deviceFlag(), allDevicesFlag(), devsWaitFlag(devsWait), trustFlag(), stateFlag(), signatureFlag(),
			&cli.BoolFlag{Name: "no-start", Usage: "leave the program stopped"},
			&cli.BoolFlag{Name: "clear", Usage: "take the program away instead"},
			forceFlag("send it even when the device has it"),
			&cli.DurationFlag{Name: "watch", Usage: "look for a panic for `DUR` after the start, and fail on one"},
			&cli.BoolFlag{Name: "follow", Usage: "print what the device logs, from before the start: until --watch is over, or for ever"},
			&cli.StringFlag{Name: "rollback-on-panic", Usage: "deploy `FILE` when the program panics within --watch"},
			dryRunFlag("say what would be done"),
		},
		max:   1,
		exits: []exitCode{exitRefused, exitUnreachable, exitRejected, exitScript, exitPartial, exitInterrupted, exitINT, exitTERM},
		examples: []example{
			{"lander devs deploy build/app.devs", "to the only device, at the only serial port"},
			{"lander devs deploy --connect tcp://127.0.0.1:8082 --device GU35 --watch 10s app-dbg.json", "watched for ten seconds"},
			{"lander devs deploy --all --trust keys app.devs.signed", "to every device that it is signed for"},
		},
		run: runDevsDeploy,
	}.command()
}

// deployment is one run of devs deploy.
type deployment struct {
	k        *call
	source   *devsSource
	rollback *devsSource
	bar      *bar
}

// deployed is the result for one device.
type deployed struct {
	devs.Report
	plan *devs.Plan
}

func runDevsDeploy(k *call) error {
	d := &deployment{k: k}
	clearing := k.cli.Bool("clear")
	switch {
	case clearing && len(k.args) > 0:
		return usagef("", "--clear takes no program, but %q is given", k.args[0])
	case !clearing && len(k.args) == 0:
		return usagef("see lander devs deploy --help", "devs deploy needs FILE.devs|FILE-dbg.json|FILE.signed|-")
	case k.cli.Bool("follow") && k.cli.Bool("all"):
		return usagef("lander devs logs --all, before it", "--follow follows one device, not --all")
	case k.cli.IsSet("rollback-on-panic") && k.cli.Duration("watch") <= 0:
		return usagef("--watch 10s", "--rollback-on-panic needs --watch: who does not look sees no panic")
	case len(k.args) > 0 && k.args[0] == "-" && k.cli.String("rollback-on-panic") == "-":
		return usagef("", "--rollback-on-panic and the operand - cannot both be read from stdin")
	case k.cli.Bool("no-start") && k.cli.IsSet("watch"):
		return usagef("", "--no-start and --watch exclude each other")
	}
	if !clearing {
		var err error
		if d.source, err = k.devsSource(k.args[0]); err != nil {
			return err
		}
		defer d.source.close()
	}
	if path := k.cli.String("rollback-on-panic"); path != "" {
		var err error
		if d.rollback, err = k.devsRollback(path); err != nil {
			return err
		}
		defer d.rollback.close()
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
	if k.cli.Bool("follow") {
		return d.following(bus, managers[0])
	}
	if len(managers) == 1 {
		d.bar = k.progressBar("sending")
	}
	return d.all(managers)
}

func (d *deployment) all(managers []devs.Manager) error {
	k := d.k
	var errs []error
	for i, o := range devs.Each(managers, func(m devs.Manager) outcome[deployed] {
		r, err := d.one(m)
		return outcome[deployed]{r, err}
	}) {
		errs = append(errs, o.err)
		d.bar.clear()
		if perr := d.print(managers[i], o.value, o.err, len(managers) > 1); perr != nil {
			return perr
		}
	}
	return k.devsPartial(errs)
}

func (d *deployment) one(m devs.Manager) (deployed, error) {
	a, err := d.admit(m)
	if err != nil {
		return deployed{}, err
	}
	return d.put(m, a)
}

// mayGo are the programs of a deployment that may go to one device.
type mayGo struct{ program, rollback admitted }

func (d *deployment) admit(m devs.Manager) (mayGo, error) {
	var a mayGo
	var err error
	if d.source != nil {
		if a.program, err = d.source.admit(m); err != nil {
			return mayGo{}, err
		}
	}
	if d.rollback != nil {
		if a.rollback, err = d.rollback.admit(m); err != nil {
			return mayGo{}, err
		}
	}
	return a, nil
}

func (d *deployment) put(m devs.Manager, a mayGo) (deployed, error) {
	k := d.k
	spec := devs.Deploy{
		Clear: k.cli.Bool("clear"), Force: k.cli.Bool("force"), NoStart: k.cli.Bool("no-start"),
		Watch: k.cli.Duration("watch"), Program: a.program.Program,
	}
	if d.bar != nil {
		spec.Show = d.bar.set
	}
	if d.rollback != nil {
		spec.Rollback = &a.rollback.Program
	}
	plan, err := m.Plan(k.ctx, spec)
	if err != nil || k.cli.Bool("dry-run") {
		return deployed{plan: &plan}, err
	}
	if d.source != nil {
		if err := a.program.record(); err != nil {
			return deployed{}, d.source.refused(a.program, err)
		}
	}
	r, err := m.Deploy(k.ctx, spec, plan)
	if d.source != nil {
		err = d.source.deployed(a.program, m, err)
	}
	if r.RolledBack {
		if jerr := d.rollback.deployed(a.rollback, m, nil); jerr != nil {
			err = errors.Join(err, jerr)
		}
	}
	return deployed{Report: r}, err
}

func (d *deployment) print(m devs.Manager, r deployed, err error, several bool) error {
	k := d.k
	switch {
	case err != nil && k.json && several:
		return k.ui.result(k.failedDevice(m, err), nil)
	case err != nil && several:
		k.ui.warn("", "device %s: %v", m.Name(), err)
		return nil
	case err != nil && r.Panic != nil:
		return k.ui.result(r.Report, nil)
	case err != nil:
		return nil
	case r.plan != nil:
		return k.ui.result(r.plan, func(w io.Writer) { printPlan(w, m, *r.plan) })
	}
	return k.ui.result(r.Report, func(w io.Writer) {
		what := "sent"
		switch {
		case k.cli.Bool("clear"):
			what = "cleared"
		case !r.Changed:
			what = "has it already"
		}
		state := "stopped"
		if r.Running {
			state = "running"
		}
		fmt.Fprintf(w, "%s %s: %s, %d bytes, %s, %d ms\n", r.Device, r.ShortName, what, r.Size, state, r.ElapsedMS)
	})
}

func printPlan(w io.Writer, m devs.Manager, p devs.Plan) {
	what := "would leave its program"
	if p.Upload {
		what = fmt.Sprintf("would send %d bytes", p.Size)
		if p.Wants == "" {
			what = "would clear it"
		}
	}
	if p.Start {
		what += " and start it"
	}
	fmt.Fprintf(w, "%s %s: %s\n", p.Device, m.ID.ShortName(), what)
}

// following deploys to one device and prints what it logs meanwhile.
func (d *deployment) following(bus *jacdac.Bus, m devs.Manager) error {
	k := d.k
	a, err := d.admit(m)
	if err != nil {
		return devsFault(err)
	}
	opt := devs.FollowOptions{Want: func(x devs.Manager) bool { return x.ID == m.ID }}
	for _, p := range []admitted{a.program, a.rollback} {
		if p.Map != nil {
			opt.Maps = append(opt.Maps, p.Map)
		}
	}
	f := devs.Follow(k.ctx, bus, opt)
	defer k.endFollowing(f)
	p := &logPrinter{k: k}
	return f.While(k.ctx, p.print, func() error {
		select {
		case <-f.Attached():
		case <-k.ctx.Done():
			return k.stopped()
		}
		r, err := d.put(m, a)
		if perr := d.print(m, r, err, false); perr != nil {
			return perr
		}
		if err != nil || k.cli.Duration("watch") > 0 || k.cli.Bool("dry-run") {
			return devsFault(err)
		}
		select {
		case <-k.ctx.Done():
			return k.stopped()
		case <-bus.Done():
			return devsFault(errors.Join(bus.Err()))
		}
	})
}
