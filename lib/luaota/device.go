package luaota

import (
	"bytes"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lander/lib/luaota/record"
)

// Flash is the file system of a device: flat names, whole files.
type Flash interface {
	Read(name string) ([]byte, error)
	Write(name string, content []byte) error
	Rename(from, to string) error
	Remove(name string) error
	Sizes() (record.Object, error) // name -> size, in the order of the device
	Exists(name string) bool
	Compile(name string, source []byte) ([]byte, error)
	Hash(name string) (size int, hash string, err error)
}

// Quirks are what the original client does and no client should.
type Quirks struct {
	// OneRead: a record that does not come whole with one read crashes the
	// device [original client, OTA 2].
	OneRead bool
	// TrustOK: an answer OK! is believed without a look at its tag
	// [original client, OTA 3].
	TrustOK bool
	// LongNames: a name of more than 31 bytes behind its last slash crashes
	// the device [original client, OTA 4].
	LongNames bool
}

// OriginalQuirks are those of the client that boards have today.
var OriginalQuirks = Quirks{OneRead: true, TrustOK: true, LongNames: true}

// Device is the device's end: it says HI and obeys. The zero value of the
// options is a plain client without quirks.
type Device struct {
	ID     int64
	Config record.Object // of luaOTA/config.json, without the secret
	Secret string        // written back to config.json by a restart
	Keys   Keys
	Flash  Flash
	Order  []string // of the HI's members, "a" and "id" among them; nil: behind the others
	Nonce  string   // 32 hex digits: announce the stronger mode; "": do not
	Strict bool     // speak nothing but the stronger mode
	Quirks Quirks

	First time.Duration    // patience for the first record; 0: 3 s
	Whole time.Duration    // for all of the dialogue behind it; 0: 30 s
	Think time.Duration    // time that the device needs for a record, for simulations
	Now   func() time.Time // nil: time.Now
	Wait  func(time.Duration)
}

// Ending is how a dialogue ended: with a reboot, or by starting the application
// with a message.
type Ending struct {
	Reboot  bool
	Message string
	Updated int // records obeyed
}

// The messages that an application is started with [OTA 3].
const (
	MessageOK      = "OK! No further updates needed"
	MessageClosed  = "Unexpected socket close"
	MessageTimeout = "OK: Timeout on waiting for provision service response"
)

// ErrCrash is what makes a device panic and boot anew.
var ErrCrash = errors.New("the device crashed")

// ConfigName is the file that holds a device's configuration.
const ConfigName = "luaOTA/config.json"

// Hello is the text of the HI.
func (d *Device) Hello() []byte {
	o := slices.Clone(d.Config)
	o = append(o, record.Member{Key: "a", Value: record.String(ActHello)}, record.Member{Key: "id", Value: record.Int(d.ID)})
	if d.Nonce != "" {
		o = append(o, record.Member{Key: "sx", Value: record.String(d.Nonce)})
	}
	if d.Order != nil {
		slices.SortStableFunc(o, func(a, b record.Member) int {
			return slices.Index(d.Order, a.Key) - slices.Index(d.Order, b.Key)
		})
	}
	return o.Append(nil)
}

// Run goes through one dialogue. The error is ErrCrash where a real device
// would panic, or a fault of the Flash.
func (d *Device) Run(s Stream) (Ending, error) {
	r := &deviceRun{Device: d, wire: newWire(s, d.Now, 64<<10)}
	defer s.Close()
	hello := d.Hello()
	tag := d.Keys.Tag(hello)
	if err := r.write(record.Append(nil, record.Record{JSON: hello, Tag: tag[:]}), orDefault(d.First, 3*time.Second)); err != nil {
		return Ending{Message: MessageClosed}, nil
	}
	e, err := r.dialogue(hello)
	e.Updated = r.done
	return e, err
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}

type deviceRun struct {
	*Device
	wire
	in, outs *seal
	kept     []byte
	done     int
}

