package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/store"
)

// commands does what the server asks for. A message with a ticket is on
// record before anything is done for it, and its answer before that is sent:
// each ticket is answered, once, and a message that comes again is not done
// again.
type commands struct {
	a      *Agent
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu         sync.Mutex
	queue      []envelope.Message
	working    bool
	open       map[string]bool   // keys of what is under way
	executions map[string]string // ids by ticket text, of those on record
	waiting    map[string]waiter // by ticket, of what ends by itself later
	moves      map[string]*move  // by key of what is under way
	taken      int
}

// waiter is a ticket that something else answers: an update, or the
// application at the other end of a connection.
type waiter struct {
	key string
	app *session // nil: an update
}

// maxCommands is how many messages of the server may wait to be dealt with.
// What is over is forgotten: the server has no answer, and sends it again.
const maxCommands = 1000

// taken is the record of a ticket: commands/KEY.
type taken struct {
	Time      job.Time    `json:"time"`
	Ticket    frame.Value `json:"ticket"`
	Path      string      `json:"path"`
	Update    bool        `json:"update,omitempty"` // an update answers it
	Asset     bool        `json:"asset,omitempty"`  // an application does
	Done      bool        `json:"done"`
	Sent      bool        `json:"sent"` // the stage has the answer
	Code      int64       `json:"code"`
	Text      string      `json:"text"`
	Policy    string      `json:"policy,omitempty"`
	Execution string      `json:"execution,omitempty"`
}

// outcome is how a command ended.
type outcome struct {
	code      int64
	text      string
	policy    string // of the acknowledge; "": now
	later     bool   // something else will say
	execution string
}

//go:noinline // many call it, none in a hurry: each copy is size
func failed(format string, args ...any) outcome {
	return outcome{code: -1, text: fmt.Sprintf(format, args...)}
}

