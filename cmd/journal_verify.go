package cmd

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"lander/lib/journal"
)

func journalVerifyCommand() *cli.Command {
	return verb{
		name:     "verify",
		usage:    "check that the journal's chain is whole",
		operands: "[FILE]",
		about: `Each line of the journal carries the hash of the one before. Edits by those who cannot write
journal.head show; keep the head elsewhere and compare with --head to see the others too.`,
		flags: []cli.Flag{
			stateFlag(),
			&cli.StringFlag{Name: "head", Usage: "the line with this `HASH` must be there"},
		},
		max:   1,
		exits: []exitCode{exitRefused},
		examples: []example{
			{"lander journal verify", "the journal of this machine"},
			{"lander journal verify --head $(cat head.txt) journal.ndjson", "against a head that was kept elsewhere"},
		},
		run: runJournalVerify,
	}.command()
}

func runJournalVerify(k *call) error {
	var rep journal.Report
	var err error
	where := k.stateDir()
	if len(k.args) == 1 {
		where = k.args[0]
		src, oerr := k.openInput(where, "the journal")
		if oerr != nil {
			return oerr
		}
		defer src.Close()
		rep, err = journal.Verify(k.ctx, src, k.cli.String("head"))
	} else {
		rep, err = journal.VerifyDir(k.ctx, where, k.cli.String("head"))
	}
	if err != nil {
		return k.inFile(where, err)
	}
	return k.ui.result(map[string]any{"lines": rep.Lines, "first": rep.First, "last": rep.Last, "files": rep.Files, "repairs": rep.Repairs, "torn_bytes": rep.Torn, "head": rep.Hash}, func(w io.Writer) {
		fmt.Fprintf(w, "whole: %d lines, head %s\n", rep.Lines, rep.Hash)
	})
}
