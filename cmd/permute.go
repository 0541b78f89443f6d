package cmd

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// commandLine is argv in order.
type commandLine struct {
	path     []*cli.Command // the commands named, outermost first
	options  []option
	operands []string
	help     bool
	version  bool
	json     bool // --json was given: errors are JSON too, even usage errors
}

// option is one flag of the line, by the name it was given.
type option struct{ name, value string }

// permute reads argv, with flags and operands in any order. The library would
// stop reading flags at the first operand and take the rest as operands,
// silently; a signing tool must not.
func permute(app *cli.App, argv []string) (commandLine, error) {
	var line commandLine
	flags, subs := app.Flags, app.Commands
	i := 1
	for ; i < len(argv) && len(subs) > 0; i++ {
		word := argv[i]
		if strings.HasPrefix(word, "-") && word != "-" {
			switch name := strings.TrimLeft(word, "-"); {
			case name == "help" || word == "-h":
				line.help = true
			case name == "version" && len(line.path) == 0:
				line.version = true
			case name == "json":
				// Only a fault's form depends on it here.
				line.json = true
				if !line.version {
					return line, usagef("put it after the command", "%s does not stand before the command", word)
				}
			default:
				line.json = line.json || hasJSON(argv[i:])
				return line, unknownFlag(word, flags, line.path)
			}
			continue
		}
		next := find(subs, word)
		if next == nil {
			line.json = line.json || hasJSON(argv[i:])
			if line.help {
				break
			}
			return line, unknownCommand(pathName(line.path), word, shown(subs))
		}
		line.path = append(line.path, next)
		flags, subs = next.Flags, next.Subcommands
	}
	if len(subs) > 0 || line.help {
		return line, nil
	}
	return line, line.leaf(argv[i:], flags)
}

// leaf orders the words behind the last command.
func (line *commandLine) leaf(words []string, flags []cli.Flag) error {
	line.json = hasJSON(words)
	for i := 0; i < len(words); i++ {
		word := words[i]
		if word == "--" {
			line.operands = append(line.operands, words[i+1:]...)
			break
		}
		if !strings.HasPrefix(word, "-") || word == "-" || looksNumeric(word) {
			line.operands = append(line.operands, word)
			continue
		}
		parts, wantsValue, err := split(word, flags, line.path)
		if err != nil {
			return err
		}
		for _, p := range parts {
			if p.name == "help" || p.name == "h" {
				line.help = true
			}
		}
		if wantsValue {
			if i+1 >= len(words) {
				return usagef("see "+pathName(line.path)+" --help", "%s needs a value", word)
			}
			i++
			parts[len(parts)-1].value = words[i]
		}
		line.options = append(line.options, parts...)
	}
	if line.help && len(line.operands) > 0 {
		if mode := find(modes(line.path[len(line.path)-1]), line.operands[0]); mode != nil {
			line.path = append(line.path, mode)
		}
	}
	return nil
}

// split takes one option word apart: "-vvq" into v, v and q, "-oFILE" into o
// with its value. It tells whether the next word is the last one's value.
func split(word string, flags []cli.Flag, path []*cli.Command) (parts []option, wantsValue bool, err error) {
	name, value, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
	if strings.HasPrefix(word, "--") {
		f := lookup(flags, name)
		if f == nil || len(name) == 1 {
			return nil, false, unknownFlag("--"+name, flags, path)
		}
		if hasValue && isCount(f) {
			return nil, false, usagef("repeat it, or leave it out", "--%s takes no value", name)
		}
		if hasValue && isBool(f) && value != "true" && value != "false" {
			return nil, false, usagef("", "--%s takes no value but true or false", name)
		}
		if isBool(f) && !hasValue {
			value = "true"
		}
		return []option{{name, value}}, !hasValue && !isBool(f), nil
	}
	letters := word[1:]
	for i := range len(letters) {
		letter := letters[i : i+1]
		f := lookup(flags, letter)
		if f == nil {
			return nil, false, unknownFlag(word, flags, path)
		}
		if isBool(f) {
			parts = append(parts, option{letter, "true"})
			continue
		}
		rest := strings.TrimPrefix(letters[i+1:], "=")
		if rest == "" && !strings.HasSuffix(letters, "=") {
			return append(parts, option{name: letter}), true, nil
		}
		return append(parts, option{letter, rest}), false, nil
	}
	return parts, false, nil
}

// looksNumeric lets a negative number be an operand: no flag is a digit.
func looksNumeric(word string) bool {
	return len(word) > 1 && word[0] == '-' && (word[1] >= '0' && word[1] <= '9')
}

func hasJSON(words []string) bool {
	for _, w := range words {
		if w == "--" {
			return false
		}
		if w == "--json" || w == "--json=true" {
			return true
		}
	}
	return false
}

func find(subs []*cli.Command, name string) *cli.Command {
	for _, s := range subs {
		if s.Name == name {
			return s
		}
	}
	return nil
}

func shown(subs []*cli.Command) []*cli.Command {
	var out []*cli.Command
	for _, s := range subs {
		if !s.Hidden {
			out = append(out, s)
		}
	}
	return out
}

func lookup(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		for _, n := range f.Names() {
			if n == name {
				return f
			}
		}
	}
	return nil
}

func isBool(f cli.Flag) bool { _, ok := f.(*cli.BoolFlag); return ok }

func isCount(f cli.Flag) bool { b, ok := f.(*cli.BoolFlag); return ok && b.Count != nil }

func pathName(path []*cli.Command) string {
	name := "lander"
	for _, c := range path {
		name += " " + c.Name
	}
	return name
}

func unknownFlag(word string, flags []cli.Flag, path []*cli.Command) error {
	hint := "see " + pathName(path) + " --help"
	name := strings.TrimLeft(word, "-")
	if lookup(flags, name) != nil && len(name) > 1 {
		hint = "did you mean --" + name + "?"
	} else {
		var names []string
		for _, f := range flags {
			names = append(names, f.Names()[0])
		}
		if near := nearest(name, names); near != "" {
			hint = "did you mean --" + near + "?"
		}
	}
	return usagef(hint, "%s has no flag %s", pathName(path), word)
}

// nearest is the name within two edits of a word, or "": a wild guess is no
// help.
func nearest(word string, names []string) string {
	best, at := "", 3
	for _, n := range names {
		if d := edits(word, n); d < at && d < len(n) {
			best, at = n, d
		}
	}
	return best
}

// edits counts insertions, deletions, replacements and swaps of neighbours
// between two words.
func edits(a, b string) int {
	if len(a) > 40 {
		return len(a)
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
