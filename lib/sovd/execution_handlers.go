package sovd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"lander/lib/job"
	"lander/lib/journal"
)

// readJSON reads a body of at most maxJSON bytes.
func (q *request) readJSON() ([]byte, error) {
	if q.r.ContentLength > maxJSON {
		return nil, plainAnswer(http.StatusRequestEntityTooLarge, "Request body too large")
	}
	q.hurry(jsonTime)
	b, err := io.ReadAll(io.LimitReader(q.r.Body, maxJSON+1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, plainAnswer(http.StatusRequestTimeout, "Request body took too long")
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); err != nil && !large {
		return nil, Errorf(KindInput, "Malformed or incomplete request body")
	}
	if err != nil {
		return nil, err
	}
	q.hurry(0) // the request may wait now
	if len(b) > maxJSON {
		return nil, plainAnswer(http.StatusRequestEntityTooLarge, "Request body too large")
	}
	return b, nil
}

func executionHref(e Ref, script, id string) string {
	return Base + "/" + e.Path() + "/scripts/" + script + "/executions/" + id
}

// membersOf are the members of an object by their names, letter for letter; nil
// when it is no object.
func membersOf(b []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(b, &m) != nil {
		return nil
	}
	return m
}

func (q *request) startExecution(e Ref) error {
	body, err := q.readJSON()
	if err != nil {
		return err
	}
	if !json.Valid(body) {
		return Errorf(KindInput, "Invalid JSON body")
	}
	var typ string
	in := membersOf(body) // others than those of the document are ignored
	if json.Unmarshal(in["execution_type"], &typ) != nil || typ == "" {
		return Errorf(KindInput, "Missing required field: execution_type")
	}
	if typ != "now" {
		return Errorf(KindParameter, "Unsupported execution type: %s", typ)
	}
	wait, err := q.waitTime()
	if err != nil {
		return err
	}
	s := Start{Parameters: in["parameters"], Actor: q.actor.Name, Key: q.r.Header.Get("Idempotency-Key"), Waits: wait > 0}
	if len(s.Key) > 255 {
		return Errorf(KindParameter, "Idempotency-Key too long (max 255 characters)")
	}
	if s.Key != "" {
		s.Digest = digest(compact(body))
	}
	json.Unmarshal(in["proximity_response"], &s.Proximity) // not a text: no proof
	script := q.params[1]
	if err := q.g.audit.ready(q.r.Context()); err != nil {
		return err
	}
	// The line about the start comes before that about the end.
	var begun sync.Once
	s.Begun = func(x Execution) {
		begun.Do(func() {
			l := startLine(e, script, x)
			l.Source, l.Actor, l.Verdict = job.SourceHTTP, q.actor.String(), journal.Accepted
			q.g.audit.add(l)
		})
	}
	x, err := q.g.scripts.StartExecution(q.r.Context(), e, script, s)
	q.g.metrics.start(err)
	if err != nil {
		if jerr := q.note(startLine(e, script, x), err); jerr != nil {
			return errors.Join(err, jerr)
		}
		return err
	}
	replayed := x.replayed
	if !replayed {
		s.Begun(x)
	}
	if wait > 0 && !x.Status.Final() {
		if x, err = q.await(e, script, x.ID, wait); err != nil {
			return err
		}
	}
	h := q.w.Header()
	h.Set("Location", executionHref(e, script, x.ID))
	if replayed {
		h.Set("Idempotent-Replayed", "true")
	}
	q.raw(http.StatusAccepted, x.json())
	return nil
}

func startLine(e Ref, script string, x Execution) journal.Line {
	l := journal.Line{Action: journal.ActionStart, Name: e.Path() + "/scripts/" + script, Execution: x.ID}
	if d := x.Detail; d != nil {
		l.Format, l.SHA256, l.KeyID, l.Serial = d.Format, d.SHA256, d.KeyID, d.Serial
	}
	return l
}

// waitTime reads ?wait=30s; a plain number counts seconds.
func (q *request) waitTime() (time.Duration, error) {
	if q.r.URL.RawQuery == "" {
		return 0, nil
	}
	text := q.r.URL.Query().Get("wait")
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		n, nerr := strconv.ParseUint(text, 10, 20)
		d, err = time.Duration(n)*time.Second, nerr
	}
	if err != nil || d < 0 {
		return 0, Errorf(KindParameter, "Invalid wait: write it as 30s")
	}
	return min(d, MaxWait), nil
}

// await holds a request until the execution has ended, the time is over or
// the gateway shuts down.
func (q *request) await(e Ref, script, id string, wait time.Duration) (Execution, error) {
	ctx, cancel := context.WithTimeout(q.r.Context(), wait)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-q.g.draining:
			cancel()
		case <-stop:
		}
	}()
	return q.g.scripts.WaitExecution(ctx, e, script, id)
}

func (q *request) getExecution(e Ref) error {
	wait, err := q.waitTime()
	if err != nil {
		return err
	}
	var x Execution
	if wait > 0 {
		x, err = q.await(e, q.params[1], q.params[2], wait)
	} else {
		x, err = q.g.scripts.GetExecution(q.r.Context(), e, q.params[1], q.params[2])
	}
	if err != nil {
		return err
	}
	q.raw(http.StatusOK, x.json())
	return nil
}

