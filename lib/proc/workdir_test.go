//go:build linux

package proc_test

import (
	"bytes"
	"os"
	"testing"

	"lander/lib/job"
	"lander/lib/proc"
)

// A directory is used again only as it was made.
func TestDirs(t *testing.T) {
	parent := t.TempDir()
	script := t.TempDir() + "/own.sh"
	dirs := proc.NewDirs(parent, 2)
	r := &proc.Runner{Dirs: dirs, Relative: true}
	run := func(text string) string {
		t.Helper()
		if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		tk := task("exec_dirs", text)
		tk.File = script
		if o := r.Run(t.Context(), tk, job.Streams{Stdout: &out, Stderr: &out}); o.Err != nil {
			t.Fatalf("%v: %s", o.Err, out.String())
		}
		return out.String()
	}
	count := func() int {
		entries, err := os.ReadDir(parent)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	first := run("pwd")
	if again := run("pwd"); again != first || count() != 1 {
		t.Errorf("%q, then %q, %d directories", first, again, count())
	}
	for _, dirty := range []string{"pwd; touch left", "pwd; chmod 755 .", "pwd; rm *.sh", "pwd; ln -sf /etc/passwd *.sh", "pwd; mkdir -p a/b; chmod 0 a"} {
		if used := run(dirty); count() != 0 {
			t.Errorf("%s: %q is kept", dirty, used)
		}
		if out := run("pwd; ls -A"); count() != 1 || bytes.Count([]byte(out), []byte("\n")) != 2 {
			t.Errorf("after %s: %q", dirty, out)
		}
	}
	if err := dirs.Close(); err != nil || count() != 0 {
		t.Errorf("%d directories left, %v", count(), err)
	}
}

// What is locked away from its owner goes too; what a link points at stays.
func TestRemoveAll(t *testing.T) {
	outside := t.TempDir()
	if err := os.Chmod(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() + "/run"
	for _, d := range []string{"/a/b/c", "/e"} {
		if err := os.MkdirAll(dir+d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, dir+"/a/link"); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"/a/b", "/a", "/e", ""} {
		if err := os.Chmod(dir+d, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := proc.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory: %v", err)
	}
	if st, err := os.Stat(outside); err != nil || st.Mode().Perm() != 0o755 {
		t.Errorf("outside: %v, %v", st, err)
	}
	if err := proc.RemoveAll(dir); err != nil {
		t.Errorf("again: %v", err)
	}
}
