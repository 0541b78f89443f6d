package boards

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"lander/lib/job"
	"lander/lib/provision"
	"lander/lib/sovd"
)

// The scripts of a NodeMCU board.
const (
	AssignRelease   = "assign-release"
	WithdrawRelease = "withdraw-release"
)

// NodeMCU is the Source of the boards that an ota serve looks after. A board's
// component has its chip id in decimal. To put something on it is to assign it
// a release, which it gets when it says HI.
type NodeMCU struct {
	// Stores are those of the servers, whose records they share with us.
	Stores func(ctx context.Context) ([]provision.Inventory, error)
}

// known is a board and the inventory that knows it best.
type known struct {
	provision.Device
	in provision.Inventory
}

func (n NodeMCU) find(ctx context.Context, id string) (*known, error) {
	for _, c := range id {
		if c < '0' || c > '9' {
			return nil, nil // none of its ids: the store is not asked
		}
	}
	all, err := n.Stores(ctx)
	if err != nil || id == "" {
		return nil, err
	}
	var best *known
	for _, in := range all {
		d, err := in.Board(ctx, id)
		if errors.Is(err, provision.ErrNoBoard) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if best == nil || d.LastSeen.After(best.LastSeen.Time) {
			best = &known{d, in}
		}
	}
	return best, nil
}

// Board implements Source.
func (n NodeMCU) Board(ctx context.Context, id string) (*Board, error) {
	k, err := n.find(ctx, id)
	if err != nil || k == nil {
		return nil, err
	}
	a, err := k.in.Assignment(ctx, id)
	if err != nil {
		return nil, err
	}
	return boardOf(k.Device, a), nil
}

// Boards implements Source.
func (n NodeMCU) Boards(ctx context.Context) ([]*Board, error) {
	stores, err := n.Stores(ctx)
	if err != nil {
		return nil, err
	}
	best := map[string]provision.Device{}
	var damaged []error
	for _, in := range stores {
		all, err := in.Boards(ctx)
		damaged = append(damaged, err)
		for _, d := range all {
			if b, ok := best[d.ID]; !ok || d.LastSeen.After(b.LastSeen.Time) {
				best[d.ID] = d
			}
		}
	}
	var out []*Board
	for _, id := range slices.Sorted(maps.Keys(best)) {
		out = append(out, boardOf(best[id], nil))
	}
	return out, errors.Join(damaged...)
}

// boardOf makes the component; a nil assignment is not shown.
func boardOf(d provision.Device, a *provision.Assignment) *Board {
	b := &Board{ID: d.ID, Name: "ESP-" + d.ID, Kind: "nodemcu", Names: []string{d.ID}, Groups: d.Groups}
	files := slices.Sorted(maps.Keys(d.Have))
	state := map[string]any{
		"last_seen": d.LastSeen, "first_seen": d.FirstSeen, "release": d.Release, "chk": d.Chk, "result": d.Result, "reason": d.Reason, "files": files,
		"bytes": d.Bytes, "sessions": d.Sessions, "failures": d.Failures, "address": d.Address, "boots": d.Boots,
	}
	if d.Pending != nil {
		state["pending"] = d.Pending.Release
	}
	if a != nil {
		state["assigned"] = a.Release
	}
	at := d.LastSeen
	for _, id := range slices.Sorted(maps.Keys(state)) {
		if v := state[id]; v == "" {
			delete(state, id)
		} else if text, err := json.Marshal(v); err == nil {
			b.Data = append(b.Data, sovd.Datum{ID: id, Time: at, Value: text})
		}
	}
	b.Detail = state
	b.Detail["device"] = d.ID
	return b
}

// History implements Source: a board's record has the last values alone.
func (n NodeMCU) History(id, variable string) []sovd.Datum {
	b, err := n.Board(context.Background(), id)
	if err != nil || b == nil {
		return nil
	}
	return slices.DeleteFunc(b.Data, func(d sovd.Datum) bool { return d.ID != variable })
}

