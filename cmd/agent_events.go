package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"sync"
	"time"

	"lander/lib/agent"
	"lander/lib/job"
	"lander/lib/proc"
)

// Limits of --on-event. The agent never waits for the command: events that
// find a full queue are dropped, which is said.
const (
	eventWait  = 10 * time.Second // for one run of the command
	eventQueue = 1024             // events
)

// eventCommand hands each event of an agent to a command, one at a time.
type eventCommand struct {
	k      *call
	line   string
	queue  chan agent.Event
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	ended bool
	full  bool // events are being dropped
}

// onEvent starts to hand events to a command, until end is called.
func (k *call) onEvent(line string) *eventCommand {
	ctx, cancel := context.WithCancel(context.WithoutCancel(k.ctx))
	c := &eventCommand{k: k, line: line, queue: make(chan agent.Event, eventQueue), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		for e := range c.queue {
			if ctx.Err() == nil {
				c.run(ctx, e)
			}
		}
	}()
	return c
}

// take is told an event. It never waits.
func (c *eventCommand) take(e agent.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	select {
	case c.queue <- e:
		c.full = false
	default:
		if !c.full {
			c.full = true
			c.k.ui.warn("", "--on-event: %d events wait for the command; what comes now is dropped", eventQueue)
		}
	}
}

// end waits until what has come is handed over, or for as long as one run may
// take.
func (c *eventCommand) end() {
	c.mu.Lock()
	c.ended = true
	close(c.queue)
	c.mu.Unlock()
	defer c.cancel()
	select {
	case <-c.done:
	case <-time.After(eventWait):
		c.cancel()
		<-c.done
	}
}

func (c *eventCommand) run(ctx context.Context, e agent.Event) {
	b, err := json.Marshal(e)
	if err != nil {
		return
	}
	r := proc.Runner{Family: c.k.family}
	o := r.Exec(ctx, proc.Command{Argv: []string{"/bin/sh", "-c", c.line}, Env: append(os.Environ(), "LANDER_EVENT="+e.Event), Budget: job.Budget{Wall: eventWait}},
		job.Streams{Stdin: bytes.NewReader(append(b, '\n')), Stdout: c.k.streams.err, Stderr: c.k.streams.err})
	if o.Err != nil {
		c.k.ui.warn("", "--on-event: the command for %s: %v", e.Event, o.Err)
	}
}
