package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"lander/lib/job"
	"lander/lib/sovd"
)

// manyStart is the body of a start on the devices of a group.
func (r *gatewayRun) manyStart(script string) ([]byte, error) {
	args, err := r.parameters()
	if err != nil {
		return nil, err
	}
	start := map[string]any{"script": script, "target": sovd.ManyTarget{Group: r.group}, "parameters": args}
	if r.k.conf.origin("max-concurrency") != "default" { // the gateway can do more at once than a command
		n, err := r.k.maxConcurrency(1)
		if err != nil {
			return nil, err
		}
		start["max_concurrency"] = n
		if s := r.k.cli.String("max-concurrency"); strings.HasSuffix(s, "%") {
			start["max_concurrency"] = s // of how many, the gateway knows
		}
	}
	if s := r.k.cli.String("max-errors"); s != "" {
		start["max_errors"] = s
	}
	return json.Marshal(start)
}

// many runs on the devices of a group and prints a line for each.
func (r *gatewayRun) many(script string) error {
	body, err := r.manyStart(script)
	if err != nil {
		return err
	}
	return r.follow("/fleet/executions", body)
}

// manyEnd is what became of a start on many devices.
type manyEnd struct {
	sovd.Many
	Results []sovd.ManyResult `json:"results"`
}

// await starts what there is to start on many devices, and waits for it.
func (r *gatewayRun) await(path string, body []byte) (end manyEnd, err error) {
	var m sovd.Many
	if err := r.do(r.k.ctx, http.MethodPost, path, "application/json", bytes.NewReader(body), &m); err != nil {
		return end, err
	}
	record := "/fleet/executions/" + m.ID
	for !end.Status.Final() {
		end.Results = nil
		if err := r.do(r.k.ctx, http.MethodGet, record+"?wait=60s", "", nil, &end); err != nil {
			if r.k.ctx.Err() != nil {
				r.stop(record)
				return end, r.k.stopped()
			}
			return end, err
		}
	}
	return end, nil
}

// follow is await, with a line for each device.
func (r *gatewayRun) follow(path string, body []byte) error {
	end, err := r.await(path, body)
	if err != nil {
		return err
	}
	bad := 0
	for _, res := range end.Results {
		if res.Status != job.Completed {
			bad++
		}
		if err := r.line(res); err != nil {
			return err
		}
	}
	if bad == 0 {
		return nil
	}
	msg := fmt.Sprintf("the script did not complete on %d of %d devices", bad, len(end.Results))
	if end.Message != "" {
		msg += ": " + end.Message
	}
	return &fault{exit: exitPartial, msg: msg, hint: "--retry-failed " + end.ID, detail: map[string]any{"record": end.ID}}
}

// line prints what became of one device.
func (r *gatewayRun) line(res sovd.ManyResult) error {
	return r.k.ui.result(res, func(w io.Writer) {
		out := outputOf(res.Output)
		perTarget(w, res.ID, out.Stdout)
		perTarget(r.k.streams.err, res.ID, out.Stderr)
		if res.Status == job.Completed {
			return
		}
		text := string(res.Status)
		if res.Status == job.Prepared {
			text = "not begun"
		} else if res.Error != nil {
			text = oneLine(res.Error.Message)
		}
		fmt.Fprintf(r.k.streams.err, "lander: %s %s: %s\n", r.k.paint(r.k.streams.err, "error:"), res.ID, text)
	})
}
