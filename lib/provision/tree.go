package provision

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"lander/lib/luaota"
	"lander/lib/trust"
)

// Tree is a directory of files and manifests as it was at one moment.
type Tree struct {
	Releases map[int64]*Release // of boards with a manifest of their own
	Default  *Release           // of all others, nil when there is none
	Settings Settings
	Problems []Problem
	signed   *Admission // nil: nobody signed it
}

// LoadOptions say how a tree is read.
type LoadOptions struct {
	// Check says what is wrong with a Lua source, as luavm.Check does: the
	// line and the text, or "" for nothing. Nil: nothing is checked.
	Check func(name string, source []byte) (line int, text string)
	// Release names the releases of manifests that name none.
	Release string
	// Sums, when not nil, are the signed SHA-256 of each file: others are
	// not used.
	Sums map[string]string
}

// Load reads a tree. What is wrong with it is in Problems and makes only the
// releases it touches Broken; the error is that of a directory that cannot be
// read at all.
func Load(fsys fs.FS, o LoadOptions) (*Tree, error) {
	names, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("reading the tree: %w", err)
	}
	l := &loader{fs: fsys, o: o, cache: map[string]*loaded{}, tree: &Tree{Releases: map[int64]*Release{}, Settings: Settings{Release: o.Release}}}
	l.tree.Settings.Window = defaultWindow
	for _, e := range names {
		if e.Name() == SettingsName {
			l.settings()
		}
	}
	for _, e := range names {
		name := e.Name()
		id, ok := manifestID(name)
		switch {
		case ok:
			l.tree.Releases[id] = l.release(name, &id)
		case name == DefaultName:
			l.tree.Default = l.release(name, nil)
		case strings.HasPrefix(name, "ESP-") && strings.HasSuffix(name, ".json"):
			l.problem(Problem{Manifest: name, Warning: true, Text: "no board has it: the name is ESP-, the chip id in decimal, .json"})
		}
	}
	// A manifest that was signed and is gone leaves its board without one, not to
	// that of all others.
	for name := range o.Sums {
		if id, ok := manifestID(name); ok && l.tree.Releases[id] == nil {
			l.tree.Releases[id] = l.release(name, &id)
		}
	}
	if len(l.tree.Releases) == 0 && l.tree.Default == nil {
		l.problem(Problem{Manifest: DefaultName, Text: "there is neither an ESP-ID.json nor a default.json"})
	}
	return l.tree, nil
}

// For is the release of a board, nil when there is none.
func (t *Tree) For(id int64) *Release {
	if r := t.Releases[id]; r != nil {
		return r
	}
	return t.Default
}

// All are the releases, those of single boards first, by their ids.
func (t *Tree) All() []*Release {
	var out []*Release
	for _, id := range slices.Sorted(maps.Keys(t.Releases)) {
		out = append(out, t.Releases[id])
	}
	if t.Default != nil {
		out = append(out, t.Default)
	}
	return out
}

// Broken reports whether any release may not reach a board.
func (t *Tree) Broken() bool {
	return slices.ContainsFunc(t.Problems, func(p Problem) bool { return !p.Warning })
}

