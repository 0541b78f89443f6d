package sovd

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/store"
)

// record is an execution as it is stored.
type record struct {
	ID          string     `json:"id"`
	Entity      Ref        `json:"entity"`
	Script      string     `json:"script"`
	Name        string     `json:"name"`
	Format      string     `json:"format"`
	SHA256      string     `json:"sha256"`
	KeyID       string     `json:"key_id,omitempty"`
	Serial      *int64     `json:"serial,omitempty"`
	Actor       string     `json:"actor,omitempty"`
	Owner       string     `json:"owner"`          // the gateway that runs it
	Life        string     `json:"life,omitempty"` // and its lease, in a store that gateways share
	Status      job.Status `json:"status"`
	StartedAt   job.Time   `json:"started_at"`
	CompletedAt *job.Time  `json:"completed_at,omitempty"`
	ExitCode    *int       `json:"exit_code,omitempty"`
	Code        string     `json:"code,omitempty"`
	Message     string     `json:"message,omitempty"`
	Key         string     `json:"idempotency_key,omitempty"` // with its scope, hashed
	Digest      string     `json:"request,omitempty"`

	Output  []byte `json:"output,omitempty"` // as job.Output appends it, when it is small
	Spooled bool   `json:"spooled,omitempty"`
	Parts   int    `json:"parts,omitempty"`   // of the output in the store; see outputKey
	Control string `json:"control,omitempty"` // what another gateway has asked the owner for
}

// execution is one run, under way or over. What stands before mu does not
// change.
type execution struct {
	id     string
	entity Ref
	script string
	key    string

	foreign  bool          // another gateway runs it
	lease    store.Lease   // under which we run it
	kill     func()        // ends it without a grace
	stop     func()        // ends it with one
	done     chan struct{} // closed when its end is durable
	first    record        // as it was started
	decided  chan struct{} // closed when the record of the start is durable, lost, or not to be
	recorded chan struct{} // closed when any record is durable, or none will be
	asked    chan struct{} // closed when somebody comes across it before
	lost     atomic.Bool   // its start could not be recorded

	markOnce, askOnce sync.Once

	mu    sync.Mutex
	out   *job.Output // nil when it is spooled and the run is over
	rec   record
	rev   store.Revision
	raw   []byte // the JSON of the finished execution
	cause string // the message of whoever stopped it first
	spool int64  // how far the output is in its file

	known  bool      // its owner was seen alive
	silent time.Time // since when it was not
}

func (r *record) detail() *ExecutionDetail {
	return &ExecutionDetail{Script: r.Script, Format: r.Format, SHA256: r.SHA256, KeyID: r.KeyID, Serial: r.Serial, Code: r.Code}
}

// endLine tells the journal how a run ended.
func (r *record) endLine() journal.Line {
	return journal.Line{
		Source: job.SourceHTTP, Actor: cmp.Or(r.Actor, Actor{}.String()), Action: journal.ActionRun, Name: r.Entity.Path() + "/scripts/" + r.Script, Format: r.Format,
		SHA256: r.SHA256, KeyID: r.KeyID, Serial: r.Serial, Verdict: journal.Accepted, Reason: r.Code, Outcome: string(r.Status), ExitCode: r.ExitCode, Execution: r.ID,
	}
}

// maxErrorText is how much of a script's standard error its message shows.
const maxErrorText = 500

// newExecution makes the execution of a record.
func newExecution(rec record) *execution {
	return &execution{
		id: rec.ID, entity: rec.Entity, script: rec.Script, key: rec.Key, rec: rec,
		done: make(chan struct{}), decided: make(chan struct{}), recorded: make(chan struct{}), asked: make(chan struct{}),
	}
}

// mark says that a record is durable, or that there will be none.
func (x *execution) mark() { x.markOnce.Do(func() { close(x.recorded) }) }

// disclose returns when the execution may be shown: nothing is that a crash
// would make undone.
func (x *execution) disclose() {
	select {
	case <-x.recorded:
		return
	default:
	}
	x.askOnce.Do(func() { close(x.asked) })
	<-x.recorded
}

// using is the script that a run holds.
func (x *execution) using() string { return x.entity.Path() + "/" + x.script }

