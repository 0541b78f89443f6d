package cmd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/trust"
)

// aim is where a script is to run.
type aim struct {
	on string
	by string // the group of the list through which on is one; "": on stands in the list itself
}

// failedBefore leaves of the targets those on which no earlier run completed:
// its lines, or those of several runs, are in the file of --retry-failed. Of a
// group it leaves the devices that these lines name.
func (k *call) failedBefore(targets []aim) ([]aim, error) {
	name := k.cli.String("retry-failed")
	text, err := k.readInput(name, "the record", maxRecord)
	if err != nil {
		return nil, err
	}
	completed, members := map[string]bool{}, map[string][]aim{}
	sc := bufio.NewScanner(bytes.NewReader(text))
	sc.Buffer(nil, len(text)+1)
	for n := 1; sc.Scan(); n++ {
		if len(bytes.TrimSpace(sc.Bytes())) == 0 {
			continue
		}
		var line struct {
			On    string          `json:"on"`
			By    string          `json:"by"`
			Error json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(sc.Bytes(), &line); err != nil || line.On == "" {
			return nil, invalidf("the lines of lander script run --json --on FILE", "%s:%d: not the line of a run on a list", name, n)
		}
		if one := (aim{line.On, line.By}); line.By != "" && !slices.Contains(members[line.By], one) {
			members[line.By] = append(members[line.By], one)
		}
		if len(line.Error) == 0 || string(line.Error) == "null" {
			completed[line.On] = true
		}
	}
	if err := sc.Err(); err != nil {
		return nil, invalidf("", "reading %s: %w", name, err)
	}
	var out []aim
	for _, t := range targets {
		named := members[t.on]
		if named == nil {
			named = []aim{t}
		}
		for _, one := range named {
			if !completed[one.on] {
				out = append(out, one)
			}
		}
	}
	return out, nil
}

// maxRecord bounds the record of an earlier run, in bytes.
const maxRecord = 256 << 20

// onTarget runs on one target: on the devices of a group there may be many.
func (r *remoteRun) onTarget(target aim) []onTarget {
	if !isWeb(target.on) {
		return []onTarget{r.execute(r.k.ctx, target.on)}
	}
	results, err := r.byGateway(target.on)
	if err != nil {
		results = []onTarget{{On: target.on, err: err}}
	}
	if target.by != "" {
		results[0].By = target.by
	}
	return results
}

// refusals are the words with which devices begin their no.
var refusals = []string{
	trust.ReasonBadArguments, "download", trust.ReasonSignature, trust.ReasonExpired, trust.ReasonTarget, trust.ReasonReplayed,
	job.CodeCapability, job.CodeLoad, job.CodeTimeout, job.CodeInterrupted,
}

// byGateway has a gateway run the script.
func (r *remoteRun) byGateway(target string) ([]onTarget, error) {
	g, err := r.k.gatewayRun(target)
	if err != nil {
		return nil, err
	}
	body := r.message.Bundle
	if r.message.Signature != "" {
		body = asBundle([]byte(r.message.Signature), body)
	}
	name := filepath.Base(r.k.args[0])
	if name == "-" {
		name = "stdin"
	}
	script, err := g.upload(name, body)
	if err != nil {
		return nil, err
	}
	defer g.discard(script)
	if g.to != sovd.Fleet {
		x, _, err := g.execute(script)
		if err != nil {
			return nil, err
		}
		return []onTarget{ofExecution(target, x)}, nil
	}
	start, err := g.manyStart(script)
	if err != nil {
		return nil, err
	}
	end, err := g.await("/fleet/executions", start)
	if err != nil {
		return nil, err
	}
	var out []onTarget
	for _, res := range end.Results {
		on := g.base + "/" + sovd.Components + "/" + url.PathEscape(res.ID)
		x := sovd.Execution{ID: res.Execution, Status: res.Status, Error: res.Error, Parameters: res.Output, StartedAt: end.StartedAt, CompletedAt: end.CompletedAt}
		x.Detail = &sovd.ExecutionDetail{SHA256: end.SHA256}
		if res.Error != nil {
			// A device's no begins with its word, which the record has not apart.
			if word, _, _ := strings.Cut(res.Error.Message, ": "); slices.Contains(refusals, word) {
				x.Detail.Code = word
			}
		}
		line := ofExecution(on, x)
		if line.By = target; res.Status == job.Prepared {
			line.err = &fault{exit: exitRejected, msg: "not begun: " + end.Message}
		}
		out = append(out, line)
	}
	return out, nil
}

// ofExecution is the line of what a gateway ran, as that of an agent.
func ofExecution(on string, x sovd.Execution) onTarget {
	p := outputOf(x.Parameters)
	res := job.Result{ID: x.ID, Status: x.Status, StartedAt: x.StartedAt, CompletedAt: x.CompletedAt, Target: on, Source: job.SourceHTTP, Stdout: p.Stdout, Stderr: p.Stderr, ExitCode: p.ExitCode}
	if d := x.Detail; d != nil {
		res.SHA256, res.Serial, res.Truncated = d.SHA256, d.Serial, d.Truncated
		res.StdoutB64, res.StderrB64, res.StdoutDropped, res.StderrDropped = d.StdoutB64, d.StderrB64, d.StdoutDropped, d.StderrDropped
		if d.KeyID != "" {
			res.KeyID = &d.KeyID
		}
	}
	if x.Error != nil {
		code := job.CodeScript
		if x.Detail != nil && x.Detail.Code != "" {
			code = x.Detail.Code
		}
		res.Error = job.Errorf(code, "%s", x.Error.Message)
	}
	return onTarget{On: on, Execution: &res, err: failure(x.Status, x.Error, x.Detail)}
}
