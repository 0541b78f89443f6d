package cmd

import (
	"flag"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

// invoke runs the command that a line names. App.Run is not used: the line is
// in order already, and App.Run refers to the library's help templates, with
// which the linker must keep every exported method of every type, some 2 MB.
func invoke(app *cli.App, std *streams, line commandLine) error {
	c := cli.NewContext(app, flag.NewFlagSet(app.Name, flag.ContinueOnError), nil)
	c.Context = std.ctx
	action := app.Action
	for i, cmd := range line.path {
		set := flag.NewFlagSet(cmd.Name, flag.ContinueOnError)
		set.SetOutput(io.Discard)
		if i == len(line.path)-1 {
			if err := fillFlags(set, cmd.Flags, line); err != nil {
				return err
			}
		}
		c = cli.NewContext(app, set, c)
		c.Command, action = cmd, cmd.Action
	}
	return action(c)
}

// fillFlags makes the set of a command's flags and operands.
func fillFlags(set *flag.FlagSet, flags []cli.Flag, line commandLine) error {
	for _, f := range flags {
		if err := f.Apply(set); err != nil {
			return err
		}
	}
	for _, o := range line.options {
		if err := setFlag(set, o.name, o.value); err != nil {
			_, text, _ := strings.Cut(err.Error(), ": ") // behind the name of the strconv function
			if text == "" {
				text = err.Error()
			}
			return usagef("see "+pathName(line.path)+" --help", "--%s: %q: %s", o.name, o.value, text)
		}
	}
	// A flag is known by each of its names.
	given := map[string]bool{}
	set.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for _, f := range flags {
		names := f.Names()
		for _, from := range names {
			if !given[from] {
				continue
			}
			for _, to := range names {
				if to != from {
					if err := set.Set(to, wholeValue(set.Lookup(from).Value)); err != nil {
						return err
					}
				}
			}
			break
		}
	}
	return set.Parse(append([]string{"--"}, line.operands...))
}

// setFlag gives a flag a value. One that may be repeated gets one more; the
// library alone would split the value at commas.
func setFlag(set *flag.FlagSet, name, value string) error {
	f := set.Lookup(name)
	if list, ok := f.Value.(*cli.StringSlice); ok {
		var values []string
		set.Visit(func(g *flag.Flag) {
			if g == f {
				values = list.Value()
			}
		})
		value = cli.NewStringSlice(append(values[:len(values):len(values)], value)...).Serialize()
	}
	return set.Set(name, value)
}

func wholeValue(v flag.Value) string {
	if list, ok := v.(cli.Serializer); ok {
		return list.Serialize()
	}
	return v.String()
}
