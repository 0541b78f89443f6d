package luavm

import (
	"errors"
	"os"
	"slices"
	"strings"

	"lander/lib/capability"
	"lander/lib/job"
)

var packageFuncs = library(func() funcs {
	return funcs{"loadlib": packageLoadLib, "seeall": packageSeeAll}
})

var fileLoadFuncs = library(func() funcs {
	return funcs{"dofile": baseDoFile, "loadfile": baseLoadFile}
})

// hostWords are the words that a host fills with modules of the same name.
var hostWords = []string{capability.Tree, capability.Device, capability.Monitoring, capability.Log, capability.Data}

// openPackage makes require, module, package, and what the host offers.
func (r *run) openPackage() {
	st := r.st
	loaded := st.newTable(0, 16)
	st.registry.setString(st, "_LOADED", tableValue(loaded))
	for _, name := range []string{"string", "table", "math", "debug", "coroutine", "os", "io"} {
		loaded.setString(st, name, st.globals.get(st.string(name)))
	}
	loaded.setString(st, "_G", tableValue(st.globals))
	pkg := st.fill(st.newTable(0, 8), packageFuncs())
	preload := st.newTable(0, 8)
	pkg.setString(st, "loaded", tableValue(loaded))
	pkg.setString(st, "preload", tableValue(preload))
	pkg.setString(st, "path", st.string("./?.lua;./?/init.lua"))
	pkg.setString(st, "cpath", st.string(""))
	pkg.setString(st, "config", st.string("/\n;\n?\n!\n-"))
	loaders := st.newTable(4, 0)
	for i, fn := range []func(*thread) int{loadPreload, r.loadFile, loadNothing, loadNothing} {
		loaders.setInt(st, i+1, st.newNative(fn, tableValue(pkg)).value())
	}
	pkg.setString(st, "loaders", tableValue(loaders))
	st.globals.setString(st, "package", tableValue(pkg))
	loaded.setString(st, "package", tableValue(pkg))

	missing := map[string]string{}
	offered := map[string]bool{}
	for _, m := range r.c.Modules {
		offered[m.Name] = true
		if m.Word != "" && !r.c.Capabilities.Allows(m.Word) {
			missing[m.Name] = m.Word
			continue
		}
		t := st.newTable(0, len(m.Funcs)+len(m.Values))
		for _, name := range sorted(m.Funcs) {
			t.setString(st, name, r.host(name, m.Funcs[name]))
		}
		for _, name := range sorted(m.Values) {
			t.setString(st, name, st.fromGo(m.Values[name]))
		}
		loaded.setString(st, m.Name, tableValue(t))
		if m.Global {
			st.globals.setString(st, m.Name, tableValue(t))
		}
	}
	if r.mayNet() {
		t := tableValue(r.openNet())
		loaded.setString(st, "net", t)
		st.globals.setString(st, "net", t)
	} else {
		missing["net"] = "net:HOST:PORT"
	}
	for _, w := range hostWords {
		if !offered[w] && !r.c.Capabilities.Allows(w) {
			missing[w] = w
		}
	}
	require := &requirer{missing: missing}
	st.fill(st.globals, fileLoadFuncs())
	st.globals.setString(st, "require", st.newNative(require.require, tableValue(pkg)).value())
	st.globals.setString(st, "module", st.newNative(packageModule, tableValue(pkg)).value())
}

// mayNet reports whether any connection is granted.
func (r *run) mayNet() bool {
	return slices.ContainsFunc(r.c.Capabilities, func(w string) bool { return strings.HasPrefix(w, "net:") })
}

// requirer is require; missing maps modules to the words that would show
// them.
type requirer struct{ missing map[string]string }

// loading marks a module whose chunk runs.
var loading = &userdata{head: head{kind: kindUserdata, flags: flagShared}}

func (q *requirer) require(th *thread) int {
	st, name := th.st, th.checkString(1)
	th.setArgs(1)
	loaded := st.registry.get(st.string("_LOADED"))
	key := st.string(name)
	if v := th.index(loaded, key, -1); !v.falsy() {
		if v.p == loading.value().p {
			th.errorf("loop or previous error loading module '%s'", name)
		}
		return th.ret(v)
	}
	if w, ok := q.missing[name]; ok {
		th.raiseErr(denied(w))
	}
	loaders := th.index(th.self().ups[0], st.string("loaders"), -1).asTable()
	if loaders == nil {
		th.errorf("'package.loaders' must be a table")
	}
	tried := ""
	var loader value
	for i := 1; ; i++ {
		l := loaders.getInt(i)
		if l.p == nil {
			th.errorf("module '%s' not found:%s", name, tried)
		}
		if loader = th.call1(l, key); loader.isFunction() {
			break
		}
		if s, ok := toString(loader); ok {
			tried += s
		}
	}
	th.setIndex(loaded, key, loading.value(), -1)
	if v := th.call1(loader, key); v.p != nil {
		th.setIndex(loaded, key, v, -1)
	}
	if v := th.index(loaded, key, -1); v.p == loading.value().p {
		th.setIndex(loaded, key, boolean(true), -1)
	}
	return th.ret(th.index(loaded, key, -1))
}

