package job

import (
	"cmp"
	"context"
	"io"
	"time"

	"lander/lib/capability"
)

// The values of Task.Format and of a bundle's format word.
const (
	FormatLua     = "lua"
	FormatLuac51  = "luac51"
	FormatSh      = "sh"
	FormatBash    = "bash"
	FormatPython  = "python"
	FormatDevs    = "devs"
	FormatPackage = "package"
	FormatTree    = "tree"
	FormatKeys    = "keys"
	FormatData    = "data"
)

// Budget limits one run. A zero field means: the runner's own default.
type Budget struct {
	Wall   time.Duration // elapsed time
	CPU    time.Duration // processor time of the whole process group
	Memory int64         // bytes of heap for Lua, of address space or data for programs
	Output int64         // bytes kept of each of stdout and stderr
	Depth  int           // nested Lua calls
}

// Task is what a Runner executes: a payload that has been let in already.
type Task struct {
	ID           string            // execution id
	Name         string            // name of the script, for messages
	Chunk        string            // Lua chunk name; "": Name
	Format       string            // one of the Format words that can run
	Payload      []byte            // source text or bytecode; the runner does not change it
	Args         map[string]string // Lua table args, LANDER_ARG_K for programs
	Capabilities capability.Set    // what the script may do
	Budget       Budget

	// For programs only; Lua has Args.
	Argv []string // arguments of the program, behind the script
	Env  []string // further environment, "K=V"
	File string   // absolute path of a file that holds Payload already; "": the runner writes one

	Started func()          // called once the run has begun; nil: nobody asks
	Kill    <-chan struct{} // when closed, the run is ended without a grace
}

// ChunkName is what positions in Lua messages begin with.
func (t Task) ChunkName() string { return cmp.Or(t.Chunk, t.Name) }

// Streams are the script's own streams. A nil Stdin reads as empty. The
// writers are called from one goroutine each and bound what they keep.
type Streams struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// Progress takes what the script reports of its progress, as lines with a
	// number of 0 to 100. Programs write them to the descriptor that
	// LANDER_PROGRESS_FD names, Lua scripts call progress.report(n). Nil:
	// there is no such descriptor, and nobody listens.
	Progress io.Writer
}

// Outcome is how a run ended. Err is nil exactly when the script completed.
type Outcome struct {
	ExitCode   *int   // exit code of a program; 0 or 1 for Lua; nil when there is none
	Err        *Error // why it failed
	Terminated bool   // stopped from outside or by a budget
}

// Runner executes one task and returns when nothing of it runs any more.
// Cancelling ctx stops the script; the outcome then has CodeInterrupted, or
// CodeTimeout when the deadline of ctx passed. A Runner never panics because
// of what a script does, and is safe for concurrent use.
type Runner interface {
	Run(ctx context.Context, t Task, s Streams) Outcome
}
