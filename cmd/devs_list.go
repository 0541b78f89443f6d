package cmd

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"lander/lib/devs"
)

func devsListCommand() *cli.Command {
	return verb{
		name:  "list",
		usage: "show the DeviceScript devices of a bus",
		about: `Asks every device to announce itself, and each one with a DeviceScript manager for its
registers. Lists who answers within --wait; unless that is given, a bus that is silent is
waited for up to three seconds. Without a device it exits 5.`,
		flags: []cli.Flag{connectFlag(defaultDevs), devsWaitFlag(700 * time.Millisecond)},
		exits: []exitCode{exitUnreachable},
		examples: []example{
			{"lander devs list --connect tcp://127.0.0.1:8082", "those of the development server"},
			{"lander devs list --json | jq -r .devices[].device", "the ids at the only serial port"},
		},
		run: runDevsList,
	}.command()
}

func runDevsList(k *call) error {
	bus, err := k.devsBus(k.ctx)
	if err != nil {
		return err
	}
	defer bus.Close()
	wait, patience := k.cli.Duration("wait"), devsWait
	if k.cli.IsSet("wait") {
		patience = wait
	}
	managers, err := devs.List(k.ctx, bus, wait, patience)
	if err != nil {
		return devsFault(err)
	}
	if len(managers) == 0 {
		return devsFault(fmt.Errorf("%w within %s", devs.ErrNoDevice, max(wait, patience)))
	}
	states, err := k.devsStates(managers)
	if perr := k.ui.result(map[string]any{"devices": states}, func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "DEVICE\tNAME\tDESCRIPTION\tRUNTIME\tPROGRAM\tSIZE\tSTATE")
		for _, s := range states {
			program := s.Program
			if program == "" && s.SHA256 != "" {
				program = s.SHA256[:12]
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", s.ID, s.ShortName, orDash(s.Description), orDash(s.Runtime), orDash(program), s.Size, orDash(s.StatusText))
		}
		t.Flush()
	}); perr != nil {
		return perr
	}
	return err
}

// devsStates reads the state of each; those that failed are left out, and the
// error tells of them.
func (k *call) devsStates(managers []devs.Manager) ([]devs.State, error) {
	out := []devs.State{}
	var errs []error
	for _, o := range devs.Each(managers, func(m devs.Manager) outcome[devs.State] {
		s, err := m.State(k.ctx)
		return outcome[devs.State]{s, err}
	}) {
		if errs = append(errs, o.err); o.err == nil {
			out = append(out, o.value)
		}
	}
	return out, k.devsPartial(errs)
}
