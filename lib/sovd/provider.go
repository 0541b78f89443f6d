package sovd

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"sort"
	"time"

	"lander/lib/job"
)

// ScriptProvider is where the scripts of the entities come from and where they
// run: the eight operations of SOVD. What goes wrong in a way that clients may
// see is an *Error. All methods are safe for concurrent use. See sovdtest for
// the conformance suite.
type ScriptProvider interface {
	// ListScripts returns the scripts that the entity sees: the managed ones
	// first, each part sorted by id.
	ListScripts(ctx context.Context, e Ref) ([]Script, error)
	// GetScript returns one of them, or KindNotFound.
	GetScript(ctx context.Context, e Ref, id string) (Script, error)
	// UploadScript keeps a script for the entity. It reads all of the body.
	UploadScript(ctx context.Context, e Ref, u Upload) (Script, error)
	// DeleteScript fails with KindNotFound, KindManaged or KindRunning.
	DeleteScript(ctx context.Context, e Ref, id string) error

	// StartExecution starts a script and returns its running execution:
	// KindLimit, KindNotFound, KindInput, KindParameter.
	StartExecution(ctx context.Context, e Ref, script string, s Start) (Execution, error)
	// GetExecution returns an execution of this script of this entity.
	GetExecution(ctx context.Context, e Ref, script, id string) (Execution, error)
	// ControlExecution stops a running execution, or KindNotRunning.
	ControlExecution(ctx context.Context, e Ref, script, id string, action Action) (Execution, error)
	// DeleteExecution forgets an execution that has ended, or KindRunning.
	DeleteExecution(ctx context.Context, e Ref, script, id string) error
}

// Follower is what a provider may do beyond the eight operations: without it
// a list of executions and events are not served, and a wait polls.
type Follower interface {
	// ListExecutions returns executions of a script, newest first.
	ListExecutions(ctx context.Context, e Ref, script string) ([]Execution, error)
	// WaitExecution returns when the execution has ended, or the current
	// state when ctx ends before.
	WaitExecution(ctx context.Context, e Ref, script, id string) (Execution, error)
	// Output returns what the execution has printed so far, to follow.
	Output(ctx context.Context, e Ref, script, id string) (*job.Output, error)
}

// Ref names an entity: its collection and its id, which are checked.
type Ref struct {
	Kind string `json:"type"` // Components or Apps
	ID   string `json:"id"`
}

// Path is the entity's path below the API's base.
func (r Ref) Path() string {
	if r == FleetRef {
		return r.Kind
	}
	return r.Kind + "/" + r.ID
}

// Script is one script as an entity sees it.
type Script struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Managed     bool            `json:"managed"`
	Proximity   bool            `json:"proximity_proof_required"`
	Schema      json.RawMessage `json:"parameters_schema,omitempty"`
	Detail      *ScriptDetail   `json:"x-lander,omitempty"`
}

func sortScripts(s []Script) {
	sort.Slice(s, func(i, j int) bool { return s[i].ID < s[j].ID })
}

// ScriptDetail is what SOVD has no place for.
type ScriptDetail struct {
	Format  string `json:"format,omitempty"`
	SHA256  string `json:"sha256,omitempty"` // of the file as it lies; of the payload when it is signed
	KeyID   string `json:"key_id,omitempty"`
	Serial  *int64 `json:"serial,omitempty"`
	Expires string `json:"expires,omitempty"`
}

// Upload is a script on its way in.
type Upload struct {
	Filename    string // as the client says: nothing but its extension is used
	Body        io.Reader
	Name        func() string // called when Body is read, as are the next two
	Description func() string
	Schema      func() json.RawMessage
	Check       func() error // what came after Body; called before anything is kept
	Actor       string
}

// Start says how a script is to run.
type Start struct {
	Parameters json.RawMessage // null or empty: none
	Proximity  string          // what the caller gave as proof
	Actor      string
	Key        string // Idempotency-Key; "" is none
	Digest     string // of the request, to tell a repetition from another one
	SHA256     string `json:"-"` // of a start on many devices: what the first one got, "" for the first
	Waits      bool   `json:"-"` // the caller hears of it when it has ended, not before
	// Begun may be called once, as soon as the script runs; nil: nobody asks.
	Begun func(Execution) `json:"-"`
}

// Same fails when the start is for another script than the one that is there,
// which has one of these digests.
func (s Start) Same(digests ...string) error {
	if s.SHA256 == "" || slices.Contains(digests, s.SHA256) {
		return nil
	}
	return Errorf(KindInput, "The script is not the one that was started on the first device (sha256 %.16s...): it was replaced", s.SHA256)
}

// Action is what ControlExecution does.
type Action string

// The actions.
const (
	ActionStop   Action = "stop"               // TERM, a grace, KILL
	ActionForced Action = "forced_termination" // KILL
)

// Cause is the message of an execution that the action has ended.
func (a Action) Cause() string {
	if a == ActionForced {
		return "Execution forcefully terminated"
	}
	return "Execution stopped by user"
}

// Execution is one run of a script [SOVD ExecutionInfo].
type Execution struct {
	ID          string           `json:"id"`
	Status      job.Status       `json:"status"`
	Progress    *int             `json:"progress,omitempty"`
	StartedAt   job.Time         `json:"started_at"`
	CompletedAt *job.Time        `json:"completed_at,omitempty"`
	Parameters  json.RawMessage  `json:"parameters,omitempty"`
	Error       *ExecutionError  `json:"error,omitempty"`
	Detail      *ExecutionDetail `json:"x-lander,omitempty"`

	raw      []byte // the JSON form, when it will not change
	replayed bool   // an earlier start with the same Idempotency-Key
}

// ExecutionError says why an execution failed or was terminated.
type ExecutionError struct {
	Message  string `json:"message"`
	ExitCode *int   `json:"exit_code,omitempty"`
}

// ExecutionDetail is what SOVD has no place for.
type ExecutionDetail struct {
	Script        string `json:"script"`
	Format        string `json:"format,omitempty"`
	SHA256        string `json:"sha256,omitempty"`
	KeyID         string `json:"key_id,omitempty"`
	Serial        *int64 `json:"serial,omitempty"`
	Code          string `json:"code,omitempty"` // a job.Code word
	Truncated     bool   `json:"truncated,omitempty"`
	StdoutDropped int64  `json:"stdout_dropped,omitempty"`
	StderrDropped int64  `json:"stderr_dropped,omitempty"`
	StdoutB64     []byte `json:"stdout_b64,omitempty"` // when it is no UTF-8
	StderrB64     []byte `json:"stderr_b64,omitempty"`
}

// json renders an execution; a finished one of Files is rendered once.
func (x *Execution) json() []byte {
	if x.raw != nil {
		return x.raw
	}
	b, err := json.Marshal(x)
	if err != nil {
		return (&answer{body: genericError{Code: "internal-error", Message: "Internal server error"}}).render()
	}
	return b
}

// poll waits with a provider that is no Follower.
func poll(ctx context.Context, p ScriptProvider, e Ref, script, id string) (Execution, error) {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		x, err := p.GetExecution(context.WithoutCancel(ctx), e, script, id)
		if err != nil || x.Status.Final() {
			return x, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return x, nil
		}
	}
}