func loadPreload(th *thread) int {
	name := th.checkString(1)
	preload := th.index(th.self().ups[0], th.st.string("preload"), -1).asTable()
	if preload == nil {
		th.errorf("'package.preload' must be a table")
	}
	if v := preload.get(th.st.string(name)); v.p != nil {
		return th.ret(v)
	}
	return th.retString("\n\tno field package.preload['" + name + "']")
}

func loadNothing(th *thread) int { return th.retString("") }

// loadFile is the loader of Lua files along package.path, within what may be
// read.
func (r *run) loadFile(th *thread) int {
	name := strings.ReplaceAll(th.checkString(1), ".", "/")
	path, ok := toString(th.index(th.self().ups[0], th.st.string("path"), -1))
	if !ok {
		th.errorf("'package.path' must be a string")
	}
	tried := ""
	for _, t := range strings.Split(path, ";") {
		if t == "" {
			continue
		}
		file := strings.ReplaceAll(t, "?", name)
		source, err := r.readSource(file)
		if err != nil {
			tried += "\n\tno file '" + file + "'"
			continue
		}
		f, err := th.st.compile("@"+file, source)
		if err != nil {
			th.errorf("error loading module '%s' from file '%s':\n\t%s", th.checkString(1), file, err)
		}
		return th.ret(f.value())
	}
	return th.retString(tried)
}

func packageLoadLib(th *thread) int {
	th.retError("dynamic libraries not enabled; check your Lua installation")
	th.push(th.st.string("absent"))
	return 3
}

func packageSeeAll(th *thread) int {
	t := th.checkTable(1)
	if t.meta == nil {
		t.meta = th.st.newTable(0, 1)
	}
	t.meta.setString(th.st, "__index", tableValue(th.st.globals))
	return 0
}

// packageModule is module: it makes or finds a table and has the caller run
// in it.
func packageModule(th *thread) int {
	st, name, n := th.st, th.checkString(1), th.args()
	loaded := st.registry.get(st.string("_LOADED"))
	m := th.index(loaded, st.string(name), -1)
	if m.asTable() == nil {
		if m = th.findTable(st.globals, name); m.asTable() == nil {
			th.errorf("name conflict for module '%s'", name)
		}
		th.setIndex(loaded, st.string(name), m, -1)
	}
	if th.index(m, st.string("_NAME"), -1).p == nil {
		th.setIndex(m, st.string("_M"), m, -1)
		th.setIndex(m, st.string("_NAME"), st.string(name), -1)
		th.setIndex(m, st.string("_PACKAGE"), st.string(name[:strings.LastIndexByte(name, '.')+1]), -1)
	}
	f, _ := th.level(1)
	if f == nil || f.cl == nil {
		th.errorf("'module' not called from a Lua function")
	}
	f.cl.env = m.table()
	for i := 2; i <= n; i++ {
		th.call1(th.arg(i), m)
	}
	return 0
}

// findTable walks the fields of a dotted name, making tables where there is
// nothing; it returns nil where something else is.
func (th *thread) findTable(t *table, name string) value {
	v := tableValue(t)
	for _, part := range strings.Split(name, ".") {
		key := th.st.string(part)
		next := v.table().get(key)
		if next.p == nil {
			next = tableValue(th.st.newTable(0, 1))
			th.setIndex(v, key, next, -1)
		} else if next.asTable() == nil {
			return value{}
		}
		v = next
	}
	return v
}

// readSource reads a file that is to be compiled.
func (r *run) readSource(name string) ([]byte, error) {
	f, err := r.files.open(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := &file{r: r}
	h.setReader(f)
	s, err := h.readAll(r.st.limit)
	return skipShebang(s), err
}

// sourceArg reads the file that the first argument names, or the script's
// input if there is none.
func (r *run) sourceArg(th *thread) (chunk string, source []byte, err error) {
	if th.arg(1).p == nil {
		s, err := (&file{r: r, rd: r.in}).readAll(r.st.limit)
		return "=stdin", skipShebang(s), err
	}
	name := th.checkString(1)
	source, err = r.readSource(name)
	var je *job.Error
	if err != nil && !errors.As(err, &je) {
		s, _ := errno(err)
		err = errors.New("cannot open " + name + ": " + s)
	}
	return "@" + name, source, err
}

func baseLoadFile(th *thread) int {
	r := th.st.run
	chunk, source, err := r.sourceArg(th)
	var je *job.Error
	if errors.As(err, &je) {
		th.raiseErr(je)
	} else if err != nil {
		return th.retError(err.Error())
	}
	return th.loaded(chunk, string(source))
}

func baseDoFile(th *thread) int {
	r := th.st.run
	chunk, source, err := r.sourceArg(th)
	var f *closure
	if err == nil {
		f, err = th.st.compile(chunk, source)
	}
	var je *job.Error
	if errors.As(err, &je) {
		th.raiseErr(je)
	} else if err != nil {
		th.throw(th.st.string(err.Error()))
	}
	slot := th.top
	th.push(f.value())
	th.call(0, -1)
	return th.top - slot
}
