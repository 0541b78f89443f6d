//go:build unix

package proc_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lander/lib/capability"
	"lander/lib/job"
	"lander/lib/proc"
)

func run(t *testing.T, ctx context.Context, task job.Task, stdin string) (job.Outcome, string, string) {
	t.Helper()
	if task.Capabilities == nil {
		task.Capabilities = capability.Set{capability.Exec}
	}
	if task.Format == "" {
		task.Format = job.FormatSh
	}
	if task.Name == "" {
		task.Name = "dir/test.sh"
	}
	var out, errs bytes.Buffer
	r := &proc.Runner{TempDir: t.TempDir(), Grace: 100 * time.Millisecond}
	s := job.Streams{Stdout: &out, Stderr: &errs}
	if stdin != "" {
		s.Stdin = strings.NewReader(stdin)
	}
	o := r.Run(ctx, task, s)
	if left, _ := os.ReadDir(r.TempDir); len(left) != 0 {
		t.Errorf("%d things left in the temporary directory", len(left))
	}
	return o, out.String(), errs.String()
}

func TestScript(t *testing.T) {
	o, out, errs := run(t, t.Context(), job.Task{
		Payload: []byte(`read line; echo "in:$line arg:$LANDER_ARG_K home:${HOME#$PWD} name:${0##*/}"; echo err >&2`),
		Args:    map[string]string{"k": "v w"},
	}, "hello\n")
	if o.Err != nil || *o.ExitCode != 0 {
		t.Fatalf("outcome %+v", o)
	}
	if out != "in:hello arg:v w home: name:test.sh\n" || errs != "err\n" {
		t.Errorf("stdout %q, stderr %q", out, errs)
	}
}

func TestEnvironmentIsClean(t *testing.T) {
	t.Setenv("SECRET_OF_THE_PARENT", "x")
	_, out, _ := run(t, t.Context(), job.Task{ID: "exec_1", Payload: []byte("env")}, "")
	if strings.Contains(out, "SECRET") || !strings.Contains(out, "LANDER_EXECUTION=exec_1\n") {
		t.Errorf("environment:\n%s", out)
	}
}

// A name that is given twice is given to the program once, as it was last.
func TestEnvironmentNamesAreUnique(t *testing.T) {
	r := &proc.Runner{Env: []string{"TZ=UTC", "X=1"}}
	var out bytes.Buffer
	tk := job.Task{ID: "exec_1", Format: job.FormatSh, Payload: []byte("env"), Capabilities: capability.Set{capability.Exec}, Env: []string{"LANG=C", "TZ=Asia/Tokyo"}}
	o := r.Run(t.Context(), tk, job.Streams{Stdout: &out})
	var got []string
	for line := range strings.Lines(out.String()) {
		if name, _, _ := strings.Cut(line, "="); name == "TZ" || name == "LANG" || name == "X" {
			got = append(got, strings.TrimSpace(line))
		}
	}
	slices.Sort(got)
	if want := []string{"LANG=C", "TZ=Asia/Tokyo", "X=1"}; o.Err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", o.Err, got, want)
	}
}

