// Package provision is `lander ota serve`: it holds a tree of files against
// what each board has, and brings the board up to it over luaOTA.
//
// A Tree is read from a directory as a whole and never changes; a Release is
// what one manifest of it says a board should have; a Plan is how to get a board
// from what it has to a Release; a Service runs the plans of all boards at once.
//
// No board is sent anything that was not compiled, trimmed, measured and found
// whole before [OTA 8]. A board that cannot be served is told OK!, which lets it
// start its application.
package provision

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"lander/lib/luaota"
)

// The ways a file is delivered.
const (
	ModeRaw      = "raw"      // the bytes as they are
	ModeSource   = "source"   // Lua, as source
	ModeCompiled = "compiled" // Lua, compiled on the board to a .lc file
)

const (
	// MaxName is the longest name in bytes that a board's file may have.
	MaxName = 31
	// MaxConfig is the largest config.json that the original client reads
	// back; a larger one bricks the board.
	MaxConfig = 1024
	// MaxContent bounds what a tree's files hold together, in bytes.
	MaxContent = 256 << 20
	// stagePrefix begins the name under which a file waits to be renamed.
	stagePrefix = "~"
	// placing is the one of the session's own small files.
	placing = stagePrefix + "x"
	// configWaits is where a configuration waits: our client takes it from there
	// when a cut came between the removal of the old one and the renaming.
	configWaits = "luaOTA/~c"
	// todoName is the list of renames that our client finishes after a cut.
	todoName = "luaOTA/todo"
)

// Item is one file of a release as a board gets it.
type Item struct {
	Path    string // below the tree
	Name    string // on the board's flash
	Mode    string
	Content []byte // what is sent
	SHA256  string // of Content, lower hex
	MTime   int64  // of the file in the tree, seconds
	Size    int64  // of the file in the tree
	send    string // name in the cm or dl record
}

// token is what stands for the item's content in HI.files: short, and never the
// same for another mode.
func (it *Item) token() string {
	return it.SHA256[:6] + it.Mode[:1]
}

// Problem is something wrong with a tree. A Warning does not keep a release
// from the boards.
type Problem struct {
	Manifest string `json:"manifest"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Warning  bool   `json:"warning"`
	Text     string `json:"text"`
}

func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Manifest)
	if p.File != "" {
		b.WriteString(": " + p.File)
	}
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Warning {
		b.WriteString(": warning")
	}
	return b.String() + ": " + p.Text
}

// checkName says why a board cannot have a file of this name, or "".
func checkName(name string) string {
	switch {
	case name == "":
		return "the name is empty"
	case len(name) > MaxName:
		return fmt.Sprintf("the name %s has %d bytes, and a board takes %d", name, len(name), MaxName)
	case strings.HasPrefix(name, stagePrefix):
		return "names that begin with " + stagePrefix + " are for files on their way"
	case name == luaota.ConfigName || name == todoName:
		return name + " is written by the provisioning itself"
	case strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/"):
		return "the name begins or ends with a slash"
	}
	for _, c := range name {
		if c < ' ' || c == 0x7f || c == '\\' || c == '"' {
			return fmt.Sprintf("the name %q holds a character that boards do not bear", name)
		}
	}
	return ""
}

// cleanPath checks a path of a manifest, which stays below the tree.
func cleanPath(p string) (string, bool) {
	c := path.Clean(p)
	return c, fs.ValidPath(c) && c != "." && !strings.ContainsAny(p, "\\\x00\n")
}

// flashName is the name that a file has on the flash in the end.
func flashName(name, mode string) string {
	if mode == ModeCompiled {
		return strings.TrimSuffix(name, path.Ext(name)) + ".lc"
	}
	return name
}

// staged is the name under which the i-th file of a release waits. A name that
// does not fit behind the prefix is replaced by a number behind two of them, which
// no other file waits under: checkName lets none begin with the prefix.
func staged(send string, i int) string {
	if s := stagePrefix + send; len(s) <= MaxName && s != placing {
		return s
	}
	ext := ""
	if path.Ext(send) == ".lua" { // to be compiled, perhaps
		ext = ".lua"
	}
	return fmt.Sprintf("%s%s%d%s", stagePrefix, stagePrefix, i, ext)
}

// luaOTALast sorts the client's own files behind the others: what can update
// itself goes last.
func luaOTALast(names []string) {
	rank := func(n string) int {
		switch {
		case strings.HasPrefix(n, "luaOTA/"):
			return 2
		case n == "init.lua" || n == "init.lc":
			return 1
		}
		return 0
	}
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
}
