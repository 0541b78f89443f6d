package cmd

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"lander/lib/journal"
	"lander/lib/link"
	"lander/lib/trust"
)

func doctorCommand() *cli.Command {
	return verb{
		name:  "doctor",
		usage: "check this machine: each thing is fine, or what to do",
		flags: []cli.Flag{trustFlag(), stateFlag(), idFlag()},
		examples: []example{
			{"lander doctor", "before the first script"},
			{"lander doctor --json | jq '.checks[] | select(.ok | not)'", "what is not fine"},
		},
		run: runDoctor,
	}.command()
}

type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Do     string `json:"do,omitempty"`
}

func runDoctor(k *call) error {
	findings := []finding{k.checkID(), k.checkTrust(), k.checkState(), k.checkClock(), k.checkJournal()}
	findings = append(findings, checkSerial()...)
	findings = append(findings, k.checkPort(defaultEMP, "agent"))
	bad := 0
	for _, f := range findings {
		if !f.OK {
			bad++
		}
	}
	err := k.ui.result(map[string]any{"ok": bad == 0, "checks": findings}, func(w io.Writer) {
		for _, f := range findings {
			mark := "fine"
			if !f.OK {
				mark = "NOT "
			}
			fmt.Fprintf(w, "%s  %-8s %s\n", mark, f.Check, oneLine(f.Detail))
			if f.Do != "" {
				fmt.Fprintf(w, "      %-8s -> %s\n", "", f.Do)
			}
		}
	})
	if err != nil || bad == 0 {
		return err
	}
	return &fault{exit: exitFailed, msg: fmt.Sprintf("%d of %d checks are not fine", bad, len(findings)), detail: map[string]any{"checks": findings}}
}

func (k *call) checkID() finding {
	if id := k.deviceID(); id != "" {
		return finding{"id", true, "this device is " + id, ""}
	}
	return finding{"id", false, "this machine has no machine id", "name the device with --id, or in the configuration"}
}

func (k *call) checkTrust() finding {
	store, err := k.trustStore()
	if err != nil {
		return finding{"trust", false, err.Error(), "mend or remove the file that is named"}
	}
	if n := len(store.Keys()); n > 0 {
		return finding{"trust", true, fmt.Sprintf("%d keys in %s", n, store.Dir()), ""}
	}
	return finding{"trust", false, "no keys in " + store.Dir() + ": every script is refused", "lander trust add FILE.pub"}
}

func (k *call) checkState() finding {
	dir := k.stateDir()
	if _, err := trust.OpenSerials(filepath.Join(dir, "serials")); err != nil {
		return finding{"state", false, err.Error(), "make " + dir + " writable for this user, or name another with --state"}
	}
	j, err := journal.Open(dir, journal.Options{Log: k.log})
	if err != nil {
		return finding{"state", false, err.Error(), "make " + dir + " writable for this user, or name another with --state"}
	}
	j.Close()
	return finding{"state", true, dir + " is writable", ""}
}

func (k *call) checkClock() finding {
	now := time.Now()
	if now.Before(buildTime()) {
		return finding{"clock", false, fmt.Sprintf("it says %s, before this program was built", now.UTC().Format(time.RFC3339)), "set the clock"}
	}
	if s, err := trust.OpenSerials(filepath.Join(k.stateDir(), "serials")); err == nil {
		if last, err := s.LastSigned(); err == nil && now.Before(last) {
			return finding{"clock", false, fmt.Sprintf("it says %s, before the last signature seen", now.UTC().Format(time.RFC3339)), "set the clock"}
		}
	}
	return finding{"clock", true, now.UTC().Format(time.RFC3339), ""}
}

func (k *call) checkJournal() finding {
	rep, err := journal.VerifyDir(k.ctx, k.stateDir(), "")
	if err != nil {
		if isNotExist(err) {
			return finding{"journal", true, "nothing was run yet", ""}
		}
		return finding{"journal", false, err.Error(), "keep a copy of it, and find out who wrote to it"}
	}
	return finding{"journal", true, fmt.Sprintf("%d lines, whole", rep.Lines), ""}
}

// checkSerial looks at permissions only: opening a port resets many boards.
func checkSerial() []finding {
	ports, err := link.Ports()
	if err != nil {
		return []finding{{"serial", false, err.Error(), "plug the device in again"}}
	}
	if len(ports) == 0 {
		return []finding{{"serial", true, "no serial port", ""}}
	}
	var out []finding
	for _, p := range ports {
		f := finding{"serial", true, p.String(), ""}
		if !mayUse(p.Path) {
			f.OK, f.Do = false, "join the group that owns "+p.Path+" (often dialout), and log in again"
		}
		out = append(out, f)
	}
	return out
}

// checkPort tells whether somebody listens where a server of ours would.
func (k *call) checkPort(address, who string) finding {
	addr, err := link.Parse(address)
	if err != nil {
		return finding{"port", false, err.Error(), ""}
	}
	l, err := link.Listen(k.ctx, addr, link.Options{})
	if err != nil {
		return finding{"port", true, fmt.Sprintf("%s is in use: perhaps by the %s", addr, who), ""}
	}
	l.Close()
	return finding{"port", true, fmt.Sprintf("%s is free: no %s runs", addr, who), ""}
}
