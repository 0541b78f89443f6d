package cmd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"lander/lib/emp"
	"lander/lib/emp/frame"
)

func empSendCommand() *cli.Command {
	return verb{
		name:     "send",
		usage:    "send a command to the agent and print its answer",
		operands: "COMMAND [PAYLOAD|-]",
		about: `COMMAND is a name or a number, PAYLOAD its JSON. The payload of the answer goes to stdout,
nothing when it is null. --list shows every command with a payload to copy.`,
		flags: []cli.Flag{
			connectFlag(defaultEMP),
			&cli.DurationFlag{Name: "wait", Usage: "keep trying to connect for `DUR`"},
			&cli.StringFlag{Name: "batch", Usage: "send what `FILE` or - says, a {\"command\",\"payload\"} a line, up to 256 at once"},
			&cli.DurationFlag{Name: "listen-for", Usage: "stay for `DUR` and print what the agent sends meanwhile"},
			&cli.BoolFlag{Name: "list", Usage: "list the commands, and stop"},
		},
		max:   2,
		exits: []exitCode{exitUnreachable, exitRejected, exitPartial, exitInterrupted},
		examples: []example{
			{"lander emp send GetVariable '\"config.agent.deviceId\"'", "read a variable"},
			{"lander emp send SetVariable '[\"config.app.level\",3]'", "set one"},
			{"lander emp send --batch - < calls.ndjson | jq -c 'select(.status!=0)'", "many at once"},
		},
		run: runEMPSend,
	}.command()
}

// sent is one line of the result.
type sent struct {
	Seq        *int            `json:"seq,omitempty"`
	Command    string          `json:"command"`
	RequestID  int             `json:"request_id"`
	Status     int             `json:"status"`
	StatusName string          `json:"status_name"`
	Payload    json.RawMessage `json:"payload"`
	PayloadB64 []byte          `json:"payload_b64,omitempty"` // of a response that is no JSON
	ElapsedMS  float64         `json:"elapsed_ms"`
}

func runEMPSend(k *call) error {
	if k.cli.Bool("list") {
		return k.listCommands()
	}
	if file := k.cli.String("batch"); file != "" {
		if len(k.args) > 0 {
			return usagef("", "--batch takes its commands from %s, and %q was given", file, k.args[0])
		}
		return k.sendBatch(file)
	}
	if len(k.args) == 0 {
		return usagef("see lander emp send --list", "name the command to send")
	}
	cmd, err := parseCommand(k.args[0])
	if err != nil {
		return err
	}
	payload, err := k.payload()
	if err != nil {
		return err
	}
	peer, err := k.dialEMP(k.ctx, k.cli.String("connect"), k.cli.Duration("wait"), emp.Options{Handler: k.printer()})
	if err != nil {
		return err
	}
	defer hangUp(peer)
	start := time.Now()
	resp, err := peer.Call(k.ctx, cmd, payload)
	if err != nil {
		return callFault(cmd, err)
	}
	line := result(cmd, resp, time.Since(start))
	err = k.ui.result(line, func(w io.Writer) {
		if string(line.Payload) != "null" && resp.Status == frame.StatusOK {
			fmt.Fprintf(w, "%s\n", line.Payload)
		}
	})
	if err == nil {
		err = rejected(cmd, resp)
	}
	if err == nil && line.PayloadB64 != nil {
		err = invalidf("", "%s: the answer is OK, but what came with it is not JSON: %.60q", cmd, line.PayloadB64)
	}
	if d := k.cli.Duration("listen-for"); err == nil && d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-peer.Done():
		case <-k.ctx.Done():
		}
	}
	return err
}

// printer prints what the agent sends meanwhile, and answers that it came.
func (k *call) printer() emp.Handler {
	var mu sync.Mutex
	return emp.HandlerFunc(func(_ []byte, r *emp.Request) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		payload, err := k.asked(r)
		if err != nil {
			return nil, err
		}
		return nil, k.ui.result(map[string]any{"command": r.Command.String(), "payload": json.RawMessage(payload)}, func(w io.Writer) {
			fmt.Fprintf(w, "%s %s\n", r.Command, payload)
		})
	})
}

// asked is the JSON of what an agent sends; of nothing it is null.
func (k *call) asked(r *emp.Request) (json.RawMessage, error) {
	payload, ok := readJSON(r.Payload)
	if !ok {
		k.ui.warn("", "%s came with what is not JSON, and is refused: %.60q", r.Command, r.Payload)
		return nil, frame.Errorf(frame.StatusBadParameter, "the payload is not JSON")
	}
	return payload, nil
}

// readJSON copies what a peer sent, null in place of nothing; false where it is
// not JSON.
func readJSON(b []byte) (json.RawMessage, bool) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return json.RawMessage("null"), true
	}
	if !utf8.Valid(b) || !json.Valid(b) {
		return json.RawMessage("null"), false
	}
	return bytes.Clone(b), true
}

func result(cmd frame.Command, r frame.Response, took time.Duration) sent {
	line := sent{Command: cmd.String(), RequestID: int(r.RequestID), Status: int(r.Status), StatusName: r.Status.Name(), ElapsedMS: float64(took.Microseconds()) / 1000}
	var ok bool
	if line.Payload, ok = readJSON(r.Body); !ok {
		line.PayloadB64 = bytes.Clone(r.Body)
	}
	return line
}

