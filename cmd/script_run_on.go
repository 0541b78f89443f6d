package cmd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"lander/lib/bundle"
	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/link"
	"lander/lib/sovd"
	"lander/lib/trust"
)

// remoteRun is a run on one agent or on many: what is sent, and to whom.
type remoteRun struct {
	k       *call
	message frame.ExecuteScript
	targets []aim // agents, or gateways' APIs
}

// onTarget is one line of the result of many.
type onTarget struct {
	On        string          `json:"on"`
	By        string          `json:"by,omitempty"` // the line of the list, when it means many
	Execution *job.Result     `json:"execution"`
	Error     *onError        `json:"error"`
	raw       json.RawMessage `json:"-"`
	err       error
}

type onError struct {
	Code    string `json:"code"`
	Exit    int    `json:"exit"`
	Message string `json:"message"`
}

func runOn(k *call) error {
	if k.cli.Bool("unsigned") {
		return usagef("sign it, or run it there by hand", "an agent runs signed scripts only: --unsigned does not go with --on")
	}
	for _, f := range []string{"lock", "memory", "cpu", "capability", "id", "group"} {
		if k.conf.origin(f) == "flag" {
			return usagef("", "--%s is the agent's own business: it does not go with --on", f)
		}
	}
	r := &remoteRun{k: k}
	var err error
	if r.message, err = k.remoteMessage(); err != nil {
		return err
	}
	if r.targets, err = k.onTargets(); err != nil {
		return err
	}
	if len(r.targets) == 1 && k.onSingle() {
		return r.single()
	}
	if k.cli.String("retry-failed") != "" {
		if r.targets, err = k.failedBefore(r.targets); err != nil {
			return err
		}
	}
	return r.many()
}

// onSingle tells an address from a file of addresses.
func (k *call) onSingle() bool { return strings.Contains(k.cli.String("on"), "://") }

// onTargets lists the addresses of --on: itself, or one a line of a file.
func (k *call) onTargets() ([]aim, error) {
	on := k.cli.String("on")
	if k.onSingle() {
		if _, err := link.Parse(on); err != nil {
			return nil, dialFault(err)
		}
		return []aim{{on: on}}, nil
	}
	src, err := k.openInput(on, "the list of agents")
	if err != nil {
		return nil, err
	}
	defer src.Close()
	var out []aim
	sc := bufio.NewScanner(src)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if isWeb(line) {
			g, err := k.gatewayRun(line)
			if err != nil {
				return nil, invalidf("", "%s:%d: %v", on, n, err)
			}
			if g.to == sovd.Fleet && k.farWall() > 0 {
				return nil, noFleetWall
			}
			if isWeb(k.args[0]) {
				return nil, usagef("download it first", "%s:%d: a gateway gets the script itself, not its URL", on, n)
			}
		} else if _, err := link.Parse(line); err != nil {
			return nil, invalidf("", "%s:%d: %v", on, n, err)
		}
		out = append(out, aim{on: line})
	}
	if err := sc.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return nil, invalidf("one address a line", "%s has a line that is too long for an address", on)
		}
		return nil, invalidf("", "reading %s: %w", on, err)
	}
	if len(out) == 0 {
		return nil, invalidf("one address a line", "%s names no agent", on)
	}
	return out, nil
}

// remoteMessage reads the bundle, or names its URL for the agent to fetch.
func (k *call) remoteMessage() (frame.ExecuteScript, error) {
	var m frame.ExecuteScript
	args, err := k.scriptArgs()
	if err != nil {
		return m, err
	}
	if len(args) > 0 {
		var members []frame.Member
		for name, v := range args {
			members = append(members, frame.Member{Key: name, Value: frame.String(v)})
		}
		m.Args = frame.Map(members...)
	}
	if m.Ticket = k.cli.String("ticket"); m.Ticket == "" && k.farWall() > 0 {
		m.Ticket = wallTicket()
	}
	operand := k.args[0]
	sig, err := k.detachedFor(operand)
	if err != nil {
		return m, err
	}
	if sig != nil {
		m.Signature = string(sig.Text())
	}
	if isWeb(operand) {
		m.URL = operand
		return m, nil
	}
	m.Bundle, err = k.readInput(operand, "the script", trust.MaxSignatureText+bundle.Cap(job.FormatLua))
	if err == nil && sig == nil && !bundle.Is(m.Bundle) {
		err = invalidf("sign it with lander script sign", "%s: %v", operand, bundle.ErrNotBundle)
	}
	return m, err
}

// execute sends the script to one agent and waits for what came of it.
func (r *remoteRun) execute(ctx context.Context, target string) onTarget {
	res := onTarget{On: target}
	peer, err := r.k.dialEMP(ctx, target, r.k.cli.Duration("wait"), emp.Options{CallTimeout: maxRunTime})
	if err != nil {
		res.err = err
		return res
	}
	defer hangUp(peer)
	over, wall := func() bool { return false }, r.k.farWall()
	if wall > 0 {
		over = stopAfter(ctx, peer, r.message.Ticket, wall)
	}
	resp, err := peer.Call(ctx, frame.CmdExecuteScript, r.message.Append(nil))
	late := over()
	if err != nil {
		res.err = callFault(frame.CmdExecuteScript, err)
		return res
	}
	if err := resp.Err(); err != nil {
		res.err = refusedThere(resp, err)
		return res
	}
	var out job.Result
	if err := json.Unmarshal(resp.Body, &out); err != nil {
		res.err = &fault{exit: exitRejected, msg: fmt.Sprintf("the agent's answer is no execution: %v", err), cause: err}
		return res
	}
	res.raw, res.Execution = json.RawMessage(append([]byte{}, resp.Body...)), &out
	if out.Error != nil {
		res.err = out.Error
	}
	if late && out.Status == job.Terminated {
		res.err = overWall(wall)
	}
	return res
}

