// Package job is one execution of a script: what is asked for (Task), who
// does it (Runner), and what came of it (Result, the execution object that
// every door of Lander shows: command line, EMP, HTTP, journal and M3DA).
package job

import (
	"encoding/json"
	"fmt"
	"time"
)

// Status is the state of an execution.
type Status string

// The states. Prepared and Running are on the way; the others are final.
const (
	Prepared   Status = "prepared"
	Running    Status = "running"
	Completed  Status = "completed"
	Failed     Status = "failed"
	Terminated Status = "terminated"
)

// Final reports whether an execution in this state will not change any more.
func (s Status) Final() bool { return s == Completed || s == Failed || s == Terminated }

// The values of Result.Source.
const (
	SourceM3DA       = "m3da"
	SourceEMP        = "emp"
	SourceCLI        = "cli"
	SourceHTTP       = "http"
	SourceMonitoring = "monitoring"
)

// The values of Error.Code: why a script that was let in did not complete.
const (
	CodeScript      = "script"      // the script raised an error
	CodeLoad        = "load"        // the source or bytecode does not compile
	CodeExit        = "exit"        // the program ended with a code other than 0
	CodeSignal      = "signal"      // the program was ended by a signal that was not ours
	CodeTimeout     = "timeout"     // the wall-clock budget was spent
	CodeCPU         = "cpu"         // the processor budget was spent
	CodeMemory      = "memory"      // the memory budget was spent
	CodeOutput      = "output"      // more output than the runner bears
	CodeDepth       = "depth"       // calls nested too deep
	CodeCapability  = "capability"  // the script used what it was not granted
	CodeInterrupted = "interrupted" // stopped from outside
	CodeInternal    = "internal"    // a fault of Lander or of the machine
)

// Error says why an execution failed or was terminated. Line is the line of
// the script, counted from 1, or 0 when no line is known.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Line    int    `json:"line"`
}

func (e *Error) Error() string { return e.Message }

// Errorf makes an Error of the given code without a line.
//
//go:noinline // many call it, none in a hurry: each copy is size
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Result is the execution object. Its JSON form only grows. Stdout and Stderr
// hold the kept part of the output; what the limits cut is counted in bytes
// in the Dropped fields and marked by Truncated. Output that is no valid
// UTF-8 is carried exactly in the _b64 fields, beside a readable rendering.
type Result struct {
	ID            string  `json:"id"`
	Status        Status  `json:"status"`
	ExitCode      *int    `json:"exit_code"`
	Stdout        string  `json:"stdout"`
	Stderr        string  `json:"stderr"`
	StdoutB64     []byte  `json:"stdout_b64,omitempty"`
	StderrB64     []byte  `json:"stderr_b64,omitempty"`
	StdoutDropped int64   `json:"stdout_dropped"`
	StderrDropped int64   `json:"stderr_dropped"`
	Truncated     bool    `json:"truncated"`
	Error         *Error  `json:"error"`
	StartedAt     Time    `json:"started_at"`
	CompletedAt   *Time   `json:"completed_at"`
	Name          string  `json:"name"`
	SHA256        string  `json:"sha256"`
	KeyID         *string `json:"key_id"`
	Serial        *int64  `json:"serial"`
	Target        string  `json:"target"`
	Ticket        *string `json:"ticket"`
	Source        string  `json:"source"`
}

// Time is a time whose JSON form is RFC 3339 in UTC with milliseconds.
type Time struct{ time.Time }

// Layout is the form of every time that Lander prints.
const Layout = "2006-01-02T15:04:05.000Z"

// String formats the time in UTC with milliseconds.
func (t Time) String() string { return t.UTC().Format(Layout) }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

// UnmarshalJSON implements json.Unmarshaler; any RFC 3339 time is read.
func (t *Time) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("reading a time: %w", err)
	}
	v, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return fmt.Errorf("reading a time: %w", err)
	}
	t.Time = v
	return nil
}
