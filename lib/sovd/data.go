package sovd

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"lander/lib/job"
)

// Datum is one value that a device has sent.
type Datum struct {
	ID    string          `json:"id"` // the variable: its path and its name, with a full stop between
	Time  job.Time        `json:"time"`
	Value json.RawMessage `json:"value"`
}

// dataRoutes are there when devices can connect.
func dataRoutes(kind string) []route {
	p := "/" + kind + "/{" + kind[:len(kind)-1] + "_id}/data"
	return []route{
		{method: http.MethodGet, path: p, role: viewer, tag: "data", summary: "What the entity has sent: the latest values", answers: map[int]string{200: "Items"}, serve: onData(kind, (*request).listData)},
		{method: http.MethodGet, path: p + "/events", role: viewer, tag: "data", summary: "What it sends from now on, a line of JSON for each value", answers: map[int]string{200: "Lines"}, serve: onData(kind, (*request).dataEvents)},
		{method: http.MethodGet, path: p + "/{data_id}", role: viewer, tag: "data", summary: "One variable, with the values before", answers: map[int]string{200: "Items"}, serve: onData(kind, (*request).getData)},
	}
}

func onData(kind string, serve func(*request, Ref, []Datum) error) func(*request) error {
	return func(q *request) error {
		e, err := q.g.resolve(kind, q.params[0])
		if err != nil {
			return err
		}
		ref := Ref{Kind: kind, ID: e.ID}
		all, ok := q.g.c.Devices.Data(ref)
		if !ok {
			return Errorf(KindNotFound, "The entity sends no data: %s", e.ID)
		}
		return serve(q, ref, all)
	}
}

func dataItem(e Ref, d Datum) object {
	return object{
		"id": d.ID, "name": d.ID, "category": "currentData", "data": d.Value, "href": Base + "/" + e.Path() + "/data/" + url.PathEscape(d.ID),
		"x-lander": object{"time": d.Time},
	}
}

func (q *request) listData(e Ref, all []Datum) error {
	out := make([]object, 0, len(all))
	for _, d := range all {
		out = append(out, dataItem(e, d))
	}
	parent := Base + "/" + e.Path()
	return q.reply(http.StatusOK, object{"items": out, "_links": object{"self": parent + "/data", "parent": parent}})
}

func (q *request) getData(e Ref, all []Datum) error {
	for _, d := range all {
		if d.ID != q.params[1] {
			continue
		}
		o := dataItem(e, d)
		history := []object{}
		for _, h := range q.g.c.Devices.History(e, d.ID) {
			history = append(history, object{"time": h.Time, "value": h.Value})
		}
		o["x-lander"].(object)["history"] = history
		return q.reply(http.StatusOK, o)
	}
	return Errorf(KindNotFound, "Data not found: %.100s", q.params[1])
}

// dataEvents serves NDJSON until the client goes, is too slow, or the gateway
// shuts down. An empty line shows now and then that it lives.
func (q *request) dataEvents(e Ref, _ []Datum) error {
	data, stop := q.g.c.Devices.Follow(e)
	defer stop()
	h := q.w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	q.w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(q.w)
	timer := time.NewTicker(keepAlive)
	defer timer.Stop()
	for {
		if rc.Flush() != nil {
			return nil
		}
		var b strings.Builder
		select {
		case d, ok := <-data:
			if !ok {
				return nil
			}
			line, err := json.Marshal(d)
			if err != nil {
				return nil
			}
			b.Write(line)
		case <-timer.C:
		case <-q.r.Context().Done():
			return nil
		case <-q.g.draining:
			return nil
		}
		b.WriteByte('\n')
		rc.SetWriteDeadline(time.Now().Add(keepAlive))
		if _, err := q.w.Write([]byte(b.String())); err != nil {
			return nil
		}
	}
}