// refusedThere gives an agent's no the exit code that it would have here.
func refusedThere(r frame.Response, err error) error {
	f := &fault{exit: exitRejected, msg: err.Error(), detail: map[string]any{"status": int(r.Status), "status_name": r.Status.Name()}, cause: err}
	var e *frame.Error
	if errors.As(err, &e) && e.Text != "" {
		f.msg = e.Text
	}
	switch r.Status {
	case frame.StatusNotPermitted:
		f.exit = exitRefused
	case frame.StatusBusy, frame.StatusCommunicationError:
		f.exit = exitUnreachable
	}
	return f
}

// maxRunTime is how long the agent may take: the operator's --timeout bounds
// it, not the protocol's minute.
const maxRunTime = 24 * time.Hour

// single runs on one agent, as if the script ran here.
func (r *remoteRun) single() error {
	res := r.execute(r.k.ctx, r.targets[0].on)
	if res.Execution == nil {
		return r.k.inFile(r.k.args[0], res.err)
	}
	if r.k.json {
		if err := r.k.ui.result(res.raw, nil); err != nil {
			return err
		}
		return res.err
	}
	io.WriteString(r.k.out, output(res.Execution.Stdout, res.Execution.StdoutB64))
	io.WriteString(r.k.streams.err, output(res.Execution.Stderr, res.Execution.StderrB64))
	if res.Execution.Truncated {
		r.k.ui.warn("", "the agent kept only part of the output: %d bytes of stdout and %d of stderr are missing", res.Execution.StdoutDropped, res.Execution.StderrDropped)
	}
	return res.err
}

func output(text string, exact []byte) string {
	if exact != nil {
		return string(exact)
	}
	return text
}

// maxConcurrency reads --max-concurrency: a number, or a percentage of the
// targets, of which one is the least.
func (k *call) maxConcurrency(targets int) (int, error) {
	s := k.cli.String("max-concurrency")
	n, err := sovd.Share("", s, targets)
	if err != nil {
		return 0, usagef("--max-concurrency 3 or --max-concurrency 10%", "--max-concurrency %q is no number and no percentage", s)
	}
	if strings.Trim(s, "0%") == "" {
		return 0, usagef("", "--max-concurrency %s is below 1", s)
	}
	return max(n, 1), nil
}

// maxErrors reads --max-errors: a number, or a percentage of the targets.
func (r *remoteRun) maxErrors() (int, error) {
	s := r.k.cli.String("max-errors")
	if s == "" {
		return len(r.targets), nil
	}
	n, err := sovd.Share("", s, len(r.targets))
	if err != nil {
		return 0, usagef("--max-errors 3 or --max-errors 10%", "--max-errors %q is no number and no percentage", s)
	}
	return n, nil
}

// many runs on several agents and prints a line for each.
func (r *remoteRun) many() error {
	limit, err := r.maxErrors()
	if err != nil {
		return err
	}
	workers, err := r.k.maxConcurrency(len(r.targets))
	if err != nil {
		return err
	}
	var (
		mu               sync.Mutex
		wg               sync.WaitGroup
		next, bad, tried int
		printErr         error
	)
	for range min(workers, len(r.targets)) {
		wg.Go(func() {
			for {
				mu.Lock()
				if next >= len(r.targets) || bad > limit || r.k.ctx.Err() != nil || printErr != nil {
					mu.Unlock()
					return
				}
				target := r.targets[next]
				next++
				mu.Unlock()
				results := r.onTarget(target)
				mu.Lock()
				tried++
				failed := false
				for _, res := range results {
					failed = failed || res.err != nil
					if err := r.line(res); err != nil {
						printErr = err
					}
				}
				if failed {
					bad++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	switch {
	case printErr != nil:
		return printErr
	case r.k.ctx.Err() != nil:
		return r.k.stopped()
	case tried < len(r.targets):
		return &fault{exit: exitPartial, msg: fmt.Sprintf("stopped after %d failures: %d of %d targets were not tried", bad, len(r.targets)-tried, len(r.targets))}
	case bad > 0:
		return &fault{exit: exitPartial, msg: fmt.Sprintf("the script failed on %d of %d targets", bad, len(r.targets))}
	}
	return nil
}

// perTarget prints what a script wrote on one of several targets.
func perTarget(w io.Writer, target, text string) {
	for l := range strings.Lines(text) {
		fmt.Fprintf(w, "%s: %s\n", target, strings.TrimSuffix(l, "\n"))
	}
}

func (r *remoteRun) line(res onTarget) error {
	if res.err != nil {
		e := classify(r.k.ctx, res.err)
		res.Error = &onError{e.name, e.code, oneLine(res.err.Error())}
	}
	return r.k.ui.result(res, func(w io.Writer) {
		if res.Execution != nil {
			perTarget(w, res.On, output(res.Execution.Stdout, res.Execution.StdoutB64))
			perTarget(r.k.streams.err, res.On, output(res.Execution.Stderr, res.Execution.StderrB64))
		}
		if res.Error != nil {
			fmt.Fprintf(r.k.streams.err, "lander: %s %s: %s\n", r.k.paint(r.k.streams.err, "error:"), res.On, res.Error.Message)
		}
	})
}
