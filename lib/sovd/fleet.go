package sovd

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"lander/lib/job"
	"lander/lib/journal"
)

// FleetRuns starts one script on many devices, and keeps one record of it.
type FleetRuns interface {
	StartMany(ctx context.Context, s ManyStart) (Many, error)
	// GetMany returns a record without its results, KindNotFound where there
	// is none.
	GetMany(ctx context.Context, id string) (Many, error)
	// ManyResults returns what became of each device.
	ManyResults(ctx context.Context, id string) ([]ManyResult, error)
	// WaitMany returns when the last device is through, or ctx ends.
	WaitMany(ctx context.Context, id string) (Many, error)
	// StopMany begins nothing more and stops what runs.
	StopMany(ctx context.Context, id string, a Action) (Many, error)
	// RetryFailed starts the same script anew on the devices on which it did
	// not complete.
	RetryFailed(ctx context.Context, id, actor string) (Many, error)
	// ListMany returns the records, newest first.
	ListMany(ctx context.Context) ([]Many, error)
}

// ManyTarget says on which devices a script is to run: just one of the three.
type ManyTarget struct {
	Group  string   `json:"group,omitempty"`
	Filter string   `json:"filter,omitempty"` // a pattern of ids, as in a manifest's entity_filter
	IDs    []string `json:"ids,omitempty"`
}

// ManyStart is a start on many devices.
type ManyStart struct {
	Script         string // one of FleetRef, else one that each device sees
	Target         ManyTarget
	Parameters     json.RawMessage
	MaxConcurrency string // a number, or a percentage of the devices; "" or 0: all at once
	MaxErrors      string // a number, or a percentage of the devices, after which no more are begun; "": all are
	Actor          string
}

// Many is the record of a script on many devices.
type Many struct {
	ID             string             `json:"id"`
	Status         job.Status         `json:"status"`
	Script         string             `json:"script"`
	Name           string             `json:"name,omitempty"`
	SHA256         string             `json:"sha256,omitempty"`
	Target         ManyTarget         `json:"target"`
	MaxConcurrency int                `json:"max_concurrency,omitempty"`
	MaxErrors      string             `json:"max_errors,omitempty"`
	Total          int                `json:"total"`
	Counts         map[job.Status]int `json:"counts"` // prepared: not begun yet
	RetryOf        string             `json:"retry_of,omitempty"`
	StartedAt      job.Time           `json:"started_at"`
	CompletedAt    *job.Time          `json:"completed_at,omitempty"`
	Message        string             `json:"message,omitempty"` // why it did not begin everywhere
}

// ManyResult is what became of one device.
type ManyResult struct {
	ID        string          `json:"id"`
	Status    job.Status      `json:"status"` // prepared in a record that has ended: never begun
	Execution string          `json:"execution,omitempty"`
	Href      string          `json:"href,omitempty"`
	Error     *ExecutionError `json:"error,omitempty"`
	Output    json.RawMessage `json:"parameters,omitempty"` // as in the execution
}

// fleetRoutes are there when devices can connect.
func fleetRoutes() []route {
	const p, x = "/fleet/scripts", "/fleet/executions"
	return []route{
		{method: http.MethodGet, path: p, role: viewer, tag: "fleet", summary: "The scripts for many devices", answers: map[int]string{200: "ScriptList"}, serve: onFleet((*request).listScripts)},
		{method: http.MethodPost, path: p, role: configurator, tag: "fleet", summary: "Upload a script for many devices", body: "Upload", answers: map[int]string{201: "Uploaded"}, serve: onFleet((*request).uploadScript)},
		{method: http.MethodGet, path: p + "/{script_id}", role: viewer, tag: "fleet", summary: "One of them", answers: map[int]string{200: "Script"}, serve: onFleet((*request).getScript)},
		{method: http.MethodDelete, path: p + "/{script_id}", role: configurator, tag: "fleet", summary: "Delete one of them", answers: map[int]string{204: ""}, serve: onFleet((*request).deleteScript)},
		{method: http.MethodGet, path: x, role: viewer, tag: "fleet", summary: "What was started on many devices, newest first", answers: map[int]string{200: "Items"}, serve: (*request).listMany},
		{method: http.MethodPost, path: x, role: operator, tag: "fleet", summary: "Start a script on many devices", query: []string{"wait"}, body: "FleetStart", answers: map[int]string{202: "FleetRecord"}, serve: (*request).startMany},
		{method: http.MethodGet, path: x + "/{record_id}", role: viewer, tag: "fleet", summary: "What became of it, by device", query: []string{"status", "wait"}, answers: map[int]string{200: "FleetRecord"}, serve: (*request).getMany},
		{method: http.MethodPut, path: x + "/{record_id}", role: operator, tag: "fleet", summary: "Stop it everywhere", body: "Control", answers: map[int]string{200: "FleetRecord"}, serve: (*request).controlMany},
		{method: http.MethodPost, path: x + "/{record_id}/retry-failed", role: operator, tag: "fleet", summary: "Start it anew where it did not complete", query: []string{"wait"}, answers: map[int]string{202: "FleetRecord"}, serve: (*request).retryMany},
	}
}

