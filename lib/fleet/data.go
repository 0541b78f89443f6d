package fleet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"lander/lib/job"
	"lander/lib/m3da/envelope"
	"lander/lib/sovd"
)

// What is kept of the data of one device.
const (
	maxVariables = 500
	maxHistory   = 1000 // values, of all its variables: see archive
	maxBehind    = 256  // values that a follower may be behind
)

// Record is one message of a device, as a line of the sink.
type Record struct {
	Time    job.Time         `json:"time"` // when it came
	Device  string           `json:"device"`
	Path    string           `json:"path"`
	Columns map[string][]any `json:"columns"`
}

// variables are what a device has sent. Fleet.mu guards them, but for archive.
type variables struct {
	of        *connection // the session of which latest is; nil: the store alone knows
	latest    map[string]sovd.Datum
	followers map[*follower]bool
	archive   archive
}

// variables finds or makes those of a device. mu is held.
func (d *device) variables() *variables {
	if d.data == nil {
		d.data = &variables{latest: map[string]sovd.Datum{}, followers: map[*follower]bool{}}
	}
	return d.data
}

type follower struct {
	c     chan sovd.Datum
	asset string // "": all
}

// takeData keeps what a device sends, after the sink has it. When it returns
// nil the values last.
func (f *Fleet) takeData(c *connection, messages []envelope.Message) error {
	d := c.dev
	if len(messages) == 0 {
		return nil
	}
	now := f.now()
	var all []sovd.Datum
	for _, m := range messages {
		r, err := recordOf(m)
		if err != nil {
			f.o.Log.Warn("data of a device cannot be read", "device", d.id, "path", m.Path, "error", err)
			continue // it would come again and again
		}
		r.Time, r.Device = now, d.id
		if f.o.Sink != nil {
			if err := f.o.Sink(r); err != nil {
				return fmt.Errorf("writing data of %s: %w", d.id, err)
			}
		}
		all = append(all, r.values()...)
	}
	if len(all) == 0 {
		return nil
	}
	f.mu.Lock()
	data := d.variables()
	f.mu.Unlock()
	a := &data.archive
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conn != c { // it may have been at another gateway
		latest, err := f.loadArchive(f.ctx, a, d.id)
		if err != nil {
			return err
		}
		a.conn = c
		f.mu.Lock()
		data.of, data.latest = c, latest
		f.mu.Unlock()
	}
	if err := f.keep(a, d.id, all); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range all {
		data.add(v)
	}
	return nil
}

// recordOf reads a message: a map of columns, or a list without names.
func recordOf(m envelope.Message) (Record, error) {
	r := Record{Path: strings.ToValidUTF8(m.Path, "\uFFFD"), Columns: map[string][]any{}}
	var x expansion
	for _, c := range m.Body.Members() {
		vs, err := x.list(c.Value)
		if err != nil {
			return Record{}, err
		}
		out := make([]any, len(vs))
		for i, v := range vs {
			out[i] = x.value(v, 0)
		}
		r.Columns[strings.ToValidUTF8(c.Key.String(), "\uFFFD")] = out
	}
	for i, v := range m.Body.Elems() {
		r.Columns[fmt.Sprint(i+1)] = []any{x.value(v, 0)}
	}
	return r, nil
}

// timestamp is the column that says when the values of its row were taken, in
// seconds since 1970.
const timestamp = "timestamp"

// values are the values of a record, row by row.
func (r Record) values() []sovd.Datum {
	times := r.Columns[timestamp]
	names := sortedKeys(r.Columns)
	rows := 0
	for _, vs := range r.Columns {
		rows = max(rows, len(vs))
	}
	var out []sovd.Datum
	for i := range rows {
		at := r.Time
		if i < len(times) {
			if s, ok := number(times[i]); ok && s > 0 && s < 1e11 {
				at = job.Time{Time: time.UnixMilli(int64(math.Round(s * 1000)))}
			}
		}
		for _, name := range names {
			if name == timestamp && rows == len(times) && len(names) > 1 || i >= len(r.Columns[name]) {
				continue
			}
			b, err := json.Marshal(r.Columns[name][i])
			if err != nil {
				continue
			}
			out = append(out, sovd.Datum{ID: strings.Trim(r.Path+"."+name, "."), Time: at, Value: b})
		}
	}
	return out
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// add takes in one value. Fleet.mu is held.
func (v *variables) add(d sovd.Datum) {
	if _, ok := v.latest[d.ID]; ok || len(v.latest) < maxVariables {
		v.latest[d.ID] = d
	}
	for w := range v.followers {
		if !within(d.ID, w.asset) {
			continue
		}
		select {
		case w.c <- d:
		default: // too slow
			delete(v.followers, w)
			close(w.c)
		}
	}
}

// within reports whether a variable belongs to an asset.
func within(id, asset string) bool {
	return asset == "" || strings.HasPrefix(id, asset+".")
}

// sender finds the device of an entity, and the asset of an app. mu is held.
func (f *Fleet) sender(e sovd.Ref) (*device, string) {
	switch e.Kind {
	case sovd.Components:
		return f.components[e.ID], ""
	case sovd.Apps:
		return f.asset(e.ID)
	}
	return nil, ""
}

// Data implements sovd.Devices.
func (f *Fleet) Data(e sovd.Ref) ([]sovd.Datum, bool) {
	f.mu.Lock()
	d, asset := f.sender(e)
	if d == nil {
		f.mu.Unlock()
		return nil, false
	}
	var latest map[string]sovd.Datum
	if d.data != nil && d.conn != nil && d.data.of == d.conn {
		latest = maps.Clone(d.data.latest)
	}
	f.mu.Unlock()
	if latest == nil {
		latest = map[string]sovd.Datum{}
		for _, v := range f.archived(d.id) {
			latest[v.ID] = v
		}
	}
	var out []sovd.Datum
	for _, v := range latest {
		if within(v.ID, asset) {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b sovd.Datum) int { return cmp.Compare(a.ID, b.ID) })
	return out, true
}

// History implements sovd.Devices.
func (f *Fleet) History(e sovd.Ref, id string) []sovd.Datum {
	f.mu.Lock()
	d, asset := f.sender(e)
	f.mu.Unlock()
	if d == nil || !within(id, asset) {
		return nil
	}
	return slices.DeleteFunc(f.archived(d.id), func(v sovd.Datum) bool { return v.ID != id })
}

// Follow implements sovd.Devices.
func (f *Fleet) Follow(e sovd.Ref) (<-chan sovd.Datum, func()) {
	w := &follower{c: make(chan sovd.Datum, maxBehind)}
	f.mu.Lock()
	defer f.mu.Unlock()
	d, asset := f.sender(e)
	if d == nil {
		close(w.c)
		return w.c, func() {}
	}
	w.asset = asset
	data := d.variables()
	data.followers[w] = true
	return w.c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(data.followers, w)
	}
}
