package cmd

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"lander/lib/provision"
)

func otaStatusCommand() *cli.Command {
	return verb{
		name:     "status",
		usage:    "show the boards that ota serve has seen",
		operands: "DIR",
		about: `Reads the records of the tree DIR: when each board was last seen, which release it has, what
came of its last session, how much it was sent and how many sessions in a row broke.`,
		flags: []cli.Flag{
			stateFlag(), storeFlag(),
			&cli.StringFlag{Name: "device", Usage: "show the board with the chip id `ID` alone"},
		},
		min: 1, max: 1,
		examples: []example{
			{"lander ota status tree/", "a table"},
			{"lander ota status --json tree/ | jq -r 'select(.result == \"failed\").device'", "the boards to look after"},
		},
		run: runOTAStatus,
	}.command()
}

func runOTAStatus(k *call) error {
	_, state, err := k.otaDir()
	if err != nil {
		return err
	}
	s, err := k.otaStore(state)
	if err != nil {
		return err
	}
	defer s.Close()
	all, damaged := provision.Devices(k.ctx, s)
	var tw *tabwriter.Writer
	shown := 0
	for _, d := range all {
		if id := k.cli.String("device"); id != "" && d.ID != id {
			continue
		}
		shown++
		err := k.ui.result(d, func(w io.Writer) {
			if tw == nil {
				tw = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(tw, "DEVICE\tLAST SEEN\tRELEASE\tRESULT\tBYTES\tSESSIONS\tFAILURES\tREASON")
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", d.ID, d.LastSeen, d.Release, d.Result, d.Bytes, d.Sessions, d.Failures, oneLine(d.Reason))
		})
		if err != nil {
			return err
		}
	}
	if tw != nil {
		tw.Flush()
	}
	if id := k.cli.String("device"); id != "" && shown == 0 && damaged == nil {
		return invalidf("lander ota status "+k.args[0]+" lists them", "no board %s has been seen", id)
	}
	return damaged
}
