package proc_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"lander/lib/capability"
	"lander/lib/job"
	"lander/lib/proc"
)

// TestMain lets a test run a body in a process of its own: adopting orphans
// is of the whole process.
func TestMain(m *testing.M) {
	if os.Getenv("PROC_TEST_FAMILY") != "" {
		familyMain()
		return
	}
	os.Exit(m.Run())
}

func task(id, script string) job.Task {
	return job.Task{ID: id, Name: "t.sh", Format: job.FormatSh, Payload: []byte(script), Capabilities: capability.Set{capability.Exec}}
}

func familyMain() {
	f, err := proc.NewFamily()
	if err != nil {
		fmt.Println(err)
		return
	}
	r := &proc.Runner{Family: f, Grace: 50 * time.Millisecond}
	for i, script := range []string{
		"setsid sleep 601 & sleep 0.1",
		"(setsid sh -c 'sleep 602 & sleep 602' &) ; sleep 0.1",
		"setsid env -i /bin/sleep 603 & sleep 0.1",
		"sleep 604 & sleep 604 & sleep 0.1",
		"setsid sh -c 'trap \"\" TERM; sleep 605' & trap '' TERM; sleep 605",
		"setsid true & sleep 0.1",
		"bash -c 'set -m; sleep 606 & true & sleep 0.1'",
	} {
		o := r.Run(context.Background(), func() job.Task {
			t := task(fmt.Sprintf("exec_family%d", i), script)
			t.Budget.Wall = 300 * time.Millisecond
			return t
		}(), job.Streams{Stdout: os.Stdout})
		if o.Err != nil && o.Err.Code != job.CodeTimeout {
			fmt.Println("script", i, o.Err)
		}
		list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", os.Getpid(), os.Getpid()))
		if err != nil || len(bytes.TrimSpace(list)) > 0 {
			fmt.Println("script", i, "left", string(list), err)
		}
	}
	fmt.Println("done")
}

func TestFamilyEndsWhatLeavesTheGroup(t *testing.T) {
	if _, err := exec.LookPath("setsid"); err != nil {
		if os.Getenv("LANDER_INTEROP") == "1" {
			t.Fatal(err)
		}
		t.Skip("no setsid program")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PROC_TEST_FAMILY=1")
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "done\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestSweep(t *testing.T) {
	mark := fmt.Sprintf("exec_sweep%d", os.Getpid())
	var pids []int
	for range 3 {
		cmd := exec.Command("/bin/sh", "-c", "sleep 606 & wait")
		cmd.Env = []string{"PATH=/usr/bin:/bin", "LANDER_EXECUTION=" + mark}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, cmd.Process.Pid)
		defer cmd.Wait()
	}
	if got := proc.Mark(pids[0]); got != mark && got != "" {
		t.Errorf("mark %q", got)
	}
	killed, err := proc.Sweep(func(e proc.Environ) bool { return e.Get("LANDER_EXECUTION") == mark })
	if err != nil || killed < 3 {
		t.Errorf("%d killed, %v", killed, err)
	}
	if again, err := proc.Sweep(func(e proc.Environ) bool { return e.Get("LANDER_EXECUTION") == mark }); err != nil || again != 0 {
		t.Errorf("%d killed again, %v", again, err)
	}
}

