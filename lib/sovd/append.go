package sovd

import (
	"encoding/base64"
	"encoding/json"
	"strconv"

	"lander/lib/job"
)

// An execution is written to its record and rendered for each start: what
// encoding/json would make of both is made here by hand, in a fraction of its
// time. Tests compare the two.

// members appends the members of a JSON object.
type members struct {
	b     []byte
	comma bool
}

func (m *members) name(name string) {
	if m.comma {
		m.b = append(m.b, ',')
	}
	m.comma = true
	m.b = append(append(append(m.b, '"'), name...), '"', ':')
}

func (m *members) open() { m.b, m.comma = append(m.b, '{'), false }
func (m *members) end()  { m.b, m.comma = append(m.b, '}'), true }

func (m *members) text(name, s string) {
	m.name(name)
	m.b = appendText(m.b, s)
}

func (m *members) textIf(name, s string) {
	if s != "" {
		m.text(name, s)
	}
}

func (m *members) int(name string, n int64) {
	m.name(name)
	m.b = strconv.AppendInt(m.b, n, 10)
}

func (m *members) intIf(name string, n int64) {
	if n != 0 {
		m.int(name, n)
	}
}

func (m *members) bool(name string, v bool) {
	if v {
		m.name(name)
		m.b = append(m.b, "true"...)
	}
}

func (m *members) bytesIf(name string, b []byte) {
	if len(b) > 0 {
		m.name(name)
		m.b = append(base64.StdEncoding.AppendEncode(append(m.b, '"'), b), '"')
	}
}

func (m *members) time(name string, t job.Time) {
	m.name(name)
	m.b = append(t.UTC().AppendFormat(append(m.b, '"'), job.Layout), '"')
}

// appendText appends a JSON text.
func appendText(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			b, _ := json.Marshal(s) // a text always has one
			return append(dst, b...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}

// append appends the record as JSON.
func (r *record) append(dst []byte) []byte {
	m := members{b: dst}
	m.open()
	m.text("id", r.ID)
	m.name("entity")
	m.open()
	m.text("type", r.Entity.Kind)
	m.text("id", r.Entity.ID)
	m.end()
	m.text("script", r.Script)
	m.text("name", r.Name)
	m.text("format", r.Format)
	m.text("sha256", r.SHA256)
	m.textIf("key_id", r.KeyID)
	if r.Serial != nil {
		m.int("serial", *r.Serial)
	}
	m.textIf("actor", r.Actor)
	m.text("owner", r.Owner)
	m.textIf("life", r.Life)
	m.text("status", string(r.Status))
	m.time("started_at", r.StartedAt)
	if r.CompletedAt != nil {
		m.time("completed_at", *r.CompletedAt)
	}
	if r.ExitCode != nil {
		m.int("exit_code", int64(*r.ExitCode))
	}
	m.textIf("code", r.Code)
	m.textIf("message", r.Message)
	m.textIf("idempotency_key", r.Key)
	m.textIf("request", r.Digest)
	m.bytesIf("output", r.Output)
	m.bool("spooled", r.Spooled)
	m.intIf("parts", int64(r.Parts))
	m.textIf("control", r.Control)
	m.end()
	return m.b
}

// append appends the execution as clients see it. Its Parameters are JSON
// that was made here.
func (x *Execution) append(dst []byte) []byte {
	m := members{b: dst}
	m.open()
	m.text("id", x.ID)
	m.text("status", string(x.Status))
	if x.Progress != nil {
		m.int("progress", int64(*x.Progress))
	}
	m.time("started_at", x.StartedAt)
	if x.CompletedAt != nil {
		m.time("completed_at", *x.CompletedAt)
	}
	if len(x.Parameters) > 0 {
		m.name("parameters")
		m.b = append(m.b, x.Parameters...)
	}
	if e := x.Error; e != nil {
		m.name("error")
		m.open()
		m.text("message", e.Message)
		if e.ExitCode != nil {
			m.int("exit_code", int64(*e.ExitCode))
		}
		m.end()
	}
	if d := x.Detail; d != nil {
		m.name("x-lander")
		m.open()
		d.append(&m)
		m.end()
	}
	m.end()
	return m.b
}

func (d *ExecutionDetail) append(m *members) {
	m.text("script", d.Script)
	m.textIf("format", d.Format)
	m.textIf("sha256", d.SHA256)
	m.textIf("key_id", d.KeyID)
	if d.Serial != nil {
		m.int("serial", *d.Serial)
	}
	m.textIf("code", d.Code)
	m.bool("truncated", d.Truncated)
	m.intIf("stdout_dropped", d.StdoutDropped)
	m.intIf("stderr_dropped", d.StderrDropped)
	m.bytesIf("stdout_b64", d.StdoutB64)
	m.bytesIf("stderr_b64", d.StderrB64)
}
