//go:build unix

package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/proc"
)

// The budget of a script in a child where the task does not say.
const (
	DefaultCPU    = 60 * time.Second
	DefaultMemory = 64 << 20
)

// Host answers what a running script asks its agent: EMP commands, each
// within the capabilities of the task. It is called from one goroutine for
// each run.
type Host interface {
	Handle(ctx context.Context, t job.Task, c frame.Command, payload []byte) frame.Response
}

// Child runs Lua in a child process: this binary again, with limits of its
// own. It implements job.Runner.
type Child struct {
	Argv []string   // how to start the child: program and hidden command
	Host Host       // nil: the script has no agent
	Env  []string   // of the script's host, "K=V": the child has it, and the programs that the script starts
	User *proc.User // whom scripts run as; nil: as we do
	// Family and Cgroup are those of the other Runners of this process, where
	// there are any; nil: nobody looks for programs that leave their group.
	Family *proc.Family
	Cgroup *proc.Cgroup
	Log    *slog.Logger // traces of a child that died; nil: none
}

// forever is no limit of time.
const forever = math.MaxInt64

// maxTrace is how much of a dying child's own stderr is kept for the log.
const maxTrace = 64 << 10

// Run implements job.Runner.
func (c *Child) Run(ctx context.Context, t job.Task, s job.Streams) job.Outcome {
	o := c.run(ctx, t, s)
	if o.Err != nil {
		c.Family.End(t.ID)
	}
	return o
}

func (c *Child) run(ctx context.Context, t job.Task, s job.Streams) job.Outcome {
	if t.Budget.CPU == 0 {
		t.Budget.CPU = DefaultCPU
	}
	if t.Budget.Memory == 0 {
		t.Budget.Memory = DefaultMemory
	}
	t.Env = append(slices.Clone(c.Env), t.Env...)
	hello, err := appendTask(nil, t, c.Host != nil, s.Progress != nil)
	if err != nil {
		return fault("handing the script over", err)
	}
	ours, theirs, err := socketpair()
	if err != nil {
		return fault("making a socket for the script", err)
	}
	defer ours.Close()
	errR, errW, err := os.Pipe()
	if err != nil {
		theirs.Close()
		return fault("making a pipe for the script", err)
	}
	theirEnds := []*os.File{theirs, errW}
	var progress *os.File
	if s.Progress != nil {
		var w *os.File
		if progress, w, err = os.Pipe(); err != nil {
			theirs.Close()
			errR.Close()
			errW.Close()
			return fault("making a pipe for the script", err)
		}
		theirEnds = append(theirEnds, w)
	}
	// It outlasts the budget by what the end of the child may take.
	wall := t.Budget.Wall + proc.Grace
	if t.Budget.Wall <= 0 {
		wall = forever
	}
	ctx, cancel := context.WithTimeout(ctx, wall)
	defer cancel()

	var out proc.Drain
	if progress != nil {
		out.Add(s.Progress, progress)
	}
	if s.Stderr == nil {
		s.Stderr = io.Discard
	}
	out.Add(s.Stderr, errR)
	out.Start()
	var wg sync.WaitGroup
	conv := &conversation{host: c.Host, task: t, conn: ours}
	wg.Go(func() { conv.run(ctx, hello) })

	trace := &tail{}
	started := func() {
		for _, f := range theirEnds {
			f.Close()
		}
	}
	begun := started
	if t.Started != nil {
		begun = func() { started(); t.Started() }
	}
	// Wall time is kept from outside; processor time and memory the child
	// keeps itself, so that it can say which one it was.
	runner := proc.Runner{Family: c.Family, Cgroup: c.Cgroup}
	o := runner.Exec(ctx, proc.Command{
		Argv: c.Argv, Dir: "/", Execution: t.ID, Env: append([]string{"LANDER_EXECUTION=" + t.ID, "GOTRACEBACK=single"}, c.Env...),
		ExtraFiles: theirEnds, Started: begun, Kill: t.Kill,
		Budget: job.Budget{Wall: t.Budget.Wall}, Outlives: true, User: c.User, Confines: true,
	}, job.Streams{Stdin: s.Stdin, Stdout: s.Stdout, Stderr: trace})
	started() // in case it did not start
	ours.SetReadDeadline(time.Now().Add(time.Second))
	wg.Wait()
	if !out.Wait(ctx) && o.Err == nil {
		o = job.Outcome{Err: job.Errorf(job.CodeTimeout, "nobody took what it wrote on its standard error"), Terminated: true}
	}

	// A script that is done is so in time only when its output was taken.
	late := o.Err != nil && o.Err.Code == job.CodeTimeout
	if conv.outcome != nil && (!late || conv.outcome.Err != nil) {
		return *conv.outcome
	}
	if o.Err != nil && (o.Err.Code == job.CodeTimeout || o.Err.Code == job.CodeInterrupted) {
		return o
	}
	return c.died(t, o, trace.buf.Bytes())
}

// died words the end of a child that reported nothing.
func (c *Child) died(t job.Task, o job.Outcome, trace []byte) job.Outcome {
	first, _, _ := bytes.Cut(trace, []byte("\n"))
	if c.Log != nil {
		c.Log.Warn("script child died without a report", "execution", t.ID, "name", t.Name, "trace", string(first))
	}
	err := job.Errorf(job.CodeInternal, "the script's process died")
	switch {
	case bytes.Contains(trace, []byte("stack exceeds")), bytes.Contains(trace, []byte("stack overflow")):
		err = job.Errorf(job.CodeDepth, "the script nests too deep")
	case bytes.Contains(trace, []byte("out of memory")), bytes.Contains(trace, []byte("cannot allocate")):
		err = job.Errorf(job.CodeMemory, "more than %d bytes of memory used", t.Budget.Memory)
	case o.Err != nil && o.Err.Code == job.CodeSignal:
		err = job.Errorf(job.CodeSignal, "the script's process was %s", o.Err.Message)
	}
	return job.Outcome{Err: err, Terminated: true}
}

func fault(doing string, err error) job.Outcome {
	return job.Outcome{Err: job.Errorf(job.CodeInternal, "%s: %v", doing, err)}
}

func socketpair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, err
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1])
	// Ours is non-blocking, so that it has deadlines.
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "script socket"), os.NewFile(uintptr(fds[1]), "script socket"), nil
}

// conversation is the parent's end of the socket.
type conversation struct {
	host    Host
	task    job.Task
	conn    *os.File
	outcome *job.Outcome
}

func (v *conversation) run(ctx context.Context, hello []byte) {
	if _, err := v.conn.Write(hello); err != nil {
		return // the child is gone; its exit tells why
	}
	r := frame.NewReader(v.conn, maxMessage)
	for {
		f, err := r.Next()
		if err != nil {
			return
		}
		if f.Response {
			if o, err := parseOutcome(f.Payload); err == nil && f.Command == cmdRun && v.outcome == nil {
				v.outcome = &o
			}
			continue
		}
		reply := frame.Response{Status: frame.StatusNotImplemented}
		if v.host != nil && f.Command != cmdRun {
			reply = v.host.Handle(ctx, v.task, f.Command, bytes.Clone(f.Payload))
		}
		out := frame.Append(nil, frame.Frame{Command: f.Command, Response: true, RequestID: f.RequestID, Payload: frame.AppendResponse(nil, reply)})
		if _, err := v.conn.Write(out); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
}

// tail keeps the beginning of a trace: the first lines tell what it was.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := maxTrace - t.buf.Len(); room > 0 {
		t.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
