// Package luavm runs Lua 5.1 scripts for Lander: it compiles them, gives
// them only what their capabilities allow, stops them when a budget is spent
// and words every fault as Lua 5.1 does. The engine is hidden: nothing of it
// shows in the API, so that it can change [design 6].
//
// A script is compiled once and run any number of times, each run in a state
// of its own:
//
//	p, err := luavm.Compile("job.lua", source)
//	values, err := p.Run(ctx, luavm.Config{Capabilities: caps, Stdout: w})
//
// Whatever goes wrong comes back as a *job.Error; a Go panic never leaves
// the package.
package luavm

import (
	"io"
	"time"

	"lander/lib/capability"
	"lander/lib/job"
)

// Config is what one run gets. The zero Config runs a script that may do
// nothing but compute.
type Config struct {
	// Args is the Lua table args; nil makes an empty one.
	Args map[string]string
	// Capabilities says what the script may do. Without capability.Base
	// there is not even print.
	Capabilities capability.Set
	// Budget limits the run. Wall and Depth are kept here, Memory as
	// estimated by the engine, which is what the script holds: the process
	// may take two and a half times that while Go collects, less with
	// debug.SetMemoryLimit. Output stops a script that writes far more than
	// is kept (see MaxOutput); CPU is for the process that runs us.
	Budget job.Budget
	// Execution, if set, says that this process runs the script alone and is
	// ended with its whole process group: programs that the script starts
	// stay in the group, and carry the id as LANDER_EXECUTION. Otherwise each
	// has a group of its own, which is killed with the run.
	Execution string
	// Env is what os.getenv knows, and programs that the script starts have beside
	// a PATH, "K=V".
	Env []string
	// Argv are the arguments behind the script: the table arg, as lua has it. Nil:
	// there is none.
	Argv []string
	// Poll makes the script look at the context while it computes, so that
	// cancelling stops it. A child process that is killed from outside can
	// do without.
	Poll bool
	// Stdin, Stdout and Stderr are the script's streams. A nil Stdin reads
	// as empty, nil writers discard. Every print and write of the script is
	// one Write: whoever wants fewer hands in a buffer. A read that waits is
	// ended by closing what Stdin reads from, not by the context.
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// Now is the clock of os.time, os.date and os.clock; nil means time.Now.
	Now func() time.Time
	// Modules are what the host offers, each under its capability word.
	Modules []Module
	// Serve, if not nil, is called on the run's goroutine after the chunk
	// returned, with the state still alive, so that callbacks the script
	// registered can be called. The run ends when it returns.
	Serve func(run Context) error
}

// Defaults of the budgets whose field is zero.
const (
	DefaultMemory = 64 << 20
	DefaultDepth  = 20000
)

// leastMemory is what the libraries need before a script does anything;
// smaller budgets count as this.
const leastMemory = 256 << 10

// MaxOutput is the number of bytes that a script may write to each of its
// streams when outputs of keep bytes are kept: writing more ends it with
// job.CodeOutput. A keep of 0 means no limit.
func MaxOutput(keep int64) int64 {
	if keep <= 0 {
		return 0
	}
	return 16*keep + 1<<20
}

// Exit is the error of a run that called os.exit with a code other than 0.
// It unwraps to the *job.Error that a Result carries.
type Exit struct {
	Code int
	Err  *job.Error
}

func (e *Exit) Error() string { return e.Err.Message }

// Unwrap returns the *job.Error.
func (e *Exit) Unwrap() error { return e.Err }

// Check reports whether source is a script that can be compiled: nil, or the
// *job.Error that running it would give.
func Check(name string, source []byte) error {
	_, err := Compile(name, source)
	return err
}
