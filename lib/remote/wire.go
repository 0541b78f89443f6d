package remote

import (
	"encoding/json"
	"fmt"
	"time"

	"lander/lib/capability"
	"lander/lib/emp/frame"
	"lander/lib/job"
)

// The private commands between parent and child. Everything else on the
// socket is EMP as applications speak it.
const (
	cmdRun        = frame.PrivateFirst + iota // parent to child, once: a task; the response is the outcome
	CmdDevice                                 // child to parent: null; the answer is {"id","groups"}
	CmdLog                                    // child to parent: {"level","text"}
	CmdMonitoring                             // child to parent: a MonitoringOrder; the answer is what its operation gives
	CmdWatch                                  // child to parent: {"paths","seconds"}; the answer is a map of changes, or null
	CmdRuleData                               // rules' child to parent: RuleData
	cmdRules                                  // parent to child, once: it will run rules; see rulesMessage
	cmdRuleLoad                               // parent to rules' child: ruleMessage
	cmdRuleUnload                             // parent to rules' child: ruleMessage
	cmdRuleBusy                               // rules' child to parent: code of a rule begins; the name
	cmdRuleIdle                               // rules' child to parent: it has ended
	cmdRuleEnded                              // rules' child to parent: ruleMessage with Error
)

// The operations of a MonitoringOrder.
const (
	MonitoringInstall      = "install"
	MonitoringUninstall    = "uninstall"
	MonitoringUninstallAll = "uninstallall"
	MonitoringEnable       = "enable"
	MonitoringDisable      = "disable"
	MonitoringList         = "list"
	MonitoringLoad         = "load"
	MonitoringUnload       = "unload"
)

// MonitoringOrder is what a script asks of the agent's monitoring.
type MonitoringOrder struct {
	Op   string `json:"op"`
	Name string `json:"name,omitempty"` // of a rule; for list "installed" or "loaded"
	Text string `json:"text,omitempty"`
	Off  bool   `json:"off,omitempty"` // install without enabling
}

// RuleData is timestamped data that a rule sends: variables that were taken
// at the same times, with a value for each time.
type RuleData struct {
	Path       string          `json:"path"`
	Columns    []string        `json:"columns"`
	Timestamps []frame.Value   `json:"timestamps"`
	Values     [][]frame.Value `json:"values"` // of each column
}

// WatchOrder is what a script waits for.
type WatchOrder struct {
	Paths   []string `json:"paths"`
	Seconds float64  `json:"seconds"`
}

type rulesMessage struct {
	Uptime int64  `json:"uptime_ms"`
	Mark   string `json:"mark"`
}

type ruleMessage struct {
	Name         string   `json:"name"`
	Text         string   `json:"text,omitempty"`
	Capabilities []string `json:"capabilities,omitempty"`
	Error        string   `json:"error,omitempty"`
}

// statusRan is the status of every response to cmdRun: how the script fared
// is in the body.
const statusRan = frame.StatusOK

// maxMessage bounds a frame between parent and child: a script of 1 MiB as
// base64, and some room.
const maxMessage = 4 << 20

// taskMessage is the payload of cmdRun.
type taskMessage struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	Chunk        string            `json:"chunk,omitempty"`
	Format       string            `json:"format"`
	Payload      []byte            `json:"payload_b64"`
	Args         map[string]string `json:"args,omitempty"`
	Capabilities []string          `json:"capabilities"`
	CPU          int64             `json:"cpu_ms"`
	Memory       int64             `json:"memory"`
	Output       int64             `json:"output"`
	Depth        int               `json:"depth"`
	Env          []string          `json:"env,omitempty"`
	Argv         []string          `json:"argv,omitempty"`
	Hosted       bool              `json:"hosted"`             // the parent answers EMP commands
	Progress     bool              `json:"progress,omitempty"` // the parent listens to reports
}

func appendTask(dst []byte, t job.Task, hosted, progress bool) ([]byte, error) {
	b, err := json.Marshal(taskMessage{
		ID: t.ID, Name: t.Name, Chunk: t.Chunk, Format: t.Format, Payload: t.Payload, Args: t.Args, Capabilities: t.Capabilities,
		CPU: t.Budget.CPU.Milliseconds(), Memory: t.Budget.Memory, Output: t.Budget.Output, Depth: t.Budget.Depth, Env: t.Env, Argv: t.Argv, Hosted: hosted, Progress: progress,
	})
	if err != nil {
		return dst, fmt.Errorf("rendering the task: %w", err)
	}
	return frame.Append(dst, frame.Frame{Command: cmdRun, Payload: b}), nil
}

func parseTask(payload []byte) (t job.Task, hosted, progress bool, err error) {
	var m taskMessage
	if err := json.Unmarshal(payload, &m); err != nil {
		return job.Task{}, false, false, fmt.Errorf("reading the task: %w", err)
	}
	caps, err := capability.Parse(m.Capabilities)
	if err != nil {
		return job.Task{}, false, false, fmt.Errorf("reading the task: %w", err)
	}
	return job.Task{
		ID: m.ID, Name: m.Name, Chunk: m.Chunk, Format: m.Format, Payload: m.Payload, Args: m.Args, Capabilities: caps,
		Budget: job.Budget{CPU: time.Duration(m.CPU) * time.Millisecond, Memory: m.Memory, Output: m.Output, Depth: m.Depth}, Env: m.Env, Argv: m.Argv,
	}, m.Hosted, m.Progress, nil
}

// outcomeMessage is the body of the response to cmdRun.
type outcomeMessage struct {
	ExitCode   *int       `json:"exit_code"`
	Error      *job.Error `json:"error"`
	Terminated bool       `json:"terminated"`
}

func appendOutcome(dst []byte, o job.Outcome) []byte {
	b, err := json.Marshal(outcomeMessage{o.ExitCode, o.Err, o.Terminated})
	if err != nil {
		b, _ = json.Marshal(outcomeMessage{Error: job.Errorf(job.CodeInternal, "rendering the outcome: %v", err)})
	}
	return frame.Append(dst, frame.Frame{Command: cmdRun, Response: true, Payload: frame.AppendResponse(nil, frame.Response{Status: statusRan, Body: b})})
}

func parseOutcome(payload []byte) (job.Outcome, error) {
	r, err := frame.ParseResponse(payload)
	if err != nil {
		return job.Outcome{}, fmt.Errorf("reading the outcome: %w", err)
	}
	var m outcomeMessage
	if err := json.Unmarshal(r.Body, &m); err != nil {
		return job.Outcome{}, fmt.Errorf("reading the outcome: %w", err)
	}
	return job.Outcome{ExitCode: m.ExitCode, Err: m.Error, Terminated: m.Terminated}, nil
}
