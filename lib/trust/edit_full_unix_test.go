//go:build unix

package trust_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"lander/lib/durable/durabletest"
	"lander/lib/trust"
)

// A disk that is too full for the policy leaves no key with rights that are
// not its own: neither one that was to be root, nor one that was revoked.
func TestPolicyOnFullDisk(t *testing.T) {
	durabletest.Apart(t, t.TempDir(), func(dir string) { policyOnFullDisk(t, dir) })
}

func policyOnFullDisk(t *testing.T, dir string) {
	id, text := publicKey(t)
	if _, err := trust.Add(dir, text, ""); err != nil {
		t.Fatal(err)
	}
	policy := fmt.Sprintf("# %s\n[[key]]\nid = %q\nrevoked = true\n", strings.Repeat("long ", 200), id)
	if err := os.WriteFile(filepath.Join(dir, "policy.toml"), []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	room := durabletest.Fill(t, 500)
	_, root := publicKey(t)
	if _, err := trust.Add(dir, root, trust.RoleRoot); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("adding: %v, want EFBIG", err)
	}
	if err := trust.Remove(dir, id); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("removing: %v, want EFBIG", err)
	}
	room()
	if got := listed(t, dir); got != "" {
		t.Errorf("there is %s", got)
	}
	if err := trust.Remove(dir, id); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
}
