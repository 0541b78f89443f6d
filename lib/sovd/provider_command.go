package sovd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"lander/lib/job"
	"lander/lib/proc"
)

// CommandOptions says which program is asked.
type CommandOptions struct {
	Argv    []string
	Env     []string      // its whole environment, "K=V"
	Timeout time.Duration // of one call; 0: 30 s
	MaxFile int64         // bytes of an upload; 0: DefaultMaxFile
	Runner  *proc.Runner  // nil: one is made
	Log     *slog.Logger
}

// Command is a ScriptProvider that asks an external program, by lines of JSON
// on its standard input and output:
//
//	> {"id":1,"method":"get","entity":{"type":"components","id":"x"},"script":"s"}
//	< {"id":1,"result":{"id":"s","name":"S","description":"","managed":false,"proximity_proof_required":false}}
//	< {"id":1,"error":{"kind":"not-found","message":"Script not found: s"}}
//
// The methods are list, get, upload, delete, start, get_execution, control and
// delete_execution; answers may come in any order. A kind is a Kind's text.
// What the program writes to its standard error is logged. A program that
// dies is started again; calls that it has not answered fail.
type Command struct {
	o      CommandOptions
	cancel context.CancelFunc
	wg     sync.WaitGroup

	turn sync.Mutex // of writing to it; taken before mu, which its answers need
	next int64      // under turn

	mu      sync.Mutex
	to      *os.File // its standard input; nil while it is not there
	end     func()   // has it end
	pending map[int64]chan commandAnswer
}

