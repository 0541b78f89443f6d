package fleet

import (
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"sync"

	"lander/lib/job"
	"lander/lib/m3da"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/trust"
)

// The paths that mean more than data.
const (
	executionPath = "@sys.execution"
	agentPath     = "@sys.agent"
)

// take deals with what one envelope brought. It returns nil when all of it is
// durable: then the device may forget it.
func (f *Fleet) take(c *connection, r m3da.Request) error {
	d := c.dev
	if r.Batch != "" {
		f.mu.Lock()
		again := d.batch == r.Batch
		f.mu.Unlock()
		if again {
			return nil // only the answer was lost
		}
	}
	objects := map[string]bysant.Value{}
	var responses []envelope.Response
	var data []envelope.Message
	for _, i := range r.Items {
		switch i := i.(type) {
		case envelope.Response:
			responses = append(responses, i)
		case envelope.Message:
			switch i.Path {
			case executionPath:
				if id, ok := f.ticket(d, i.Ticket); ok {
					objects[id] = i.Body
				}
			case agentPath:
				f.describe(d, i.Body)
			default:
				data = append(data, i)
			}
		}
	}
	if err := f.settleAll(d, responses, objects); err != nil {
		return err
	}
	if err := f.takeData(c, data); err != nil {
		return err
	}
	if r.Batch != "" {
		f.mu.Lock()
		d.batch = r.Batch
		f.mu.Unlock()
	}
	return nil
}

// ticket is the id of the execution that a ticket is for. A number is one of
// what is open on the device.
func (f *Fleet) ticket(d *device, v bysant.Value) (id string, ok bool) {
	n, isNumber := v.Int()
	if !isNumber {
		return v.Str()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range d.open {
		if ticketNumber(x.id) == n {
			return x.id, true
		}
	}
	return "", false
}

func (f *Fleet) settleAll(d *device, responses []envelope.Response, objects map[string]bysant.Value) error {
	errs := make([]error, len(responses))
	var wg sync.WaitGroup
	for i, r := range responses {
		id, ok := f.ticket(d, r.Ticket)
		if !ok {
			continue
		}
		x, err := f.execution(id)
		if err != nil {
			errs[i] = err // it may be open: the device keeps its answer
			continue
		}
		if x == nil || x.dev != d {
			f.o.Log.Debug("an answer to a ticket that is not open", "device", d.id, "ticket", id)
			continue
		}
		body, has := objects[id]
		wg.Go(func() {
			<-x.recorded
			result := resultOf(r, body, has)
			if _, asOther := r.Ticket.Int(); asOther && f.refusedAsOther(x, result) {
				return
			}
			f.lock(x)
			token, name := x.rec.Token, cmp.Or(x.rec.Name, x.rec.Script)
			x.mu.Unlock()
			if result.Error != nil {
				e := *result.Error
				e.Message = byName(e.Message, token, name)
				result.Error = &e
			}
			if err := f.end(x, result); errors.Is(err, errFinal) {
				f.mu.Lock()
				f.told(x)
				f.mu.Unlock()
			} else if err != nil {
				errs[i] = err
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// refusedAsOther reports whether a device of ours has refused what was sent to
// it as to another, with an MD5 in place of its signature, before it had said
// what it is. Then the script goes to it again, signed.
func (f *Fleet) refusedAsOther(x *execution, r job.Result) bool {
	if r.Error == nil || r.Error.Code != trust.ReasonSignature {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !x.dev.rec.Lander {
		return false
	}
	x.sentIn = nil
	return true
}

// byName calls a script by its name where a device, which knows nothing but
// the address it was fetched from, tells a place in it: by its own rule Lua
// shows the end of a long one.
func byName(text, token, name string) string {
	at := strings.Index(text, token)
	if token == "" || at < 0 {
		return text
	}
	from := strings.LastIndexAny(text[:at], " \t\r\n") + 1
	return text[:from] + name + text[at+len(token):]
}

// resultOf is how an execution ended: by the execution object of an agent of
// ours, else by the text of its response.
func resultOf(r envelope.Response, body bysant.Value, has bool) job.Result {
	if has {
		var out job.Result
		var x expansion
		b, err := json.Marshal(x.value(body, 0))
		if err == nil && json.Unmarshal(b, &out) == nil && out.Status.Final() {
			return out
		}
	}
	text, _ := r.Data.Str()
	text = strings.ToValidUTF8(text, "\uFFFD")
	if r.Status == 0 {
		return job.Result{Status: job.Completed}
	}
	out := job.Result{Status: job.Failed, Error: job.Errorf(job.CodeScript, "%s", text)}
	word, rest, ok := strings.Cut(text, ": ")
	if !ok {
		word = text
	}
	switch word {
	case job.CodeInterrupted, job.CodeTimeout:
		out.Status, out.Error.Code = job.Terminated, word
	case "bad-arguments", "download", "signature", "expired", "not-for-this-device", "replayed", job.CodeCapability, job.CodeLoad:
		out.Error.Code = word
	}
	if rest == "" && text == "" {
		out.Error.Message = "The script failed on the device"
	}
	return out
}

// maxSamples bounds the values that one message stands for: a few bytes of a
// vector can stand for billions.
const maxSamples = 500_000

// expansion makes values of JSON, and counts them.
type expansion struct{ used int }

// list gives the values of a list or vector.
func (x *expansion) list(v bysant.Value) ([]bysant.Value, error) {
	vs, err := envelope.Expand(v, maxSamples-x.used)
	x.used += len(vs)
	return vs, err
}

// value makes what encoding/json writes.
func (x *expansion) value(v bysant.Value, depth int) any {
	switch v.Kind() {
	case bysant.Bool:
		b, _ := v.Bool()
		return b
	case bysant.Int:
		n, _ := v.Int()
		return n
	case bysant.Float:
		n, _ := v.Float()
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return nil // no number of JSON
		}
		return n
	case bysant.String:
		s, _ := v.Str()
		return strings.ToValidUTF8(s, "\uFFFD")
	case bysant.List, bysant.Object:
		vs, err := x.list(v)
		if err != nil || depth > bysant.MaxDepth {
			return nil
		}
		out := make([]any, len(vs))
		for i, e := range vs {
			out[i] = x.value(e, depth+1)
		}
		return out
	case bysant.Map:
		out := make(map[string]any, v.Len())
		for _, m := range v.Members() {
			out[m.Key.String()] = x.value(m.Value, depth+1)
		}
		return out
	}
	return nil
}

// toBysant makes a value of what encoding/json has read.
func toBysant(v any) bysant.Value {
	switch v := v.(type) {
	case bool:
		return bysant.OfBool(v)
	case float64:
		if n := int64(v); float64(n) == v {
			return bysant.OfInt(n)
		}
		return bysant.OfFloat(v)
	case string:
		return bysant.OfString(v)
	case []any:
		vs := make([]bysant.Value, len(v))
		for i, e := range v {
			vs[i] = toBysant(e)
		}
		return bysant.OfList(vs...)
	case map[string]any:
		var ms []bysant.Member
		for _, k := range sortedKeys(v) {
			ms = append(ms, member(k, toBysant(v[k])))
		}
		return bysant.OfMap(ms...).Sized()
	}
	return bysant.Value{}
}
