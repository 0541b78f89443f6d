//go:build !urfave_cli_no_docs

package cmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

// manEntries is what only the packaging build has: the writer of the manual
// page weighs a third of a megabyte.
func manEntries() []entry { return []entry{{"man", manCommand}} }

func manCommand() *cli.Command {
	return verb{
		name:  "man",
		usage: "print the manual page",
		examples: []example{
			{"lander man > lander.1", "for a package"},
			{"lander man | man -l -", "read it now"},
		},
		run: func(k *call) error {
			page, err := manPage(k.cli.App)
			if err != nil {
				return err
			}
			return k.ui.result(map[string]string{"page": page}, func(w io.Writer) { io.WriteString(w, page) })
		},
	}.command()
}

func manPage(app *cli.App) (string, error) {
	app.HideHelp, app.HideHelpCommand, app.HideVersion = true, true, true
	withoutHelp(app.Commands)
	app.Setup()
	page, err := app.ToManWithSection(1)
	if err != nil {
		return "", fmt.Errorf("rendering the manual page: %w", err)
	}
	var b strings.Builder
	b.WriteString(page)
	b.WriteString("\n.SH \"EXIT STATUS\"\n")
	for _, e := range append(exitTable, exitINT, exitTERM) {
		fmt.Fprintf(&b, ".TP\n.B %d\n%s: %s\n", e.code, e.name, e.help)
	}
	b.WriteString(".SH ENVIRONMENT\n")
	for _, v := range [][2]string{
		{"LANDER_FLAG, LANDER_COMMAND_FLAG", "stand for the flag of that name: LANDER_KEY, LANDER_SCRIPT_SIGN_TARGET. Empty means unset."},
		{"LANDER_CONFIG", "the configuration file"},
		{"NO_COLOR, CLICOLOR_FORCE, TERM=dumb", "write without colours, with colours, without"},
		{"CI", "never ask, no progress bars"},
		{"XDG_CONFIG_HOME, XDG_STATE_HOME", "where configuration and state live"},
	} {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", v[0], v[1])
	}
	b.WriteString(".SH FILES\n.TP\n.B $XDG_CONFIG_HOME/lander/config.toml, /etc/lander/config.toml\nthe configuration\n" +
		".TP\n.B $XDG_CONFIG_HOME/lander/trust, /etc/lander/trust\nthe trust store: minisign .pub files and policy.toml\n" +
		".TP\n.B $XDG_STATE_HOME/lander, /var/lib/lander\nserials and the journal\n.SH EXAMPLES\n")
	for _, c := range leaves(app.Commands) {
		for _, e := range examplesOf(c) {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", strings.ReplaceAll(e.line, `\`, `\\`), e.what)
		}
	}
	return b.String(), nil
}

// withoutHelp keeps the library from adding help commands of its own.
func withoutHelp(cmds []*cli.Command) {
	for _, c := range cmds {
		c.HideHelp, c.HideHelpCommand = true, true
		withoutHelp(c.Subcommands)
	}
}
