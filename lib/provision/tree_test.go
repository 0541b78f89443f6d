package provision_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"lander/lib/luaota"
	"lander/lib/luaota/luaotatest"
	"lander/lib/provision"
)

func load(t *testing.T, files map[string]string, o provision.LoadOptions) *provision.Tree {
	t.Helper()
	fs := fstest.MapFS{}
	for name, text := range files {
		fs[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	if o.Check == nil {
		o.Check = check
	}
	tree, err := provision.Load(fs, o)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// What a preflight finds.
func TestLoadProblems(t *testing.T) {
	for _, c := range []struct {
		name, manifest string
		want           string // of the one problem, "" for none
		warning        bool
	}{
		{"fine", `{"secret":"s","files":["a.txt","ok.lua"]}`, "", false},
		{"not JSON", `{"secret":"s",` + "\n" + `"files":[}`, "line 2", false},
		{"a list", `[]`, "default.json: not a manifest: it should be an object, not array", false},
		{"secret of another type", `{"secret":5,"files":[]}`, "secret should be a text, not number", false},
		{"files of another type", `{"secret":"s","files":{}}`, "files should be a list, not object", false},
		{"path of another type", `{"secret":"s","files":[{"path":["a.txt"]}]}`, "path should be a text, not array", false},
		{"no secret", `{"files":[]}`, "no secret", false},
		{"Secret", `{"Secret":"x","files":[]}`, "no secret", false},
		{"empty secret", `{"secret":"","files":[]}`, "no secret", false},
		{"secret with a backslash", `{"secret":"a\\b","files":[]}`, "backslash", false},
		{"no files", `{"secret":"s"}`, "no files", false},
		{"missing file", `{"secret":"s","files":["nope.txt"]}`, "it is not there", false},
		{"outside", `{"secret":"s","files":["../a.txt"]}`, "does not stay in the tree", false},
		{"absolute", `{"secret":"s","files":["/etc/passwd"]}`, "does not stay in the tree", false},
		{"a directory", `{"secret":"s","files":["sub"]}`, "no regular file", false},
		{"syntax", `{"secret":"s","files":["bad.lua"]}`, "default.json: bad.lua:3: ", false},
		{"syntax of 5.3", `{"secret":"s","lua":"5.3","files":["bad.lua"]}`, "", false},
		{"lua 6", `{"secret":"s","lua":"6","files":[]}`, "5.1 or 5.3", false},
		{"long name", `{"secret":"s","files":[{"path":"a.txt","name":"a-name-that-is-longer-than-31-bytes"}]}`, "35 bytes, and a board takes 31", false},
		{"own name", `{"secret":"s","files":[{"path":"a.txt","name":"luaOTA/config.json"}]}`, "written by the provisioning", false},
		{"staging name", `{"secret":"s","files":[{"path":"a.txt","name":"~a"}]}`, "on their way", false},
		{"mode", `{"secret":"s","files":[{"path":"a.txt","mode":"zip"}]}`, "source, compiled or raw", false},
		{"compiled text", `{"secret":"s","files":[{"path":"a.txt","mode":"compiled"}]}`, "ends in .lua", false},
		{"twice", `{"secret":"s","files":["a.txt","a.txt"]}`, "as a.txt is", false},
		{"hidden", `{"secret":"s","files":["ok.lua",{"path":"ok.lua","mode":"source"}]}`, "ok.lc hides it", false},
		{"delivered and deleted", `{"secret":"s","files":["a.txt"],"delete":["a.txt"]}`, "both delivered and deleted", false},
		{"config of the secret", `{"secret":"s","files":[],"config":{"secret":"x"}}`, "may not set secret", false},
		{"config too long", `{"secret":"s","files":[],"config":{"note":"` + strings.Repeat("x", 990) + `"}}`, "and a board reads 1024", false},
		{"config with a backslash", `{"secret":"s","files":[],"config":{"spwd":"a\\b"}}`, "spwd holds a backslash", false},
		{"init compiled", `{"secret":"s","files":[{"path":"ok.lua","name":"init.lua"}]}`, "boards start init.lua", true},
		{"large", `{"secret":"s","files":["large.dat"]}`, "memory", true},
		{"too large", `{"secret":"s","files":["huge.dat"]}`, "30 seconds", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := load(t, map[string]string{
				"default.json": c.manifest, "a.txt": "x", "ok.lua": "return 1\n", "bad.lua": "local x\n\nx = = 1\n", "sub/x": "",
				"large.dat": strings.Repeat("x", 40<<10), "huge.dat": strings.Repeat("x", 3<<20),
			}, provision.LoadOptions{})
			var texts []string
			for _, p := range tree.Problems {
				texts = append(texts, p.String())
			}
			if c.want == "" {
				if len(texts) > 0 {
					t.Errorf("%q", texts)
				}
				return
			}
			if len(texts) != 1 || !strings.Contains(texts[0], c.want) || tree.Problems[0].Warning != c.warning || tree.Default.Broken == c.warning {
				t.Errorf("%q, broken %v", texts, tree.Default.Broken)
			}
		})
	}
}

// A broken release breaks no other.
func TestBrokenAlone(t *testing.T) {
	tree := load(t, map[string]string{
		"default.json": `{"secret":"s","files":["a.txt"]}`, "ESP-7.json": `{"secret":"s","files":["none"]}`, "ESP-0a.json": `{}`, "a.txt": "x",
	}, provision.LoadOptions{})
	if tree.For(7) == nil || !tree.For(7).Broken || tree.For(8) != tree.Default || tree.Default.Broken || !tree.Broken() {
		t.Errorf("%+v", tree.Problems)
	}
}

// The fingerprint follows names, contents, modes, deletions and configuration,
// and nothing else.
func TestFingerprint(t *testing.T) {
	base := map[string]string{"default.json": `{"secret":"s","files":["a.lua"],"delete":["d"]}`, "a.lua": "return 1"}
	chk := func(change map[string]string) string {
		files := map[string]string{}
		for k, v := range base {
			files[k] = v
		}
		for k, v := range change {
			files[k] = v
		}
		return load(t, files, provision.LoadOptions{}).Default.Chk
	}
	seen := map[string]string{chk(nil): "base"}
	for name, m := range map[string]map[string]string{
		"content": {"a.lua": "return 2"},
		"mode":    {"default.json": `{"secret":"s","files":[{"path":"a.lua","mode":"source"}],"delete":["d"]}`},
		"name":    {"default.json": `{"secret":"s","files":[{"path":"a.lua","name":"b.lua"}],"delete":["d"]}`},
		"delete":  {"default.json": `{"secret":"s","files":["a.lua"],"delete":["e"]}`},
		"config":  {"default.json": `{"secret":"s","files":["a.lua"],"delete":["d"],"config":{"port":1}}`},
	} {
		c := chk(m)
		if other, dup := seen[c]; dup {
			t.Errorf("%s has the fingerprint of %s", name, other)
		}
		seen[c] = name
	}
	if c := chk(map[string]string{"default.json": `{"secret":"other", "release":"x", "files":["a.lua"],"delete":["d"]}`}); seen[c] != "base" {
		t.Error("secret or release name change the fingerprint")
	}
}

func TestSignedSums(t *testing.T) {
	files := map[string]string{"default.json": `{"secret":"s","files":["a.txt"]}`, "a.txt": "x"}
	tree := load(t, files, provision.LoadOptions{Sums: map[string]string{"default.json": "00"}})
	if !tree.Broken() || !strings.Contains(fmt.Sprint(tree.Problems), "not what was signed") {
		t.Errorf("%v", tree.Problems)
	}
}

// The manifest of a board that was signed and is gone leaves the board without
// one: default.json was not signed for it.
func TestSignedManifestIsGone(t *testing.T) {
	sum := func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
	files := map[string]string{"default.json": `{"secret":"s","files":["a.txt"]}`, "a.txt": "x"}
	sums := map[string]string{"default.json": sum(files["default.json"]), "a.txt": sum("x"), "ESP-5.json": sum("{}"), "sub/b.txt": sum("b")}
	tree := load(t, files, provision.LoadOptions{Sums: sums})
	if r := tree.For(5); !r.Broken || r.Manifest != "ESP-5.json" {
		t.Errorf("board 5 gets %+v", r)
	}
	if r := tree.For(6); r.Broken || len(tree.Problems) != 1 {
		t.Errorf("board 6 gets %+v, problems %v", r, tree.Problems)
	}
}

// A secret is bytes: those of a file that is no UTF-8 stay what they are, as they
// do on the boards.
func TestSecretsAreBytes(t *testing.T) {
	m, err := provision.ParseManifest([]byte("{\"secret\":\"s\xe9\\u00e9\\n\",\"old_secrets\":[\"o\xff\",\"plain\"],\"files\":[]}"))
	if err != nil || m.Secret != "s\xe9\u00e9\n" || len(m.OldSecrets) != 2 || m.OldSecrets[0] != "o\xff" || m.OldSecrets[1] != "plain" {
		t.Errorf("%q, %q, %v", m.Secret, m.OldSecrets, err)
	}
	r := newRig(t, map[string]string{"default.json": "{\"secret\":\"s\xe9\",\"files\":[\"a.txt\"]}", "a.txt": "x"}, nil)
	flash := luaotatest.NewFlash(map[string]string{luaota.ConfigName: "{\"ssid\":\"lab\",\"secret\":\"s\xe9\"}\n"})
	if n := r.settle(7, flash); n != 1 {
		t.Errorf("%d boots", n)
	}
	// Also where nothing else of the manifest can be used.
	r.retree(map[string]string{"default.json": "{\"secret\":\"s\xe9\",\"files\":5}"}, nil)
	if n := r.settle(7, flash); n != 0 {
		t.Errorf("%d boots", n)
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"secret":"s","files":["a",{"path":"b","name":"c","mode":"raw"}],"config":{"x":1}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := provision.ParseManifest(b)
		if (err == nil) != (m.Secret != "") {
			t.Fatalf("%+v, %v", m, err)
		}
	})
}
