package cmd

import (
	"fmt"
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
}

func completionTree(app *cli.App) []node {
	root := node{usage: app.Usage}
	for _, c := range shown(app.Commands) {
		root.words = append(root.words, word{c.Name, c.Usage, false, true})
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
			n.words = append(n.words, word{s.Name, s.Usage, false, true})
		}
		if c.Name == "completion" {
			for _, sh := range []string{"bash", "zsh", "fish", "powershell"} {
				n.words = append(n.words, word{sh, "script for " + sh, false, true})
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
		out = append(out, word{"--" + f.Names()[0], usage, !isBool(f), false})
	}
	return out
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

func writeBash(w io.Writer, nodes []node) {
	io.WriteString(w, `# bash completion for lander; made by: lander completion bash
_lander() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path="" i word subs="" flags="" values=""
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case "$path $word" in
`)
	for _, n := range nodes {
		if n.path != "" {
			fmt.Fprintf(w, "        %q) path=%q ;;\n", " "+n.path, " "+n.path)
		}
	}
	io.WriteString(w, "        esac\n    done\n    case \"$path\" in\n")
	for _, n := range nodes {
		key := ""
		if n.path != "" {
			key = " " + n.path
		}
		fmt.Fprintf(w, "    %q)\n        subs=%q\n        flags=%q\n        values=%q ;;\n", key,
			n.list(func(w word) bool { return w.sub }), n.list(func(w word) bool { return !w.sub }), " "+n.list(func(w word) bool { return w.takesValue })+" ")
	}
	io.WriteString(w, `    esac
    if [[ $values == *" $prev "* ]]; then
        COMPREPLY=($(compgen -f -- "$cur"))
    elif [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$flags" -- "$cur"))
    elif [[ -n $subs ]]; then
        COMPREPLY=($(compgen -W "$subs" -- "$cur"))
    else
        COMPREPLY=($(compgen -f -- "$cur"))
    fi
}
complete -o filenames -F _lander lander
`)
}

func writeZsh(w io.Writer, nodes []node) {
	io.WriteString(w, `#compdef lander
# zsh completion for lander; made by: lander completion zsh
_lander() {
    local path="" i word
    local -a subs flags
    for ((i = 2; i < CURRENT; i++)); do
        word=$words[i]
        case "$path $word" in
`)
	for _, n := range nodes {
		if n.path != "" {
			fmt.Fprintf(w, "        %s) path=%s ;;\n", shellQuote(" "+n.path), shellQuote(" "+n.path))
		}
	}
	io.WriteString(w, "        esac\n    done\n    case \"$path\" in\n")
	for _, n := range nodes {
		key := ""
		if n.path != "" {
			key = " " + n.path
		}
		fmt.Fprintf(w, "    %s)\n", shellQuote(key))
		for _, kind := range []struct {
			name string
			sub  bool
		}{{"subs", true}, {"flags", false}} {
			fmt.Fprintf(w, "        %s=(", kind.name)
			for _, x := range n.words {
				if x.sub == kind.sub {
					fmt.Fprintf(w, "\n            %s", shellQuote(strings.ReplaceAll(x.text, ":", `\:`)+":"+x.usage))
				}
			}
			io.WriteString(w, ")\n")
		}
		io.WriteString(w, "        ;;\n")
	}
	io.WriteString(w, `    esac
    if [[ $words[CURRENT] == -* ]]; then
        _describe 'flag' flags
    elif (( $#subs )); then
        _describe 'command' subs
    else
        _files
    fi
}
if [[ $funcstack[1] == _lander ]]; then
    _lander "$@"
else
    compdef _lander lander
fi
`)
}

func writeFish(w io.Writer, nodes []node) {
	io.WriteString(w, `# fish completion for lander; made by: lander completion fish
function __lander_at
    set -l words (commandline -opc)
    set -e words[1]
    set -l path
    for word in $words
        string match -q -- '-*' $word; or set -a path $word
    end
    set -l want (string split -n ' ' -- $argv[1])
    test (count $path) -ge (count $want); or return 1
    for i in (seq (count $want))
        test "$path[$i]" = "$want[$i]"; or return 1
    end
    if test "$argv[2]" = exact
        test (count $path) -eq (count $want); or return 1
    end
    return 0
end
`)
	for _, n := range nodes {
		for _, x := range n.words {
			desc := shellQuote(x.usage)
			switch {
			case x.sub:
				fmt.Fprintf(w, "complete -c lander -n %s -f -a %s -d %s\n", shellQuote("__lander_at '"+n.path+"' exact"), x.text, desc)
			default:
				need := ""
				if x.takesValue {
					need = " -r"
				}
				exact := ""
				if n.path == "" {
					exact = " exact"
				}
				fmt.Fprintf(w, "complete -c lander -n %s -l %s%s -d %s\n", shellQuote("__lander_at '"+n.path+"'"+exact), x.text[2:], need, desc)
			}
		}
	}
}

func writePowershell(w io.Writer, nodes []node) {
	io.WriteString(w, `# PowerShell completion for lander; made by: lander completion powershell
Register-ArgumentCompleter -Native -CommandName lander -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $path = ''
    $known = @{
`)
	for _, n := range nodes {
		fmt.Fprintf(w, "        %s = @(", psQuote(n.path))
		for i, x := range n.words {
			if i > 0 {
				io.WriteString(w, ", ")
			}
			fmt.Fprintf(w, "@(%s, %s)", psQuote(x.text), psQuote(x.usage))
		}
		io.WriteString(w, ")\n")
	}
	io.WriteString(w, `    }
    foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
        $next = ($path + ' ' + $element.ToString()).Trim()
        if ($known.ContainsKey($next) -and $element.Extent.EndOffset -lt $cursorPosition) { $path = $next }
    }
    foreach ($pair in $known[$path]) {
        if ($pair[0] -like "$wordToComplete*") {
            [System.Management.Automation.CompletionResult]::new($pair[0], $pair[0], 'ParameterValue', $pair[1])
        }
    }
}
`)
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
func psQuote(s string) string    { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
