package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
)

// What is kept of the data of one device in the store, over restarts: values
// stand together in records, so that one write keeps many.
const (
	packValues = 100       // in a record
	packBytes  = 16 << 10  // of a record: what comes is written with what stands there
	maxBytes   = 256 << 10 // of all records of a device
	maxDatum   = 32 << 10  // of one value; the latest of a longer one is in memory alone
)

// pack is a record of values, under fleetdata/<device>/<number>.
type pack struct {
	seq    int64
	rev    store.Revision
	bytes  int
	counts map[string]int // values by variable
	values []sovd.Datum   // of the one that is written to; the others are read when somebody asks
}

// archive is what the store has of the data of one device.
type archive struct {
	mu    sync.Mutex // held while it is written; taken before Fleet.mu
	conn  *connection
	packs []*pack // the oldest first
	open  *pack   // the last of packs, when it is ours
}

func dataPrefix(device string) string { return "fleetdata/" + store.Word(device) }

func packKey(device string, seq int64) string {
	return fmt.Sprintf("%s/%012d", dataPrefix(device), seq)
}

// appendPack writes values as they are stored: a list of [milliseconds,
// variable, value].
func appendPack(dst []byte, values []sovd.Datum) ([]byte, error) {
	list := make([][3]any, len(values))
	for i, v := range values {
		list[i] = [3]any{v.Time.UnixMilli(), v.ID, v.Value}
	}
	b, err := json.Marshal(list)
	return append(dst, b...), err
}

var errPack = errors.New("not a record of values")

// parsePack is the inverse of appendPack.
func parsePack(b []byte) ([]sovd.Datum, error) {
	var list [][3]json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("%w: %w", errPack, err)
	}
	out := make([]sovd.Datum, len(list))
	for i, e := range list {
		var ms int64
		if json.Unmarshal(e[0], &ms) != nil || json.Unmarshal(e[1], &out[i].ID) != nil || len(e[2]) == 0 {
			return nil, errPack
		}
		out[i].Time, out[i].Value = job.Time{Time: time.UnixMilli(ms).UTC()}, e[2]
	}
	return out, nil
}

// readPacks calls f with each record of a device, the oldest first.
func (f *Fleet) readPacks(ctx context.Context, device string, each func(p *pack)) error {
	for e, err := range f.o.Store.List(ctx, dataPrefix(device)) {
		if errors.Is(err, store.ErrDamaged) {
			f.o.Log.Error("a record of data is damaged", "device", device, "error", err)
			continue
		}
		if err != nil {
			return fmt.Errorf("reading the data of %s: %w", device, err)
		}
		p := &pack{rev: e.Rev, bytes: len(e.Value), counts: map[string]int{}}
		_, err = fmt.Sscanf(e.Key[strings.LastIndex(e.Key, "/")+1:], "%d", &p.seq)
		if err == nil {
			p.values, err = parsePack(e.Value)
		}
		if err != nil {
			f.o.Log.Error("a record of data is damaged", "key", e.Key, "error", err)
			continue
		}
		for _, v := range p.values {
			p.counts[v.ID]++
		}
		each(p)
	}
	return nil
}

// keep makes values durable. a.mu is held.
func (f *Fleet) keep(a *archive, device string, values []sovd.Datum) error {
	ctx := context.WithoutCancel(f.ctx)
	values = slices.DeleteFunc(slices.Clone(values), func(v sovd.Datum) bool { return len(v.Value)+len(v.ID) > maxDatum })
	for len(values) > 0 {
		p := a.open
		if p == nil || len(p.values) >= packValues || p.bytes >= packBytes {
			if p != nil {
				p.values = nil
				f.thin(ctx, a, device)
			}
			p = &pack{counts: map[string]int{}}
			if n := len(a.packs); n > 0 {
				p.seq = a.packs[n-1].seq + 1
			}
		}
		n, size := 0, p.bytes
		for n < len(values) && len(p.values)+n < packValues && (size < packBytes || n == 0) {
			size += len(values[n].Value) + len(values[n].ID) + 20
			n++
		}
		next := append(slices.Clip(p.values), values[:n]...)
		text, err := appendPack(nil, next)
		if err != nil {
			return fmt.Errorf("keeping data of %s: %w", device, err)
		}
		rev, err := f.o.Store.Put(ctx, packKey(device, p.seq), text, p.rev)
		if errors.Is(err, store.ErrConflict) {
			// The device was at another gateway meanwhile: behind what that wrote.
			if _, err := f.loadArchive(ctx, a, device); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("keeping data of %s: %w", device, err)
		}
		if a.open != p {
			a.packs, a.open = append(a.packs, p), p
		}
		p.rev, p.bytes, p.values = rev, len(text), next
		for _, v := range values[:n] {
			p.counts[v.ID]++
		}
		values = values[n:]
	}
	return nil
}

