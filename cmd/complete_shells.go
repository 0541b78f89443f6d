package cmd

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The completion scripts of the shells, each from the same tree.

func writeBash(w io.Writer, nodes []node) {
	io.WriteString(w, `# bash completion for lander; made by: lander completion bash
_lander() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path="" i word subs="" flags="" values="" choices=""
    # --flag=value arrives as three words.
    if [[ $cur == = ]]; then
        cur=""
    elif [[ $prev == = && COMP_CWORD -ge 2 ]]; then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
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
	writeChoices(w, nodes, "$path $prev", func(words string) string { return "choices=" + strconv.Quote(words) })
	io.WriteString(w, `    if [[ -n $choices ]]; then
        COMPREPLY=($(compgen -W "$choices" -- "$cur"))
    elif [[ $values == *" $prev "* ]]; then
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

// writeChoices ends a case, and begins and ends that of the flags with choices.
func writeChoices(w io.Writer, nodes []node, subject string, set func(words string) string) {
	fmt.Fprintf(w, "    esac\n    case \"%s\" in\n", subject)
	words, at := chosen(nodes)
	for _, s := range words {
		var patterns []string
		for _, p := range at[s] {
			patterns = append(patterns, fmt.Sprintf("%q", " "+p))
		}
		fmt.Fprintf(w, "    %s)\n        %s ;;\n", strings.Join(patterns, "|"), set(s))
	}
	io.WriteString(w, "    esac\n")
}

func writeZsh(w io.Writer, nodes []node) {
	io.WriteString(w, `#compdef lander
# zsh completion for lander; made by: lander completion zsh
_lander() {
    local at="" i word
    local -a subs flags choices
    for ((i = 2; i < CURRENT; i++)); do
        word=$words[i]
        case "$at $word" in
`)
	for _, n := range nodes {
		if n.path != "" {
			fmt.Fprintf(w, "        %s) at=%s ;;\n", shellQuote(" "+n.path), shellQuote(" "+n.path))
		}
	}
	io.WriteString(w, "        esac\n    done\n    case \"$at\" in\n")
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
	writeChoices(w, nodes, "$at $words[CURRENT-1]", func(words string) string { return "choices=(" + words + ")" })
	io.WriteString(w, `    if (( $#choices )); then
        compadd -- $choices
    elif [[ $words[CURRENT] == -* ]]; then
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
				switch {
				case len(x.choices) > 0:
					need = " -x -a " + shellQuote(strings.Join(x.choices, " "))
				case x.takesValue:
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
	io.WriteString(w, "    }\n    $choices = @{\n")
	for _, n := range nodes {
		for _, x := range n.words {
			if len(x.choices) > 0 {
				fmt.Fprintf(w, "        %s = %s\n", psQuote(n.at(x)), psQuote(strings.Join(x.choices, " ")))
			}
		}
	}
	io.WriteString(w, `    }
    $before = ''
    foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
        $next = ($path + ' ' + $element.ToString()).Trim()
        if ($known.ContainsKey($next) -and $element.Extent.EndOffset -lt $cursorPosition) { $path = $next }
        if ($element.Extent.EndOffset -lt $cursorPosition) { $before = $element.ToString() }
    }
    $words = $choices[($path + ' ' + $before).Trim()]
    if ($words) {
        $words -split ' ' | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
            [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
        }
        return
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
