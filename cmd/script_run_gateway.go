package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lander/lib/bundle"
	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/trust"
)

// onGateway reports whether --on is an address of a gateway's API.
func (k *call) onGateway() bool {
	return isWeb(k.cli.String("on"))
}

// gatewayRun is a run by a gateway: on one entity, or on many devices.
type gatewayRun struct {
	k     *call
	base  string // up to /api/v1
	to    string // components/ID, apps/ID or fleet, as scripts lie there
	group string // of the fleet
	token string
}

const gatewayHint = "https://HOST:PORT/api/v1/components/ID or .../api/v1/fleet/GROUP"

// runOnGateway uploads the script, starts it, waits, and takes it away again.
func runOnGateway(k *call) error {
	for _, f := range []string{"lock", "memory", "cpu", "capability", "trust", "state", "id", "group", "ticket", "wait"} {
		if k.conf.origin(f) == "flag" {
			return usagef("", "--%s is not the gateway's business: it does not go with --on %s", f, k.cli.String("on"))
		}
	}
	r, err := k.gatewayRun(k.cli.String("on"))
	if err != nil {
		return err
	}
	if r.to == sovd.Fleet && k.farWall() > 0 {
		return noFleetWall
	}
	if record := k.cli.String("retry-failed"); record != "" {
		if len(k.args) > 0 || r.to != sovd.Fleet {
			return usagef("lander script run --on https://HOST:PORT/api/v1/fleet --retry-failed RECORD", "--retry-failed runs the record's script anew, on the fleet")
		}
		return r.follow("/fleet/executions/"+url.PathEscape(record)+"/retry-failed", nil)
	}
	if len(k.args) == 0 {
		return usagef("see lander script run --help", "lander script run needs FILE|URL|-")
	}
	body, name, err := r.script()
	if err != nil {
		return err
	}
	script, err := r.upload(name, body)
	if err != nil {
		return err
	}
	defer r.discard(script)
	if r.to == sovd.Fleet {
		return r.many(script)
	}
	return r.single(script)
}

// gatewayRun is a run by the gateway at an address, with the token of
// --token-file.
func (k *call) gatewayRun(on string) (*gatewayRun, error) {
	r := &gatewayRun{k: k}
	if err := r.address(on); err != nil {
		return nil, err
	}
	if file := k.cli.String("token-file"); file != "" {
		b, err := readInput(file)
		if err != nil {
			return nil, err
		}
		if r.token = strings.TrimSpace(string(b)); r.token == "" || strings.ContainsFunc(r.token, func(c rune) bool { return c <= ' ' || c > '~' }) {
			return nil, invalidf("the access_token of POST /api/v1/auth/authorize, on one line", "%s holds no token", file)
		}
	}
	return r, nil
}

// address reads --on.
func (r *gatewayRun) address(on string) error {
	u, err := url.Parse(on)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return usagef(gatewayHint, "--on %q is no address of a gateway", maskURL(on))
	}
	words := strings.Split(strings.Trim(u.Path, "/"), "/")
	i := slices.Index(words, "v1")
	if i < 1 || words[i-1] != "api" {
		return usagef(gatewayHint, "--on %q has no /api/v1/", on)
	}
	rest := words[i+1:]
	switch {
	case len(rest) == 2 && (rest[0] == sovd.Components || rest[0] == sovd.Apps):
		r.to = rest[0] + "/" + url.PathEscape(rest[1])
	case len(rest) == 2 && rest[0] == sovd.Fleet:
		r.to, r.group = sovd.Fleet, rest[1]
	case len(rest) == 1 && rest[0] == sovd.Fleet && r.k.cli.String("retry-failed") != "":
		r.to = sovd.Fleet
	default:
		return usagef(gatewayHint, "--on %q names no component, no app and no group of the fleet", on)
	}
	u.Path = "/" + path.Join(words[:i+1]...)
	r.base = u.String()
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && r.k.cli.String("token-file") != "" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		r.k.ui.warn("https://", "the token goes to %s in clear text", u.Host)
	}
	return nil
}