func (a *Agent) newCommands() {
	c := &commands{a: a, open: map[string]bool{}, executions: map[string]string{}, waiting: map[string]waiter{}, moves: map[string]*move{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	a.commands = c
}

func (c *commands) close() {
	c.mu.Lock()
	c.cancel() // from here on take begins nothing
	c.mu.Unlock()
	c.wg.Wait()
}

func commandKey(key string) string { return "commands/" + key }

// take queues what came from the server. It does not wait.
func (c *commands) take(items []envelope.Item) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, i := range items {
		m, ok := i.(envelope.Message)
		switch {
		case !ok: // responses are of no use to a device
		case len(c.queue) >= maxCommands:
			c.a.cfg.Log.Warn("too many messages of the server wait: one is dropped", "path", m.Path)
		default:
			c.queue = append(c.queue, m)
		}
	}
	if !c.working && len(c.queue) > 0 && c.ctx.Err() == nil {
		c.working = true
		c.wg.Go(c.work)
	}
}

// work takes the messages in their order.
func (c *commands) work() {
	for {
		c.mu.Lock()
		if len(c.queue) == 0 || c.ctx.Err() != nil {
			c.working = false
			c.mu.Unlock()
			return
		}
		m := c.queue[0]
		c.queue = c.queue[1:]
		c.mu.Unlock()
		c.begin(m)
	}
}

// ticketOf is a ticket as the stage has it; ok is false when there is none.
func ticketOf(v bysant.Value) (frame.Value, bool) {
	t, err := fromBysant(v)
	n, isInt := t.Int()
	return t, err == nil && !t.IsNull() && !(isInt && n == 0)
}

// begin puts a message on record and has it done: what can take long beside
// the messages that follow.
func (c *commands) begin(m envelope.Message) {
	ticket, ticketed := ticketOf(m.Ticket)
	if !ticketed {
		ticket = frame.Value{}
	}
	path, all := c.plan(m)
	slow := false
	for _, t := range all {
		slow = slow || t.slow
	}
	key := ""
	rec := taken{Time: job.Time{Time: c.a.cfg.Clock()}, Ticket: ticket, Path: path}
	if ticketed {
		key = ticketKey(delivery{source: job.SourceM3DA, ticket: ticket.String(), digest: identity(m.Path, m.Body)})
		fresh, err := c.claim(key, rec)
		if err == nil && !fresh {
			c.moved(key, urlIn(m.Body))
		}
		if err != nil {
			c.a.cfg.Log.Error("taking a command", "path", path, "error", err)
			return // no answer: it comes again
		}
		if !fresh {
			return
		}
	}
	c.a.cfg.Log.Info("the server asks for something", "path", path, "ticket", ticket.String())
	do := func() {
		o := c.perform(occasion{ticket, key}, all)
		switch {
		case c.ctx.Err() != nil && o.code != 0:
			// The agent ends: the next start says what became of it.
		case key == "":
			if o.code != 0 {
				c.a.cfg.Log.Warn("a command failed", "path", path, "error", o.text)
			}
			c.finished("")
		case o.later:
		default:
			c.finish(key, rec, o)
		}
	}
	if slow {
		c.wg.Go(do)
	} else {
		do()
	}
}

// claim puts a ticket on record. fresh is false when it was there: then its
// answer is sent again, if there is one.
func (c *commands) claim(key string, rec taken) (fresh bool, err error) {
	c.mu.Lock()
	busy := c.open[key]
	if !busy {
		c.open[key] = true
	}
	c.mu.Unlock()
	if busy {
		c.a.cfg.Log.Info("a ticket came again while it is under way", "ticket", rec.Ticket.String())
		return false, nil
	}
	old, _, err := c.load(key)
	switch {
	case err == nil && old.Asset && !old.Done:
		return true, nil // handed out before a restart, and not answered
	case err == nil:
		c.finished(key)
		c.a.cfg.Log.Info("a ticket came again", "ticket", rec.Ticket.String())
		if old.Done {
			c.answer(key, old)
		}
		return false, nil
	case !errors.Is(err, store.ErrNotFound):
		c.finished(key)
		return false, err
	}
	if err := c.save(key, rec); err != nil {
		c.finished(key)
		return false, err
	}
	return true, nil
}

func (c *commands) finished(key string) {
	c.mu.Lock()
	delete(c.open, key)
	delete(c.moves, key)
	c.taken++
	prune := c.taken%pruneEvery == 0
	c.mu.Unlock()
	if prune {
		if err := c.a.scripts.prune(c.ctx); err != nil && c.ctx.Err() == nil {
			c.a.cfg.Log.Warn("old tickets stay", "error", err)
		}
	}
}

// forget drops the execution of a command whose record is gone.
func (c *commands) forget(ticket, execution string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.executions[ticket] == execution {
		delete(c.executions, ticket)
	}
}

func (c *commands) load(key string) (rec taken, rev store.Revision, err error) {
	e, err := c.a.store.Get(context.WithoutCancel(c.ctx), commandKey(key))
	if err != nil {
		return rec, 0, err
	}
	if err := json.Unmarshal(e.Value, &rec); err != nil {
		return rec, 0, fmt.Errorf("reading a ticket: %w", err)
	}
	return rec, e.Rev, nil
}

func (c *commands) save(key string, rec taken) error {
	b, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("keeping a ticket: %w", err)
	}
	_, rev, err := c.load(key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if _, err := c.a.store.Put(context.WithoutCancel(c.ctx), commandKey(key), b, rev); err != nil {
		return fmt.Errorf("keeping a ticket: %w", err)
	}
	return nil
}

// maxText bounds the text of an answer in bytes.
const maxText = 4 << 10

// finish puts an answer on record and sends it.
func (c *commands) finish(key string, rec taken, o outcome) {
	defer c.finished(key)
	rec.Done, rec.Code, rec.Policy, rec.Execution = true, o.code, o.policy, o.execution
	rec.Text = strings.ToValidUTF8(o.text[:min(len(o.text), maxText)], "")
	if err := c.save(key, rec); err != nil {
		c.a.cfg.Log.Error("keeping an answer", "ticket", rec.Ticket.String(), "error", err)
	}
	c.answer(key, rec)
}

// answer hands the stage the response to a ticket, and notes it when it lasts
// there.
func (c *commands) answer(key string, rec taken) {
	status := "ok"
	if rec.Code != 0 {
		status = rec.Text
	}
	c.a.event(Event{Event: "data", Path: rec.Path, Ticket: rec.Ticket.String(), Execution: rec.Execution, Status: status})
	if rec.Execution != "" {
		c.mu.Lock()
		c.executions[rec.Ticket.String()] = rec.Execution
		c.mu.Unlock()
	}
	if rec.Policy == "" {
		rec.Policy = frame.PolicyNow
	}
	saved := make(chan error, 1)
	err := c.a.stage.Acknowledge(frame.PAcknowledge{Ticket: rec.Ticket, Status: rec.Code, Message: rec.Text, Policy: rec.Policy, Persisted: true}, func(err error) { saved <- err })
	if err == nil {
		err = <-saved
	}
	if err == nil && !rec.Sent {
		rec.Sent = true
		err = c.save(key, rec)
	}
	if err != nil {
		c.a.cfg.Log.Error("answering a ticket", "ticket", rec.Ticket.String(), "error", err)
	}
	if rec.Policy == frame.PolicyNow {
		c.a.hurry()
	}
}

// completed answers a ticket that an update had.
func (c *commands) completed(ticket frame.Value, code int64, text string) bool {
	c.mu.Lock()
	w, ok := c.waiting[ticket.String()]
	delete(c.waiting, ticket.String())
	c.mu.Unlock()
	if !ok {
		return false
	}
	rec, _, err := c.load(w.key)
	if err != nil {
		c.a.cfg.Log.Error("answering a ticket", "ticket", ticket.String(), "error", err)
		return false
	}
	c.finish(w.key, rec, outcome{code: code, text: text})
	return true
}

// abandoned forgets what an application was handed that is gone: when it
// comes again, it goes to who owns the asset then.
func (c *commands) abandoned(app *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ticket, w := range c.waiting {
		if w.app == app {
			delete(c.waiting, ticket)
			delete(c.open, w.key)
		}
	}
}

// recover answers what the last agent left open: the run of a script by its
// record, an update goes on, all else was interrupted.
func (c *commands) recover(ctx context.Context) error {
	for e, err := range c.a.store.List(ctx, "commands") {
		if err != nil && !errors.Is(err, store.ErrDamaged) {
			return fmt.Errorf("reading the tickets: %w", err)
		}
		var rec taken
		key := strings.TrimPrefix(e.Key, "commands/")
		if err == nil {
			err = json.Unmarshal(e.Value, &rec)
		}
		if err != nil {
			c.a.cfg.Log.Warn("a ticket cannot be read", "key", e.Key, "error", err)
			continue
		}
		if rec.Execution != "" {
			c.executions[rec.Ticket.String()] = rec.Execution
		}
		switch {
		case rec.Done && !rec.Sent:
			c.answer(key, rec)
		case rec.Done, rec.Asset:
		case rec.Update && c.a.updates.answers(rec.Ticket):
			c.open[key] = true
			c.waiting[rec.Ticket.String()] = waiter{key: key}
		case rec.Update && c.a.updates.last(rec.Ticket) != nil:
			c.finish(key, rec, *c.a.updates.last(rec.Ticket))
		default:
			c.finish(key, rec, c.a.scripts.outcomeOf(rec, key))
		}
	}
	return nil
}
