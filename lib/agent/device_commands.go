package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/fetch"
	"lander/lib/job"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/trust"
)

// command finds what a command of the server does [M3DA 5].
func (c *commands) command(name string, args bysant.Value) todo {
	all := map[string]struct {
		slow bool
		run  func(context.Context, arguments, occasion) outcome
	}{
		"ExecuteScript":         {true, c.executeScript},
		"StopExecution":         {true, c.stopExecution},
		"ReadNode":              {false, c.readNode},
		"Connect":               {false, c.connect},
		"Reboot":                {false, c.reboot},
		"ResetToFactoryDefault": {false, c.factoryDefault},
		"SoftwareUpdate":        {false, c.softwareUpdate},
		"LogUpload":             {true, c.logUpload},
		"Describe":              {false, c.describe},
	}
	f, ok := all[name]
	if !ok {
		return todo{name: name, run: func(context.Context, occasion) outcome { return failed("unknown command %.100s", name) }}
	}
	return todo{name: name, slow: f.slow, run: func(ctx context.Context, o occasion) outcome {
		return f.run(ctx, argumentsIn(args), o)
	}}
}

var md5Hex = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-fA-F]{32}$`) })

// executeScript downloads, checks and runs a script, and waits for its end.
func (c *commands) executeScript(ctx context.Context, args arguments, o occasion) outcome {
	url, signature := args.text("url", 1), args.text("signature", 2)
	if url == "" {
		return failed("%s: ExecuteScript needs a url", trust.ReasonBadArguments)
	}
	d := delivery{source: job.SourceM3DA, actor: c.a.uplink.s.ID, ticket: ticketWord(o.ticket), digest: o.key, patient: true}
	var ans *answer
	for try := 1; ; try++ {
		d.order = c.a.order(frame.ExecuteScript{URL: url, Signature: signature, Args: args.named()})
		if md5Hex().MatchString(signature) {
			if c.a.uplink.s.AllowMD5 {
				d.order = c.a.legacyOrder(url, signature)
			} else {
				d.order.Bundle = &lazyReader{err: &trust.Refusal{Reason: trust.ReasonSignature, Message: "an MD5 is no signature, and allow_md5 is not set"}}
			}
		}
		d.order.Source, d.order.Actor, d.order.Ticket, d.order.Chunk = d.source, d.actor, d.ticket, url
		ans = c.a.scripts.deliver(d)
		select {
		case <-ans.done:
		case <-ctx.Done():
			return failed("%s", job.CodeInterrupted)
		}
		if o.key == "" || !passing(ans.err) || try == fetchTries || !c.a.uplink.lander.Load() {
			break
		}
		c.a.cfg.Log.Info("a script cannot be fetched now", "ticket", d.ticket, "error", ans.err)
		url = c.another(ctx, o.key, url)
	}
	if ans.err != nil {
		return failed("%s", textOf(ans.err))
	}
	return resultOutcome(ans.body)
}

// textOf words an error for the server.
func textOf(err error) string {
	status, text := emp.StatusOf(err)
	if text == "" {
		text = strings.ToLower(strings.ReplaceAll(status.Name(), "_", " "))
	}
	return text
}

// resultOutcome words an execution object: what the script itself says stands
// alone, all else has its keyword in front.
func resultOutcome(body []byte) outcome {
	var r job.Result
	if err := json.Unmarshal(body, &r); err != nil {
		return failed("internal: %v", err)
	}
	out := outcome{text: "ok", execution: r.ID}
	if r.Error == nil {
		return out
	}
	out.code, out.text = -1, r.Error.Message
	switch r.Error.Code {
	case job.CodeScript, job.CodeExit:
	case job.CodeCPU:
		out.text = job.CodeTimeout + ": " + out.text
	default:
		out.text = r.Error.Code + ": " + strings.TrimPrefix(out.text, r.Error.Code+": ")
	}
	return out
}

// outcomeOf is what became of a ticket that was open when the last agent
// ended.
func (s *scripts) outcomeOf(rec taken, key string) outcome {
	d := delivery{source: job.SourceM3DA, ticket: ticketWord(rec.Ticket), digest: key}
	_, body, found, err := s.lookup(ticketKey(d))
	switch {
	case err != nil && found:
		return failed("%s", textOf(err))
	case err == nil && found:
		return resultOutcome(body)
	}
	return failed("%s: the agent ended while the command ran", job.CodeInterrupted)
}

// ticketWord is a ticket as execution objects have it.
func ticketWord(t frame.Value) string {
	if t.IsNull() {
		return ""
	}
	if s, ok := t.Str(); ok {
		return s
	}
	return t.String()
}

// executionOf is the execution object of a ticket, as it is sent.
func (a *Agent) executionOf(ticket frame.Value) (envelope.Message, bool) {
	if a.commands == nil {
		return envelope.Message{}, false
	}
	a.commands.mu.Lock()
	id, ok := a.commands.executions[ticket.String()]
	a.commands.mu.Unlock()
	if !ok {
		return envelope.Message{}, false
	}
	body, err := a.scripts.status(a.ctx, id)
	if err != nil {
		return envelope.Message{}, false
	}
	v, err := frame.ParseValue(body)
	if err != nil {
		return envelope.Message{}, false
	}
	return envelope.Message{Path: executionPath, Ticket: toBysant(ticket), Body: toBysant(v)}, true
}

const executionPath = "@sys.execution"

// stopExecution ends the run that a ticket began, and answers with its end.
func (c *commands) stopExecution(ctx context.Context, args arguments, _ occasion) outcome {
	word := args.text("ticket", 1)
	id := ""
	c.a.scripts.mu.Lock()
	for _, r := range c.a.scripts.running {
		if t := r.result.Ticket; t != nil && *t == word && r.result.Source == job.SourceM3DA {
			id = r.result.ID
		}
	}
	c.a.scripts.mu.Unlock()
	if id == "" {
		return failed("no such execution is running")
	}
	if _, err := c.a.scripts.stop(ctx, frame.StopExecution{ID: id}); err != nil {
		return failed("%s", textOf(err))
	}
	return outcome{text: "ok"}
}

// maxRead is how many variables a ReadNode sends.
const maxRead = 1000

// readNode sends variables as data: those that are named, and of nodes what
// is below them.
func (c *commands) readNode(_ context.Context, args arguments, _ occasion) outcome {
	paths := args.places()
	if len(paths) == 0 {
		return failed("%s: ReadNode needs a path", trust.ReasonBadArguments)
	}
	var records []frame.PData
	var read func(path string) bool
	read = func(path string) bool {
		path = strings.TrimPrefix(strings.Join(segments(path), "."), agentAsset+".")
		v, children, ok := c.a.tree.Get(path)
		if !ok {
			return false
		}
		for _, child := range children {
			if len(records) < maxRead {
				read(child)
			}
		}
		if children == nil && !v.IsNull() {
			records = append(records, frame.PData{Asset: agentAsset, Path: path, Policy: frame.PolicyNow, Data: v})
		}
		return true
	}
	for _, p := range paths {
		if !read(p) {
			return failed("no such variable: %.200s", p)
		}
	}
	for _, r := range records {
		if err := c.a.stage.PData(r, func(error) {}); err != nil {
			return failed("%s", textOf(err))
		}
	}
	c.a.hurry()
	return outcome{text: "ok"}
}

// connect has another session, after this one.
func (c *commands) connect(context.Context, arguments, occasion) outcome {
	c.a.connectLater(0)
	return outcome{text: "ok"}
}

// reboot is answered after the restart.
func (c *commands) reboot(context.Context, arguments, occasion) outcome {
	if c.a.cfg.Reboot == nil {
		return failed("this device has no way to reboot configured")
	}
	c.a.requestReboot("asked for by the server")
	return outcome{text: "ok", policy: frame.PolicyOnBoot}
}

// leastRestart is the shortest delay of a restart in seconds [M3DA 5].
const leastRestart = 6

// factoryDefault forgets all that was set, and restarts if asked to.
func (c *commands) factoryDefault(ctx context.Context, args arguments, _ occasion) outcome {
	restart, _ := args.get("restart", 1).Bool()
	seconds, err := strconv.ParseInt(args.text("restart", 1), 10, 64)
	if restart = restart || err == nil && seconds > 0; restart && c.a.cfg.Reboot == nil {
		return failed("this device has no way to reboot configured")
	}
	var paths []string
	c.a.tree.Each("config", func(path string, _ frame.Value) { paths = append(paths, path) })
	for _, path := range paths {
		err := c.a.tree.SetWait(ctx, path, frame.Value{})
		if status, _ := emp.StatusOf(err); err != nil && status != frame.StatusNotPermitted { // settings of the command line stay
			return failed("resetting %s: %s", path, textOf(err))
		}
	}
	c.a.showDefaults(ctx)
	if !restart {
		return outcome{text: "ok"}
	}
	delay := time.Duration(min(max(seconds, leastRestart), int64(longest/time.Second))) * time.Second
	c.a.afterFunc(delay-rebootDelay, func() { c.a.requestReboot("reset to factory default") })
	return outcome{text: "ok", policy: frame.PolicyOnBoot}
}

// softwareUpdate starts an update, which answers the ticket when it is over.
func (c *commands) softwareUpdate(_ context.Context, args arguments, o occasion) outcome {
	url, signature := args.text("url", 1), args.text("signature", 2)
	switch {
	case url == "":
		return failed("%s: SoftwareUpdate needs a url", trust.ReasonBadArguments)
	case signature != "" && !md5Hex().MatchString(signature):
		return failed("%s: a package is a bundle, signed in itself: here stands its MD5, or nothing", trust.ReasonSignature)
	}
	order := UpdateOrder{Location: url, MD5: signature, Source: job.SourceM3DA}
	if o.key != "" {
		order.Ticket = o.ticket
		if err := c.mark(o.key, func(r *taken) { r.Update = true }); err != nil {
			return failed("%s", textOf(err))
		}
		c.mu.Lock()
		c.waiting[o.ticket.String()] = waiter{key: o.key}
		c.mu.Unlock()
	}
	if err := c.a.Update(order); err != nil {
		c.mu.Lock()
		delete(c.waiting, o.ticket.String())
		c.mu.Unlock()
		return failed("%s", textOf(err))
	}
	return outcome{later: true}
}

// logUpload sends the agent's latest log lines to a URL.
func (c *commands) logUpload(ctx context.Context, args arguments, _ occasion) outcome {
	url, kind := args.text("url", 1), args.text("logtype", 2)
	switch {
	case url == "":
		return failed("%s: LogUpload needs a url", trust.ReasonBadArguments)
	case kind != "" && kind != "ram":
		return failed("no such log: %.40s", kind)
	}
	if err := fetch.Put(ctx, url, c.a.recent.text(), c.a.cfg.Fetch); err != nil {
		return failed("upload: %v", err)
	}
	return outcome{text: "ok"}
}

// mark changes the record of a ticket.
func (c *commands) mark(key string, f func(*taken)) error {
	rec, _, err := c.load(key)
	if err != nil {
		return fmt.Errorf("reading a ticket: %w", err)
	}
	f(&rec)
	return c.save(key, rec)
}
