package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
)

// An execution is stored as a line of what is needed to know that it is there,
// and the record as JSON behind it: a queue of many is opened without reading
// each record whole.
//
//	1 STATUS DEADLINE DEVICE SCRIPT SHA256 TOKEN STOP PARENT KEY
//
// The words are those of store.Word; the deadline is in milliseconds.

const recordFields = 10

// encode is the record as it is stored.
func (r *record) encode() ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("recording the execution %s: %w", r.ID, err)
	}
	words := []string{
		"1", string(r.Status), strconv.FormatInt(r.Deadline.UnixMilli(), 10), store.Word(r.Device), store.Word(r.Script), store.Word(r.SHA256),
		store.Word(r.Token), store.Word(string(r.Stop)), store.Word(r.Parent), store.Word(r.Key),
	}
	b := make([]byte, 0, 256+len(body))
	b = append(b, strings.Join(words, " ")...)
	b = append(b, '\n')
	return append(b, body...), nil
}

var errRecord = errors.New("not the record of an execution")

// parseRecord reads the first line. rest is what decode reads.
func parseRecord(id string, b []byte) (r record, rest []byte, err error) {
	line, rest, ok := bytes.Cut(b, []byte("\n"))
	var words [recordFields]string
	n, more, left := 0, ok, string(line)
	for ; more && n < recordFields; n++ {
		words[n], left, more = strings.Cut(left, " ")
	}
	if !ok || n != recordFields || more || words[0] != "1" {
		return record{}, nil, errRecord
	}
	ms, err := strconv.ParseInt(words[2], 10, 64)
	if err != nil {
		return record{}, nil, errRecord
	}
	var text [recordFields]string
	for i := 3; i < recordFields; i++ {
		if !strings.Contains(words[i], "=") {
			text[i] = words[i] // as most are
		} else if text[i], err = store.Text(words[i]); err != nil {
			return record{}, nil, errRecord
		}
	}
	r = record{ID: id, Status: job.Status(words[1]), Deadline: job.Time{Time: time.UnixMilli(ms)}, Device: text[3], Script: text[4], SHA256: text[5], Token: text[6], Stop: sovd.Action(text[7]), Parent: text[8], Key: text[9]}
	switch r.Status {
	case job.Prepared, job.Running, job.Completed, job.Failed, job.Terminated:
		return r, rest, nil
	}
	return record{}, nil, errRecord
}

// lock takes x.mu and sees to it that the record is whole.
func (f *Fleet) lock(x *execution) {
	x.mu.Lock()
	f.whole(x)
}

// whole makes the record of what was read. x.mu is held.
func (f *Fleet) whole(x *execution) {
	if x.raw == nil {
		return
	}
	rec := x.rec
	if err := json.Unmarshal(x.raw, &rec); err != nil || rec.ID != x.id {
		f.o.Log.Error("a record of an execution is damaged", "execution", x.id, "error", err)
	} else {
		x.rec = rec
	}
	x.raw = nil
}
