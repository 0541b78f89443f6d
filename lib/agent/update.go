package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync"
	"time"

	"lander/lib/durable"
	"lander/lib/emp/frame"
	"lander/lib/job"
)

// Result codes of an update [EMP 4, 23].
const (
	updateOK           = 200
	updateInternal     = 400
	updateExtract      = 453
	updateNoManifest   = 454
	updateNotLua       = 457
	updateNoTable      = 458
	updateDepends      = 459
	updateTooManyTries = 461
	updateRefused      = 462
	updateBadPath      = 473
	updateNoContainer  = 477
	updateManifest     = 479
	updateNoRoom       = 502
	updateMalformed    = 505
	updateBusy         = 506
	updateDownload     = 552
	updateMD5          = 553
	updateSignature    = 554
	updateNoSpace      = 555
	updateInvalid      = 556
	updateAborted      = 600
)

// updateError ends an update.
type updateError struct {
	code int64
	text string
}

func (e *updateError) Error() string { return e.text }

var errAborted = &updateError{updateAborted, "Aborted by user"}

// UpdateOrder asks for an update.
type UpdateOrder struct {
	// Location is where the package is: a file, or a URL, with an optional
	// ":user@password" behind it. Without Component only.
	Location string
	// Component is an update of one component without a package: what would
	// stand in a manifest. Its Location goes to the application as it is.
	Component *frame.SoftwareUpdate
	MD5       string      // of the package, in hex; "": any
	Ticket    frame.Value // of the server, acknowledged at the end; null: none
	Source    string      // a job.Source word
	Remove    bool        // the file at Location when it is over
}

// The steps of an update, as a pause names them.
const (
	stepNew      = "new_update"
	stepDownload = "download_package"
	stepDispatch = "dispatch_update"
)

// updateJob is the update that is on.
type updateJob struct {
	Location   string      `json:"location,omitempty"`
	MD5        string      `json:"md5,omitempty"`
	Remove     bool        `json:"remove,omitempty"`
	Source     string      `json:"source,omitempty"`
	Ticket     frame.Value `json:"ticket"`
	Step       string      `json:"step"`
	Components []component `json:"components,omitempty"`
	Next       int         `json:"next"`
	Tries      int         `json:"tries"` // of the next component, begun
	Paused     bool        `json:"paused,omitempty"`
	Started    job.Time    `json:"started"`
	Name       string      `json:"name,omitempty"` // of the bundle
	SHA256     string      `json:"sha256,omitempty"`
	KeyID      string      `json:"key_id,omitempty"`
	Serial     *int64      `json:"serial,omitempty"`
	Until      *time.Time  `json:"until,omitempty"` // it must be begun before
}

// updateState is what survives a restart.
type updateState struct {
	Job       *updateJob  `json:"job"`
	Installed []component `json:"installed"`
	Last      struct {
		Result  int64       `json:"result"`
		Details string      `json:"details"`
		Start   job.Time    `json:"start"`
		Ticket  frame.Value `json:"ticket"`
	} `json:"last"`
}

// updates does one software update at a time.
type updates struct {
	a   *Agent
	dir string

	mu        sync.Mutex
	state     updateState
	aborted   bool
	changed   chan struct{} // closed when a request has come
	awaited   *awaited      // the component that an application works on
	listeners map[*session]bool
}

// updateRun is an update under way, and after done what it ended with.
type updateRun struct {
	done    chan struct{}
	code    int64
	details string
}

func (a *Agent) openUpdates() error {
	u := &updates{a: a, dir: filepath.Join(a.cfg.Dir, "update"), changed: make(chan struct{}), listeners: map[*session]bool{}}
	a.updates = u
	if err := durable.MkdirAll(u.dropDir(), 0o700); err != nil {
		return fmt.Errorf("opening the updates: %w", err)
	}
	b, err := os.ReadFile(u.file())
	if err == nil {
		err = json.Unmarshal(b, &u.state)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("opening the updates: %w", err)
	}
	u.publish()
	if u.state.Job != nil {
		return nil // see resume
	}
	return os.RemoveAll(u.workDir())
}

// resume goes on with the update that the last agent left. It may end at once:
// its ticket must have been read before.
func (u *updates) resume() {
	if u.state.Job != nil {
		u.start()
	}
}

func (u *updates) file() string    { return filepath.Join(u.dir, "state.json") }
func (u *updates) workDir() string { return filepath.Join(u.dir, "work") }
func (u *updates) dropDir() string { return filepath.Join(u.dir, "drop") }

// save keeps the state. mu is held.
func (u *updates) save() error {
	b, err := json.Marshal(u.state)
	if err == nil {
		err = durable.WriteFile(u.file(), b, 0o600)
	}
	if err != nil {
		return &updateError{updateInternal, "the state of the update could not be saved"}
	}
	return nil
}

