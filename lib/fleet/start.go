package fleet

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"lander/lib/bundle"
	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
	"lander/lib/trust"
)

// plan is a script as devices get it.
type plan struct {
	rec     record // what all its executions have in common
	payload []byte
}

// plan reads a script. One that is signed goes out with its signature, and a
// bare one with its MD5, which devices of ours take only when they are told to.
func (f *Fleet) plan(ctx context.Context, e sovd.Ref, script string, parameters json.RawMessage) (plan, error) {
	if f.shelf == nil {
		return plan{}, errNoScripts
	}
	s, err := f.shelf.ReadScript(ctx, e, script)
	if err != nil {
		return plan{}, err
	}
	p := plan{payload: s.Bytes, rec: record{Script: script, Name: s.Name, Format: s.Format, Managed: s.Managed}}
	if bundle.Is(s.Bytes) {
		r := bufio.NewReader(bytes.NewReader(s.Bytes))
		sig, err := bundle.ReadHeader(r)
		if err != nil {
			return plan{}, sovd.Errorf(sovd.KindInput, "The script is no whole bundle")
		}
		if p.payload, err = io.ReadAll(r); err != nil {
			return plan{}, fmt.Errorf("reading a script: %w", err)
		}
		p.rec.Signature, p.rec.KeyID, p.rec.MD5 = string(sig.Text()), sig.KeyID(), trust.LegacyMD5(p.payload)
		if st, err := trust.ParseStatement(sig.Comment()); err == nil {
			p.rec.Format, p.rec.Serial = st.Format, &st.Serial
		}
	} else {
		if s.Format != job.FormatLua {
			return plan{}, sovd.Errorf(sovd.KindInput, "Of scripts that are not signed, devices run only Lua")
		}
		p.rec.Signature = trust.LegacyMD5(p.payload)
	}
	sum := sha256.Sum256(p.payload)
	p.rec.SHA256 = hex.EncodeToString(sum[:])
	if len(parameters) > 0 && string(bytes.TrimSpace(parameters)) != "null" {
		var args map[string]any
		if json.Unmarshal(parameters, &args) != nil {
			return plan{}, sovd.Errorf(sovd.KindInput, "The parameters for a device must be a JSON object")
		}
		if len(args) > 0 {
			b, err := json.Marshal(args)
			if err != nil || len(b) > sovd.MaxStdin {
				return plan{}, sovd.Errorf(sovd.KindInput, "Parameters JSON exceeds maximum size (64 KB)")
			}
			p.rec.Args = string(b)
		}
	}
	return p, f.keepPayload(ctx, p.rec.SHA256, p.payload)
}

// StartExecution implements sovd.ScriptProvider. The execution is durable when
// it returns: running when the device is there, else prepared.
func (f *Fleet) StartExecution(ctx context.Context, e sovd.Ref, script string, s sovd.Start) (sovd.Execution, error) {
	d, err := f.target(e)
	if err != nil {
		return sovd.Execution{}, err
	}
	key := ""
	if s.Key != "" {
		sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", s.Actor, e.Path(), script, s.Key))
		key = hex.EncodeToString(sum[:])
		f.mu.Lock()
		x := f.keys[key]
		f.mu.Unlock()
		if x != nil {
			return f.again(ctx, x, s.Digest)
		}
	}
	p, err := f.plan(ctx, e, script, s.Parameters)
	if err != nil {
		return sovd.Execution{}, err
	}
	if err := s.Same(p.rec.SHA256); err != nil {
		return sovd.Execution{}, err
	}
	p.rec.Actor, p.rec.Key, p.rec.Request = s.Actor, key, s.Digest
	x, fresh, err := f.begin(d, p.rec)
	if err != nil {
		return sovd.Execution{}, err
	}
	if !fresh {
		return f.again(ctx, x, s.Digest)
	}
	return f.look(x), nil
}

// again answers a start that came before.
func (f *Fleet) again(ctx context.Context, x *execution, digest string) (sovd.Execution, error) {
	select {
	case <-x.recorded:
	case <-ctx.Done():
		return sovd.Execution{}, fmt.Errorf("waiting for the first request with the same key: %w", ctx.Err())
	}
	f.lock(x)
	defer x.mu.Unlock()
	switch {
	case x.rec.Request != digest:
		return sovd.Execution{}, sovd.Errorf(sovd.KindReused, "The Idempotency-Key was used for another request")
	case x.lost:
		return sovd.Execution{}, sovd.Errorf(sovd.KindUnavailable, "The first request with the same key failed")
	}
	return x.view().Replayed(), nil
}

func (f *Fleet) target(e sovd.Ref) (*device, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.Kind == sovd.Components {
		if d := f.components[e.ID]; d != nil {
			return d, nil
		}
	}
	return nil, sovd.Errorf(sovd.KindUnsupported, "Scripts run on the component of a device")
}

// newToken makes what nobody can guess.
func (f *Fleet) newToken() (string, error) {
	b := make([]byte, 24)
	if _, err := io.ReadFull(f.o.Random, b); err != nil {
		return "", fmt.Errorf("making a token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// begin records an execution and sends it when its device is there. fresh is
// false when the idempotency key, or the id that rec may have, has one.
func (f *Fleet) begin(d *device, rec record) (x *execution, fresh bool, err error) {
	if rec.Token, err = f.newToken(); err != nil {
		return nil, false, err
	}
	switch {
	case rec.ID != "":
	case rec.Key != "":
		if rec.ID, err = f.claim(rec.Key); err != nil {
			return nil, false, err
		}
	default:
		rec.ID = job.NewID(f.o.Clock(), f.o.Random)
	}
	now := f.o.Clock()
	rec.Device, rec.Status = d.id, job.Prepared
	rec.Started, rec.Deadline = job.Time{Time: now}, job.Time{Time: now.Add(f.o.TTL)}
	f.mu.Lock()
	if y := f.execs[rec.ID]; y != nil {
		f.mu.Unlock()
		return y, false, nil
	}
	if f.closed {
		f.mu.Unlock()
		return nil, false, sovd.Errorf(sovd.KindUnavailable, "The gateway is shutting down")
	}
	// One that goes out at once is recorded as such, which saves a write.
	c := d.conn
	if c != nil && c.session != nil && d.rec.Lander {
		rec.Status, rec.SentAt, rec.URL = job.Running, &rec.Started, f.urlOf(rec.ID, rec.Token, c)
	}
	x = newExecution(d, rec)
	x.recorded = make(chan struct{})
	f.enter(x)
	d.open = append(d.open, x)
	f.mu.Unlock()
	rev, err := f.putRecord(&rec, 0)
	fresh = err == nil
	if errors.Is(err, store.ErrConflict) {
		// Another gateway has had the same start.
		var e store.Entry
		if e, err = f.o.Store.Get(context.WithoutCancel(f.ctx), executionKey(x.id)); err == nil {
			f.lock(x)
			err = f.adopt(x, e)
			x.mu.Unlock()
		}
	}
	f.lock(x)
	x.rev = max(x.rev, rev)
	if x.rev == 0 {
		// Nothing is known of a record. If there is one, it is told of later.
		x.lost, x.void = true, true
		f.mu.Lock()
		f.close(x)
		f.remove(x)
		if m := f.records[x.parent]; m != nil && m.children[d.id] == x {
			delete(m.children, d.id)
		}
		f.mu.Unlock()
	}
	void := x.void
	x.mu.Unlock()
	close(x.recorded)
	if void {
		return nil, false, fmt.Errorf("recording an execution: %w", err)
	}
	f.push(x)
	return x, fresh, nil
}
