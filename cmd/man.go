package cmd

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"lander/lib/durable"
)

func manCommand() *cli.Command {
	return verb{
		name:     "man",
		usage:    "print a manual page, or write all of them",
		operands: "[COMMAND...]",
		about:    "Prints the page of a command, or of lander itself. The pages are made from\nwhat --help shows.",
		flags:    []cli.Flag{outputFlag("write every page into the directory `DIR`, as lander-COMMAND.1")},
		examples: []example{
			{"lander man script sign | man -l -", "read how scripts are signed"},
			{"lander man -o man1", "all pages, for a package"},
		},
		max: 2,
		run: runMan,
	}.command()
}

// page is one manual page: that of lander itself, of a group or of a verb.
type page struct {
	name string // lander-script-sign
	path []*cli.Command
}

// pages lists the page of app and those of all its commands.
func pages(app *cli.App) []page {
	out := []page{{name: "lander"}}
	var walk func(path []*cli.Command, cmds []*cli.Command)
	walk = func(path []*cli.Command, cmds []*cli.Command) {
		for _, c := range shown(cmds) {
			p := append(slices.Clone(path), c)
			out = append(out, page{strings.ReplaceAll(pathName(p), " ", "-"), p})
			walk(p, append(slices.Clone(c.Subcommands), modes(c)...))
		}
	}
	walk(nil, app.Commands)
	return out
}

func runMan(k *call) error {
	all := pages(k.cli.App)
	dir := k.cli.String("output")
	if dir == "" {
		want := strings.Join(append([]string{"lander"}, k.args...), "-")
		for _, p := range all {
			if p.name == want {
				text := p.render(k.cli.App)
				return k.ui.result(map[string]string{"name": p.name, "page": text}, func(w io.Writer) { io.WriteString(w, text) })
			}
		}
		return usagef("lander --help lists the commands", "there is no command %q", strings.Join(k.args, " "))
	}
	if len(k.args) > 0 {
		return usagef("lander man -o DIR", "-o writes every page: it takes no command")
	}
	if err := durable.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("writing the pages into %s: %w", dir, plainCause(err))
	}
	var names []string
	for _, p := range all {
		name := filepath.Join(dir, p.name+".1")
		if err := durable.WriteFile(name, []byte(p.render(k.cli.App)), 0o644); err != nil {
			return fmt.Errorf("writing a page: %w", err)
		}
		names = append(names, name)
	}
	return k.ui.result(map[string][]string{"outputs": names}, func(w io.Writer) {
		for _, n := range names {
			fmt.Fprintln(w, n)
		}
	})
}