func TestOutcomes(t *testing.T) {
	three := 3
	tests := []struct {
		name, script string
		budget       job.Budget
		code         string
		exit         *int
		terminated   bool
	}{
		{"exit code", "exit 3", job.Budget{}, job.CodeExit, &three, false},
		{"signal", "kill -SEGV $$", job.Budget{}, job.CodeSignal, nil, true},
		{"wall", "sleep 60", job.Budget{Wall: 50 * time.Millisecond}, job.CodeTimeout, nil, true},
		{"wall, ignoring TERM", "trap '' TERM; while :; do sleep 60; done", job.Budget{Wall: 50 * time.Millisecond}, job.CodeTimeout, nil, true},
		{"cpu", "while :; do :; done", job.Budget{CPU: time.Second, Wall: time.Minute}, job.CodeCPU, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, _, _ := run(t, t.Context(), job.Task{Payload: []byte(tt.script), Budget: tt.budget}, "")
			if o.Err == nil || o.Err.Code != tt.code || o.Terminated != tt.terminated {
				t.Fatalf("outcome %+v, error %v; want code %s", o, o.Err, tt.code)
			}
			if (o.ExitCode == nil) != (tt.exit == nil) || o.ExitCode != nil && *o.ExitCode != *tt.exit {
				t.Errorf("exit code %v", o.ExitCode)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o, _, _ := run(t, ctx, job.Task{Payload: []byte("sleep 60")}, "")
	if o.Err == nil || o.Err.Code != job.CodeInterrupted || !o.Terminated {
		t.Errorf("outcome %+v", o)
	}
}

// What ended before it began is not begun: that there is no such program does
// not come out.
func TestCancelledBeforeItBegins(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := (&proc.Runner{}).Exec(ctx, proc.Command{Argv: []string{filepath.Join(t.TempDir(), "none")}}, job.Streams{})
	if o.Err == nil || o.Err.Code != job.CodeInterrupted || !o.Terminated {
		t.Errorf("outcome %+v", o)
	}
}

// Without a Grace there is the usual one: a program that is told to end does.
func TestUsualGrace(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in, out := io.Pipe()
	go func() { // when the trap is set
		in.Read(make([]byte, 6))
		cancel()
		io.Copy(io.Discard, in)
	}()
	var errs bytes.Buffer
	r := &proc.Runner{TempDir: t.TempDir()}
	task := job.Task{Format: job.FormatSh, Name: "x", Capabilities: capability.Set{capability.Exec}, Payload: []byte(`trap 'echo bye >&2; exit 3' TERM; echo ready; while :; do sleep 0.01; done`)}
	o := r.Run(ctx, task, job.Streams{Stdout: out, Stderr: &errs})
	out.Close()
	if !o.Terminated || !strings.HasSuffix(errs.String(), "bye\n") {
		t.Errorf("outcome %+v, stderr %q", o, errs.String())
	}
}

// An interpreter is a file that can be run: the first one on the path, and the
// next one when that has gone.
func TestInterpreterIsExecutable(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, dir := range []string{a, b} {
		if err := os.WriteFile(filepath.Join(dir, "sh"), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r := &proc.Runner{Path: a + string(filepath.ListSeparator) + b}
	for _, tt := range []struct {
		change func() error
		want   string
	}{
		{func() error { return nil }, a},
		{func() error { return os.Chmod(filepath.Join(a, "sh"), 0o644) }, b},
		{func() error { return os.Remove(filepath.Join(b, "sh")) }, ""},
		{func() error { return os.Mkdir(filepath.Join(b, "sh"), 0o755) }, ""},
		{func() error { return os.Chmod(filepath.Join(a, "sh"), 0o755) }, a},
	} {
		if err := tt.change(); err != nil {
			t.Fatal(err)
		}
		got, err := r.Interpreter(job.FormatSh)
		if (err == nil) != (tt.want != "") || err == nil && got[0] != filepath.Join(tt.want, "sh") || err != nil && !errors.Is(err, proc.ErrNoInterpreter) {
			t.Errorf("%q, %v, want one in %q", got, err, tt.want)
		}
	}
}

// A grandchild that holds stdout must neither hold up the end nor live on.
func TestGrandchildrenEnd(t *testing.T) {
	o, out, _ := run(t, t.Context(), job.Task{Payload: []byte("sleep 600 & echo $!")}, "")
	if o.Err != nil {
		t.Fatalf("outcome %+v", o.Err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for alive(pid) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still there", pid)
		}
		time.Sleep(time.Millisecond)
	}
}

// alive reports whether the process runs; one that waits for its reaper does
// not.
func alive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func TestRefusals(t *testing.T) {
	o, _, _ := run(t, t.Context(), job.Task{Payload: []byte("echo hi"), Capabilities: capability.Default()}, "")
	if o.Err == nil || o.Err.Code != job.CodeCapability || !strings.Contains(o.Err.Message, `"exec"`) {
		t.Errorf("without exec: %+v", o.Err)
	}
	r := &proc.Runner{Path: t.TempDir()}
	o = r.Run(t.Context(), job.Task{Format: job.FormatPython, Capabilities: capability.Set{capability.Exec}}, job.Streams{})
	if o.Err == nil || o.Err.Code != job.CodeLoad || !strings.Contains(o.Err.Message, "python3") {
		t.Errorf("without python: %+v", o.Err)
	}
}

// A descriptor that we were started with must not reach a script.
func TestDescriptorsAreNotInherited(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETFD, 0); err != nil {
		t.Fatal(err)
	}
	_, out, _ := run(t, t.Context(), job.Task{Payload: []byte("ls -l /proc/self/fd")}, "")
	if strings.Count(out, "pipe:") != 2 || !strings.Contains(out, " 2 -> ") {
		t.Errorf("descriptors of the script:\n%s", out)
	}
}