// onFleet serves a route of scripts for all devices together.
func onFleet(serve func(*request, Ref) error) func(*request) error {
	return func(q *request) error {
		if q.g.off(FleetRef) {
			return Errorf(KindUnsupported, "Scripts backend not configured")
		}
		if len(q.params) > 0 && badID(q.params[0], "Script") != "" {
			return Errorf(KindParameter, "Invalid script ID format")
		}
		q.params = append([]string{FleetRef.ID}, q.params...)
		return serve(q, FleetRef)
	}
}

func (q *request) record() (string, error) {
	if badID(q.params[0], "Execution") != "" {
		return "", Errorf(KindParameter, "Invalid execution ID format")
	}
	return q.params[0], nil
}

func (q *request) startMany() error {
	body, err := q.readJSON()
	if err != nil {
		return err
	}
	var in struct {
		Script         string          `json:"script"`
		Target         ManyTarget      `json:"target"`
		Parameters     json.RawMessage `json:"parameters"`
		MaxConcurrency json.RawMessage `json:"max_concurrency"`
		MaxErrors      json.RawMessage `json:"max_errors"`
	}
	err = json.Unmarshal(body, &in)
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && t.Field != "" {
		return Errorf(KindInput, "Missing or invalid field: %s", t.Field)
	}
	if err != nil {
		return Errorf(KindInput, "Invalid JSON body")
	}
	s := ManyStart{Script: in.Script, Target: in.Target, Parameters: in.Parameters, Actor: q.actor.Name}
	for _, x := range []struct {
		raw  json.RawMessage
		into *string
	}{{in.MaxConcurrency, &s.MaxConcurrency}, {in.MaxErrors, &s.MaxErrors}} {
		if given(x.raw) && json.Unmarshal(x.raw, x.into) != nil {
			*x.into = string(x.raw) // a number
		}
	}
	if badID(s.Script, "Script") != "" {
		return Errorf(KindInput, "Missing or invalid field: script")
	}
	return q.manyStarted(func() (Many, error) { return q.g.c.Devices.StartMany(q.r.Context(), s) })
}

func (q *request) retryMany() error {
	id, err := q.record()
	if err != nil {
		return err
	}
	return q.manyStarted(func() (Many, error) { return q.g.c.Devices.RetryFailed(q.r.Context(), id, q.actor.Name) })
}

// manyStarted journals a start and answers with its record.
func (q *request) manyStarted(start func() (Many, error)) error {
	wait, err := q.waitTime()
	if err != nil {
		return err
	}
	m, err := start()
	q.g.metrics.start(err)
	line := journal.Line{Action: journal.ActionStart, Name: "fleet/executions", Execution: m.ID, SHA256: m.SHA256}
	if jerr := q.note(line, err); err == nil {
		err = jerr
	}
	if err != nil {
		return err
	}
	if wait > 0 {
		ctx, cancel := q.until(wait)
		defer cancel()
		if m, err = q.g.c.Devices.WaitMany(ctx, m.ID); err != nil {
			return err
		}
	}
	q.w.Header().Set("Location", Base+"/fleet/executions/"+m.ID)
	return q.reply(http.StatusAccepted, m)
}

// until is a context that also ends when the gateway shuts down.
func (q *request) until(wait time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(q.r.Context(), wait)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-q.g.draining:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(); <-done }
}

func (q *request) listMany() error {
	list, err := q.g.c.Devices.ListMany(q.r.Context())
	if err != nil {
		return err
	}
	if list == nil {
		list = []Many{}
	}
	return q.reply(http.StatusOK, object{"items": list})
}

func (q *request) getMany() error {
	id, err := q.record()
	if err != nil {
		return err
	}
	wait, err := q.waitTime()
	if err != nil {
		return err
	}
	var m Many
	if wait > 0 {
		ctx, cancel := q.until(wait)
		m, err = q.g.c.Devices.WaitMany(ctx, id)
		cancel()
	} else {
		m, err = q.g.c.Devices.GetMany(q.r.Context(), id)
	}
	if err != nil {
		return err
	}
	all, err := q.g.c.Devices.ManyResults(q.r.Context(), id)
	if err != nil {
		return err
	}
	status, err := q.statusFilter()
	if err != nil {
		return err
	}
	results := []ManyResult{}
	for _, r := range all {
		if status != "" && string(r.Status) != status {
			continue
		}
		if r.Execution != "" {
			r.Href = executionHref(Ref{Kind: Components, ID: r.ID}, m.Script, r.Execution)
		}
		results = append(results, r)
	}
	return q.reply(http.StatusOK, struct {
		Many
		Results []ManyResult `json:"results"`
	}{m, results})
}

func (q *request) controlMany() error {
	body, err := q.readJSON()
	if err != nil {
		return err
	}
	action, err := parseControl(body)
	if err != nil {
		return err
	}
	id, err := q.record()
	if err != nil {
		return err
	}
	if action != ActionStop && action != ActionForced {
		return Errorf(KindInput, "Unknown action: %s", action)
	}
	m, err := q.g.c.Devices.StopMany(q.r.Context(), id, action)
	line := journal.Line{Action: journal.ActionControl, Name: "fleet/executions", Execution: id, Outcome: string(action)}
	if jerr := q.note(line, err); jerr != nil {
		err = errors.Join(err, jerr)
	}
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, m)
}