// What a killed runner has left of two executions goes, and of a third stays.
func TestClearLeft(t *testing.T) {
	dir := t.TempDir()
	var ids []string
	var programs []*exec.Cmd
	for i := range 3 {
		id := fmt.Sprintf("exec_left%d_%d", os.Getpid(), i)
		ids = append(ids, id)
		own := filepath.Join(dir, "lander-run-"+id)
		if err := os.MkdirAll(filepath.Join(own, "deep"), 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/bin/sleep", "606")
		cmd.Env, cmd.Dir = []string{"LANDER_EXECUTION=" + id}, own
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer cmd.Process.Kill()
		programs = append(programs, cmd)
	}
	gone := ids[:2]
	killed, err := proc.ClearLeft(dir, append(gone[:2:2], "", "../"+filepath.Base(dir), "exec_none"), nil)
	if killed != 2 || err != nil {
		t.Errorf("%d killed, %v", killed, err)
	}
	for i, cmd := range programs[:2] {
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
			t.Errorf("program %d: %v", i, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || left[0].Name() != "lander-run-"+ids[2] {
		t.Errorf("left: %v %v", left, err)
	}
	if err := programs[2].Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the third: %v", err)
	}
}

func TestTaskExtras(t *testing.T) {
	var out, progress bytes.Buffer
	r := &proc.Runner{TempDir: t.TempDir(), Relative: true}
	file := r.TempDir + "/own.sh"
	if err := os.WriteFile(file, []byte(`echo "$0 $1 $2 $X"; echo 42 >&$LANDER_PROGRESS_FD`), 0o600); err != nil {
		t.Fatal(err)
	}
	tk := task("exec_extra", "exit 1")
	tk.File, tk.Argv, tk.Env = file, []string{"a b", "--c"}, []string{"X=y"}
	began := false
	tk.Started = func() { began = true }
	o := r.Run(t.Context(), tk, job.Streams{Stdout: &out, Progress: &progress})
	if o.Err != nil || out.String() != "t.sh a b --c y\n" || progress.String() != "42\n" || !began {
		t.Errorf("%+v, stdout %q, progress %q, began %v", o.Err, out.String(), progress.String(), began)
	}
}

// Kill ends a run at once, also one that is being stopped.
func TestKill(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		kill := make(chan struct{})
		tk := task("exec_kill", "trap '' TERM; echo up; sleep 607; sleep 607")
		tk.Kill = kill
		r := &proc.Runner{TempDir: t.TempDir(), Grace: time.Hour}
		o := r.Run(ctx, tk, job.Streams{Stdout: writerFunc(func([]byte) {
			if stopped {
				cancel()
			}
			close(kill)
		})})
		cancel()
		if o.Err == nil || o.Err.Code != job.CodeInterrupted || !o.Terminated {
			t.Errorf("outcome %+v", o.Err)
		}
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

// A program of our own user has its limits from outside, soon after its start.
func TestLimits(t *testing.T) {
	var out bytes.Buffer
	r := &proc.Runner{TempDir: t.TempDir(), Limits: proc.Limits{Files: 34}}
	x := task("exec_limits", `until [ "$(ulimit -n)" = 34 ]; do :; done; ulimit -S -t; ulimit -H -t; ulimit -S -v; ulimit -H -v; ulimit -H -c`)
	x.Budget = job.Budget{CPU: 9001 * time.Millisecond, Memory: 1 << 30}
	o := r.Run(t.Context(), x, job.Streams{Stdout: &out, Stderr: &out})
	if got, want := strings.Join(strings.Fields(out.String()), " "), "10 11 1048576 1048576 0"; o.Err != nil || got != want {
		t.Errorf("%v: %q, want %q", o.Err, got, want)
	}
}

func TestUserAndLimits(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("LANDER_INTEROP") == "1" {
			t.Fatal("not root, who alone may change users")
		}
		t.Skip("needs root")
	}
	dir, err := os.MkdirTemp("/tmp", "proc-user")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	os.Chmod(dir, 0o711)
	var out bytes.Buffer
	r := &proc.Runner{TempDir: dir, User: &proc.User{UID: 65534, GID: 65534}, Limits: proc.Limits{Files: 33, FileSize: 1 << 20, Nice: 3}}
	o := r.Run(t.Context(), task("exec_user", `id -u; id -G; ulimit -n; nice; touch mine && ls -n mine | cut -d' ' -f3; sh -c 'id -u'`), job.Streams{Stdout: &out, Stderr: &out})
	own, err := exec.Command("nice").Output()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(own)))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("65534 65534 33 %d 65534 65534", min(n+3, 19))
	if got := strings.Fields(out.String()); o.Err != nil || strings.Join(got, " ") != want {
		t.Errorf("%v: %q", o.Err, got)
	}
}
