package remote

import (
	"context"
	_ "embed" // the prelude
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"lander/lib/capability"
	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/luavm"
	"lander/lib/proc"
)

// RuleHost is what monitoring rules need of their agent. Paths are those of
// the device tree.
type RuleHost interface {
	Get(path string) (v frame.Value, children []string, ok bool)
	Set(path string, v frame.Value) error
	// Watch tells what changes at or below a path. tell must not wait, and
	// may be called once more after stop has returned.
	Watch(paths []string, tell func(changes []frame.Member)) (stop func(), err error)
	// Send takes rows of timestamps and the variables of that time to the server.
	Send(d RuleData) error
	Log(rule, level, text string)
	// Busy is called before code of a rule runs, and returns when it is known
	// whose; Idle is called behind it.
	Busy(rule string)
	Idle(rule string)
	// Ended says that a rule was stopped for what it did.
	Ended(rule string, err error)
	// Hung says that a rule can neither go on nor be stopped.
	Hung(rule string)
	// Modules are what else rules may require.
	Modules() []luavm.Module
}

// RuleClock is time as rules see it.
type RuleClock interface {
	Now() time.Time
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// Limits of rules.
const (
	ruleMemory  = 16 << 20
	ruleAction  = 10 * time.Second // that code of a rule may run at once
	ruleStop    = 5 * time.Second  // that it may take to be stopped
	ruleBoot    = 30 * time.Second // after the start, when onboot is due
	maxTriggers = 1000             // of one rule
	maxEvents   = 10_000           // that wait for one rule
)

// Rules runs monitoring rules, each in a Lua state of its own. Code of one
// rule runs at a time: when that ends the process, it is known whose it was.
type Rules struct {
	// Poll is how often the system's own variables are looked at, of which
	// nobody tells when they change; 0: they are not. Set before Load.
	Poll time.Duration
	// Mark is what the programs of rules carry as LANDER_EXECUTION, beside one
	// of their rule as LANDER_RULE: what leaves its group ends with its rule
	// all the same. "": they have neither. Set before Load.
	Mark string
	made atomic.Int64

	host   RuleHost
	clock  RuleClock
	uptime time.Duration // of the agent, when this was made
	began  time.Time
	turn   chan struct{} // holds a token while code of a rule runs

	mu    sync.Mutex
	rules map[string]*rule
	wg    sync.WaitGroup
}

// NewRules makes an engine without rules. uptime is how long the agent runs
// already.
func NewRules(h RuleHost, c RuleClock, uptime time.Duration) *Rules {
	return &Rules{host: h, clock: c, uptime: uptime, began: c.Now(), turn: make(chan struct{}, 1), rules: map[string]*rule{}}
}

//go:embed prelude.lua
var preludeText []byte

var prelude = sync.OnceValues(func() (*luavm.Program, error) { return luavm.Compile("prelude", preludeText) })

// Load runs a rule's text and then waits for its triggers. A rule of the same
// name ends when the new one is there; when that fails, it stays.
func (e *Rules) Load(name, text string, caps capability.Set) error {
	p, err := prelude()
	if err != nil {
		return err
	}
	r := &rule{e: e, name: name, mark: name + strconv.FormatInt(e.made.Add(1), 10), text: text, caps: caps, ready: make(chan error, 1), wake: make(chan struct{}, 1), done: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	e.wg.Go(func() { r.run(p) })
	if err := <-r.ready; err != nil {
		<-r.done
		return err
	}
	e.mu.Lock()
	old := e.rules[name]
	e.rules[name] = r
	e.mu.Unlock()
	if old != nil {
		old.end()
	}
	return nil
}

// Unload ends a rule; false when there is none.
func (e *Rules) Unload(name string) bool {
	e.mu.Lock()
	r := e.rules[name]
	delete(e.rules, name)
	e.mu.Unlock()
	if r == nil {
		return false
	}
	r.end()
	return true
}

// Close ends all rules.
func (e *Rules) Close() {
	e.mu.Lock()
	all := e.rules
	e.rules = map[string]*rule{}
	e.mu.Unlock()
	for _, r := range all {
		r.cancel()
	}
	e.wg.Wait()
}

// rule is one rule at work. Its triggers belong to its own goroutine.
type rule struct {
	e      *Rules
	name   string
	mark   string // of its programs; that of the next one of its name is another
	text   string
	caps   capability.Set
	ctx    context.Context
	cancel context.CancelFunc
	ready  chan error // of the first run
	done   chan struct{}

	triggers []*trigger
	serving  bool

	mu     sync.Mutex
	events []event
	lost   bool
	wake   chan struct{}
}

// event is something that happened to a trigger.
type event struct {
	t       *trigger
	changes []frame.Member // nil: its time has come
	poll    bool           // it is time to look at the system
}

func (r *rule) end() {
	r.cancel()
	<-r.done
}

func (r *rule) run(p *luavm.Program) {
	defer close(r.done)
	defer r.cancel()
	release := r.begin()
	said := false
	_, err := p.Run(r.ctx, luavm.Config{
		Capabilities: r.caps, Budget: job.Budget{Memory: ruleMemory}, Poll: true, Now: r.e.clock.Now,
		Env:    r.environment(),
		Stdout: lineLog{r, "info"}, Stderr: lineLog{r, "warning"}, Modules: append(r.e.host.Modules(), r.module()),
		Serve: func(ctx luavm.Context) error {
			release()
			r.serving, said = true, true
			for _, t := range r.triggers {
				r.arm(t)
			}
			r.ready <- nil
			return r.serve(ctx)
		},
	})
	release()
	for _, t := range r.triggers {
		t.disarm()
	}
	r.clear()
	if !said {
		if err == nil {
			err = job.Errorf(job.CodeScript, "the rule called os.exit")
		}
		r.ready <- err
		return
	}
	stopped := r.ctx.Err() != nil
	r.e.mu.Lock()
	if r.e.rules[r.name] == r {
		delete(r.e.rules, r.name)
		stopped = false
	}
	r.e.mu.Unlock()
	if !stopped {
		r.e.host.Ended(r.name, err)
	}
}

func (r *rule) environment() []string {
	if r.e.Mark == "" {
		return nil
	}
	return []string{"LANDER_EXECUTION=" + r.e.Mark, "LANDER_RULE=" + r.mark}
}

// clear ends the programs of a rule that is over.
func (r *rule) clear() {
	if r.e.Mark == "" || !r.caps.Allows(capability.Exec) {
		return
	}
	if _, err := proc.Sweep(func(e proc.Environ) bool {
		return e.Get("LANDER_EXECUTION") == r.e.Mark && e.Get("LANDER_RULE") == r.mark
	}); err != nil {
		r.e.host.Log(r.name, "error", err.Error())
	}
}

// begin takes the turn for code of this rule, and sees that it does not take
// too long; what it returns gives the turn back.
func (r *rule) begin() (release func()) {
	e := r.e
	select {
	case e.turn <- struct{}{}:
	case <-r.ctx.Done():
		return func() {}
	}
	e.host.Busy(r.name)
	hung := make(chan struct{})
	watch := time.AfterFunc(ruleAction, func() {
		e.host.Log(r.name, "error", fmt.Sprintf("the rule runs for more than %s: it is stopped", ruleAction))
		r.cancel()
		t := time.NewTimer(ruleStop)
		defer t.Stop()
		select {
		case <-t.C:
			e.host.Hung(r.name)
		case <-hung:
		}
	})
	return sync.OnceFunc(func() {
		watch.Stop()
		close(hung)
		e.host.Idle(r.name)
		<-e.turn
	})
}

// post queues an event. It does not wait.
func (r *rule) post(e event) {
	r.mu.Lock()
	if len(r.events) < maxEvents {
		r.events = append(r.events, e)
	} else if !r.lost {
		r.lost = true
		defer r.e.host.Log(r.name, "warning", "the rule is too slow: events are lost")
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// serve deals with events until the rule ends.
func (r *rule) serve(ctx luavm.Context) error {
	for {
		select {
		case <-r.wake:
		case <-r.ctx.Done():
			return nil
		}
		for {
			r.mu.Lock()
			if len(r.events) == 0 {
				r.mu.Unlock()
				break
			}
			e := r.events[0]
			r.events = r.events[1:]
			r.mu.Unlock()
			arg, due := e.t.happened(r, e)
			if !due || !slices.Contains(r.triggers, e.t) {
				continue
			}
			if r.fire(ctx, e.t, arg); r.ctx.Err() != nil {
				return nil
			}
		}
	}
}

// fire calls the actions of a trigger, when its tests agree. One that fails
// does not keep the next from running.
func (r *rule) fire(ctx luavm.Context, t *trigger, arg []luavm.Value) {
	defer r.begin()() // also when the run ends in here
	if r.ctx.Err() != nil {
		return
	}
	for _, test := range t.tests {
		out, err := test.Call(ctx, arg...)
		if err != nil {
			r.e.host.Log(r.name, "warning", fmt.Sprintf("a filter fails: %v", err))
			return
		}
		if len(out) == 0 || out[0] == nil || out[0] == false {
			return
		}
	}
	for _, action := range t.actions {
		if _, err := action.Call(ctx, arg...); err != nil {
			r.e.host.Log(r.name, "error", fmt.Sprintf("an action fails: %v", err))
		}
	}
}

// lineLog is a stream of a rule.
type lineLog struct {
	r     *rule
	level string
}

func (l lineLog) Write(p []byte) (int, error) {
	text := string(p)
	for len(text) > 0 && text[len(text)-1] == '\n' {
		text = text[:len(text)-1]
	}
	if text != "" {
		l.r.e.host.Log(l.r.name, l.level, text)
	}
	return len(p), nil
}
