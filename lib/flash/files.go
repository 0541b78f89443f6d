package flash

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"lander/lib/luaota"
)

// Names on the board.
const (
	space       = "luaOTA/"
	initName    = "init.lua"
	defaultName = space + "default.lua"
	checkName   = space + "check.lua"
	tempPrefix  = "~of."
)

// File is a file as it should be on the board.
type File struct {
	Name    string // on the board
	Content []byte
}

// Client is our own device client.
func Client() []File {
	var out []File
	modules := luaota.ClientModules()
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		out = append(out, File{name, []byte(modules[name])})
	}
	return out
}

// maxFile bounds a file of a directory: a flash has a few megabytes.
const maxFile = 4 << 20

var (
	// ErrDir is a directory without a client in it.
	ErrDir = errors.New("no luaOTA client")
	// ErrForms is a module that is there both as source and as bytecode: each
	// would be removed on the board as what hides the other.
	ErrForms = errors.New("both forms of a module")
)

// Dir reads a client from a directory: luaOTA/* and init.lua of it, or the
// client's modules themselves, such as the original's directory has them. The
// original's server, which is beside them, and config.json are not taken.
func Dir(fsys fs.FS) ([]File, error) {
	in := ""
	if st, err := fs.Stat(fsys, "luaOTA"); err == nil && st.IsDir() {
		in = "luaOTA"
	}
	entries, err := fs.ReadDir(fsys, path.Clean("./"+in))
	if err != nil {
		return nil, err
	}
	var out []File
	take := func(from, to string) error {
		st, err := fs.Stat(fsys, from)
		if err != nil {
			return err
		}
		if st.Size() > maxFile {
			return fmt.Errorf("%s has %d bytes", from, st.Size())
		}
		b, err := fs.ReadFile(fsys, from)
		if err != nil {
			return err
		}
		out = append(out, File{to, b})
		return nil
	}
	for _, e := range entries {
		base, ext := strings.TrimSuffix(e.Name(), path.Ext(e.Name())), path.Ext(e.Name())
		switch {
		case !e.Type().IsRegular(), e.Name() == "config.json", base == "luaOTAserver", strings.HasPrefix(e.Name(), "."):
			continue
		case in == "" && (ext != ".lua" && ext != ".lc" || base == "init"):
			continue // notes and the like beside the modules
		}
		if err := take(path.Join(in, e.Name()), space+e.Name()); err != nil {
			return nil, err
		}
	}
	for _, f := range out {
		if other := sibling(f.Name); slices.ContainsFunc(out, func(f File) bool { return f.Name == other }) {
			return nil, fmt.Errorf("%w: %s and %s: a board loads the .lc alone", ErrForms, f.Name, other)
		}
	}
	if !slices.ContainsFunc(out, func(f File) bool { return f.Name == checkName || f.Name == space+"check.lc" }) {
		return nil, fmt.Errorf("%w: neither luaOTA/check.lua nor check.lua is there", ErrDir)
	}
	if _, err := fs.Stat(fsys, initName); err == nil {
		if err := take(initName, initName); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// commitOrder is that of OTA 3.5: what a module needs is there before it, and
// what starts them all is last.
var commitOrder = []string{"_todo", "_provision", "_doTick", "_init", "default", "config", "check", "init"}

func rank(name string) int {
	base := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if name != initName && !strings.HasPrefix(name, space) {
		return -1
	}
	return slices.Index(commitOrder, base)
}

// sibling is the file that would be loaded in place of another one, or be left
// behind by it: .lc and .lua of a module.
func sibling(name string) string {
	if name == initName {
		return "" // the firmware starts no other
	}
	switch path.Ext(name) {
	case ".lua":
		return strings.TrimSuffix(name, ".lua") + ".lc"
	case ".lc":
		return strings.TrimSuffix(name, ".lc") + ".lua"
	}
	return ""
}

// starter is the text of init.lua. Firmware since September 2020 has no
// crypto.toHex, which the original client calls: it gets one [OTA 2]. The member
// shim tells the next run that it is not the firmware's.
func starter(shim bool) []byte {
	if !shim {
		return []byte("require \"luaOTA.check\"\n")
	}
	return []byte(`local rom = crypto
crypto = setmetatable({shim = true, toHex = encoder and encoder.toHex or function(s)
  return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end}, {__index = rom})
require "luaOTA.check"
`)
}
