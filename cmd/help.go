package cmd

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
)

// Help is our own text, not the library's templates: each page ends with the
// headings EXIT STATUS and EXAMPLES. A command carries these two, rendered,
// in CustomHelpTemplate.

func helpTail(exits []exitCode, examples []example) string {
	// Plain concatenation: this runs for each command at every start.
	var b strings.Builder
	b.WriteString("EXIT STATUS\n")
	line := func(e exitCode) {
		code := strconv.Itoa(e.code)
		b.WriteString("   " + code + strings.Repeat(" ", 5-len(code)) + e.name + strings.Repeat(" ", 13-len(e.name)) + e.help + "\n")
	}
	for _, e := range []exitCode{exitOK, exitFailed, exitUsage, exitInvalid} {
		line(e)
	}
	for _, e := range exits {
		line(e)
	}
	b.WriteString("\nEXAMPLES\n")
	for _, e := range examples {
		b.WriteString("   " + e.line + "\n      " + e.what + "\n")
	}
	return b.String()
}

// showHelp prints the page of the command at the end of path.
func (s *streams) showHelp(app *cli.App, path []*cli.Command) error {
	renderHelp(s.out, app, path)
	return nil
}

func renderHelp(w io.Writer, app *cli.App, path []*cli.Command) {
	name, usage, about, flags, subs := "lander", app.Usage, "", app.Flags, app.Commands
	var leaf *cli.Command
	if len(path) > 0 {
		leaf = path[len(path)-1]
		name, usage, about, flags, subs = pathName(path), leaf.Usage, leaf.Description, leaf.Flags, leaf.Subcommands
	}
	fmt.Fprintf(w, "NAME\n   %s - %s\n\nUSAGE\n", name, usage)
	if len(subs) > 0 {
		fmt.Fprintf(w, "   %s COMMAND [FLAGS] [OPERANDS]\n", name)
	} else {
		fmt.Fprintf(w, "   %s\n", strings.TrimSpace(name+" [FLAGS] "+leaf.ArgsUsage))
	}
	if about != "" {
		fmt.Fprintf(w, "\nDESCRIPTION\n%s\n", indent(about))
	}
	if len(subs) > 0 {
		fmt.Fprint(w, "\nCOMMANDS\n")
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		listCommands(tw, "", subs)
		tw.Flush()
	}
	fmt.Fprint(w, "\nFLAGS\n")
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range flags {
		left, right := describe(f)
		fmt.Fprintf(tw, "   %s\t%s\n", left, right)
	}
	tw.Flush()
	fmt.Fprint(w, "\n"+tailOf(app, path))
}

func indent(text string) string {
	return "   " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n   ")
}

func listCommands(w io.Writer, prefix string, subs []*cli.Command) {
	for _, c := range shown(subs) {
		if len(c.Subcommands) > 0 {
			listCommands(w, prefix+c.Name+" ", c.Subcommands)
			continue
		}
		fmt.Fprintf(w, "   %s%s\t%s\n", prefix, c.Name, c.Usage)
	}
}

// describe renders one flag: "-o, --output FILE" and what it does.
func describe(f cli.Flag) (left, right string) {
	names := f.Names()
	for _, n := range names[1:] {
		left += "-" + n + ", "
	}
	if left == "" {
		left = "    "
	}
	left += "--" + names[0]
	usage, def := "", ""
	if d, ok := f.(cli.DocGenerationFlag); ok {
		usage = d.GetUsage()
		if d.TakesValue() {
			def = d.GetDefaultText()
		}
	}
	if i := strings.IndexByte(usage, '`'); i >= 0 {
		if j := strings.IndexByte(usage[i+1:], '`'); j >= 0 {
			left += " " + usage[i+1:i+1+j]
			usage = usage[:i] + usage[i+1:i+1+j] + usage[i+j+2:]
		}
	} else if d, ok := f.(cli.DocGenerationFlag); ok && d.TakesValue() {
		left += " VALUE"
	}
	if def != "" && def != `""` && def != "0s" && def != "0" && !strings.Contains(usage, "default") {
		usage += " (default: " + strings.Trim(def, `"`) + ")"
	}
	return left, usage
}

// tailOf returns EXIT STATUS and EXAMPLES. A group has the whole exit table
// and the first example of its first two commands.
func tailOf(app *cli.App, path []*cli.Command) string {
	subs := app.Commands
	if len(path) > 0 {
		leaf := path[len(path)-1]
		if leaf.CustomHelpTemplate != "" {
			return leaf.CustomHelpTemplate
		}
		subs = leaf.Subcommands
	}
	var picks []example
	for _, c := range leaves(subs) {
		all := examplesOf(c)
		if len(picks) < 2 && len(all) > 0 {
			picks = append(picks, all[0])
		}
	}
	if len(picks) == 1 {
		picks = append(picks, examplesOf(leaves(subs)[0])[1:]...)
	}
	return helpTail(exitTable[4:], picks)
}

func leaves(subs []*cli.Command) []*cli.Command {
	var out []*cli.Command
	for _, c := range shown(subs) {
		if len(c.Subcommands) > 0 {
			out = append(out, leaves(c.Subcommands)...)
		} else {
			out = append(out, c)
		}
	}
	return out
}

// examplesOf reads the examples back from a rendered tail.
func examplesOf(c *cli.Command) []example { return parseExamples(c.CustomHelpTemplate) }

func parseExamples(tail string) []example {
	_, text, _ := strings.Cut(tail, "EXAMPLES\n")
	var out []example
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		out = append(out, example{strings.TrimSpace(lines[i]), strings.TrimSpace(lines[i+1])})
	}
	return out
}
