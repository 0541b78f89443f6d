package frame

import (
	"encoding/base64"
	"strconv"
)

// ExecuteScript runs a signed script on the agent (extension 100). Either URL
// or Bundle is set. The agent answers StatusOK with the execution object
// whenever the script ran, StatusNotPermitted and text when it was refused,
// StatusBusy when no slot is free.
type ExecuteScript struct {
	URL       string
	Bundle    []byte // the bytes of the bundle; base64 on the wire
	Signature string // text of the detached signature, "" when URL or Bundle holds it
	Ticket    string // "" for none
	Args      Value  // a map, or null for none
	NoWait    bool   // wait=false: answer as soon as the script runs
}

// Append implements Payload.
func (p ExecuteScript) Append(dst []byte) []byte {
	o := newObject(dst).opt(p.URL, "url")
	if p.URL == "" {
		o.text(base64.StdEncoding.EncodeToString(p.Bundle), "bundle_b64")
	}
	o.opt(p.Signature, "signature").opt(p.Ticket, "ticket")
	if !p.Args.IsNull() {
		o.value(p.Args, "args")
	}
	return o.flag(!p.NoWait, "wait").end()
}

// ParseExecuteScript reads the payload of CmdExecuteScript. A ticket may be a
// string or an integer, whose decimal form it then is.
func ParseExecuteScript(b []byte) (ExecuteScript, error) {
	f := parseFields(b)
	p := ExecuteScript{
		URL:       f.text("", "url"),
		Signature: f.text("", "signature"),
		Ticket:    f.ticket(),
		NoWait:    !f.flag(true, "wait"),
	}
	if !f.get("args").IsNull() {
		p.Args = f.dict("args")
	}
	text := f.text("", "bundle_b64")
	if (p.URL == "") == (text == "") {
		f.fail("either url or bundle_b64 is wanted")
	}
	if f.err == nil && text != "" {
		var err error
		if p.Bundle, err = base64.StdEncoding.Strict().DecodeString(text); err != nil {
			f.fail("bundle_b64 is no base64: %v", err)
		}
	}
	if f.err != nil {
		return ExecuteScript{}, f.err
	}
	return p, nil
}

// ticket is a string or an integer, "" when missing.
func (f *fields) ticket() string {
	v := f.get("ticket")
	if s, ok := v.Str(); ok || v.IsNull() {
		return s
	}
	n, ok := v.Int()
	if !ok {
		f.fail("ticket is %s, a string or integer is wanted", v.Kind().some())
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// Execution is the execution object in the body of the responses to
// CmdExecuteScript, CmdExecutionStatus and CmdStopExecution.
type Execution struct{ Object Value }

// Append implements Payload.
func (p Execution) Append(dst []byte) []byte { return p.Object.Append(dst) }

// ParseExecution reads the body: a map.
func ParseExecution(b []byte) (Execution, error) {
	v, err := ParseValue(b)
	if err != nil {
		return Execution{}, err
	}
	if v.Kind() != KindMap {
		return Execution{}, badf("execution is %s, a map is wanted", v.Kind().some())
	}
	return Execution{v}, nil
}

// ExecutionStatus asks for an execution (extension 102).
type ExecutionStatus struct{ ID string }

// Append implements Payload.
func (p ExecutionStatus) Append(dst []byte) []byte {
	return newObject(dst).text(p.ID, "id").end()
}

// ParseExecutionStatus reads the payload of CmdExecutionStatus.
func ParseExecutionStatus(b []byte) (ExecutionStatus, error) {
	f := parseFields(b)
	p := ExecutionStatus{f.needText("id")}
	if f.err != nil {
		return ExecutionStatus{}, f.err
	}
	return p, nil
}

// StopExecution stops an execution by its id or its ticket (extension 103).
type StopExecution struct {
	ID     string
	Ticket string
	Force  bool // at once, without asking the script to end
}

// Append implements Payload.
func (p StopExecution) Append(dst []byte) []byte {
	return newObject(dst).opt(p.ID, "id").opt(p.Ticket, "ticket").flag(p.Force, "force").end()
}

// ParseStopExecution reads the payload of CmdStopExecution.
func ParseStopExecution(b []byte) (StopExecution, error) {
	f := parseFields(b)
	p := StopExecution{f.text("", "id"), f.ticket(), f.flag(false, "force")}
	if (p.ID == "") == (p.Ticket == "") {
		f.fail("either id or ticket is wanted")
	}
	if f.err != nil {
		return StopExecution{}, f.err
	}
	return p, nil
}
