package cmd

import (
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

// Completion scripts are generated whole from the command tree: they call
// nothing while completing and need no completion package of the shell.

func completionCommand() *cli.Command {
	return verb{
		name:     "completion",
		usage:    "print the completion script of a shell",
		operands: "bash|zsh|fish|powershell",
		min:      1,
		max:      1,
		quick:    true,
		examples: []example{
			{"source <(lander completion bash)", "complete in this bash"},
			{"lander completion fish > ~/.config/fish/completions/lander.fish", "complete in every fish"},
		},
		run: func(k *call) error {
			write, ok := completionWriters[k.args[0]]
			if !ok {
				return usagef("name bash, zsh, fish or powershell", "no completion for %q", k.args[0])
			}
			var b strings.Builder
			write(&b, completionTree(k.cli.App))
			return k.ui.result(map[string]string{"shell": k.args[0], "script": b.String()}, func(w io.Writer) { io.WriteString(w, b.String()) })
		},
	}.command()
}

var completionWriters = map[string]func(io.Writer, []node){
	"bash": writeBash, "zsh": writeZsh, "fish": writeFish, "powershell": writePowershell,
}

// node is one command as the completion scripts see it.
type node struct {
	path  string // "script sign"; "" is the root
	usage string
	words []word // subcommands or flags
}

type word struct {
	text, usage string
	takesValue  bool
	sub         bool
	choices     []string // the values that the flag takes, when they are words
}

// at is where the scripts look for a word of the node: "script sign --key".
func (n node) at(w word) string { return strings.TrimSpace(n.path + " " + w.text) }

func completionTree(app *cli.App) []node {
	root := node{usage: app.Usage}
	for _, c := range shown(app.Commands) {
		root.words = append(root.words, word{text: c.Name, usage: c.Usage, sub: true})
	}
	root.words = append(root.words, flagWords(app.Flags)...)
	out := []node{root}
	return append(out, walk("", app.Commands)...)
}

func walk(prefix string, cmds []*cli.Command) []node {
	var out []node
	for _, c := range shown(cmds) {
		n := node{path: strings.TrimSpace(prefix + " " + c.Name), usage: c.Usage}
		for _, s := range shown(c.Subcommands) {
			n.words = append(n.words, word{text: s.Name, usage: s.Usage, sub: true})
		}
		if c.Name == "completion" {
			for _, sh := range []string{"bash", "zsh", "fish", "powershell"} {
				n.words = append(n.words, word{text: sh, usage: "script for " + sh, sub: true})
			}
		}
		n.words = append(n.words, flagWords(c.Flags)...)
		out = append(out, n)
		out = append(out, walk(n.path, c.Subcommands)...)
	}
	return out
}

func flagWords(flags []cli.Flag) []word {
	var out []word
	for _, f := range flags {
		_, usage := describe(f)
		w := word{text: "--" + f.Names()[0], usage: usage, takesValue: !isBool(f)}
		if d, ok := f.(cli.DocGenerationFlag); ok && w.takesValue {
			w.choices = choices(d.GetUsage())
		}
		out = append(out, w)
	}
	return out
}

// choices are the words of a usage such as "log as `FORMAT`: text or json":
// what help says is what the shells offer.
func choices(usage string) []string {
	_, list, ok := strings.Cut(usage, "`: ")
	if !ok {
		return nil
	}
	var out []string
	for _, s := range strings.Split(strings.ReplaceAll(list, " or ", ", "), ", ") {
		s, _, _ = strings.Cut(s, " (")
		if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" {
			out = append(out, s)
		}
	}
	return out
}

// chosen are the flags that take certain words: those words, and where.
func chosen(nodes []node) (words []string, at map[string][]string) {
	at = map[string][]string{}
	for _, n := range nodes {
		for _, w := range n.words {
			if len(w.choices) > 0 {
				s := strings.Join(w.choices, " ")
				if at[s] == nil {
					words = append(words, s)
				}
				at[s] = append(at[s], n.at(w))
			}
		}
	}
	return words, at
}

func (n node) list(keep func(word) bool) string {
	var out []string
	for _, w := range n.words {
		if keep(w) {
			out = append(out, w.text)
		}
	}
	return strings.Join(out, " ")
}
