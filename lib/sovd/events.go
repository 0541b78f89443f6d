package sovd

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"lander/lib/job"
)

// keepAlive is how often a silent stream of events shows that it lives.
const keepAlive = 30 * time.Second

// eventOf is the data of an event of output.
type eventOf struct {
	Text string `json:"text"`
	B64  []byte `json:"text_b64,omitempty"` // when the piece is no UTF-8
}

// events serves server-sent events: `status` with the execution at the
// beginning and at the end, `stdout`, `stderr` and `progress` between. The id
// of an event is the position behind it in the output, so that a client that
// comes back with Last-Event-ID misses nothing and gets nothing twice. The
// last status has the id "end"; whoever has seen it is answered 204, which
// tells an EventSource to stop.
func (q *request) events(e Ref) error {
	script, id := q.params[1], q.params[2]
	x, err := q.g.scripts.GetExecution(q.r.Context(), e, script, id)
	if err != nil {
		return err
	}
	last := q.r.Header.Get("Last-Event-ID")
	if last == "" {
		last = q.r.URL.Query().Get("from")
	}
	if last == "end" {
		q.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	var at int64
	if last != "" {
		if at, err = strconv.ParseInt(last, 10, 64); err != nil || at < 0 {
			return Errorf(KindParameter, "Invalid Last-Event-ID")
		}
	}
	out, err := q.g.scripts.Output(q.r.Context(), e, script, id)
	if err != nil {
		return err
	}
	s := &eventStream{q: q, rc: http.NewResponseController(q.w)}
	h := q.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	q.w.WriteHeader(http.StatusOK)
	if last == "" {
		s.status("0", x)
	}
	if done := s.follow(out, at); !done {
		return nil
	}
	// The output is complete a little before the end is durable.
	if x, err = q.g.scripts.WaitExecution(q.r.Context(), e, script, id); err == nil && x.Status.Final() {
		s.status("end", x)
	}
	s.flush()
	return nil
}

type eventStream struct {
	q   *request
	rc  *http.ResponseController
	err error
}

// follow sends output until there is no more; false when the client has gone
// or the gateway shuts down.
func (s *eventStream) follow(out *job.Output, at int64) (done bool) {
	timer := time.NewTicker(keepAlive)
	defer timer.Stop()
	for {
		pieces, done, changed := out.Read(at)
		for _, p := range pieces {
			at = p.At
			s.piece(p)
		}
		if s.err != nil || done {
			return done && s.err == nil
		}
		s.flush()
		select {
		case <-changed:
		case <-timer.C:
			s.write(": keepalive\n\n")
		case <-s.q.r.Context().Done():
			return false
		case <-s.q.g.draining:
			return false
		}
	}
}

func (s *eventStream) piece(p job.Piece) {
	id := strconv.FormatInt(p.At, 10)
	switch p.Stream {
	case job.Progress:
		s.event("progress", id, object{"progress": p.Percent})
	case job.Stdout, job.Stderr:
		name := "stdout"
		if p.Stream == job.Stderr {
			name = "stderr"
		}
		d := eventOf{Text: string(p.Text)}
		if !utf8.Valid(p.Text) {
			d.B64 = p.Text
		}
		s.event(name, id, d)
	}
}

// status sends the execution without its output, which the events carry.
func (s *eventStream) status(id string, x Execution) {
	if x.raw != nil {
		// Rendered once: take the parts that a status has.
		var v Execution
		if json.Unmarshal(x.raw, &v) == nil {
			x = v
		}
	}
	x.Parameters, x.raw = nil, nil
	if x.Detail != nil {
		d := *x.Detail
		d.StdoutB64, d.StderrB64 = nil, nil
		x.Detail = &d
	}
	s.event("status", id, x)
}

func (s *eventStream) event(name, id string, data any) {
	b, err := json.Marshal(data)
	if err != nil {
		s.err = err
		return
	}
	s.write(fmt.Sprintf("event: %s\nid: %s\ndata: %s\n\n", name, id, b))
}

func (s *eventStream) write(text string) {
	if s.err != nil {
		return
	}
	// A client that does not read is cut off, not waited for.
	s.rc.SetWriteDeadline(time.Now().Add(keepAlive))
	_, s.err = s.q.w.Write([]byte(text))
}

func (s *eventStream) flush() {
	if s.err == nil {
		s.err = s.rc.Flush()
	}
}