// script reads what is to run, as the gateway takes it.
func (r *gatewayRun) script() (body []byte, name string, err error) {
	k := r.k
	operand := k.args[0]
	if isWeb(operand) {
		return nil, "", usagef("download it first", "a gateway gets the script itself, not its URL")
	}
	sig, err := k.detachedFor(operand)
	if err != nil {
		return nil, "", err
	}
	if body, err = k.readInput(operand, "the script", trust.MaxSignatureText+bundle.Cap(job.FormatLua)); err != nil {
		return nil, "", err
	}
	if name = filepath.Base(operand); operand == "-" {
		name = "stdin"
	}
	switch {
	case sig != nil:
		return asBundle(sig.Text(), body), name, nil
	case bundle.Is(body):
	case !k.cli.Bool("unsigned"):
		return nil, "", invalidf("sign it with lander script sign", "%s: %v", operand, bundle.ErrNotBundle)
	default:
		k.ui.warn("", "running %s unsigned: nobody vouches for it", name)
		name = nameByFormat(name, operand == "-", body)
	}
	return body, name, nil
}

// asBundle joins a detached signature and what was signed. The first line of the
// signature, which may be any and nobody signed, becomes that of a bundle.
func asBundle(signature, payload []byte) []byte {
	_, signature, _ = bytes.Cut(signature, []byte("\n"))
	return slices.Concat([]byte(bundle.FirstLine+"\n"), signature, payload)
}

// nameByFormat is a name by which a gateway tells the format of a bare script
// as it is told here: it goes by the extension alone.
func nameByFormat(name string, stdin bool, body []byte) string {
	format := job.DetectFormat(name, body[:min(len(body), 256)])
	if format == "" && stdin {
		format = job.FormatLua
	}
	for _, ext := range []string{".lua", ".bash", ".py", ".sh"} {
		if job.DetectFormat(ext, nil) == format && filepath.Ext(name) != ext {
			return name + ext
		}
	}
	return name
}

// do sends a request and reads the answer. Anything but 2xx is a fault.
func (r *gatewayRun) do(ctx context.Context, method, path, typ string, body io.Reader, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, body)
	if err != nil {
		return usagef(gatewayHint, "--on: %v", err)
	}
	if typ != "" {
		req.Header.Set("Content-Type", typ)
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		if r.k.ctx.Err() != nil {
			return r.k.stopped()
		}
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return &fault{exit: exitUnreachable, msg: fmt.Sprintf("asking %s: %v", r.base, err), cause: err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return &fault{exit: exitUnreachable, msg: fmt.Sprintf("reading the answer of %s: %v", r.base, err), cause: err}
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return refusedByGateway(res.StatusCode, b)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return &fault{exit: exitRejected, msg: fmt.Sprintf("the answer of %s is not what was asked for: %v", r.base, err), cause: err}
	}
	return nil
}

// maxAnswer bounds an answer of a gateway, in bytes.
const maxAnswer = 256 << 20

// refusedByGateway words a gateway's no.
func refusedByGateway(status int, body []byte) error {
	var e struct {
		Message     string `json:"message"`
		Description string `json:"error_description"`
	}
	f := &fault{exit: exitRejected, detail: map[string]any{"status": status}}
	if json.Unmarshal(body, &e) == nil && e.Message+e.Description != "" {
		f.msg = fmt.Sprintf("the gateway says no (%d): %s", status, oneLine(e.Message+e.Description))
	} else {
		f.msg = fmt.Sprintf("the gateway answers with status %d", status)
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		f.exit = exitRefused
		if status == http.StatusUnauthorized {
			f.hint = "--token-file FILE"
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		f.exit = exitUnreachable
	}
	return f
}

func (r *gatewayRun) upload(name string, script []byte) (string, error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", name)
	if err == nil {
		_, err = part.Write(script)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", fmt.Errorf("packing the script: %w", err)
	}
	var out struct {
		ID string `json:"id"`
	}
	err = r.do(r.k.ctx, http.MethodPost, "/"+r.to+"/scripts", w.FormDataContentType(), &b, &out)
	return out.ID, err
}

// afterwards is how long what is to be tidied up may take.
const afterwards = 10 * time.Second

// discard takes the script out of the library. Its executions stay.
func (r *gatewayRun) discard(script string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.k.ctx), afterwards)
	defer cancel()
	if err := r.do(ctx, http.MethodDelete, "/"+r.to+"/scripts/"+script, "", nil, nil); err != nil {
		r.k.log.Info("the script stays in the gateway's library", "script", script, "error", err)
	}
}

