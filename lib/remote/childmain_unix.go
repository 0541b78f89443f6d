//go:build unix

package remote

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/luavm"
)

// The descriptors that a child inherits beside its three streams: stderr is
// for traces of Go's own, the script's goes to scriptStderr.
const (
	socketFD       = 3
	scriptStderrFD = 4
	progressFD     = 5 // only when the parent listens
)

// heapEvery is how often the heap is looked at. A script allocates some
// hundred MB/s at most, so the overshoot is about one large allocation.
const heapEvery = 2 * time.Millisecond

// ChildMain is the script child: it reads one task from its socket, limits
// itself, runs it, reports, and ends. Its exit code says nothing: the report
// does. Only a process started by Child may call it.
func ChildMain() int {
	conn := os.NewFile(socketFD, "socket")
	errw := os.NewFile(scriptStderrFD, "stderr")
	if conn == nil || errw == nil {
		return 2
	}
	unix.CloseOnExec(socketFD)
	unix.CloseOnExec(scriptStderrFD)
	p := &parent{conn: conn, replies: make(chan frame.Response, 1)}
	r := frame.NewReader(conn, maxMessage)
	f, err := r.Next()
	if err == nil && f.Command == cmdRules && !f.Response {
		return rulesMain(conn, f)
	}
	if err != nil || f.Command != cmdRun || f.Response {
		return 2
	}
	t, hosted, reports, err := parseTask(f.Payload)
	if err != nil {
		p.report(fault("starting the script", err))
		return 0
	}
	if err := confine(t); err != nil {
		p.report(fault("limiting the script", err))
		return 0
	}
	var progress io.Writer
	if reports {
		unix.CloseOnExec(progressFD)
		progress = os.NewFile(progressFD, "progress")
	}
	go p.watchCPU(t.Budget.CPU)
	go p.watchHeap(t.Budget.Memory)
	go p.listen(r)
	p.report(p.runScript(t, hosted, job.Streams{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: errw, Progress: progress}))
	return 0
}

func (p *parent) runScript(t job.Task, hosted bool, s job.Streams) job.Outcome {
	prog, err := luavm.Load(t.ChunkName(), t.Format, t.Payload)
	if err != nil {
		return luavm.OutcomeOf(err)
	}
	conf := luavm.Config{Args: t.Args, Capabilities: t.Capabilities, Budget: t.Budget, Execution: t.ID, Env: t.Env, Argv: t.Argv, Stdin: s.Stdin, Stdout: s.Stdout, Stderr: s.Stderr}
	if hosted {
		conf.Modules = offers{p.call}.modules()
	}
	conf.Modules = append(conf.Modules, luavm.Progress(s.Progress))
	_, err = prog.Run(context.Background(), conf)
	return luavm.OutcomeOf(err)
}

// confine limits this process. The kernel's own limit on processor time is
// one second above the soft one, at which we report. Programs that the script
// may start (capability exec) inherit all of it. An address space limit is of
// no use: the Go runtime reserves far more than it uses.
func confine(t job.Task) error {
	set := func(what int, soft, hard uint64) error {
		return syscall.Setrlimit(what, &syscall.Rlimit{Cur: soft, Max: hard})
	}
	if err := set(unix.RLIMIT_CORE, 0, 0); err != nil {
		return err
	}
	s := uint64((t.Budget.CPU + time.Second - 1) / time.Second)
	if err := set(unix.RLIMIT_CPU, s, s+1); err != nil {
		return err
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil && files.Max > 256 {
		if err := set(unix.RLIMIT_NOFILE, 256, 256); err != nil {
			return err
		}
	}
	// Near the limit the collector works harder, so that only what the script
	// really holds counts.
	debug.SetMemoryLimit(t.Budget.Memory)
	return nil
}

// parent is the child's end of the socket.
type parent struct {
	conn    *os.File
	mu      sync.Mutex // guards writing, and done
	done    bool
	replies chan frame.Response
}

// report sends the outcome; the first one counts.
func (p *parent) report(o job.Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return
	}
	p.done = true
	p.conn.Write(appendOutcome(nil, o))
}

// end reports and leaves at once: the script cannot be asked to stop.
func (p *parent) end(o job.Outcome) {
	p.report(o)
	os.Exit(0)
}

func (p *parent) watchCPU(budget time.Duration) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGXCPU)
	<-c
	p.end(job.Outcome{Err: job.Errorf(job.CodeCPU, "more than %s of processor time used", budget), Terminated: true})
}

func (p *parent) watchHeap(budget int64) {
	held := newResidence()
	var m runtime.MemStats
	for range time.Tick(heapEvery) {
		// To count the heap the world is stopped: only when the process is
		// large enough for the limit to be near.
		if held.bytes() < budget/4*3 {
			continue
		}
		if runtime.ReadMemStats(&m); m.HeapAlloc > uint64(budget) {
			p.end(job.Outcome{Err: job.Errorf(job.CodeMemory, "more than %d bytes of memory used", budget), Terminated: true})
		}
	}
}

// listen takes the parent's answers, and ends this process, with the programs
// that the script has started, when the parent is gone.
func (p *parent) listen(r *frame.Reader) {
	for {
		f, err := r.Next()
		if err != nil {
			if unix.Getpgrp() == os.Getpid() {
				unix.Kill(0, unix.SIGKILL)
			}
			os.Exit(0)
		}
		if !f.Response {
			continue
		}
		reply, err := frame.ParseResponse(f.Payload)
		if err != nil {
			os.Exit(0)
		}
		reply.Body = append([]byte(nil), reply.Body...)
		p.replies <- reply
	}
}

// call asks the parent and waits for its answer. Scripts run on one
// goroutine, so there is one question at a time.
func (p *parent) call(c frame.Command, payload []byte) (frame.Response, error) {
	p.mu.Lock()
	_, err := p.conn.Write(frame.Append(nil, frame.Frame{Command: c, RequestID: 1, Payload: payload}))
	p.mu.Unlock()
	if err != nil {
		return frame.Response{}, err
	}
	return <-p.replies, nil
}
