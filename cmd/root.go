// Package cmd is the command line: flags to configuration, configuration to
// one call of the library, its result to the printer. It knows no protocol.
package cmd

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"lander/lib/remote"
)

// entry is a verb or group of the root. It is made when it is needed: to make
// all of them takes longer than many a command does.
type entry struct {
	name string
	make func() *cli.Command
}

// entries lists the verbs and groups, in the order of the help.
func entries() []entry {
	return []entry{
		{"agent", agentCommand},
		{"emp", func() *cli.Command {
			return group("emp", "speak with the agent of this device", empSendCommand(), empListenCommand(), empSimulateCommand())
		}},
		{"ota", func() *cli.Command {
			return group("ota", "keep NodeMCU boards up to date", otaServeCommand(), otaFlashCommand(), otaStatusCommand())
		}},
		{"devs", devsCommand},
		{"script", func() *cli.Command {
			return group("script", "make, check and run signed scripts", scriptKeygenCommand(), scriptSignCommand(), scriptVerifyCommand(), scriptRunCommand())
		}},
		{"trust", func() *cli.Command {
			return group("trust", "say whose scripts may run here", trustListCommand(), trustAddCommand(), trustRemoveCommand(), trustApplyCommand())
		}},
		{"journal", func() *cli.Command {
			return group("journal", "read the record of what was run", journalVerifyCommand())
		}},
		{"gateway", gatewayCommand},
		{"doctor", doctorCommand},
		{"completion", completionCommand},
		{"man", manCommand},
		{"version", versionCommand},
	}
}

// commands makes the one command that a line begins with, or all of them
// when that is none or needs the others.
func commands(argv []string) []*cli.Command {
	all := entries()
	if len(argv) > 1 && argv[1] != "completion" && argv[1] != "man" {
		for _, e := range all {
			if e.name == argv[1] {
				return []*cli.Command{e.make()}
			}
		}
	}
	out := make([]*cli.Command, len(all))
	for i, e := range all {
		out[i] = e.make()
	}
	return out
}

// childCommand makes this program the child that a script runs in. It is no
// command of the tree: no user runs it, and it must start fast.
const childCommand = "script-child"

// Main runs one command line and returns its exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	setZone()
	return run(args, stdin, stdout, stderr, os.Getenv)
}

// environment looks up a variable; an empty value means unset everywhere.
type environment func(name string) string

func run(argv []string, stdin io.Reader, stdout, stderr io.Writer, getenv environment) int {
	if len(argv) == 2 && argv[1] == childCommand {
		return remote.ChildMain()
	}
	std := &streams{in: stdin, out: &outWriter{w: stdout}, err: stderr, getenv: getenv, ctx: context.Background()}
	app := newApp(std, argv)
	line, err := permute(app, argv)
	std.json = line.json
	switch {
	case err != nil:
	case line.help:
		err = std.showHelp(app, line.path)
	case line.version:
		err = runVersion(&call{streams: std, ui: newPrinter(std, line.json, false, true)})
	default:
		err = invoke(app, std, line)
	}
	if err == nil {
		err = std.out.failed()
	}
	return std.report(std.ctx, err)
}

// catchSignals makes the first INT or TERM end the context of a call. The
// second kills at once, by the system's own handling.
func (s *streams) catchSignals() (stop func()) {
	ctx, stop := signal.NotifyContext(s.ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	s.ctx = ctx
	return stop
}

func newApp(std *streams, argv []string) *cli.App {
	app := &cli.App{
		Name:     "lander",
		Usage:    "land scripts on devices: sign, deliver, run, and show what they did",
		Commands: commands(argv),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show this help"},
			&cli.BoolFlag{Name: "version", Usage: "print the version"},
		},
		Metadata: map[string]any{"streams": std},
	}
	app.Action = groupAction(app.Name, app.Commands)
	return app
}

// group is a command that only holds others.
func group(name, usage string, subs ...*cli.Command) *cli.Command {
	return &cli.Command{
		Name:        name,
		Usage:       usage,
		Subcommands: subs,
		Flags:       []cli.Flag{helpFlag()},
		Action:      groupAction("lander "+name, subs),
	}
}

// groupAction is reached when no verb was named, or one that is not there: a
// CI line whose verb variable came out empty must not pass.
func groupAction(path string, subs []*cli.Command) cli.ActionFunc {
	return func(c *cli.Context) error {
		var names []string
		visible := slices.DeleteFunc(slices.Clone(subs), func(s *cli.Command) bool { return s.Hidden })
		for _, s := range visible {
			names = append(names, s.Name)
		}
		if !c.Args().Present() {
			return usagef("see "+path+" --help", "%s needs a command: %s", path, strings.Join(names, ", "))
		}
		return unknownCommand(path, c.Args().First(), visible)
	}
}

func unknownCommand(path, name string, visible []*cli.Command) error {
	hint := "see " + path + " --help"
	var names []string
	for _, c := range visible {
		names = append(names, c.Name)
	}
	if near := nearest(name, names); near != "" {
		hint = "did you mean " + path + " " + near + "?"
	}
	return usagef(hint, "%s has no command %q", path, name)
}