func (r *deviceRun) dialogue(hello []byte) (Ending, error) {
	text, data, err := r.first(hello)
	if err != nil {
		if errors.Is(err, errStream) {
			return Ending{Message: MessageClosed}, nil
		}
		return Ending{Message: MessageTimeout}, nil
	}
	end := r.now().Add(orDefault(r.Whole, 30*time.Second))
	for {
		o, err := record.ParseObject(text)
		if err != nil {
			return Ending{}, fmt.Errorf("%w: %w", ErrCrash, err)
		}
		if o.Text("r") == "OK!" {
			return Ending{Message: MessageOK}, nil
		}
		if o.Text("a") == ActRestart {
			if err := r.configure(o); err != nil {
				return Ending{}, err
			}
			r.done++
			return Ending{Reboot: true}, nil
		}
		if r.Think > 0 {
			r.Wait(r.Think)
		}
		answer, more, err := r.obey(o, data)
		if err != nil {
			return Ending{}, err
		}
		r.done++
		if err := r.say(answer, more); err != nil {
			return Ending{Message: MessageClosed}, nil
		}
		left := end.Sub(r.now())
		if left <= 0 {
			return Ending{Message: "General timeout on provisioning"}, nil
		}
		if text, data, err = r.next(left); err != nil {
			if errors.Is(err, errStream) {
				return Ending{Message: MessageClosed}, nil
			}
			return Ending{}, fmt.Errorf("%w: %w", ErrCrash, err)
		}
	}
}

// errStream is the stream's end or its deadline.
var errStream = errors.New("the stream ended")

// first reads the record that decides: mode, tag, update or none.
func (r *deviceRun) first(hello []byte) (text, data []byte, err error) {
	line, data, err := r.read(orDefault(r.First, 3*time.Second))
	if err != nil {
		return nil, nil, err
	}
	if r.Quirks.TrustOK && bytes.Contains(line, []byte(`"r":"OK!"`)) {
		return []byte(`{"r":"OK!"}`), nil, nil
	}
	if r.Nonce != "" {
		if rec, _, perr := record.Parse(append(line, '\n'), record.SealBytes); perr == nil {
			if o, perr := record.ParseObject(rec.JSON); perr == nil && isNonce(o.Text("n")) {
				mac := r.Keys.Session(transcript(hello, o.Text("n")))
				r.in, r.outs = &seal{mac: mac, side: 's'}, &seal{mac: mac, side: 'd'}
			}
		}
	}
	if r.in == nil && r.Strict {
		return nil, nil, ErrMode
	}
	return r.check(line, data)
}

func (r *deviceRun) next(wait time.Duration) (text, data []byte, err error) {
	line, data, err := r.read(wait)
	if err != nil {
		return nil, nil, err
	}
	return r.check(line, data)
}

// check verifies the tag or seal of a line without its feed.
func (r *deviceRun) check(line, data []byte) (text, more []byte, err error) {
	width := record.TagBytes
	if r.in != nil {
		width = record.SealBytes
	}
	rec, _, err := record.Parse(append(slices.Clone(line), '\n'), width)
	if err != nil {
		return nil, nil, err
	}
	if len(rec.JSON) < record.MinJSON {
		return nil, nil, fmt.Errorf("%w: too short", record.ErrRecord)
	}
	var want []byte
	if r.in != nil {
		sum := r.in.next(rec.JSON, data)
		want = sum[:]
	} else {
		tag := r.Keys.Tag(rec.JSON)
		want = tag[:]
	}
	if subtle.ConstantTimeCompare(want, rec.Tag) != 1 {
		return nil, nil, ErrTag
	}
	return rec.JSON, data, nil
}

// read takes one record: its line without the feed, and its data.
func (r *deviceRun) read(wait time.Duration) (line, data []byte, err error) {
	if r.Quirks.OneRead {
		if err := r.stream.SetReadDeadline(r.now().Add(wait)); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", errStream, err)
		}
		b := make([]byte, 4096)
		n, err := r.stream.Read(b)
		if n == 0 {
			return nil, nil, fmt.Errorf("%w: %w", errStream, err)
		}
		line, data, found := bytes.Cut(b[:n], []byte{'\n'})
		if !found {
			return nil, nil, fmt.Errorf("%w: no line feed in what one segment brought", record.ErrRecord)
		}
		return line, data, nil
	}
	l, err := r.line(wait)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errStream, err)
	}
	used := len(l)
	n := dataOf(l)
	if n > 0 {
		if _, err := r.data(used, n); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", errStream, err)
		}
	}
	line, data = slices.Clone(r.buf[:used-1]), slices.Clone(r.buf[used:used+n])
	r.drop(used + n)
	return line, data, nil
}

// dataOf is how many bytes follow a line. Its tag is not checked yet: the
// number only says how much to read, at most a segment.
func dataOf(line []byte) int {
	end := bytes.LastIndexByte(line, '}')
	if end < 0 {
		return 0
	}
	o, err := record.ParseObject(line[:end+1])
	if err != nil {
		return 0
	}
	n, _ := o.Get("data").Int()
	return int(min(max(n, 0), record.MaxRecord))
}

