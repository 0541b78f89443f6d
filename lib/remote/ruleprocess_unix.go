//go:build unix

package remote

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"lander/lib/capability"
	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/proc"
)

// RulesOptions are what the process of the monitoring rules is started with.
type RulesOptions struct {
	// Answer does what rules ask of their agent: variables, CmdLog, CmdDevice,
	// CmdRuleData, CmdMonitoring, and the rest of what scripts may.
	Answer emp.Handler
	// Open is told the connection before anything is asked, Gone that it is
	// over.
	Open func(*emp.Peer)
	Gone func()
	// Ended is told that a rule was stopped for what it did. It must not wait.
	Ended  func(rule, text string)
	Uptime time.Duration // of the agent
}

// RuleProcess is a child that runs monitoring rules.
type RuleProcess struct {
	peer *emp.Peer
	done chan struct{}

	mu    sync.Mutex
	busy  string
	trace string
}

// loadTimeout bounds how long a rule may take to be set up.
const loadTimeout = ruleAction + ruleStop + 30*time.Second

// StartRules starts a process without rules. It ends with ctx.
func (c *Child) StartRules(ctx context.Context, o RulesOptions) (*RuleProcess, error) {
	ours, theirs, err := socketpair()
	if err != nil {
		return nil, fmt.Errorf("making a socket for the rules: %w", err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		ours.Close()
		theirs.Close()
		return nil, fmt.Errorf("starting the process of the rules: %w", err)
	}
	p := &RuleProcess{done: make(chan struct{})}
	handler := emp.HandlerFunc(func(dst []byte, r *emp.Request) ([]byte, error) {
		switch r.Command {
		case cmdRuleBusy, cmdRuleIdle:
			p.setBusy(r.Command == cmdRuleBusy, r.Payload)
			return nil, nil
		case cmdRuleEnded:
			var m ruleMessage
			if err := json.Unmarshal(r.Payload, &m); err != nil {
				return nil, err
			}
			o.Ended(m.Name, m.Error)
			return nil, nil
		}
		return o.Answer.Answer(dst, r)
	})
	mark := job.NewID(time.Now(), rand.Reader)
	ctx, cancel := context.WithCancel(ctx)
	trace := &tail{}
	exited := make(chan struct{})
	started := make(chan struct{})
	var once sync.Once
	begun := func() { once.Do(func() { theirs.Close(); null.Close(); close(started) }) }
	go func() {
		defer close(exited)
		defer begun()
		runner := proc.Runner{Family: c.Family}
		runner.Exec(ctx, proc.Command{
			Argv: c.Argv, Dir: "/", Execution: mark, Env: append([]string{"LANDER_RULES=1", "LANDER_EXECUTION=" + mark, "GOTRACEBACK=single"}, c.Env...), ExtraFiles: []*os.File{theirs, null}, Started: begun,
			User: c.User, Confines: true,
		}, job.Streams{Stdout: io.Discard, Stderr: trace})
	}()
	<-started
	p.peer = emp.NewPeer(ours, emp.Options{Handler: handler, Logger: c.Log, OnOpen: o.Open, MaxPayload: maxMessage, CallTimeout: loadTimeout})
	go func() {
		defer close(p.done)
		select {
		case <-exited:
		case <-p.peer.Done():
		}
		p.peer.Close()
		<-p.peer.Done()
		cancel()
		<-exited
		first, _, _ := bytes.Cut(trace.buf.Bytes(), []byte("\n"))
		p.mu.Lock()
		p.trace = string(first)
		p.mu.Unlock()
		if o.Gone != nil {
			o.Gone()
		}
	}()
	hello, err := json.Marshal(rulesMessage{o.Uptime.Milliseconds(), mark})
	if err == nil {
		err = p.ask(ctx, cmdRules, hello)
	}
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("starting the process of the rules: %w", err)
	}
	return p, nil
}

func (p *RuleProcess) setBusy(busy bool, payload []byte) {
	name := ""
	if v, err := frame.ParseValue(payload); err == nil && busy {
		name, _ = v.Str()
	}
	p.mu.Lock()
	p.busy = name
	p.mu.Unlock()
}

func (p *RuleProcess) ask(ctx context.Context, c frame.Command, payload []byte) error {
	r, err := p.peer.Call(ctx, c, payload)
	if err != nil {
		return err
	}
	if r.Status == frame.StatusOK {
		return nil
	}
	if v, err := r.Value(); err == nil {
		if text, ok := v.Str(); ok {
			return &RuleError{text}
		}
	}
	return r.Err()
}

// RuleError is what a rule's own text ends in.
type RuleError struct{ Text string }

func (e *RuleError) Error() string { return e.Text }

// Load has the process run a rule; a *RuleError says what is wrong with it.
func (p *RuleProcess) Load(ctx context.Context, name, text string, caps capability.Set) error {
	b, err := json.Marshal(ruleMessage{Name: name, Text: text, Capabilities: caps})
	if err != nil {
		return err
	}
	return p.ask(ctx, cmdRuleLoad, b)
}

// Unload ends a rule.
func (p *RuleProcess) Unload(ctx context.Context, name string) error {
	b, err := json.Marshal(ruleMessage{Name: name})
	if err != nil {
		return err
	}
	return p.ask(ctx, cmdRuleUnload, b)
}

// Done is closed when the process is gone.
func (p *RuleProcess) Done() <-chan struct{} { return p.done }

// Suspect is the rule whose code ran last, "" when that had ended; of a
// process that is gone it is the one that ended it. trace is the first line
// of what Go said.
func (p *RuleProcess) Suspect() (rule, trace string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.busy, p.trace
}

// Close ends the process and waits for that.
func (p *RuleProcess) Close() {
	p.peer.Close()
	<-p.done
}