// roffText makes text that roff takes as it is.
func roffText(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

// render makes the page, in the macros of man(7).
func (p page) render(app *cli.App) string {
	usage, about, flags, subs, operands := app.Usage, "", app.Flags, app.Commands, ""
	if len(p.path) > 0 {
		c := p.path[len(p.path)-1]
		usage, about, flags, subs, operands = c.Usage, c.Description, c.Flags, c.Subcommands, c.ArgsUsage
	}
	var b strings.Builder
	section := func(name string) { fmt.Fprintf(&b, ".SH %s\n", name) }
	item := func(tag, text string) { fmt.Fprintf(&b, ".TP\n%s\n%s\n", tag, roffText(text)) }
	bold := func(text string) string { return `\fB` + roffText(text) + `\fR` }

	fmt.Fprintf(&b, ".TH %s 1 \"\" %q \"Lander\"\n", roffText(strings.ToUpper(p.name)), roffText("lander "+readVersion().Version))
	section("NAME")
	fmt.Fprintf(&b, "%s \\- %s\n", roffText(p.name), roffText(usage))
	section("SYNOPSIS")
	name := strings.ReplaceAll(p.name, "-", " ")
	if len(subs) > 0 {
		fmt.Fprintf(&b, "%s \\fICOMMAND\\fR [\\fIFLAGS\\fR] [\\fIOPERANDS\\fR]\n", bold(name))
	} else {
		fmt.Fprintf(&b, "%s [\\fIFLAGS\\fR] %s\n", bold(name), roffText(operands))
	}
	if about != "" {
		section("DESCRIPTION")
		for i, paragraph := range strings.Split(strings.TrimSpace(about), "\n\n") {
			if i > 0 {
				b.WriteString(".PP\n")
			}
			b.WriteString(roffText(paragraph) + "\n")
		}
	}
	if len(subs) > 0 {
		section("COMMANDS")
		for _, c := range leavesBelow(p.path, subs) {
			item(bold(c.name), c.usage)
		}
	}
	section("OPTIONS")
	for _, f := range flags {
		left, right := describe(f)
		item(bold(strings.TrimSpace(left)), right)
	}
	exits, examples := tailParts(app, p.path)
	section(`"EXIT STATUS"`)
	for _, e := range exits {
		item(bold(e[0]), e[1])
	}
	section("ENVIRONMENT")
	for _, v := range manEnvironment {
		item(bold(v[0]), v[1])
	}
	section("FILES")
	for _, v := range manFiles {
		item(bold(v[0]), v[1])
	}
	section("EXAMPLES")
	for _, e := range examples {
		fmt.Fprintf(&b, ".PP\n%s:\n.PP\n.nf\n.RS\n%s\n.RE\n.fi\n", roffText(e.what), roffText(e.line))
	}
	section(`"SEE ALSO"`)
	var also []string
	for _, q := range pages(app) {
		if q.name != p.name && related(p.path, q.path) {
			also = append(also, bold(q.name)+"(1)")
		}
	}
	b.WriteString(strings.Join(also, ",\n") + "\n")
	return b.String()
}

// related pages are those of the commands above, below and beside.
func related(p, q []*cli.Command) bool {
	if len(q) == 0 || len(p) == 0 {
		return len(p) == 0 && len(q) == 1 || len(q) == 0
	}
	return p[0] == q[0]
}

// named is a verb with the words that lead to it.
type named struct{ name, usage string }

func leavesBelow(path, subs []*cli.Command) []named {
	var out []named
	for _, c := range shown(subs) {
		p := append(slices.Clone(path), c)
		if len(c.Subcommands) > 0 {
			out = append(out, leavesBelow(p, c.Subcommands)...)
		} else {
			out = append(out, named{pathName(p), c.Usage})
		}
	}
	return out
}

// tailParts reads the exit codes and the examples back from the help.
func tailParts(app *cli.App, path []*cli.Command) (exits [][2]string, examples []example) {
	tail := tailOf(app, path)
	text, _, _ := strings.Cut(strings.TrimPrefix(tail, "EXIT STATUS\n"), "\nEXAMPLES\n")
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		exits = append(exits, [2]string{words[0], words[1] + ": " + strings.Join(words[2:], " ")})
	}
	return exits, parseExamples(tail)
}

var manEnvironment = [][2]string{
	{"LANDER_FLAG, LANDER_COMMAND_FLAG", "stand for the flag of that name: LANDER_KEY, LANDER_SCRIPT_SIGN_TARGET. Empty means unset."},
	{"LANDER_CONFIG", "the configuration file"},
	{"NO_COLOR, CLICOLOR_FORCE, TERM=dumb", "write without colours, with colours, without"},
	{"CI", "never ask, no progress bars"},
	{"XDG_CONFIG_HOME, XDG_STATE_HOME", "where configuration and state live"},
}

var manFiles = [][2]string{
	{"$XDG_CONFIG_HOME/lander/config.toml, /etc/lander/config.toml", "the configuration"},
	{"$XDG_CONFIG_HOME/lander/trust, /etc/lander/trust", "the trust store: minisign .pub files and policy.toml"},
	{"$XDG_STATE_HOME/lander, /var/lib/lander", "serials, the journal, and the state of the servers"},
}