// The bounds of a page of executions.
const (
	defaultPage = 50
	maxPage     = 500
)

func (q *request) listExecutions(e Ref) error {
	query := q.r.URL.Query()
	limit := defaultPage
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return Errorf(KindParameter, "Invalid limit")
		}
		limit = min(n, maxPage)
	}
	cursor := query.Get("cursor")
	if cursor != "" && badID(cursor, "") != "" {
		return Errorf(KindParameter, "Invalid cursor")
	}
	status, err := q.statusFilter()
	if err != nil {
		return err
	}
	list, err := q.g.scripts.ListExecutions(q.r.Context(), e, q.params[1])
	if err != nil {
		return err
	}
	self := Base + "/" + e.Path() + "/scripts/" + q.params[1] + "/executions"
	out, links := []object{}, object{"self": self, "parent": strings.TrimSuffix(self, "/executions")}
	for _, x := range list {
		if cursor != "" && x.ID >= cursor || status != "" && string(x.Status) != status {
			continue
		}
		if len(out) == limit {
			next := fmt.Sprintf("%s?limit=%d&cursor=%s", self, limit, out[limit-1]["id"])
			if status != "" {
				next += "&status=" + status
			}
			links["next"] = next
			break
		}
		o := object{"id": x.ID, "status": x.Status, "started_at": x.StartedAt, "href": self + "/" + x.ID}
		if x.CompletedAt != nil {
			o["completed_at"] = x.CompletedAt
		}
		out = append(out, o)
	}
	return q.reply(http.StatusOK, object{"items": out, "_links": links})
}

// statusFilter reads ?status=, which is empty when it is not there.
func (q *request) statusFilter() (string, error) {
	status := q.r.URL.Query().Get("status")
	if status != "" && !slices.Contains([]job.Status{job.Prepared, job.Running, job.Completed, job.Failed, job.Terminated}, job.Status(status)) {
		return "", Errorf(KindParameter, "Invalid status")
	}
	return status, nil
}

// controlRoute validates the body before anything else, also before it is
// known whether there is a provider.
func controlRoute(kind string) func(*request) error {
	return func(q *request) error {
		body, err := q.readJSON()
		if err != nil {
			return err
		}
		action, err := parseControl(body)
		if err != nil {
			return err
		}
		e, err := q.scriptTarget(kind)
		if err != nil {
			return err
		}
		return q.control(e, action)
	}
}

func parseControl(body []byte) (Action, error) {
	invalid := func(field, message string) (Action, error) {
		return "", Errorf(KindInput, "Request body validation failed").with(object{"fields": []object{{"field": field, "message": message}}})
	}
	if !json.Valid(body) {
		var v any
		return "", Errorf(KindInput, "Malformed JSON: %v", json.Unmarshal(body, &v))
	}
	members := membersOf(body)
	if members == nil {
		return invalid("", "expected a JSON object")
	}
	v, ok := members["action"]
	if !ok {
		return invalid("action", "missing required field")
	}
	var action string
	if string(v) == "null" || json.Unmarshal(v, &action) != nil {
		return invalid("action", "expected a string")
	}
	return Action(action), nil
}

func (q *request) control(e Ref, action Action) error {
	script, id := q.params[1], q.params[2]
	x, err := q.g.scripts.ControlExecution(q.r.Context(), e, script, id, action)
	line := startLine(e, script, x)
	line.Action, line.Execution, line.Outcome = journal.ActionControl, id, string(action)
	if jerr := q.note(line, err); err == nil {
		err = jerr
	}
	if err != nil {
		return err
	}
	q.raw(http.StatusOK, x.json())
	return nil
}

func (q *request) deleteExecution(e Ref) error {
	script, id := q.params[1], q.params[2]
	err := q.g.scripts.DeleteExecution(q.r.Context(), e, script, id)
	if jerr := q.note(journal.Line{Action: journal.ActionDelete, Name: e.Path() + "/scripts/" + script, Execution: id}, err); err == nil {
		err = jerr
	}
	if err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

// note writes a line to the journal: what was done, and what was refused.
// Requests that were wrong are no business of the journal.
func (q *request) note(l journal.Line, err error) error {
	if q.g.c.Journal == nil {
		return nil
	}
	l.Source, l.Actor, l.Verdict = job.SourceHTTP, q.actor.String(), journal.Accepted
	if err != nil {
		if k := kindOf(err); k != KindRefused && k != KindProximity && k != KindInternal {
			return nil
		}
		l.Verdict, l.Reason = journal.Refused, err.Error()
		if e, ok := errors.AsType[*Error](err); ok && e.refused != nil {
			d := e.refused.detail
			l.Reason, l.Format, l.SHA256, l.KeyID, l.Serial = e.refused.why, d.Format, d.SHA256, d.KeyID, d.Serial
		}
	}
	// What was done is on record even when the client has gone.
	if _, jerr := q.g.c.Journal.Append(context.WithoutCancel(q.r.Context()), l); jerr != nil {
		return errors.Join(errors.New("the journal cannot be written"), jerr)
	}
	return nil
}
