package cmd

import (
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// Flags that several verbs have are made here, so that they are spelled and
// explained once.

func helpFlag() cli.Flag {
	return &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show this help"}
}

func sharedFlags(v verb) []cli.Flag {
	flags := []cli.Flag{
		&cli.BoolFlag{Name: "json", Usage: "print the result, and errors, as JSON"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Count: new(int), Usage: "print errors only; twice: nothing for exit code 5"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Count: new(int), Usage: "log more; repeat for more"},
		&cli.StringFlag{Name: "log-level", Usage: "log down to `LEVEL`: debug, info, warn or error"},
		&cli.StringFlag{Name: "log-format", Usage: "log as `FORMAT`: text or json", Value: "text"},
		&cli.BoolFlag{Name: "no-color", Usage: "write without colours"},
		&cli.StringFlag{Name: "config", Usage: "read the configuration from `FILE`"},
	}
	if !v.server {
		flags = append(flags, &cli.DurationFlag{Name: "timeout", Usage: "give up after `DUR`; 0 waits for ever"})
	}
	return append(flags, helpFlag())
}

func trustFlag() cli.Flag {
	return &cli.StringFlag{Name: "trust", Usage: "the trust store `DIR` (default: lander/trust in the configuration directory)"}
}

func stateFlag() cli.Flag {
	return &cli.StringFlag{Name: "state", Usage: "keep serials, journal and other state in `DIR`"}
}

func outputFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: usage}
}

func forceFlag(usage string) cli.Flag {
	return &cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Usage: usage}
}

func dryRunFlag(usage string) cli.Flag {
	return &cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: usage}
}

func noInputFlag() cli.Flag {
	return &cli.BoolFlag{Name: "no-input", Usage: "never ask; implied without a terminal"}
}

func passphraseFlag() cli.Flag {
	return &cli.IntFlag{Name: "passphrase-fd", Value: -1, DefaultText: "ask on the terminal", Usage: "read the passphrase from file descriptor `N`"}
}

func strictFlag() cli.Flag {
	return &cli.BoolFlag{Name: "strict", Usage: "make a key file that others can read an error"}
}

func signatureFlag() cli.Flag {
	return &cli.StringFlag{Name: "signature", Usage: "the detached signature is in `FILE`"}
}

func capabilityFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "capability", Usage: "a capability `WORD` that scripts may have: base, exec, fs:PATH[:ro], net:HOST:PORT, ... (repeatable)"}
}

func idFlag() cli.Flag {
	return &cli.StringFlag{Name: "id", Usage: "answer to the target `ID` (default: made from the machine id)"}
}

func groupFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "group", Usage: "answer to the target group:`NAME` (repeatable)"}
}

// parseSize reads "64MiB", "10k" or a plain number of bytes.
func parseSize(s string) (int64, error) {
	t := strings.ToLower(strings.TrimSpace(s))
	factor := int64(1)
	for _, u := range []struct {
		suffix string
		factor int64
	}{{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"kb", 1000}, {"mb", 1000000}, {"gb", 1000000000}, {"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"b", 1}} {
		if rest, ok := strings.CutSuffix(t, u.suffix); ok {
			t, factor = strings.TrimSpace(rest), u.factor
			break
		}
	}
	n, err := strconv.ParseInt(t, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/factor {
		return 0, usagef("write it as 64MiB", "%q is not a size", s)
	}
	return n * factor, nil
}

// sizeFlag reads a flag that holds a size; "" is def.
func (k *call) sizeFlag(name string, def int64) (int64, error) {
	s := k.cli.String(name)
	if s == "" {
		return def, nil
	}
	n, err := parseSize(s)
	if err != nil {
		return 0, usagef("write it as 64MiB", "--%s: %q is not a size", name, s)
	}
	return n, nil
}

// parseValid reads how long a signature is valid: a duration, days as "30d",
// or never.
func parseValid(s string) (d time.Duration, never bool, err error) {
	if s == "never" {
		return 0, true, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err == nil && n > 0 {
			return time.Duration(n) * 24 * time.Hour, false, nil
		}
	}
	d, err = time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, false, usagef("write it as 24h, 30d or never", "--valid: %q is not a duration", s)
	}
	return d, false, nil
}
