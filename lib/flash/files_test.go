package flash_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"lander/lib/flash"
	"lander/lib/luaota/luaotatest"
	"lander/lib/luaota/record"
	"lander/lib/nodemcu/nodemcutest"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestDir(t *testing.T) {
	for name, c := range map[string]struct {
		fs   fstest.MapFS
		want string
		err  bool
	}{
		"as the original's": {fstest.MapFS{
			"check.lua": file("1"), "_init.lua": file("2"), "luaOTAserver.lua": file("x"), "config.json": file("{}"), "README.md": file("x"), "init.lua": file("3"),
		}, "luaOTA/_init.lua luaOTA/check.lua init.lua", false},
		"as on the flash": {fstest.MapFS{
			"luaOTA/check.lc": file("1"), "luaOTA/data.txt": file("2"), "luaOTA/.hidden": file("x"), "other.lua": file("x"), "luaOTA/config.json": file("{}"),
		}, "luaOTA/check.lc luaOTA/data.txt", false},
		"two forms": {fstest.MapFS{"luaOTA/check.lc": file("1"), "luaOTA/check.lua": file("2")}, "", true},
		"two forms, as the original's": {fstest.MapFS{
			"check.lua": file("1"), "_init.lc": file("2"), "_init.lua": file("3"),
		}, "", true},
		"nothing":    {fstest.MapFS{"readme.txt": file("x")}, "", true},
		"no check":   {fstest.MapFS{"_init.lua": file("x")}, "", true},
		"an old one": {fstest.MapFS{"luaOTA/_init.lua": file("x")}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := flash.Dir(c.fs)
			var names []string
			for _, f := range files {
				names = append(names, f.Name)
			}
			if got := strings.Join(names, " "); got != c.want || (err != nil) != c.err || c.err && !errors.Is(err, flash.ErrDir) && !errors.Is(err, flash.ErrForms) {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}

// original is a client that calls crypto.toHex, as the first one did.
func original() []flash.File {
	return []flash.File{{Name: "luaOTA/check.lua", Content: []byte("return crypto.toHex(crypto.hmac('md5', 'x', 'y'))\n")}}
}

func TestShimForFirmwareWithoutToHex(t *testing.T) {
	for options, want := range map[string]bool{"": false, "nohex": true} {
		b := &nodemcutest.Board{ID: 7, Options: options}
		w := power(t, b)
		o := quiet(t, w)
		o.Files, o.Own = original(), false
		if _, err := flash.Run(context.Background(), w, o); err != nil {
			t.Fatal(err)
		}
		init := b.Flash.Files()["init.lua"]
		if strings.Contains(init, "toHex") != want {
			t.Errorf("%q: init.lua is %q", options, init)
		}
		// It is one that works.
		b.PowerCycle()
		typed(w, `print("=" .. crypto.toHex("\255\001"))`+"\n")
		if out := heard(w); !strings.Contains(out, "=ff01") || strings.Contains(out, "error") {
			t.Errorf("%q: the board says %q", options, out)
		}
		o.NoInit = true
		_, err := flash.Run(context.Background(), w, o)
		if _, ok := errors.AsType[*flash.PreflightError](err); ok != want {
			t.Errorf("%q, init.lua left alone: %v", options, err)
		}
	}
}

// heard is what a board sends for a while.
func heard(w *nodemcutest.Wire) string {
	var out []byte
	listen(w, &out)
	return string(out)
}

func TestPreflight(t *testing.T) {
	long := strings.Repeat("x", 900)
	for name, c := range map[string]struct {
		options string
		change  func(*flash.Options)
		want    string
	}{
		"modules":     {"no-wifi no-sjson", nil, "lacks the modules wifi, sjson"},
		"no config":   {"", func(o *flash.Options) { o.Config = nil }, "no luaOTA/config.json"},
		"no ssid":     {"", func(o *flash.Options) { o.Config = o.Config.With("ssid", "") }, "has no ssid"},
		"no secret":   {"", func(o *flash.Options) { o.Config = o.Config.With("secret", "") }, "has no secret"},
		"a wild port": {"", func(o *flash.Options) { o.Config = o.Config.With("port", record.Int(70000)) }, "port is 70000"},
		"too large": {"", func(o *flash.Options) {
			o.Set = o.Set.With("note", record.String(long)).With("more", record.String(long))
		}, "reads 1024"},
		"a long name": {"", func(o *flash.Options) {
			o.Files = append(o.Files, flash.File{Name: "luaOTA/" + strings.Repeat("n", 30), Content: nil})
		}, "the flash takes 31"},
		"broken Lua": {"", func(o *flash.Options) {
			o.Files = append(o.Files, flash.File{Name: "luaOTA/x.lua", Content: []byte("x = = 1")})
		}, "luaOTA/x.lua:1:"},
		"a backslash": {"", func(o *flash.Options) {
			o.Own = false
			o.Set = o.Set.With("ssid", record.String(`a\b`))
		}, "ssid has a backslash"},
		"a backslash in the secret": {"", func(o *flash.Options) {
			o.Set = o.Set.With("secret", record.String(`a\b`))
		}, "the secret has a backslash"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &nodemcutest.Board{ID: 7, Options: c.options}
			w := power(t, b)
			o := quiet(t, w)
			if c.change != nil {
				c.change(&o)
			}
			_, err := flash.Run(context.Background(), w, o)
			pe, ok := errors.AsType[*flash.PreflightError](err)
			if !ok || !strings.Contains(pe.Error(), c.want) {
				t.Errorf("%v", err)
			}
			if got := b.Flash.Files(); len(got) != 0 {
				t.Errorf("%d files were written", len(got))
			}
		})
	}
}

func TestCompile(t *testing.T) {
	for options, want := range map[string][]string{
		"":         {"luaOTA/check.lc", "luaOTA/_init.lc"},
		"nomemory": {"luaOTA/check.lua", "luaOTA/_init.lua"},
	} {
		b := oldBoard()
		b.Options = options
		w := power(t, b)
		o := quiet(t, w)
		o.Compile = true
		r, err := flash.Run(context.Background(), w, o)
		if err != nil {
			t.Fatalf("%q: %v", options, err)
		}
		got := b.Flash.Files()
		for _, name := range want {
			if !slices.ContainsFunc(r.Files, func(f flash.FileReport) bool { return f.Name == name }) || got[name] == "" {
				t.Errorf("%q: %s is not there", options, name)
			}
			for _, other := range []string{".lua", ".lc"} {
				if alt := strings.TrimSuffix(strings.TrimSuffix(name, ".lua"), ".lc") + other; alt != name && got[alt] != "" {
					t.Errorf("%q: %s is there still", options, alt)
				}
			}
		}
		for name := range got {
			if strings.HasPrefix(name, "~of") {
				t.Errorf("%q: %s is left", options, name)
			}
		}
	}
}

func TestRegister(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "default.json"), []byte(`{"secret":"of the rest","files":["a.lua"],"old_secrets":["x"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(change func(*flash.Options)) (map[string]string, flash.Report, error) {
		b := &nodemcutest.Board{ID: 1122867, Flash: luaotatest.NewFlash(nil)}
		w := power(t, b)
		o := quiet(t, w)
		o.Config = config(t, `{"ssid":"lab"}`)
		o.Register = &flash.Register{Dir: dir, Server: "192.0.2.77"}
		if change != nil {
			change(&o)
		}
		r, err := flash.Run(context.Background(), w, o)
		return b.Flash.Files(), r, err
	}
	manifest := filepath.Join(dir, "ESP-1122867.json")
	if _, r, err := run(func(o *flash.Options) { o.DryRun = true }); err != nil || r.Registered != "" {
		t.Errorf("%v, %q", err, r.Registered)
	}
	if _, err := os.Stat(manifest); err == nil {
		t.Error("a dry run registered the board")
	}
	files, r, err := run(nil)
	if err != nil || r.Registered != manifest {
		t.Fatalf("%v, %q", err, r.Registered)
	}
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	m := config(t, string(text))
	board := config(t, files["luaOTA/config.json"])
	if s := m.Text("secret"); len(s) != 32 || board.Text("secret") != s || m.Get("files") != `["a.lua"]` || m.Get("old_secrets") != "" {
		t.Errorf("%s on the board, %s in the tree", files["luaOTA/config.json"], text)
	}
	if board.Text("server") != "192.0.2.77" || board.Get("port") != "8266" {
		t.Errorf("%s", files["luaOTA/config.json"])
	}
	// A board that is known gets the secret that it has.
	files, r, err = run(nil)
	if err != nil || r.Registered != "" || config(t, files["luaOTA/config.json"]).Text("secret") != m.Text("secret") {
		t.Errorf("%v, %q, %s", err, r.Registered, files["luaOTA/config.json"])
	}
	// And none other.
	_, _, err = run(func(o *flash.Options) { o.Set = o.Set.With("secret", record.String("another")) })
	if pe, ok := errors.AsType[*flash.PreflightError](err); !ok || !strings.Contains(pe.Error(), "another secret") {
		t.Errorf("%v", err)
	}
}

// A tree whose manifests cannot be used registers no board, and is not written.
func TestRegisterInABrokenTree(t *testing.T) {
	for name, text := range map[string]string{
		"ESP-7.json": `{broken`, "ESP-7.json ": `{"files":[]}`, "default.json": `[]`, "default.json ": `{"secret":"x"}`,
	} {
		dir := t.TempDir()
		name = strings.TrimSpace(name)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b := &nodemcutest.Board{ID: 7, Flash: luaotatest.NewFlash(nil)}
		w := power(t, b)
		o := quiet(t, w)
		o.Config, o.Register = config(t, `{"ssid":"lab"}`), &flash.Register{Dir: dir, Server: "192.0.2.77"}
		_, err := flash.Run(context.Background(), w, o)
		te, ok := errors.AsType[*flash.TreeError](err)
		if !ok || te.Path != filepath.Join(dir, name) || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("%s %s: %v", name, text, err)
		}
		if got, err := os.ReadDir(dir); err != nil || len(got) != 1 || len(b.Flash.Files()) != 0 {
			t.Errorf("%s %s: the tree has %v, the board %d files", name, text, got, len(b.Flash.Files()))
		}
	}
}