// Follow implements Source: it looks at the record again and again.
func (n NodeMCU) Follow(id string) (<-chan sovd.Datum, func()) {
	out := make(chan sovd.Datum)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(out)
		last := map[string]sovd.Datum{}
		t := time.NewTicker(tendEvery)
		defer t.Stop()
		for first := true; ; first = false {
			b, err := n.Board(ctx, id)
			if err != nil || b == nil {
				return
			}
			for _, d := range b.Data {
				old, ok := last[d.ID]
				last[d.ID] = d
				if first || ok && bytes.Equal(old.Value, d.Value) {
					continue
				}
				select {
				case out <- d:
				case <-ctx.Done():
					return
				}
			}
			select {
			case <-t.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, func() { cancel(); <-done }
}

var nodemcuScripts = []sovd.Script{
	{
		ID: AssignRelease, Name: "Assign a release", Managed: true,
		Description: "The board gets the release when it says HI, and keeps it until the assignment is withdrawn, whatever becomes of the tree",
		Schema:      json.RawMessage(`{"type":"object","properties":{"release":{"type":"string","minLength":1,"description":"the name of a release, or its fingerprint"}},"required":["release"],"additionalProperties":false}`),
	},
	{
		ID: WithdrawRelease, Name: "Withdraw an assignment", Managed: true,
		Description: "The board gets what its manifest says again",
		Schema:      json.RawMessage(`{"type":"object","additionalProperties":false}`),
	},
}

// Scripts implements Source.
func (NodeMCU) Scripts() []sovd.Script { return nodemcuScripts }

// Formats implements Source: what a board gets is in the trees.
func (NodeMCU) Formats() []string { return nil }

// Check implements Source.
func (NodeMCU) Check([]byte) error {
	return sovd.Errorf(sovd.KindUnsupported, "The board takes no uploads")
}

// strictly reads parameters into v; members that it does not have are refused.
func strictly(parameters json.RawMessage, v any) error {
	if len(parameters) == 0 || string(parameters) == "null" {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(parameters))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return sovd.Errorf(sovd.KindInput, "The parameters do not fit: %v", err)
	}
	return nil
}

// Pin puts the fingerprint of a release in the place of a name that is that of
// this one release for whatever board, as far as the servers agree.
func (n NodeMCU) Pin(ctx context.Context, script string, parameters json.RawMessage) (json.RawMessage, error) {
	var p struct {
		Release string `json:"release"`
	}
	if script != AssignRelease || strictly(parameters, &p) != nil {
		return parameters, nil // each board says what is wrong
	}
	stores, err := n.Stores(ctx)
	if err != nil {
		return nil, err
	}
	chk := ""
	for _, in := range stores {
		one, clear, err := in.Only(ctx, p.Release)
		if err != nil {
			return nil, err
		}
		if !clear || one != "" && chk != "" && one != chk {
			return parameters, nil
		}
		chk = cmp.Or(one, chk)
	}
	if p.Release = chk; chk == "" {
		return parameters, nil
	}
	return json.Marshal(p)
}

// Plan implements Source.
func (n NodeMCU) Plan(ctx context.Context, b *Board, r Request) (Plan, error) {
	k, err := n.find(ctx, b.ID)
	if err != nil {
		return Plan{}, err
	}
	if k == nil {
		return Plan{}, sovd.Errorf(sovd.KindNotFound, "The board is not known any more: %s", b.ID)
	}
	if r.Script == WithdrawRelease {
		if err := strictly(r.Parameters, &struct{}{}); err != nil {
			return Plan{}, err
		}
		return Plan{Run: func(ctx context.Context, out *job.Output) job.Outcome {
			was, err := k.in.Withdraw(ctx, b.ID, "")
			if err != nil {
				return job.Outcome{Err: job.Errorf(job.CodeInternal, "%v", err)}
			}
			text := "there was no assignment\n"
			if was {
				text = "withdrawn\n"
			}
			fmt.Fprint(out.Writer(job.Stdout), text)
			return job.Outcome{}
		}}, nil
	}
	var p struct {
		Release string `json:"release"`
	}
	if err := strictly(r.Parameters, &p); err != nil {
		return Plan{}, err
	}
	if p.Release == "" {
		return Plan{}, sovd.Errorf(sovd.KindInput, "The parameter release is missing")
	}
	o, err := k.in.Find(ctx, b.ID, p.Release)
	if err != nil {
		for _, known := range []error{provision.ErrNoRelease, provision.ErrAmbiguous, provision.ErrNotTaken} {
			if errors.Is(err, known) {
				return Plan{}, sovd.Errorf(sovd.KindInput, "%v", err)
			}
		}
		return Plan{}, err
	}
	return Plan{Name: cmp.Or(o.Name, o.Chk), Goal: o.Chk, Begin: func(ctx context.Context, id string) error { return k.in.Assign(ctx, b.ID, o, id) }}, nil
}

// assigned finds the assignment of a board, wherever it is.
func (n NodeMCU) assigned(ctx context.Context, x Open) (*provision.Assignment, *known, error) {
	k, err := n.find(ctx, x.Board)
	if err != nil || k == nil {
		return nil, k, err
	}
	a, err := k.in.Assignment(ctx, x.Board)
	return a, k, err
}

// Look implements Source.
func (n NodeMCU) Look(ctx context.Context, x Open) (running bool, end *job.Outcome, err error) {
	a, k, err := n.assigned(ctx, x)
	over := func(text string) *job.Outcome {
		return &job.Outcome{Terminated: true, Err: job.Errorf(job.CodeInterrupted, "%s", text)}
	}
	switch {
	case err != nil, k == nil, (a == nil || a.By != x.ID && a.At.Before(x.Started)) && x.Fresh:
		return false, nil, err
	case a == nil:
		return false, over("The assignment was withdrawn"), nil
	case a.By != x.ID:
		return false, over("Another release was assigned: " + a.Release), nil
	}
	switch stage, why := a.Stage(k.Device); stage {
	case provision.There:
		return true, &job.Outcome{}, nil
	case provision.Refused:
		return true, &job.Outcome{Err: job.Errorf(job.CodeScript, "The board did not get it: %s", why)}, nil
	default:
		return stage == provision.Underway, nil, nil
	}
}

// Withdraw implements Source.
func (n NodeMCU) Withdraw(ctx context.Context, x Open) error {
	_, k, err := n.assigned(ctx, x)
	if err == nil && k != nil {
		_, err = k.in.Withdraw(ctx, x.Board, x.ID)
	}
	return err
}