// parameters are those of a start, nil for none.
func (r *gatewayRun) parameters() (json.RawMessage, error) {
	args, err := r.k.scriptArgs()
	if err != nil || len(args) == 0 {
		return nil, err
	}
	return json.Marshal(args)
}

// execute runs a script on one entity and waits for what came of it.
func (r *gatewayRun) execute(script string) (x sovd.Execution, raw json.RawMessage, err error) {
	args, err := r.parameters()
	if err != nil {
		return x, nil, err
	}
	body, err := json.Marshal(map[string]any{"execution_type": "now", "parameters": args})
	if err != nil {
		return x, nil, err
	}
	runs := "/" + r.to + "/scripts/" + script + "/executions"
	if err := r.do(r.k.ctx, http.MethodPost, runs, "application/json", bytes.NewReader(body), &raw); err != nil {
		return x, nil, err
	}
	wall, began, stopped := r.k.farWall(), time.Now(), false
	for {
		if err := json.Unmarshal(raw, &x); err != nil {
			return x, nil, &fault{exit: exitRejected, msg: fmt.Sprintf("the gateway's answer is no execution: %v", err), cause: err}
		}
		if x.Status.Final() {
			if stopped && x.Status == job.Terminated {
				x.Error = &sovd.ExecutionError{Message: overWall(wall).Message}
			}
			return x, raw, nil
		}
		wait := time.Minute
		if wall > 0 && !stopped {
			if wait = min(wait, wall-time.Since(began)); wait <= 0 {
				r.stop(runs + "/" + x.ID)
				stopped, wait = true, time.Minute
			}
		}
		if err := r.do(r.k.ctx, http.MethodGet, fmt.Sprintf("%s/%s?wait=%dms", runs, x.ID, wait.Milliseconds()+1), "", nil, &raw); err != nil {
			if r.k.ctx.Err() != nil {
				r.stop(runs + "/" + x.ID)
				return x, nil, r.k.stopped()
			}
			return x, nil, err
		}
	}
}

// single runs on one entity, as if the script ran here.
func (r *gatewayRun) single(script string) error {
	x, raw, err := r.execute(script)
	if err != nil {
		return err
	}
	if r.k.json {
		if err := r.k.ui.result(raw, nil); err != nil {
			return err
		}
		return failure(x.Status, x.Error, x.Detail)
	}
	out := outputOf(x.Parameters)
	detail := x.Detail
	if detail == nil {
		detail = &sovd.ExecutionDetail{}
	}
	io.WriteString(r.k.out, output(out.Stdout, detail.StdoutB64))
	io.WriteString(r.k.streams.err, output(out.Stderr, detail.StderrB64))
	if detail.Truncated {
		r.k.ui.warn("", "only part of the output was kept: %d bytes of stdout and %d of stderr are missing", detail.StdoutDropped, detail.StderrDropped)
	}
	return failure(x.Status, x.Error, x.Detail)
}

// stop ends what an interrupted command has started.
func (r *gatewayRun) stop(path string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.k.ctx), afterwards)
	defer cancel()
	if err := r.do(ctx, http.MethodPut, path, "application/json", strings.NewReader(`{"action":"stop"}`), nil); err != nil {
		r.k.ui.warn("", "%s may run on: %v", path, err)
	}
}

type printed struct {
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`

	ExitCode *int `json:"exit_code"`
}

func outputOf(parameters json.RawMessage) (p printed) {
	if json.Unmarshal(parameters, &p) != nil {
		return printed{}
	}
	return p
}

// failure gives an execution that did not complete the exit code that it
// would have here.
func failure(status job.Status, e *sovd.ExecutionError, d *sovd.ExecutionDetail) error {
	if status == job.Completed {
		return nil
	}
	f := &fault{exit: exitScript, msg: fmt.Sprintf("the execution is %s", status)}
	if e != nil && e.Message != "" {
		f.msg = oneLine(e.Message)
	}
	if d != nil {
		switch d.Code {
		case "signature", "expired", "not-for-this-device", "replayed":
			f.exit = exitRefused
		case "download", "bad-arguments":
			f.exit = exitRejected
		}
	}
	return f
}