// loadArchive reads what the store has of a device, and returns the latest
// values. What comes is written behind it. a.mu is held.
func (f *Fleet) loadArchive(ctx context.Context, a *archive, device string) (latest map[string]sovd.Datum, err error) {
	a.packs, a.open, latest = nil, nil, map[string]sovd.Datum{}
	err = f.readPacks(ctx, device, func(p *pack) {
		for _, v := range p.values {
			if _, ok := latest[v.ID]; ok || len(latest) < maxVariables {
				latest[v.ID] = v
			}
		}
		p.values = nil
		a.packs = append(a.packs, p)
	})
	return latest, err
}

// thin makes room: the oldest values go, but of each variable the last stays.
// What cannot be thinned stays until the next time. a.mu is held.
func (f *Fleet) thin(ctx context.Context, a *archive, device string) {
	values, size := 0, 0
	for _, p := range a.packs {
		size += p.bytes
		for _, n := range p.counts {
			values += n
		}
	}
	for i := 0; i < len(a.packs)-1 && (values > maxHistory-packValues || size > maxBytes-packBytes); i++ {
		p := a.packs[i]
		e, err := f.o.Store.Get(ctx, packKey(device, p.seq))
		var old []sovd.Datum
		if err == nil {
			old, err = parsePack(e.Value)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			f.o.Log.Error("making room for data", "device", device, "error", err)
			return
		}
		last := map[string]int{}
		for j, v := range old {
			last[v.ID] = j
		}
		newer := func(id string) bool {
			return slices.ContainsFunc(a.packs[i+1:], func(q *pack) bool { return q.counts[id] > 0 })
		}
		var stay []sovd.Datum
		for j, v := range old {
			if last[v.ID] == j && !newer(v.ID) && i < maxVariables/packValues {
				stay = append(stay, v)
			}
		}
		if len(stay) == len(old) {
			continue
		}
		text, err := appendPack(nil, stay)
		switch {
		case err == nil && len(stay) > 0:
			e.Rev, err = f.o.Store.Put(ctx, e.Key, text, e.Rev)
		case err == nil && e.Key != "":
			err = f.o.Store.Delete(ctx, e.Key, e.Rev)
		}
		if err != nil {
			f.o.Log.Error("making room for data", "device", device, "error", err)
			return
		}
		values -= len(old) - len(stay)
		size -= p.bytes - len(text)
		p.rev, p.bytes, p.counts = e.Rev, len(text), map[string]int{}
		for _, v := range stay {
			p.counts[v.ID]++
		}
	}
	a.packs = slices.DeleteFunc(a.packs, func(p *pack) bool { return len(p.counts) == 0 })
}

// glance is how long a request waits for the data of a device where the store
// cannot answer: what else it asks for does not need them.
const glance = 2 * time.Second

// archived are all values that the store has of a device, the oldest first.
func (f *Fleet) archived(device string) []sovd.Datum {
	var out []sovd.Datum
	if err := f.readPacks(store.WithPatience(f.ctx, glance), device, func(p *pack) { out = append(out, p.values...) }); err != nil && f.ctx.Err() == nil {
		f.o.Log.Error("reading data", "device", device, "error", err)
	}
	return out
}
