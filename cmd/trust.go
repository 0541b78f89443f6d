package cmd

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"lander/lib/bundle"
	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/trust"
)

func trustListCommand() *cli.Command {
	return verb{
		name:  "list",
		usage: "list the keys whose scripts may run here",
		flags: []cli.Flag{trustFlag()},
		examples: []example{
			{"lander trust list", "ids, roles and windows"},
			{"lander trust list --json | jq -r '.keys[].id'", "the ids alone"},
		},
		run: runTrustList,
	}.command()
}

type keyLine struct {
	ID           string   `json:"id"`
	File         string   `json:"file"`
	Role         string   `json:"role"`
	Revoked      bool     `json:"revoked"`
	NotBefore    *string  `json:"not_before"`
	NotAfter     *string  `json:"not_after"`
	Formats      []string `json:"formats"`
	Targets      []string `json:"targets"`
	Names        []string `json:"names"`
	Capabilities []string `json:"capabilities"`
	Plain        bool     `json:"plain"`
	Recheck      bool     `json:"recheck"`
}

func runTrustList(k *call) error {
	store, err := k.trustStore()
	if err != nil {
		return err
	}
	keys := []keyLine{}
	for _, i := range store.Keys() {
		p := i.Policy
		keys = append(keys, keyLine{i.ID, i.File, p.Role, p.Revoked, timeOrNil(p.NotBefore), timeOrNil(p.NotAfter), p.Formats, p.Targets, p.Names, p.Capabilities, p.Plain, p.Recheck})
	}
	return k.ui.result(map[string]any{"trust": store.Dir(), "keys": keys}, func(w io.Writer) {
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, l := range keys {
			role, until := l.Role, "for ever"
			if l.Revoked {
				role = "revoked"
			}
			if l.NotAfter != nil {
				until = "until " + *l.NotAfter
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", l.ID, role, until, strings.Join(l.Capabilities, " "))
		}
		tw.Flush()
	})
}

func timeOrNil(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := job.Time{Time: t}.String()
	return &s
}

func trustAddCommand() *cli.Command {
	return verb{
		name:     "add",
		usage:    "trust a public key",
		operands: "FILE|-",
		flags: []cli.Flag{
			trustFlag(),
			&cli.StringFlag{Name: "role", Usage: "give the key the `ROLE`: root (may sign key lists) or signer"},
		},
		min: 1, max: 1,
		exits: []exitCode{exitRefused},
		examples: []example{
			{"lander trust add release.pub", "scripts signed with release.key may run here"},
			{"lander trust add --role root root.pub", "key lists signed with root.key are applied"},
		},
		run: func(k *call) error {
			role := k.cli.String("role")
			if role != "" && role != trust.RoleRoot && role != trust.RoleSigner {
				return usagef("", "--role %q is neither root nor signer", role)
			}
			text, err := k.readInput(k.args[0], "the public key", 64<<10)
			if err != nil {
				return err
			}
			id, err := trust.Add(k.trustDir(), text, role)
			if err != nil {
				return k.inFile(k.args[0], err)
			}
			return k.ui.result(map[string]string{"trust": k.trustDir(), "key_id": id}, func(w io.Writer) { fmt.Fprintln(w, id) })
		},
	}.command()
}

func trustRemoveCommand() *cli.Command {
	return verb{
		name:     "remove",
		usage:    "trust a key no more",
		operands: "ID",
		flags:    []cli.Flag{trustFlag()},
		min:      1, max: 1,
		exits: []exitCode{exitRefused},
		examples: []example{
			{"lander trust remove 0123456789ABCDEF", "by its id, as trust list shows it"},
			{"lander trust remove --trust keys 0123456789ABCDEF", "from another trust store"},
		},
		run: func(k *call) error {
			if err := trust.Remove(k.trustDir(), k.args[0]); err != nil {
				return err
			}
			return k.ui.result(map[string]string{"trust": k.trustDir(), "key_id": strings.ToUpper(k.args[0])}, nil)
		},
	}.command()
}

func trustApplyCommand() *cli.Command {
	return verb{
		name:     "apply",
		usage:    "replace the trust store by a signed key list",
		operands: "FILE|-",
		about: `The key list is a bundle made by: lander script sign --format keys trust.toml. It must be
signed by a key whose role is root, be newer than the last one, and hold a root key itself.`,
		flags: []cli.Flag{trustFlag(), stateFlag(), idFlag(), groupFlag(), dryRunFlag("check only")},
		min:   1, max: 1,
		exits: []exitCode{exitRefused},
		examples: []example{
			{"lander trust apply keys.signed", "old keys out, new keys in, in one step"},
			{"curl -fsS https://example.org/keys.signed | lander trust apply -", "from a server"},
		},
		run: runTrustApply,
	}.command()
}

func runTrustApply(k *call) error {
	store, err := k.trustStore()
	if err != nil {
		return err
	}
	serials, err := trust.OpenSerials(filepath.Join(k.stateDir(), "serials"))
	if err != nil {
		return err
	}
	j, err := journal.Open(k.stateDir(), journal.Options{Log: k.log})
	if err != nil {
		return err
	}
	defer j.Close()
	src, err := k.openInput(k.args[0], "the key list")
	if err != nil {
		return err
	}
	defer src.Close()
	sub := trust.Subject{Names: k.names(), Now: time.Now(), BuildTime: buildTime(), Serials: serials, Formats: []string{job.FormatKeys}}
	b, err := bundle.Open(src, store, sub, "")
	var ids []string
	if err == nil {
		defer b.Payload.Close()
		ids, err = k.applyList(store.Dir(), b)
	}
	if b == nil {
		return k.inFile(k.args[0], err)
	}
	if !k.cli.Bool("dry-run") {
		line := journal.Line{Source: job.SourceCLI, Action: journal.ActionTrust, KeyID: b.Signature.KeyID(), Verdict: journal.Accepted, Outcome: "applied"}
		if b.Statement.Name != "" {
			line.Name, line.Format, line.SHA256, line.Serial = b.Statement.Name, b.Statement.Format, b.Statement.SHA256, &b.Statement.Serial
		}
		if err != nil {
			line.Verdict, line.Reason, line.Outcome = journal.Refused, oneLine(err.Error()), ""
		}
		if _, jerr := j.Append(k.ctx, line); jerr != nil && err == nil {
			err = fmt.Errorf("the list is applied, but could not be journalled: %w", jerr)
		}
	}
	if err != nil {
		return k.inFile(k.args[0], err)
	}
	return k.ui.result(map[string]any{"trust": store.Dir(), "serial": b.Statement.Serial, "keys": ids}, func(w io.Writer) {
		fmt.Fprintf(w, "%d keys in %s, list serial %d\n", len(ids), store.Dir(), b.Statement.Serial)
	})
}

func (k *call) applyList(dir string, b *bundle.Bundle) ([]string, error) {
	text, err := b.Payload.Bytes()
	if err != nil {
		return nil, err
	}
	if err := trust.CanApply(b.Verdict); err != nil {
		return nil, err
	}
	ids, err := trust.ParseKeyList(text)
	if err != nil || k.cli.Bool("dry-run") {
		return ids, err
	}
	if err := b.Record(); err != nil {
		return nil, err
	}
	return ids, trust.Replace(dir, b.Verdict, text)
}
