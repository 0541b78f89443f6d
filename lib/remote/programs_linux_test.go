package remote_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"lander/lib/capability"
	"lander/lib/job"
	"lander/lib/proc"
)

// parentArg makes the test program run a script in a child and wait for it,
// so that it can be killed.
const parentArg = "lander-script-parent"

// startsPrograms starts a program, and one of that program's, says who they
// are, and then does what is asked.
const startsPrograms = `local f = io.popen("sleep 600 & echo $$ $!; wait") print(f:read()) io.stdout:flush() `

func programTask(source string, budget job.Budget) job.Task {
	return job.Task{
		Name: "t.lua", Format: job.FormatLua, Payload: []byte(source), Budget: budget,
		Capabilities: append(capability.Default(), capability.Exec),
	}
}

func init() {
	mains[parentArg] = func() int {
		task := programTask(startsPrograms+"while true do end", job.Budget{})
		job.Execute(context.Background(), child(nil), task, nil, job.Live{Stdout: os.Stdout}, time.Now)
		return 0
	}
}

// However a run is ended, the programs that its script started end with it.
// (A run that ends by itself waits for them, as pclose does.)
func TestProgramsEndWithRun(t *testing.T) {
	for _, c := range []struct {
		name, source string
		budget       job.Budget
		code         string
	}{
		{"processor time", "while true do end", job.Budget{CPU: time.Second}, job.CodeCPU},
		{"memory", "local t = {} while true do t[#t+1] = {} end", job.Budget{Memory: 32 << 20}, job.CodeMemory},
		{"wall", "while true do end", job.Budget{Wall: 2 * time.Second}, job.CodeTimeout},
		{"wall in a program", "os.execute('sleep 600')", job.Budget{Wall: 2 * time.Second}, job.CodeTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := job.Execute(t.Context(), child(nil), programTask(startsPrograms+c.source, c.budget), nil, job.Live{}, time.Now)
			if res.Error == nil || res.Error.Code != c.code {
				t.Errorf("error %+v, want %s", res.Error, c.code)
			}
			awaitEnd(t, res.Stdout)
		})
	}
	t.Run("parent killed", func(t *testing.T) {
		cmd := exec.Command(os.Args[0], parentArg)
		cmd.Env = append(os.Environ(), "GOCOVERDIR="+t.TempDir())
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		var line []byte
		for b := make([]byte, 1); !bytes.HasSuffix(line, []byte("\n")); line = append(line, b...) {
			if _, err := out.Read(b); err != nil {
				t.Fatalf("after %q: %v", line, err)
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
		awaitEnd(t, string(line))
	})
}

// awaitEnd waits for the processes whose ids a script has printed.
func awaitEnd(t *testing.T, ids string) {
	t.Helper()
	pids := strings.Fields(ids)
	if len(pids) != 2 {
		t.Fatalf("the script printed %q", ids)
	}
	for _, s := range pids {
		pid, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(30 * time.Second); alive(pid); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d is still there", pid)
			}
		}
	}
}

// alive reports whether the process runs; one that waits for its reaper does
// not.
func alive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, rest, _ := strings.Cut(string(b), ") ")
	return err == nil && !strings.HasPrefix(rest, "Z")
}

// What a script has of its own environment and arguments is what programs in
// its place have.
func TestEnvironmentAndArguments(t *testing.T) {
	task := programTask(`print(os.getenv("GREETING"), os.getenv("HOME"), #arg, arg[1], arg[2]) print(io.popen('echo "$GREETING $TZ"'):read())`, job.Budget{})
	task.Env, task.Argv = []string{"GREETING=hi=there"}, []string{"--level", "3"}
	c := child(nil)
	c.Env = []string{"TZ=UTC"}
	if res := job.Execute(t.Context(), c, task, nil, job.Live{}, time.Now); res.Stdout != "hi=there\tnil\t2\t--level\t3\nhi=there UTC\n" {
		t.Errorf("%+v", res)
	}
	// Without arguments there is no table of them.
	if res := job.Execute(t.Context(), c, programTask(`print(arg, os.getenv("GREETING"))`, job.Budget{}), nil, job.Live{}, time.Now); res.Stdout != "nil\tnil\n" {
		t.Errorf("%+v", res)
	}
}

// What leaves the group of a run ends with it where the process has a Family.
func TestProgramsThatLeave(t *testing.T) {
	c := child(nil)
	var err error
	if c.Family, err = proc.NewFamily(); err != nil {
		t.Fatal(err)
	}
	task := programTask(`io.stdout:write(io.popen("for n in 1 2; do (setsid sh -c 'echo $$; exec sleep 600 > /dev/null 2>&1' &); done"):read("*a"))`, job.Budget{})
	task.ID = "exec_leaves"
	res := job.Execute(t.Context(), c, task, nil, job.Live{}, time.Now)
	awaitEnd(t, res.Stdout)
}
