//go:build unix

package trust_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"lander/lib/trust"
)

// A disk that is too full for the policy leaves no key with rights that are
// not its own: neither one that was to be root, nor one that was revoked. The
// file size limit of a process is the disk.
func TestPolicyOnFullDisk(t *testing.T) {
	if dir := os.Getenv("LANDER_TEST_FULL"); dir != "" {
		policyOnFullDisk(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestPolicyOnFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), "LANDER_TEST_FULL="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "the disk was full") {
		t.Fatalf("child: %v\n%s", err, out)
	}
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
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 500, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	_, root := publicKey(t)
	if _, err := trust.Add(dir, root, trust.RoleRoot); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("adding: %v, want EFBIG", err)
	}
	if err := trust.Remove(dir, id); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("removing: %v, want EFBIG", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, dir); got != "" {
		t.Errorf("there is %s", got)
	}
	if err := trust.Remove(dir, id); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
	t.Log("the disk was full")
}
