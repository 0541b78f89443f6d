package cmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The layers of the house, lowest first. A package that is in none of them
// makes TestLayout fail: name its room before it moves in.
var layers = map[string][]string{
	"bytes":     {"capability", "emp/frame", "luapattern", "luatable", "sms/pdu", "luaota/record", "m3da/bysant", "m3da/envelope", "jacdac/packet"},
	"mechanism": {"durable", "bundle", "trust", "link", "fetch", "job", "luac51", "luavm", "proc", "devtree", "stage", "journal", "store", "sms"},
	"peer":      {"emp", "m3da", "luaota", "nodemcu", "nodemcu/rom", "jacdac", "devs"},
	"service":   {"remote", "agent", "provision", "flash", "sovd", "fleet", "boards", "campaign"},
}

func layerOf(pkg string) string {
	if strings.HasSuffix(pkg, "test") && pkg != "test" {
		return "test"
	}
	for layer, pkgs := range layers {
		if slices.Contains(pkgs, pkg) {
			return layer
		}
	}
	return ""
}

// mechanisms that another mechanism may build on.
var foundations = map[string][]string{
	"*":      {"durable"},
	"bundle": {"trust"},
	"luavm":  {"luac51", "job"},
	"proc":   {"job"},
	"store":  {"link"},
}

type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
}

func TestLayout(t *testing.T) {
	if testing.Short() {
		t.Skip("go list is slow: -short")
	}
	for _, l := range list(t) {
		pkg, inLib := strings.CutPrefix(l.ImportPath, "lander/lib/")
		if !inLib {
			continue
		}
		layer := layerOf(pkg)
		if layer == "" {
			t.Errorf("lib/%s is in no layer", pkg)
			continue
		}
		for _, imp := range l.Imports {
			if why := forbidden(pkg, layer, imp); why != "" {
				t.Errorf("lib/%s imports %s: %s", pkg, imp, why)
			}
		}
	}
}

// forbidden says why pkg may not import imp, or "".
func forbidden(pkg, layer, imp string) string {
	only := func(prefix string, who ...string) bool {
		return strings.HasPrefix(imp, prefix) && !slices.Contains(who, pkg)
	}
	switch {
	case strings.HasPrefix(imp, "lander/cmd"), strings.HasPrefix(imp, "github.com/urfave/cli"), strings.HasPrefix(imp, "github.com/fatih/color"), imp == "log":
		return "nothing in lib may"
	case only("go.bug.st/serial", "link"), only("github.com/yuin/gopher-lua", "luavm", "luac51"), only("aead.dev/minisign", "trust"):
		return "it belongs to one package"
	case only("golang.org/x/crypto", "trust") && !(pkg == "sovd" && strings.HasPrefix(imp, "golang.org/x/crypto/argon2")):
		return "it belongs to trust"
	case strings.HasPrefix(imp, "crypto/") && pkg != "trust" && layer != "test" && !slices.Contains([]string{"crypto/sha256", "crypto/rand", "crypto/subtle", "crypto/tls", "crypto/x509"}, imp):
		return "cryptography belongs to trust"
	}
	if layer == "bytes" {
		if slices.Contains([]string{"net", "os", "log/slog", "context"}, imp) {
			return "a bytes package does no I/O"
		}
		if strings.Contains(strings.Split(imp, "/")[0], ".") {
			return "a bytes package uses the standard library only"
		}
	}
	other, inLib := strings.CutPrefix(imp, "lander/lib/")
	if !inLib {
		return ""
	}
	to := layerOf(other)
	switch {
	case layer == "test":
		if to == "service" {
			return "a test package stands below the services"
		}
		return ""
	case to == "test":
		return "it is for tests"
	case layer == "bytes":
		if pkg == "m3da/envelope" && other == "m3da/bysant" {
			return ""
		}
		return "a bytes package stands alone"
	case layer == "mechanism" && to == "mechanism":
		if !slices.Contains(foundations["*"], other) && !slices.Contains(foundations[pkg], other) {
			return "mechanisms stand on bytes"
		}
	case layer == "mechanism" && to != "bytes", layer == "peer" && to == "service":
		return "it stands higher"
	case layer == "peer" && to == "peer" && !(pkg == "devs" && other == "jacdac"):
		return "a peer knows no other peer"
	}
	return ""
}

// What only the process's owner may use.
func TestLibraryKeepsItsHandsOff(t *testing.T) {
	banned := map[string][]string{"os": {"Exit", "Stdout", "Getenv", "LookupEnv", "Environ"}, "slog": {"Default", "SetDefault"}}
	err := filepath.WalkDir("../lib", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Obj == nil && slices.Contains(banned[x.Name], sel.Sel.Name) {
				// The script child is a process of its own: it ends itself. What
				// is for tests starts the test's program again.
				pkg := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), filepath.Join("..", "lib")+string(filepath.Separator)))
				if layerOf(pkg) != "test" && !strings.HasSuffix(path, "lib/remote/childmain_unix.go") {
					t.Errorf("%s uses %s.%s", path, x.Name, sel.Sel.Name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The top level is fixed.
func TestTopLevel(t *testing.T) {
	cmd := exec.Command("git", "ls-files")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		if interop() {
			t.Fatalf("not a git checkout, or no git: %v", err)
		}
		t.Skip("not a git checkout, or no git")
	}
	for path := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		top, _, _ := strings.Cut(path, "/")
		if !slices.Contains([]string{"main.go", "cmd", "lib", "examples", "completions", "go.mod", "go.sum", "README.md"}, top) && !strings.HasPrefix(top, ".") {
			t.Errorf("%s is outside the fixed top level", path)
		}
	}
}