type commandAnswer struct {
	ID     int64           `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Kind       Kind           `json:"kind"`
		Message    string         `json:"message"`
		Parameters map[string]any `json:"parameters"`
	} `json:"error"`
	gone bool
}

// commandCall is a request, without what its method does not need.
type commandCall struct {
	ID         int64           `json:"id"`
	Method     string          `json:"method"`
	Entity     Ref             `json:"entity"`
	Script     string          `json:"script,omitempty"`
	Execution  string          `json:"execution,omitempty"`
	Action     Action          `json:"action,omitempty"`
	Parameters json.RawMessage `json:"parameters,omitempty"`
	Proximity  string          `json:"proximity_response,omitempty"`
	Key        string          `json:"idempotency_key,omitempty"`
	Actor      string          `json:"actor,omitempty"`

	Filename    string          `json:"filename,omitempty"`
	Name        string          `json:"name,omitempty"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"parameters_schema,omitempty"`
	Content     []byte          `json:"content_b64,omitempty"`
}

// The bounds of a program that dies again and again.
const (
	minRestart    = 100 * time.Millisecond
	maxRestart    = 5 * time.Second
	maxAnswerLine = 8 << 20
)

// StartCommand starts the program and keeps it running until Close.
func StartCommand(o CommandOptions) *Command {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.MaxFile <= 0 {
		o.MaxFile = DefaultMaxFile
	}
	if o.Runner == nil {
		o.Runner = &proc.Runner{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &Command{o: o, cancel: cancel, pending: map[int64]chan commandAnswer{}}
	ready := make(chan struct{})
	c.wg.Go(func() { c.keep(ctx, ready) })
	<-ready
	return c
}

// Close ends the program and waits for it.
func (c *Command) Close() error {
	c.cancel()
	c.wg.Wait()
	return nil
}

// keep runs the program again and again.
func (c *Command) keep(ctx context.Context, ready chan struct{}) {
	var once sync.Once
	pause := minRestart
	for ctx.Err() == nil {
		begun := time.Now()
		err := c.runOnce(ctx, func() { once.Do(func() { close(ready) }) })
		once.Do(func() { close(ready) })
		if ctx.Err() != nil {
			return
		}
		if time.Since(begun) > maxRestart {
			pause = minRestart
		}
		c.o.Log.Error("the script provider ended and is started again", "error", err, "after", pause)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		pause = min(2*pause, maxRestart)
	}
}

// runOnce runs the program until it ends.
func (c *Command) runOnce(ctx context.Context, started func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("starting the script provider: %w", err)
	}
	var closeRead sync.Once
	defer closeRead.Do(func() { r.Close() })
	out := &lines{limit: maxAnswerLine, line: c.answer, tooLong: cancel}
	logged := &lines{limit: 64 << 10, line: func(b []byte) { c.o.Log.Info("script provider", "stderr", string(b)) }}
	o := c.o.Runner.Exec(ctx, proc.Command{
		Argv: c.o.Argv, Env: c.o.Env,
		Started: func() {
			closeRead.Do(func() { r.Close() })
			c.mu.Lock()
			c.to, c.end = w, cancel
			c.mu.Unlock()
			started()
		},
	}, job.Streams{Stdin: r, Stdout: out, Stderr: logged})
	c.mu.Lock()
	c.to = nil
	for id, ch := range c.pending {
		ch <- commandAnswer{gone: true}
		delete(c.pending, id)
	}
	c.mu.Unlock()
	w.Close()
	if o.Err != nil {
		return o.Err
	}
	return errors.New("it ended by itself")
}

// answer takes one line of the program.
func (c *Command) answer(line []byte) {
	var a commandAnswer
	if err := json.Unmarshal(line, &a); err != nil {
		c.o.Log.Error("the script provider sent a line that is no answer", "error", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch := c.pending[a.ID]; ch != nil {
		ch <- a // it has room for one
		delete(c.pending, a.ID)
	}
}

// call asks and waits. out may be nil.
func (c *Command) call(ctx context.Context, m commandCall, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	ch := make(chan commandAnswer, 1)
	id, err := c.send(m, ch)
	if err != nil {
		return err
	}
	var a commandAnswer
	select {
	case a = <-ch:
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.pending, id)
		c.mu.Unlock()
		return Errorf(KindUnavailable, "The script provider does not answer")
	}
	switch {
	case a.gone:
		return Errorf(KindUnavailable, "The script provider ended before it answered")
	case a.Error != nil:
		if _, known := wire[a.Error.Kind]; !known {
			return Errorf(KindInternal, "The script provider failed")
		}
		return Errorf(a.Error.Kind, "%s", a.Error.Message).with(a.Error.Parameters)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(a.Result, out); err != nil {
		return fmt.Errorf("reading the answer of the script provider to %s: %w", m.Method, err)
	}
	return nil
}

// send writes one request. The turn keeps lines whole; a program that does not
// read is given up: it has a part of one.
func (c *Command) send(m commandCall, ch chan commandAnswer) (int64, error) {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.next++
	m.ID = c.next
	b, err := json.Marshal(m)
	if err != nil {
		return 0, fmt.Errorf("asking the script provider: %w", err)
	}
	c.mu.Lock()
	to, end := c.to, c.end
	if to != nil {
		c.pending[m.ID] = ch
	}
	c.mu.Unlock()
	if to == nil {
		return 0, Errorf(KindUnavailable, "The script provider is not running")
	}
	to.SetWriteDeadline(time.Now().Add(c.o.Timeout))
	if _, err := to.Write(append(b, '\n')); err != nil {
		end()
		return 0, Errorf(KindUnavailable, "The script provider does not listen")
	}
	return m.ID, nil
}

// lines hands on whole lines.
type lines struct {
	limit   int
	buf     []byte
	line    func([]byte)
	tooLong func() // nil: such a line is cut
	dead    bool
}

func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && !l.dead {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			l.buf = append(l.buf, p...)
			p = nil
		} else {
			l.buf = append(l.buf, p[:i]...)
			p = p[i+1:]
		}
		switch {
		case len(l.buf) > l.limit && l.tooLong != nil:
			l.dead = true
			l.tooLong()
		case len(l.buf) > l.limit || i >= 0:
			l.line(l.buf)
			l.buf = l.buf[:0]
		}
	}
	return n, nil
}

// ListScripts implements ScriptProvider.
func (c *Command) ListScripts(ctx context.Context, e Ref) (out []Script, err error) {
	err = c.call(ctx, commandCall{Method: "list", Entity: e}, &out)
	return out, err
}

// GetScript implements ScriptProvider.
func (c *Command) GetScript(ctx context.Context, e Ref, id string) (out Script, err error) {
	err = c.call(ctx, commandCall{Method: "get", Entity: e, Script: id}, &out)
	return out, err
}

// UploadScript implements ScriptProvider.
func (c *Command) UploadScript(ctx context.Context, e Ref, u Upload) (out Script, err error) {
	b, err := io.ReadAll(io.LimitReader(u.Body, c.o.MaxFile+1))
	if err != nil {
		return Script{}, fmt.Errorf("receiving an upload: %w", err)
	}
	if int64(len(b)) > c.o.MaxFile {
		return Script{}, Errorf(KindTooLarge, "Script file exceeds maximum size of %s", megabytes(c.o.MaxFile))
	}
	if err := u.Check(); err != nil {
		return Script{}, err
	}
	err = c.call(ctx, commandCall{Method: "upload", Entity: e, Filename: u.Filename, Name: u.Name(), Description: u.Description(), Schema: u.Schema(), Content: b, Actor: u.Actor}, &out)
	return out, err
}

// DeleteScript implements ScriptProvider.
func (c *Command) DeleteScript(ctx context.Context, e Ref, id string) error {
	return c.call(ctx, commandCall{Method: "delete", Entity: e, Script: id}, nil)
}

// StartExecution implements ScriptProvider.
func (c *Command) StartExecution(ctx context.Context, e Ref, script string, s Start) (out Execution, err error) {
	err = c.call(ctx, commandCall{Method: "start", Entity: e, Script: script, Parameters: s.Parameters, Proximity: s.Proximity, Key: s.Key, Actor: s.Actor}, &out)
	return out, err
}

// GetExecution implements ScriptProvider.
func (c *Command) GetExecution(ctx context.Context, e Ref, script, id string) (out Execution, err error) {
	err = c.call(ctx, commandCall{Method: "get_execution", Entity: e, Script: script, Execution: id}, &out)
	return out, err
}

// ControlExecution implements ScriptProvider.
func (c *Command) ControlExecution(ctx context.Context, e Ref, script, id string, a Action) (out Execution, err error) {
	err = c.call(ctx, commandCall{Method: "control", Entity: e, Script: script, Execution: id, Action: a}, &out)
	return out, err
}

// DeleteExecution implements ScriptProvider.
func (c *Command) DeleteExecution(ctx context.Context, e Ref, script, id string) error {
	return c.call(ctx, commandCall{Method: "delete_execution", Entity: e, Script: script, Execution: id}, nil)
}
