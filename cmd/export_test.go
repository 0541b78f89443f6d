package cmd

import (
	"io"
	"os"
	"strconv"

	"github.com/urfave/cli/v2"
)

// SetLinkTime sets what the linker sets in a release.
func SetLinkTime(t string) { linkTime = t }

// Path is a command of the tree: "script sign", or "" for lander itself.
type Path struct {
	Name  string
	Group bool
}

// Paths lists all that help shows.
func Paths() []Path {
	var out []Path
	for _, n := range completionTree(tree()) {
		out = append(out, Path{n.path, n.path == "" || find(commands(nil), n.path) != nil && len(find(commands(nil), n.path).Subcommands) > 0})
	}
	return out
}

// Completion renders the completion script of a shell.
func Completion(shell string, w io.Writer) { completionWriters[shell](w, completionTree(tree())) }

func tree() *cli.App { return newApp(&streams{out: &outWriter{w: io.Discard}, getenv: os.Getenv}, nil) }

// ExitTable gives the number, name and meaning of each exit code.
func ExitTable() (out [][3]string) {
	for _, e := range exitTable {
		out = append(out, [3]string{strconv.Itoa(e.code), e.name, e.help})
	}
	return out
}