// change alters the job durably.
func (u *updates) change(f func(*updateJob)) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	f(u.state.Job)
	return u.save()
}

// Update starts an update, and returns when it is under way. The error is a
// frame.StatusBusy when another one is.
func (a *Agent) Update(o UpdateOrder) error {
	_, err := a.updates.begin(o)
	return err
}

func (u *updates) begin(o UpdateOrder) (*updateRun, error) {
	j := &updateJob{Location: o.Location, MD5: o.MD5, Remove: o.Remove, Source: o.Source, Ticket: o.Ticket, Step: stepNew, Started: job.Time{Time: u.a.cfg.Clock()}}
	if c := o.Component; c != nil {
		one := component{Name: c.Component, Version: c.Version, Location: c.Location}
		if !c.Params.IsNull() {
			one.Parameters = &c.Params
		}
		j.Components = []component{one}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state.Job != nil {
		return nil, fmt.Errorf("another update is in progress [%d]: %w", updateBusy, frame.StatusBusy)
	}
	u.state.Job, u.aborted = j, false
	if err := u.save(); err != nil {
		u.state.Job = nil
		return nil, frame.Errorf(frame.StatusIOError, "%v", err)
	}
	return u.start(), nil
}

// start runs the job that is there. mu is held, or nobody else is about.
func (u *updates) start() *updateRun {
	r := &updateRun{done: make(chan struct{})}
	u.a.spawn(func() { u.run(r) })
	return r
}

func (u *updates) run(r *updateRun) {
	ctx := u.a.ctx
	err := u.perform(ctx)
	if ctx.Err() != nil {
		return // it goes on after the restart
	}
	r.code, r.details = updateOK, "success"
	if err != nil {
		r.code, r.details = updateInternal, err.Error()
		if e, ok := errors.AsType[*updateError](err); ok {
			r.code = e.code
		} else {
			u.a.cfg.Log.Error("updating", "error", err)
			r.details = "internal error"
		}
	}
	u.finish(ctx, r.code, r.details)
	close(r.done)
}

// perform goes through the steps from where the job is.
func (u *updates) perform(ctx context.Context) error {
	u.mu.Lock()
	j := *u.state.Job
	u.mu.Unlock()
	last := frame.SoftwareUpdateStatus{Event: frame.UpdateNew}
	if j.Step == stepDispatch && j.Location != "" {
		last.Event = frame.UpdateCRCOK
	}
	switch j.Step {
	case stepNew:
		u.tell(ctx, last, true)
		next := stepDownload
		if j.Components != nil {
			next = stepDispatch
		}
		if err := u.change(func(j *updateJob) { j.Step = next }); err != nil {
			return err
		}
		if next == stepDispatch {
			break
		}
		fallthrough
	case stepDownload:
		if err := u.gate(ctx, stepDownload, last); err != nil {
			return err
		}
		cs, err := u.fetchPackage(ctx, j)
		if err != nil {
			return err
		}
		if err := u.change(func(j *updateJob) { j.Step, j.Components = stepDispatch, cs }); err != nil {
			return err
		}
		last = frame.SoftwareUpdateStatus{Event: frame.UpdateCRCOK}
	}
	return u.dispatchAll(ctx, last)
}

// gate is passed between steps: here an abort ends the update, and a pause
// lasts until it is over. Then the event of before is told again.
func (u *updates) gate(ctx context.Context, step string, last frame.SoftwareUpdateStatus) error {
	told := false
	for {
		u.mu.Lock()
		aborted, paused, changed := u.aborted, u.state.Job.Paused, u.changed
		u.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case aborted:
			return errAborted
		case !paused:
			if told {
				u.tell(ctx, last, true)
			}
			return nil
		case !told:
			told = true
			u.tell(ctx, frame.SoftwareUpdateStatus{Event: frame.UpdatePaused, Details: "current step=[" + step + "]"}, true)
			continue // a listener may have asked for something
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// finish ends the job and says so.
func (u *updates) finish(ctx context.Context, code int64, details string) {
	if err := os.RemoveAll(u.workDir()); err != nil {
		u.a.cfg.Log.Warn("what an update unpacked stays", "error", err)
	}
	u.mu.Lock()
	j := *u.state.Job
	if j.Remove {
		if err := os.Remove(j.Location); err != nil && !errors.Is(err, fs.ErrNotExist) {
			u.a.cfg.Log.Warn("the package of an update stays, and is taken again", "file", j.Location, "error", err)
		}
	}
	u.state.Job = nil
	u.state.Last.Result, u.state.Last.Details, u.state.Last.Start, u.state.Last.Ticket = code, details, j.Started, j.Ticket
	err := u.save()
	u.mu.Unlock()
	if err != nil {
		u.a.cfg.Log.Error("ending an update", "error", err)
	}
	u.publish()
	u.record(ctx, j, code, details)
	if !j.Ticket.IsNull() && !u.a.commands.completed(j.Ticket, ticketCode(code), details) {
		u.acknowledge(j.Ticket, code, details)
	}
	last := frame.SoftwareUpdateStatus{Event: frame.UpdateSuccessful, Details: details}
	if code != updateOK {
		last.Event = frame.UpdateFailed
	}
	u.tell(ctx, last, true)
}

// ticketCode is the status of a response: 0 when all went well, and only then.
func ticketCode(code int64) int64 {
	switch code {
	case updateOK:
		return 0
	case 0:
		return -1
	}
	return code
}

// answers reports whether the update that is on has a ticket.
func (u *updates) answers(ticket frame.Value) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state.Job != nil && u.state.Job.Ticket.Equal(ticket)
}

// last is how the last update ended, when it had a ticket; else nil.
func (u *updates) last(ticket frame.Value) *outcome {
	u.mu.Lock()
	defer u.mu.Unlock()
	l := u.state.Last
	if !l.Ticket.Equal(ticket) {
		return nil
	}
	return &outcome{code: ticketCode(l.Result), text: l.Details}
}

func (u *updates) acknowledge(ticket frame.Value, code int64, details string) {
	ack := frame.PAcknowledge{Ticket: ticket, Policy: frame.PolicyNow, Persisted: true, Message: details, Status: ticketCode(code)}
	err := u.a.stage.Acknowledge(ack, func(err error) {
		if err != nil {
			u.a.cfg.Log.Error("acknowledging an update", "error", err)
		}
	})
	if err != nil {
		u.a.cfg.Log.Error("acknowledging an update", "error", err)
	}
}

// install notes that a component is there now, or no longer.
func (s *updateState) install(c component) {
	s.Installed = slices.DeleteFunc(s.Installed, func(d component) bool { return d.Name == c.Name })
	if c.Version != "" {
		s.Installed = append(s.Installed, c)
		sort.Slice(s.Installed, func(i, j int) bool { return s.Installed[i].Name < s.Installed[j].Name })
	}
}

// publish shows the state below `update` in the tree [EMP 6].
func (u *updates) publish() {
	u.mu.Lock()
	parts := []frame.Value{}
	for _, c := range u.state.Installed {
		m := []frame.Member{{Key: "name", Value: frame.String(c.Name)}, {Key: "version", Value: frame.String(c.Version)}}
		if c.Parameters != nil {
			m = append(m, frame.Member{Key: "parameters", Value: *c.Parameters})
		}
		var provides []frame.Member
		for f, v := range c.Provides {
			provides = append(provides, frame.Member{Key: f, Value: frame.String(v)})
		}
		parts = append(parts, frame.Map(append(m, frame.Member{Key: "provides", Value: frame.Map(provides...)})...))
	}
	last := frame.Map()
	if l := u.state.Last; l.Result != 0 {
		last = frame.Map(frame.Member{Key: "result", Value: frame.Int(l.Result)}, frame.Member{Key: "resultdetails", Value: frame.String(l.Details)}, frame.Member{Key: "starttime", Value: frame.String(l.Start.UTC().Format(time.RFC3339))})
	}
	u.mu.Unlock()
	u.a.tree.Put("update.swlist", frame.Value{}, nil)
	if err := u.a.tree.Put("update.swlist", frame.Map(frame.Member{Key: "components", Value: frame.List(parts...)}, frame.Member{Key: "lastupdate", Value: last}), nil); err != nil {
		u.a.cfg.Log.Warn("showing what is installed", "error", err)
	}
	u.publishCurrent()
}

// publishCurrent shows the update that is on, or none.
func (u *updates) publishCurrent() {
	u.mu.Lock()
	var now frame.Value // null: the node goes
	if j := u.state.Job; j != nil {
		m := []frame.Member{
			{Key: "starttime", Value: frame.String(j.Started.UTC().Format(time.RFC3339))},
			{Key: "step", Value: frame.String(j.Step)},
			{Key: "paused", Value: frame.Bool(j.Paused)},
		}
		if j.Name != "" {
			m = append(m, frame.Member{Key: "name", Value: frame.String(j.Name)})
		}
		if j.Next < len(j.Components) {
			c := j.Components[j.Next]
			m = append(m, frame.Member{Key: "component", Value: frame.String(c.Name)}, frame.Member{Key: "version", Value: frame.String(c.Version)})
		}
		now = frame.Map(m...)
	}
	u.mu.Unlock()
	u.a.tree.Put("update.currentupdate", frame.Value{}, nil)
	if now.IsNull() {
		return
	}
	if err := u.a.tree.Put("update.currentupdate", now, nil); err != nil {
		u.a.cfg.Log.Warn("showing the update", "error", err)
	}
}