func parseCommand(s string) (frame.Command, error) {
	if n, err := strconv.ParseUint(s, 10, 16); err == nil {
		return frame.Command(n), nil
	}
	cmd, ok := frame.Lookup(s)
	if !ok {
		var names []string
		for _, e := range frame.Catalog() {
			names = append(names, e.Command.String())
		}
		hint := "see lander emp send --list"
		if near := nearest(s, names); near != "" {
			hint = "did you mean " + near + "?"
		}
		return 0, usagef(hint, "EMP has no command %q", s)
	}
	return cmd, nil
}

// payload reads the JSON operand. A bad one is named here: the agent would
// only say that it is bad.
func (k *call) payload() ([]byte, error) {
	if len(k.args) < 2 {
		return nil, nil
	}
	text := []byte(k.args[1])
	if k.args[1] == "-" {
		r, err := k.stdin("the payload")
		if err != nil {
			return nil, err
		}
		if text, err = io.ReadAll(io.LimitReader(r, frame.DefaultLimit+1)); err != nil {
			return nil, k.readFault("the payload", err)
		}
	}
	return checkPayload(text)
}

func checkPayload(text []byte) ([]byte, error) {
	text = bytes.TrimSpace(text)
	if len(text) > frame.DefaultLimit {
		return nil, invalidf("", "the payload is larger than %d bytes", frame.DefaultLimit)
	}
	if len(text) > 0 && !json.Valid(text) {
		hint := ""
		if !strings.ContainsAny(string(text[:1]), `"[{`) {
			hint = "a string is written with its quotes: '\"" + string(text[:min(len(text), 40)]) + "\"'"
		}
		return nil, invalidf(hint, "the payload is not JSON: %.60q", text)
	}
	return text, nil
}

func (k *call) listCommands() error {
	type row struct {
		ID        int             `json:"id"`
		Name      string          `json:"name"`
		Direction string          `json:"direction"`
		Example   json.RawMessage `json:"example"`
	}
	rows := []row{}
	for _, e := range frame.Catalog() {
		rows = append(rows, row{int(e.Command), e.Command.String(), e.Direction.String(), json.RawMessage(e.Example)})
	}
	return k.ui.result(map[string]any{"commands": rows}, func(w io.Writer) {
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, r := range rows {
			fmt.Fprintf(tw, "%d\t%s\t%s\t%s\n", r.ID, r.Name, r.Direction, r.Example)
		}
		tw.Flush()
	})
}

// sendBatch sends many commands, up to 256 at once, and prints the answers in
// the order of the lines.
func (k *call) sendBatch(file string) error {
	src, err := k.openInput(file, "the batch")
	if err != nil {
		return err
	}
	defer src.Close()
	peer, err := k.dialEMP(k.ctx, k.cli.String("connect"), k.cli.Duration("wait"), emp.Options{Handler: k.printer()})
	if err != nil {
		return err
	}
	defer hangUp(peer)

	type outcome struct {
		line sent
		err  error
	}
	queue := make(chan chan outcome, emp.MaxOpen)
	var readErr error
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(queue)
		sc := bufio.NewScanner(src)
		sc.Buffer(nil, frame.DefaultLimit)
		for n := 1; sc.Scan(); n++ {
			if len(bytes.TrimSpace(sc.Bytes())) == 0 {
				continue
			}
			cmd, payload, err := parseBatchLine(sc.Bytes())
			if err != nil {
				readErr = invalidf("", "line %d of the batch: %v", n, err)
				return
			}
			out := make(chan outcome, 1)
			start := time.Now()
			err = peer.Post(cmd, payload, func(r frame.Response, err error) {
				if err != nil {
					out <- outcome{err: callFault(cmd, err)}
					return
				}
				out <- outcome{line: result(cmd, r, time.Since(start))}
			})
			if err != nil {
				out <- outcome{err: callFault(cmd, err)}
			}
			select {
			case queue <- out:
			case <-k.ctx.Done():
				return
			}
		}
		if err := sc.Err(); err != nil {
			readErr = k.readFault("the batch", err)
		}
	})
	seq, failed := 0, 0
	var lost error
	w := bufio.NewWriter(k.out)
	for out := range queue {
		o := <-out
		if o.err != nil {
			if lost == nil {
				lost = o.err
			}
			failed++
			continue
		}
		o.line.Seq = new(int)
		*o.line.Seq = seq
		seq++
		if o.line.Status != 0 || o.line.PayloadB64 != nil {
			failed++
		}
		b, err := json.Marshal(o.line)
		if err != nil {
			return fmt.Errorf("rendering an answer: %w", err)
		}
		w.Write(append(b, '\n'))
		if len(queue) == 0 {
			w.Flush()
		}
	}
	wg.Wait()
	w.Flush()
	switch {
	case lost != nil:
		return lost
	case readErr != nil:
		return readErr
	case k.ctx.Err() != nil:
		return k.stopped()
	case failed > 0:
		return &fault{exit: exitPartial, msg: fmt.Sprintf("%d of %d commands were rejected, or answered with what is not JSON", failed, seq)}
	}
	return nil
}

func parseBatchLine(line []byte) (frame.Command, []byte, error) {
	var m struct {
		Command json.RawMessage `json:"command"`
		Payload json.RawMessage `json:"payload"`
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return 0, nil, err
	}
	name := string(m.Command)
	if s, err := strconv.Unquote(name); err == nil {
		name = s
	}
	if name == "" {
		return 0, nil, errors.New("no command")
	}
	cmd, err := parseCommand(name)
	return cmd, m.Payload, err
}
