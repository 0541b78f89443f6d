package fleet

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"lander/lib/sovd"
	"lander/lib/store"
)

// What devices fetch is kept once for all executions that need it, under its
// SHA-256, and goes when nothing needs it. Another gateway may begin to need it
// at any time: so who finds it unused writes a mark beside it, and removes it
// only when a good while later nothing needs it yet, and at the revision that
// it had then. Who needs what is marked takes the mark away and writes the
// payload anew, so that it has another revision. Who has seen it shortly
// before the mark came has an execution on record before the while is over.
const (
	payloadSure   = 5 * time.Minute  // how long what was seen is sure to be there
	payloadGrace  = 30 * time.Minute // between the mark and the end
	payloadLooked = 10 * time.Minute // how often that is looked at
)

// unused is a payload that this gateway has found marked, or has marked.
type unused struct {
	since time.Time      // by our clock
	rev   store.Revision // of the payload
	mark  store.Revision
}

func payloadKey(sha256 string) string { return "fleet/payloads/" + sha256 }

func unusedKey(sha256 string) string { return "fleet/unused/" + sha256 }

// keepPayload makes what devices will fetch durable, once for all of them.
func (f *Fleet) keepPayload(ctx context.Context, sha256 string, payload []byte) error {
	if len(payload) > store.MaxValue {
		return sovd.Errorf(sovd.KindTooLarge, "Scripts of devices hold at most %d bytes", store.MaxValue)
	}
	now := f.o.Clock()
	f.mu.Lock()
	seen, there := f.payloads[sha256]
	f.mu.Unlock()
	if there && now.Sub(seen) < payloadSure {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if err := f.writePayload(ctx, sha256, payload); err != nil {
		return fmt.Errorf("keeping a script: %w", err)
	}
	f.mu.Lock()
	f.payloads[sha256] = now
	f.mu.Unlock()
	return nil
}

func (f *Fleet) writePayload(ctx context.Context, sha256 string, payload []byte) error {
	for {
		_, err := f.o.Store.Put(ctx, payloadKey(sha256), payload, 0)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		mark, err := f.o.Store.Get(ctx, unusedKey(sha256))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		have, err := f.o.Store.Get(ctx, payloadKey(sha256))
		if err == nil {
			_, err = f.o.Store.Put(ctx, payloadKey(sha256), payload, have.Rev)
		}
		if err == nil {
			err = f.o.Store.Delete(ctx, unusedKey(sha256), mark.Rev)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// needed are the payloads that an execution that is open, or a record of many,
// needs.
func (f *Fleet) needed() map[string]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	needed := map[string]bool{}
	for _, d := range f.devices {
		for _, x := range d.open {
			needed[x.sha256] = true
		}
	}
	for _, m := range f.records {
		needed[m.rec.SHA256] = true
	}
	return needed
}

// sweepPayloads marks and removes what nothing needs.
func (f *Fleet) sweepPayloads() {
	now := f.o.Clock()
	if now.Sub(f.swept) < payloadLooked {
		return
	}
	f.swept = now
	ctx, cancel := context.WithTimeout(f.ctx, time.Minute)
	defer cancel()
	if err := f.sweepAll(ctx, now); err != nil && ctx.Err() == nil {
		f.o.Log.Error("forgetting scripts of devices", "error", err)
	}
}

func (f *Fleet) sweepAll(ctx context.Context, now time.Time) error {
	needed := f.needed()
	there := map[string]bool{}
	for e, err := range f.o.Store.List(ctx, "fleet/payloads") {
		if errors.Is(err, store.ErrDamaged) {
			continue // whoever needs it says so
		}
		if err != nil {
			return err
		}
		sum := strings.TrimPrefix(e.Key, payloadKey(""))
		there[sum] = true
		u, known := f.unused[sum]
		switch {
		case needed[sum]:
			if known {
				delete(f.unused, sum)
				err = f.o.Store.Delete(ctx, unusedKey(sum), u.mark)
			}
		case !known || u.rev != e.Rev:
			err = f.markUnused(ctx, sum, unused{since: now, rev: e.Rev})
		case now.Sub(u.since) >= payloadGrace:
			f.mu.Lock()
			delete(f.payloads, sum)
			f.mu.Unlock()
			delete(f.unused, sum)
			// The mark must have been there all the time.
			var mark store.Entry
			if mark, err = f.o.Store.Get(ctx, unusedKey(sum)); err == nil && mark.Rev == u.mark {
				if err = f.o.Store.Delete(ctx, e.Key, u.rev); err == nil {
					err = f.o.Store.Delete(ctx, unusedKey(sum), u.mark)
				}
			}
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	for sum := range f.unused {
		if !there[sum] {
			delete(f.unused, sum)
		}
	}
	return nil
}

// markUnused writes the mark, or finds another's.
func (f *Fleet) markUnused(ctx context.Context, sum string, u unused) error {
	var err error
	if u.mark, err = f.o.Store.Put(ctx, unusedKey(sum), nil, 0); errors.Is(err, store.ErrConflict) {
		var e store.Entry
		e, err = f.o.Store.Get(ctx, unusedKey(sum))
		u.mark = e.Rev
	}
	if err == nil {
		f.unused[sum] = u
	}
	return err
}

// Payload implements sovd.Devices. A token is the id of an execution and what
// nobody can guess; it holds until the execution has ended or is to be stopped.
func (f *Fleet) Payload(token string) ([]byte, bool) {
	id, secret, ok := strings.Cut(token, ".")
	if !ok || secret == "" {
		return nil, false
	}
	x, err := f.execution(id)
	if err != nil {
		f.o.Log.Error("reading a script for a device", "error", err)
	}
	if x == nil {
		return nil, false
	}
	f.lock(x)
	rec := x.rec
	x.mu.Unlock()
	if subtle.ConstantTimeCompare([]byte(rec.Token), []byte(secret)) != 1 || rec.Status.Final() || rec.Stop != "" || !f.o.Clock().Before(rec.Deadline.Time) {
		return nil, false
	}
	e, err := f.o.Store.Get(f.ctx, payloadKey(rec.SHA256))
	if err != nil {
		f.o.Log.Error("reading a script for a device", "execution", x.id, "error", err)
		return nil, false
	}
	return e.Value, true
}
