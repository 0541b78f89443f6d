package stage

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"lander/lib/emp/frame"
)

// Sink is an Uplink that writes messages as NDJSON, one a line:
//
//	{"time":"...","kind":"data","policy":"now","path":"a.p","columns":{"x":[1,2]}}
//	{"time":"...","kind":"acknowledge","policy":"now","ticket":7,"status":0,"text":"ok"}
//
// A column is the list of its values or, when a table wants it so, the fields
// of a vector: see Column.Value.
type Sink struct {
	w   io.Writer
	f   *os.File // w as a regular file, else nil
	now func() time.Time
}

// NewSink writes to w. What is written to a regular file is there after a
// crash of the machine too.
func NewSink(w io.Writer, now func() time.Time) *Sink {
	s := &Sink{w: w, now: now}
	if f, ok := w.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
			s.f = f
		}
	}
	return s
}

const sinkHead = `{"time":"`

// OpenSink opens a file for a Sink, to add lines to it. A line of a Sink that
// was not written to its end is cut off: its messages come again.
func OpenSink(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	if err := mend(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("looking at the end of %s: %w", path, err)
	}
	return f, nil
}

func mend(f *os.File) error {
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() || st.Size() == 0 {
		return err
	}
	var tail []byte
	from := st.Size()
	for from > 0 && bytes.IndexByte(tail, '\n') < 0 {
		n := min(from, 64<<10)
		from -= n
		piece := make([]byte, n)
		if _, err := f.ReadAt(piece, from); err != nil {
			return err
		}
		tail = append(piece, tail...)
	}
	end := bytes.LastIndexByte(tail, '\n') + 1
	torn := string(tail[end:])
	if torn == "" {
		return nil
	}
	if !strings.HasPrefix(torn, sinkHead) && !strings.HasPrefix(sinkHead, torn) {
		_, err := f.WriteString("\n") // not ours
		return err
	}
	return f.Truncate(from + int64(end))
}

// Send implements Uplink.
func (s *Sink) Send(_ context.Context, messages []Message) error {
	if len(messages) == 0 {
		return nil
	}
	stamp := s.now().UTC().Format("2006-01-02T15:04:05.000Z")
	var b []byte
	for _, m := range messages {
		b = append(m.line(stamp).Append(b), '\n')
	}
	if s.f == nil {
		_, err := s.w.Write(b)
		return err
	}
	before, err := s.f.Seek(0, io.SeekEnd)
	if err == nil {
		if _, err = s.f.Write(b); err == nil {
			err = s.f.Sync()
		}
		if err != nil {
			s.f.Truncate(before) // no half of a line, and no message twice
		}
	}
	return err
}

func (m Message) line(stamp string) frame.Value {
	kind := "data"
	if !m.Ticket.IsNull() {
		kind = "acknowledge"
	}
	ms := []frame.Member{{Key: "time", Value: frame.String(stamp)}, {Key: "kind", Value: frame.String(kind)}}
	if m.Policy != "" {
		ms = append(ms, frame.Member{Key: "policy", Value: frame.String(m.Policy)})
	}
	if !m.Ticket.IsNull() {
		return frame.Map(append(ms, frame.Member{Key: "ticket", Value: m.Ticket}, frame.Member{Key: "status", Value: frame.Int(m.Status)}, frame.Member{Key: "text", Value: frame.String(m.Text)})...)
	}
	columns := make([]frame.Member, len(m.Columns))
	for i, c := range m.Columns {
		columns[i] = frame.Member{Key: c.Name, Value: c.Value()}
	}
	return frame.Map(append(ms, frame.Member{Key: "path", Value: frame.String(m.Path)}, frame.Member{Key: "columns", Value: frame.Map(columns...)})...)
}
