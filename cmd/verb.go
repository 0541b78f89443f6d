package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"lander/lib/proc"
)

// verb describes a command that does something. Its flags are complete: the
// shared ones are added by what the verb says of itself.
type verb struct {
	name     string
	usage    string // one line, lower case
	operands string // as shown behind the flags: "FILE...|-"
	about    string // paragraphs of the help
	flags    []cli.Flag
	examples []example
	exits    []exitCode // that it can end with, beyond 0 to 3

	min, max int  // operands; max < 0: any number
	server   bool // runs until it is told to stop: no --timeout
	hidden   bool
	quick    bool // prints what it knows already: needs no signal handling
	run      func(*call) error
}

type example struct{ line, what string }

// call is one run of a verb: what was asked for, and the streams.
type call struct {
	*streams
	ctx  context.Context
	cli  *cli.Context
	args []string
	ui   *printer
	log  *slog.Logger
	conf *config

	family *proc.Family // of all programs of this process; nil: there is none
}

// stopped is why the context of a call ended.
func (k *call) stopped() error { return context.Cause(k.ctx) }

func (v verb) command() *cli.Command {
	flags := append(slices.Clone(v.flags), sharedFlags(v)...)
	cmd := &cli.Command{
		Name:      v.name,
		Usage:     v.usage,
		ArgsUsage: v.operands,
		Hidden:    v.hidden,
		Flags:     flags,
	}
	cmd.Flags = append(cmd.Flags, &cli.BoolFlag{Name: "print-config", Usage: "print the merged configuration with the origin of each value, and stop"})
	cmd.Action = v.act
	cmd.Description = v.about
	cmd.CustomHelpTemplate = helpTail(v.exits, v.examples)
	return cmd
}

func (v verb) act(c *cli.Context) error {
	std := c.App.Metadata["streams"].(*streams)
	if !v.quick {
		// Catching signals costs a start-up a thread.
		defer std.catchSignals()()
	}
	k := &call{streams: std, ctx: std.ctx, cli: c, args: c.Args().Slice()}
	conf, err := loadConfig(c, std.getenv)
	if err != nil {
		return err
	}
	k.conf = conf
	std.json = std.json || c.Bool("json")
	std.quiet = c.Count("quiet")
	std.noColor = c.Bool("no-color")
	k.ui = newPrinter(std, std.json, std.quiet > 0, true)
	if c.Bool("print-config") {
		return conf.print(k)
	}
	if k.log, err = newLogger(std, c); err != nil {
		return conf.blame(k.ctx, err)
	}
	if err := k.checkValues(); err != nil {
		return conf.blame(k.ctx, err)
	}
	path := "lander " + commandPath(c)
	if len(k.args) < v.min {
		return usagef("see "+path+" --help", "%s needs %s", path, v.operands)
	}
	if v.max >= 0 && len(k.args) > v.max {
		return usagef("see "+path+" --help", "%s does not take %q", path, k.args[v.max])
	}
	if d := c.Duration("timeout"); !v.server && d > 0 {
		ctx, cancel := context.WithTimeoutCause(k.ctx, d, &fault{exit: exitUnreachable, msg: fmt.Sprintf("not done within the %s of --timeout", d)})
		defer cancel()
		k.ctx = ctx
	}
	return conf.blame(k.ctx, v.run(k))
}

// fromStdin are the flags that take - for the standard input.
var fromStdin = []string{"key", "files0-from", "batch", "on", "token-file", "signature", "policy", "retry-failed"}

// checkValues refuses what no command can mean: a time below zero, and two
// readers of the standard input.
func (k *call) checkValues() error {
	reader := ""
	reads := func(what string) error {
		if reader != "" {
			return usagef("", "%s and %s cannot both be read from stdin", reader, what)
		}
		reader = what
		return nil
	}
	for _, s := range k.conf.values {
		if d, ok := s.Value.(time.Duration); ok && d < 0 {
			return usagef("", "--%s %s is below zero", s.Name, d)
		}
		if s.Value == "-" && slices.Contains(fromStdin, s.Name) {
			if err := reads("--" + s.Name); err != nil {
				return err
			}
		}
	}
	for _, a := range k.args {
		if a == "-" {
			if err := reads("the operand -"); err != nil {
				return err
			}
		}
	}
	return nil
}

func commandPath(c *cli.Context) string {
	path := c.Command.Name
	for _, p := range c.Lineage()[1:] {
		if p.Command != nil && p.Command.Name != "" && p.Command.Name != c.App.Name {
			path = p.Command.Name + " " + path
		}
	}
	return path
}
