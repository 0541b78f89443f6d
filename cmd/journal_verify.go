package cmd

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

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
	head := k.cli.String("head")
	if b, err := hex.DecodeString(head); head != "" && (err != nil || len(b) != sha256.Size) {
		return usagef("lander journal verify --json | jq -r .head prints it", "--head %q is not a hash of 64 hex digits", head)
	}
	head = strings.ToLower(head)
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
		rep, err = journal.Verify(k.ctx, src, head)
	} else {
		rep, err = journal.VerifyDir(k.ctx, where, head)
	}
	if be, ok := errors.AsType[*journal.BrokenError](err); ok {
		if be.File == "" {
			be.File = where // of a bare reader
		}
		return &fault{exit: exitRefused, msg: be.Error(), cause: err, detail: map[string]any{"file": be.File, "line": be.Line}}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return invalidf("a run, or an agent, begins it", "%s holds no journal", where)
	}
	if err != nil {
		return k.inFile(where, err)
	}
	return k.ui.result(map[string]any{"lines": rep.Lines, "first": rep.First, "last": rep.Last, "files": rep.Files, "repairs": rep.Repairs, "torn_bytes": rep.Torn, "head": rep.Hash}, func(w io.Writer) {
		repairs := ""
		if rep.Repairs > 0 {
			repairs = fmt.Sprintf(", %d of them about repairs", rep.Repairs)
		}
		from := ""
		if rep.First > 1 {
			// Whether files were put away or lines taken, the chain cannot tell.
			from = fmt.Sprintf(" from line %d of the journal on", rep.First)
		}
		fmt.Fprintf(w, "whole: %d lines%s%s, head %s\n", rep.Lines, from, repairs, rep.Hash)
	})
}
