package trust_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lander/lib/trust"
)

func publicKey(t *testing.T) (id string, text []byte) {
	t.Helper()
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key.Public().ID(), key.Public().Text()
}

// listed is "ID role" of each key of the store.
func listed(t *testing.T, dir string) string {
	t.Helper()
	s, err := trust.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, k := range s.Keys() {
		out = append(out, k.ID+" "+k.Policy.Role)
	}
	return strings.Join(out, ", ")
}

// A key that lies in two files is gone from both.
func TestRemoveEveryFile(t *testing.T) {
	dir := t.TempDir()
	id, text := publicKey(t)
	for _, name := range []string{"a.pub", "b.pub"} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := trust.Remove(dir, id); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, dir); got != "" {
		t.Errorf("there is %s", got)
	}
}

// What a remove that was interrupted left of a key is removed, too.
func TestRemoveEntryAlone(t *testing.T) {
	dir := t.TempDir()
	id, _ := publicKey(t)
	path := filepath.Join(dir, "policy.toml")
	if err := os.WriteFile(path, fmt.Appendf(nil, "# ours\n[[key]]\nid = %q\nrevoked = true\n", id), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := trust.Remove(dir, id); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "# ours\n" {
		t.Errorf("%q, %v", b, err)
	}
	if err := trust.Remove(dir, id); err == nil {
		t.Error("removed twice")
	}
}

// A file that is in the way of a key's own is somebody else's.
func TestAddReplacesNoFile(t *testing.T) {
	dir := t.TempDir()
	_, other := publicKey(t)
	id, text := publicKey(t)
	path := filepath.Join(dir, id+".pub")
	if err := os.WriteFile(path, other, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := trust.Add(dir, text, trust.RoleRoot); err == nil {
		t.Error("a file was replaced")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != string(other) {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "policy.toml")); err == nil {
		t.Error("the role stays without its key")
	}
}
