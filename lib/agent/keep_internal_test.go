package agent

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"lander/lib/job"
	"lander/lib/remote"
	"lander/lib/store"
)

// fullStore takes nothing while full.
type fullStore struct {
	store.Store
	full atomic.Bool
}

func (f *fullStore) Put(ctx context.Context, key string, value []byte, rev store.Revision) (store.Revision, error) {
	if f.full.Load() {
		return 0, errors.New("no space left on device")
	}
	return f.Store.Put(ctx, key, value, rev)
}

// What a script ended with is the answer from then on, also while the disk
// does not take it, and is on record once it does: by itself, or when the
// agent ends.
func TestResultOnFullDisk(t *testing.T) {
	for _, ends := range []bool{false, true} {
		s := &fullStore{Store: store.NewMemory()}
		a := &Agent{cfg: Config{Clock: time.Now, Log: slog.New(slog.DiscardHandler)}, store: s}
		a.scripts = newScripts(a, &remote.Service{})
		a.scripts.retry = time.Millisecond
		if ends {
			a.scripts.retry = time.Hour
		}
		begun := job.Result{ID: "exec_1", Status: job.Running}
		if err := a.scripts.save(begun, "key"); err != nil {
			t.Fatal(err)
		}
		a.scripts.running[begun.ID] = &run{result: begun}
		s.full.Store(true)
		res := begun
		res.Status = job.Completed
		a.scripts.keep(res, "key")
		status := func() job.Status {
			t.Helper()
			_, body, found, err := a.scripts.lookup("key")
			var r job.Result
			if err == nil {
				err = json.Unmarshal(body, &r)
			}
			if err != nil || !found {
				t.Fatal(found, err)
			}
			return r.Status
		}
		if got := status(); got != job.Completed {
			t.Errorf("while the disk is full it is %s", got)
		}
		s.full.Store(false)
		if ends {
			a.scripts.cancel()
		}
		a.scripts.wg.Wait()
		a.scripts.ctx = t.Context() // to look again
		if got := status(); got != job.Completed || len(a.scripts.running) != 0 {
			t.Errorf("when there is room it is %s, %d in memory", got, len(a.scripts.running))
		}
	}
}