// GroupsOf are the groups of a board: of its manifest and of the settings.
func (t *Tree) GroupsOf(id int64, r *Release) []string {
	groups := slices.Clone(r.Groups)
	text := strconv.FormatInt(id, 10)
	for name, ids := range t.Settings.Groups {
		if slices.Contains(ids, text) {
			groups = append(groups, name)
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

type loader struct {
	fs    fs.FS
	o     LoadOptions
	tree  *Tree
	cache map[string]*loaded
	total int64
}

// loaded is a file read once for all releases that use it in this mode.
type loaded struct {
	item     Item
	problems []Problem // Manifest is filled in where it is used
}

func (l *loader) problem(p Problem) { l.tree.Problems = append(l.tree.Problems, p) }

// read reads a file of the tree.
func (l *loader) read(name string) ([]byte, fs.FileInfo, error) {
	info, err := fs.Stat(l.fs, name)
	if err != nil {
		return nil, nil, plain(err)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errors.New("it is no regular file")
	}
	if l.total += info.Size(); l.total > MaxContent {
		return nil, nil, fmt.Errorf("the files of the tree hold more than %d MiB", MaxContent>>20)
	}
	b, err := fs.ReadFile(l.fs, name)
	if err != nil {
		return nil, nil, plain(err)
	}
	if l.o.Sums != nil {
		sum := sha256.Sum256(b)
		switch want, ok := l.o.Sums[name]; {
		case !ok:
			return nil, nil, errors.New("it is not in the signed list of files")
		case want != hex.EncodeToString(sum[:]):
			return nil, nil, errors.New("it is not what was signed")
		}
	}
	return b, info, nil
}

// plain drops the path, which the caller names.
func plain(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("it is not there")
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

func (l *loader) settings() {
	b, _, err := l.read(SettingsName)
	if err == nil {
		var s Settings
		if s, err = ParseSettings(b); err == nil {
			if s.Release == "" || l.o.Release != "" {
				s.Release = l.o.Release
			}
			l.tree.Settings = s
		}
	}
	if err != nil {
		l.problem(Problem{Manifest: SettingsName, Text: err.Error()})
	}
}

// release reads one manifest and all it names.
func (l *loader) release(name string, id *int64) *Release {
	r := &Release{Manifest: name}
	before := len(l.tree.Problems)
	fail := func(file, format string, args ...any) {
		l.problem(Problem{Manifest: name, File: file, Text: fmt.Sprintf(format, args...)})
	}
	b, _, err := l.read(name)
	var m Manifest
	if err == nil {
		r.secret = secretOf(b)
		m, err = ParseManifest(b)
	}
	if err != nil {
		fail("", "%v", err)
		r.Broken = true
		return r
	}
	r.secret, r.oldSecrets, r.Name, r.Groups, r.Config, r.Strict = m.Secret, m.OldSecrets, m.Release, m.Groups, m.Config, m.Strict
	r.Plain, r.Collect = m.Plain, m.Collect
	if r.Name == "" {
		r.Name = l.tree.Settings.Release
	}
	if strings.Contains(m.Secret, `\`) {
		fail("", "the secret holds a backslash: a board that is updated does not write it back correctly, and cannot read its config.json again")
	}
	if len(m.Secret) > 64 {
		l.problem(Problem{Manifest: name, Warning: true, Text: "the original's server breaks on secrets of more than 64 bytes"})
	}
	var legacy []string
	for _, f := range m.Files {
		it := l.item(name, f, m.Lua)
		if it == nil {
			continue
		}
		legacy = append(legacy, fmt.Sprintf("%s:%d", f.Path, it.MTime))
		r.Items = append(r.Items, it)
	}
	r.LegacyChk = trust.LuaOTAFingerprint(legacy)
	for _, d := range m.Delete {
		if why := checkName(d); why != "" {
			fail("", "delete: %s", why)
			continue
		}
		r.Delete = append(r.Delete, d)
	}
	l.collisions(name, r)
	r.fingerprint()
	// What does not fit a board with no configuration at all fits none.
	if _, err := configure(luaota.Hello{}, r, nil, r.secret, false); err != nil {
		fail("", "%v", err)
	}
	if d := r.Estimate(); d > budget {
		l.problem(Problem{Manifest: name, Warning: true, Text: fmt.Sprintf("a new board is busy for %.0f s: the update is spread over several boots", d.Seconds())})
	}
	for _, p := range l.tree.Problems[before:] {
		r.Broken = r.Broken || !p.Warning
	}
	return r
}

// item makes one file ready, or notes what is wrong with it.
func (l *loader) item(manifest string, f ManifestFile, lua string) *Item {
	fail := func(format string, args ...any) *Item {
		l.problem(Problem{Manifest: manifest, File: f.Path, Text: fmt.Sprintf(format, args...)})
		return nil
	}
	p, ok := cleanPath(f.Path)
	if !ok {
		return fail("the path does not stay in the tree")
	}
	name, mode := f.Name, f.Mode
	if name == "" {
		name = f.Path
	}
	isLua := path.Ext(p) == ".lua"
	switch mode {
	case "":
		if mode = ModeRaw; isLua {
			mode = ModeCompiled
		}
	case ModeRaw, ModeSource, ModeCompiled:
	default:
		return fail("the mode is source, compiled or raw, not %q", mode)
	}
	if mode == ModeCompiled && path.Ext(name) != ".lua" {
		return fail("the name of a compiled file ends in .lua, which the board makes .lc of")
	}
	if why := checkName(name); why != "" {
		return fail("%s", why)
	}
	key := mode + lua + "\x00" + p
	ld := l.cache[key]
	if ld == nil {
		ld = l.load(p, mode, lua)
		l.cache[key] = ld
	}
	bad := false
	for _, pr := range ld.problems {
		pr.Manifest = manifest
		l.problem(pr)
		bad = bad || !pr.Warning
	}
	if bad {
		return nil
	}
	if name == "init.lua" && mode == ModeCompiled {
		l.problem(Problem{Manifest: manifest, File: f.Path, Warning: true, Text: `boards start init.lua, not init.lc: {"path":"init.lua","mode":"source"} delivers it`})
	}
	it := ld.item
	it.Name, it.send = flashName(name, mode), name
	return &it
}

func (l *loader) load(p, mode, lua string) *loaded {
	ld := &loaded{}
	b, info, err := l.read(p)
	if err != nil {
		ld.problems = append(ld.problems, Problem{File: p, Text: err.Error()})
		return ld
	}
	ld.item = Item{Path: p, Mode: mode, MTime: info.ModTime().Unix(), Size: info.Size()}
	if mode != ModeRaw {
		b = l.lua(ld, p, mode, b, lua)
	}
	sum := sha256.Sum256(b)
	ld.item.Content, ld.item.SHA256 = b, hex.EncodeToString(sum[:])
	if time.Duration(records(len(b)))*recordTime > budget {
		ld.problems = append(ld.problems, Problem{File: p, Text: "it does not fit the 30 seconds that a board has for a session"})
	} else if len(b) > ramList {
		ld.problems = append(ld.problems, Problem{File: p, Warning: true, Text: fmt.Sprintf("%d bytes are more than the original client usually has memory for", len(b))})
	}
	return ld
}

// lua checks and trims a source. What the board compiles it compiles from
// memory, where Lua does not skip a first line with #.
func (l *loader) lua(ld *loaded, p, mode string, b []byte, lua string) []byte {
	if bytes.HasPrefix(b, []byte("\x1bLua")) {
		return b
	}
	check := func(src []byte, when string) bool {
		if l.o.Check == nil || lua == "5.3" {
			return true
		}
		line, text := l.o.Check(path.Base(p), src)
		if text != "" {
			ld.problems = append(ld.problems, Problem{File: p, Line: line, Text: text + when})
		}
		return text == ""
	}
	good := check(b, "")
	switch {
	case good && wantsTrim(b):
		b = Trim(b)
		check(b, " (after trimming)")
	case mode == ModeCompiled:
		b = firstLine(b)
	}
	return b
}

// collisions refuses two files of one name on the flash, and x.lua beside x.lc.
func (l *loader) collisions(manifest string, r *Release) {
	taken := map[string]string{}
	for _, it := range r.Items {
		if other, dup := taken[it.Name]; dup {
			l.problem(Problem{Manifest: manifest, File: it.Path, Text: fmt.Sprintf("it would be %s on the board, as %s is", it.Name, other)})
		}
		taken[it.Name] = it.Path
	}
	for _, it := range r.Items {
		lc := strings.TrimSuffix(it.Name, ".lua") + ".lc"
		if other, dup := taken[lc]; dup && strings.HasSuffix(it.Name, ".lua") {
			l.problem(Problem{Manifest: manifest, File: it.Path, Text: fmt.Sprintf("%s hides it: the board would load %s (%s)", lc, lc, other)})
		}
	}
	for _, d := range r.Delete {
		if p, there := taken[d]; there {
			l.problem(Problem{Manifest: manifest, File: p, Text: d + " is both delivered and deleted"})
		}
	}
}