// view makes the execution that clients see.
func (r *record) view(out *job.Output) Execution {
	x := Execution{ID: r.ID, Status: r.Status, StartedAt: r.StartedAt, CompletedAt: r.CompletedAt}
	if n, ok := out.Percent(); ok {
		x.Progress = &n
	}
	x.Detail = r.detail()
	if !r.Status.Final() {
		return x
	}
	stdout, dropped := out.Kept(job.Stdout)
	stderr, dropped2 := out.Kept(job.Stderr)
	x.Detail.StdoutDropped, x.Detail.StderrDropped, x.Detail.Truncated = dropped, dropped2, dropped+dropped2 > 0
	if !utf8.Valid(stdout) {
		x.Detail.StdoutB64 = stdout
	}
	if !utf8.Valid(stderr) {
		x.Detail.StderrB64 = stderr
	}
	x.Parameters = outputParameters(stdout, stderr, r.ExitCode)
	if r.Status != job.Completed {
		x.Error = &ExecutionError{Message: r.errorText(stderr), ExitCode: r.ExitCode}
	}
	return x
}

// errorText is the message of an execution that did not complete.
func (r *record) errorText(stderr []byte) string {
	if r.Code != job.CodeExit && r.Code != job.CodeScript || len(stderr) == 0 {
		return r.Message
	}
	cut := stderr[:min(len(stderr), maxErrorText)]
	for n := len(cut); n > 0 && n > len(cut)-utf8.UTFMax; n-- {
		if utf8.RuneStart(cut[n-1]) {
			if !utf8.FullRune(cut[n-1:]) {
				cut = cut[:n-1]
			}
			break
		}
	}
	return string(cut)
}

// outputParameters is the document's stdout, stderr and exit_code, and beside
// them the members of a JSON object that the script printed.
func outputParameters(stdout, stderr []byte, exit *int) json.RawMessage {
	var m members
	own := func(m *members) {
		m.name("exit_code")
		if exit == nil {
			m.b = append(m.b, "null"...)
		} else {
			m.b = strconv.AppendInt(m.b, int64(*exit), 10)
		}
		m.text("stderr", string(stderr))
		m.text("stdout", string(stdout))
	}
	if !bytes.HasPrefix(bytes.TrimLeft(stdout, " \t\r\n"), []byte("{")) {
		m.open()
		own(&m)
		m.end()
		return m.b
	}
	printed := map[string]json.RawMessage{}
	if !utf8.Valid(stdout) || json.Unmarshal(stdout, &printed) != nil {
		printed = map[string]json.RawMessage{}
	}
	for name, v := range map[string]any{"stdout": string(stdout), "stderr": string(stderr), "exit_code": exit} {
		printed[name], _ = json.Marshal(v) // texts and numbers always have one
	}
	b, err := json.Marshal(printed)
	if err != nil {
		return json.RawMessage(`{}`)
	}
	return b
}

// settle fills in how a run ended. cause is the message of whoever stopped
// it, "" when nobody did.
func (r *record) settle(o job.Outcome, cause string, now job.Time) {
	r.CompletedAt, r.ExitCode, r.Status = &now, o.ExitCode, job.Completed
	if o.Err == nil {
		return
	}
	r.Status, r.Code, r.Message = job.Failed, o.Err.Code, o.Err.Message
	if o.Terminated {
		r.Status = job.Terminated
	}
	switch o.Err.Code {
	case job.CodeTimeout:
		r.Message = "Script execution timed out"
	case job.CodeInterrupted:
		r.Message = cause
		if cause == "" {
			r.Message = "Execution stopped"
		}
	case job.CodeExit:
		if o.ExitCode != nil {
			r.Message = fmt.Sprintf("Script exited with code %d", *o.ExitCode)
		}
	case job.CodeSignal:
		var n int
		if _, err := fmt.Sscanf(o.Err.Message, "killed by signal %d", &n); err == nil {
			r.Message = fmt.Sprintf("Script killed by signal %d", n)
		}
	case job.CodeInternal:
		// What went wrong in detail is for the log: it has paths.
		r.Message = "Script could not be run"
	case job.CodeLoad:
		if r.Format != job.FormatLua && r.Format != job.FormatLuac51 {
			r.Message = "The interpreter of the script is not installed"
		}
	}
}
