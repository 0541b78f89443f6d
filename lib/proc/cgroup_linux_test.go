package proc

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lander/lib/capability"
	"lander/lib/job"
)

func run(t *testing.T, r *Runner, script string) job.Outcome {
	t.Helper()
	var out, errs bytes.Buffer
	task := job.Task{ID: "exec_cgroup", Name: "t.sh", Format: job.FormatSh, Payload: []byte(script), Capabilities: capability.Set{capability.Exec}}
	o := r.Run(t.Context(), task, job.Streams{Stdout: &out, Stderr: &errs})
	if o.Err != nil {
		t.Errorf("%v: %s", o.Err, errs.String())
	}
	return o
}

// A directory that only looks like a control group is used no further than
// the first start, which succeeds without it.
func TestCgroupThatIsNone(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "unit", "lander-x")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for own, want := range map[string]bool{"9:name=systemd:/\n7:blkio:/\n": false, "0::/elsewhere\n": false, "0::/unit\n": false, "": false} {
		if c, err := openCgroup(root, []byte(own), "lander-x"); (err == nil) != want || c != nil {
			t.Errorf("%q: %v, %v", own, c, err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"cgroup.kill": "", "cgroup.procs": "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := openCgroup(root, []byte("9:name=systemd:/\n0::/unit\n"), "lander-x")
	if err != nil {
		t.Fatal(err)
	}
	r := &Runner{TempDir: t.TempDir(), Cgroup: c}
	for range 2 {
		run(t, r, "true")
		if _, on := c.descriptor(); on {
			t.Error("it is still used")
		}
	}
	if err := c.Kill(); err != nil { // nobody is in it
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Kill(); err == nil {
		t.Error("what does not end was not told of")
	}
	if b, err := os.ReadFile(filepath.Join(dir, "cgroup.kill")); err != nil || string(b) != "1" {
		t.Errorf("killed by %q, %v", b, err)
	}
}

// What wipes its mark and leaves its group is ended with the control group.
func TestCgroup(t *testing.T) {
	c, err := OpenCgroup("lander-test")
	if err != nil {
		if os.Getenv("LANDER_INTEROP") == "1" && !strings.Contains(os.Getenv("LANDER_WITHOUT"), "cgroup2") {
			t.Fatalf("no control group of version 2 was delegated to us, and LANDER_INTEROP=1 makes it mandatory (LANDER_WITHOUT=cgroup2 does without): %v", err)
		}
		t.Skipf("no control group of version 2 was delegated to us: %v", err)
	}
	defer c.Close()
	if _, err := exec.LookPath("setsid"); err != nil {
		if os.Getenv("LANDER_INTEROP") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	r := &Runner{TempDir: t.TempDir(), Cgroup: c}
	run(t, r, "env -i setsid sleep 600 < /dev/null > /dev/null 2>&1 &")
	if c.empty() {
		t.Error("it is not in the group")
	}
	if err := c.Kill(); err != nil || !c.empty() {
		t.Errorf("after the kill: %v", err)
	}
}
