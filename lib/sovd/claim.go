package sovd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lander/lib/store"
)

// claim is who uses an Idempotency-Key, in a store that gateways share.
type claim struct {
	Execution string `json:"execution"`
	Digest    string `json:"request"`
	Life      string `json:"life"` // of the gateway that starts it
}

// replayOf is an execution that an earlier request with the same
// Idempotency-Key has started, maybe at another gateway.
type replayOf struct{ id string }

func (r replayOf) Error() string { return "started before: " + r.id }

// claimWait is how long a start waits for another gateway that is about to
// start the same.
const claimWait = 10 * time.Second

func claimKey(key string) string { return "idempotency/" + key }

// claim takes the key of x for it: an error is a replayOf when it was used.
// Between a claim and the record of its execution its gateway may have died.
func (f *Files) claim(ctx context.Context, x *execution) error {
	value, err := json.Marshal(claim{x.id, x.first.Digest, x.first.Life})
	if err != nil {
		return fmt.Errorf("claiming an Idempotency-Key: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	for {
		e, err := f.o.Store.Get(ctx, claimKey(x.key))
		if errors.Is(err, store.ErrNotFound) {
			_, err = f.o.Store.Put(ctx, claimKey(x.key), value, 0)
			if errors.Is(err, store.ErrConflict) {
				continue
			}
			return err
		}
		if err != nil {
			return err
		}
		var c claim
		if err := json.Unmarshal(e.Value, &c); err != nil {
			return fmt.Errorf("reading an Idempotency-Key: %w", err)
		}
		if c.Digest != x.first.Digest {
			return Errorf(KindReused, "The Idempotency-Key was used for another request")
		}
		_, err = f.o.Store.Get(ctx, recordKey(c.Execution))
		if err == nil {
			return replayOf{c.Execution}
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if f.o.Presence.Gone(ctx, c.Life) {
			_, err = f.o.Store.Put(ctx, e.Key, value, e.Rev)
			if !errors.Is(err, store.ErrConflict) {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return Errorf(KindUnavailable, "Another request with the same Idempotency-Key is under way")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// unclaim gives the key of x back.
func (f *Files) unclaim(ctx context.Context, x *execution) error {
	if !f.shared() || x.key == "" {
		return nil
	}
	e, err := f.o.Store.Get(ctx, claimKey(x.key))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var c claim
	if json.Unmarshal(e.Value, &c) == nil && c.Execution != x.id {
		return nil
	}
	if err := f.o.Store.Delete(ctx, e.Key, e.Rev); err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
		return err
	}
	return nil
}