func (r *deviceRun) say(answer record.Object, data []byte) error {
	text := answer.Append(nil)
	var b []byte
	if r.outs != nil {
		sum := r.outs.next(text, data)
		b = hex.AppendEncode(text, sum[:])
	} else {
		tag := r.Keys.Tag(text)
		b = hex.AppendEncode(text, tag[:])
	}
	return r.write(append(append(b, '\n'), data...), 30*time.Second)
}

// configure writes what a restart says as the new configuration.
func (r *deviceRun) configure(o record.Object) error {
	o = o.With("a", "").With("sx", "").With("secret", record.String(r.Secret))
	return r.Flash.Write(ConfigName, append(o.Append(nil), '\n'))
}

// obey does what a record says and returns the answer.
func (r *deviceRun) obey(o record.Object, data []byte) (record.Object, []byte, error) {
	ok := record.Object{{Key: "s", Value: record.String("OK")}}
	failed := func(why string) record.Object { return record.Object{{Key: "s", Value: record.String(why)}} }
	name := o.Text("name")
	if r.Quirks.LongNames {
		for _, n := range []string{name, o.Text("to"), o.Text("from")} {
			if len(n)-strings.LastIndexByte(n, '/')-1 > 31 {
				return nil, nil, fmt.Errorf("%w: the name %s is too long", ErrCrash, n)
			}
		}
	}
	act := o.Text("a")
	if act == ActPut || act == ActFile || act == ActCompile {
		if n, _ := o.Get("data").Int(); int(n) != len(data) {
			return nil, nil, fmt.Errorf("%w: %d bytes of data, %d announced", ErrCrash, len(data), n)
		}
		r.kept = append(r.kept, data...)
		if act == ActPut {
			return ok, nil, nil
		}
	}
	content := r.kept
	switch act {
	case ActFile:
		r.kept = nil
		if err := r.Flash.Write(name, content); err != nil {
			return failed("write failed"), nil, nil
		}
	case ActCompile:
		r.kept = nil
		code, err := r.Flash.Compile(name, content)
		if err != nil {
			return append(failed("compile fail"), record.Member{Key: "err", Value: record.String(err.Error())}), nil, nil
		}
		if err := r.Flash.Write(name[:max(len(name)-4, 0)]+".lc", code); err != nil {
			return failed("write failed"), nil, nil
		}
		ok = append(ok, record.Member{Key: "lcsize", Value: record.Int(int64(len(code)))})
	case ActMove:
		from, to := o.Text("from"), o.Text("to")
		if r.Flash.Exists(from) {
			if r.Flash.Exists(to) {
				if err := r.Flash.Remove(to); err != nil {
					return failed("Rename failed"), nil, nil
				}
			}
			if err := r.Flash.Rename(from, to); err != nil {
				return failed("Rename failed"), nil, nil
			}
		}
	case ActList:
		sizes, err := r.Flash.Sizes()
		if err != nil {
			return nil, nil, err
		}
		if sizes.Get("s") != "" { // one table holds both
			ok = nil
		}
		ok = append(ok, sizes...)
	case ActUpload:
		return ok, r.piece(o), nil
	case ActRemove, ActHash:
		if r.outs == nil {
			break // a plain client ignores what it does not know
		}
		return r.extended(act, name)
	}
	return ok, nil, nil
}

func (r *deviceRun) extended(act, name string) (record.Object, []byte, error) {
	ok := record.Object{{Key: "s", Value: record.String("OK")}}
	if !r.Flash.Exists(name) {
		return ok, nil, nil
	}
	if act == ActRemove {
		if err := r.Flash.Remove(name); err != nil {
			return record.Object{{Key: "s", Value: record.String("Remove failed")}}, nil, nil
		}
		return ok, nil, nil
	}
	size, hash, err := r.Flash.Hash(name)
	if err != nil {
		return nil, nil, err
	}
	return append(ok, record.Member{Key: "size", Value: record.Int(int64(size))}, record.Member{Key: "h", Value: record.String(hash)}), nil, nil
}

// piece is the part of a file that an ul asks for.
func (r *deviceRun) piece(o record.Object) []byte {
	b, err := r.Flash.Read(o.Text("name"))
	off, _ := o.Get("offset").Int()
	n, _ := o.Get("len").Int()
	if err != nil || off < 0 || n < 0 || off > int64(len(b)) {
		return nil
	}
	return b[off:][:min(n, int64(len(b))-off)]
}
