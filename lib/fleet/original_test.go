package fleet

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"lander/lib/bundle"
	"lander/lib/job"
	"lander/lib/link"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/sovd"
	"lander/lib/store"
	"lander/lib/trust"
)

// original is a device that speaks plain M3DA and nothing of ours.
type original struct {
	t    testing.TB
	id   string
	conn net.Conn
	buf  []byte
}

func (h *hall) original(id string) *original {
	h.t.Helper()
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", portOf(h.l)))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return &original{t: h.t, id: id, conn: c}
}

func portOf(l *link.Listener) string {
	_, port, _ := strings.Cut(strings.TrimPrefix(l.Address().String(), "tcp://"), ":")
	return port
}

// exchange sends items and returns what comes with the reply.
func (o *original) exchange(items ...envelope.Item) []envelope.Item {
	o.t.Helper()
	var payload []byte
	for _, i := range items {
		payload = i.Append(payload)
	}
	e := envelope.Envelope{Header: envelope.Header(envelope.Text("id", o.id)), Payload: string(payload)}
	if _, err := o.conn.Write(e.Append(nil)); err != nil {
		o.t.Fatal(err)
	}
	for {
		if e, rest, err := envelope.Parse(o.buf); err == nil {
			o.buf = rest
			if s, _ := e.Status(); s != envelope.StatusOK {
				o.t.Fatalf("status %d", s)
			}
			items, err := envelope.ParseItems(e.Payload)
			if err != nil {
				o.t.Fatal(err)
			}
			return items
		}
		b := make([]byte, 4096)
		n, err := o.conn.Read(b)
		if err != nil {
			o.t.Fatal(err)
		}
		o.buf = append(o.buf, b[:n]...)
	}
}

// What cannot stand in a record or on one line of a list is no id.
func TestDeviceIDs(t *testing.T) {
	h := newHall(t, store.NewMemory())
	for _, id := range []string{"a\x00b", "a\nb", "\xff\xfe", "a\x7f", strings.Repeat("x", maxDeviceID+1)} {
		o := h.original(id)
		e := envelope.Envelope{Header: envelope.Header(envelope.Text("id", id))}
		if _, err := o.conn.Write(e.Append(nil)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 256)
		n, err := o.conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := envelope.Parse(b[:n])
		if s, _ := got.Status(); err != nil || s != envelope.StatusForbidden {
			t.Errorf("%q: status %d %v, want %d", id, s, err, envelope.StatusForbidden)
		}
	}
	for _, id := range []string{"../../x", "ä", "a b"} {
		h.original(id).exchange()
	}
}

// Two devices with one id are told of, once; one that has moved is not.
func TestTwins(t *testing.T) {
	var log bytes.Buffer
	h := &hall{t: t, store: store.NewMemory(), now: time.Now(), log: slog.NewTextHandler(&log, nil)}
	h.open()
	moved, twin := h.original("moved"), h.original("twin")
	for range 2 {
		moved.exchange()
		twin.exchange()
	}
	moved, other := h.original("moved"), h.original("twin")
	for range 3 {
		moved.exchange()
		other.exchange()
		twin.exchange()
	}
	h.fleet.mu.Lock() // the log is written before an answer, and behind it the lock is taken
	defer h.fleet.mu.Unlock()
	if n := strings.Count(log.String(), "two sessions speak for one device"); n != 1 || !strings.Contains(log.String(), "device=twin") {
		t.Errorf("%d warnings: %s", n, &log)
	}
}

// An original device gets its command with a reply, once, by MD5, and answers
// with a text.
func TestOriginalDevice(t *testing.T) {
	h := newHall(t, store.NewMemory())
	o := h.original("old")
	if items := o.exchange(); len(items) != 0 {
		t.Errorf("for a device that is new: %v", items)
	}
	start := func() sovd.Execution {
		t.Helper()
		x, err := h.fleet.StartExecution(t.Context(), gw1("old"), "s", sovd.Start{})
		if err != nil || x.Status != job.Prepared {
			t.Fatalf("start: %+v %v", x, err)
		}
		return x
	}
	look := func(id string) sovd.Execution {
		t.Helper()
		x, err := h.fleet.GetExecution(t.Context(), gw1("old"), "s", id)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	x, y := start(), start()
	items := o.exchange()
	if len(items) != 2 {
		t.Fatalf("commands: %v", items)
	}
	// A ticket that is no number is none to such a device.
	tickets := map[string]bysant.Value{}
	for i, x := range []sovd.Execution{x, y} {
		v := items[i].(envelope.Message).Ticket
		if n, ok := v.Int(); !ok || n <= 0 || n > math.MaxInt32 {
			t.Errorf("ticket: %v", v)
		}
		tickets[x.ID] = v
	}
	if tickets[x.ID].Equal(tickets[y.ID]) {
		t.Error("one ticket for two")
	}
	m := items[0].(envelope.Message)
	args, _ := m.Body.Get("ExecuteScript")
	url, _ := args.Get("url")
	signature, _ := args.Get("signature")
	address, _ := url.Str()
	if md5, _ := signature.Str(); m.Path != "@sys.commands" || md5 != trust.LegacyMD5([]byte("print(1)")) {
		t.Errorf("command: %v", m)
	}
	token, ok := strings.CutPrefix(address, "http://gw:1"+sovd.FetchPath)
	if b, found := h.fleet.Payload(token); !ok || !found || string(b) != "print(1)" {
		t.Errorf("%s: %q %v", address, b, found)
	}
	if _, found := h.fleet.Payload(token + "x"); found {
		t.Error("another token holds")
	}
	if _, err := h.fleet.ControlExecution(t.Context(), gw1("old"), "s", x.ID, sovd.ActionStop); kind(err) != sovd.KindUnsupported {
		t.Errorf("a stop: %v", err)
	}
	// It does not come twice: the device would run it twice.
	o = h.original("old")
	if items := o.exchange(); len(items) != 0 {
		t.Errorf("again: %v", items)
	}
	ticket := func(x sovd.Execution, status int64, text string) envelope.Response {
		return envelope.Response{Ticket: tickets[x.ID], Status: status, Data: bysant.OfString(text)}
	}
	other := h.original("other")
	other.exchange(ticket(x, 0, "ok"))
	if v := look(x.ID); v.Status != job.Running {
		t.Errorf("another device answered, and it counts: %+v", v)
	}
	o.exchange(ticket(x, 0, "ok"), ticket(y, -1, "http://x:3: boom"))
	o.exchange(ticket(x, -1, "changed its mind"))
	if v := look(x.ID); v.Status != job.Completed {
		t.Errorf("ok: %+v", v)
	}
	if v := look(y.ID); v.Status != job.Failed || v.Error.Message != "http://x:3: boom" {
		t.Errorf("boom: %+v %+v", v, v.Error)
	}
	if _, found := h.fleet.Payload(token); found {
		t.Error("the token holds after the end")
	}
	z := start()
	o.exchange()
	if v, err := h.fleet.ControlExecution(t.Context(), gw1("old"), "s", z.ID, sovd.ActionForced); err != nil || v.Status != job.Terminated {
		t.Errorf("given up: %+v %v", v, err)
	}
	if err := h.fleet.DeleteExecution(t.Context(), gw1("old"), "s", z.ID); err != nil {
		t.Error(err)
	}
	if _, err := h.fleet.GetExecution(t.Context(), gw1("old"), "s", z.ID); kind(err) != sovd.KindNotFound {
		t.Errorf("deleted: %v", err)
	}
}

// Two executions that would have one number on the device go one after the
// other.
func TestOneNumber(t *testing.T) {
	h := newHall(t, store.NewMemory())
	o := h.original("old")
	o.exchange()
	ids := map[int64]string{}
	var x, y string
	for i := 0; y == ""; i++ {
		id := fmt.Sprintf("exec_%026d", i)
		if x = ids[ticketNumber(id)]; x != "" {
			y = id
		}
		ids[ticketNumber(id)] = id
	}
	p, err := h.fleet.plan(t.Context(), gw1("old"), "s", nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := h.fleet.target(gw1("old"))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{x, y} {
		rec := p.rec
		rec.ID = id
		if _, fresh, err := h.fleet.begin(d, rec); !fresh || err != nil {
			t.Fatal(fresh, err)
		}
	}
	for _, id := range []string{x, y} {
		items := o.exchange()
		if len(items) != 1 || !items[0].(envelope.Message).Ticket.Equal(bysant.OfInt(ticketNumber(id))) {
			t.Fatalf("for %s: %v", id, items)
		}
		if more := o.exchange(); len(more) != 0 {
			t.Fatalf("before %s has ended: %v", id, more)
		}
		// The reply to the end of the first could carry the second.
		if more := o.exchange(envelope.Response{Ticket: bysant.OfInt(0)}); len(more) != 0 {
			t.Fatalf("an answer to nothing: %v", more)
		}
		e, err := h.fleet.execution(id)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.fleet.end(e, job.Result{Status: job.Completed}); err != nil {
			t.Fatal(err)
		}
	}
}

func hexSHA256(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// A signed script goes to an original device with the MD5 of what it fetches:
// it knows no other signature.
func TestOriginalDeviceSigned(t *testing.T) {
	h := newHall(t, store.NewMemory())
	o := h.original("old")
	o.exchange()
	script := "print('signed')"
	h.fleet.Use(shelf{signed(t, script)})
	if _, err := h.fleet.StartExecution(t.Context(), gw1("old"), "s", sovd.Start{SHA256: hexSHA256("another")}); err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("a start for another script: %v", err)
	}
	x, err := h.fleet.StartExecution(t.Context(), gw1("old"), "s", sovd.Start{SHA256: hexSHA256(script)})
	if err != nil {
		t.Fatal(err)
	}
	items := o.exchange()
	if len(items) != 1 {
		t.Fatalf("commands: %v", items)
	}
	args, _ := items[0].(envelope.Message).Body.Get("ExecuteScript")
	url, _ := args.Get("url")
	address, _ := url.Str()
	signature, _ := args.Get("signature")
	if sig, _ := signature.Str(); sig != trust.LegacyMD5([]byte(script)) {
		t.Errorf("signature: %q", sig)
	}
	if again := execute(&record{URL: address, Signature: "text", MD5: "sum"}, true); !strings.Contains(string(again.Append(nil)), "text") {
		t.Errorf("for a device of ours: %v", again)
	}
	if b, ok := h.fleet.Payload(strings.TrimPrefix(address, "http://gw:1"+sovd.FetchPath)); !ok || string(b) != script {
		t.Errorf("%s: %q %v", address, b, ok)
	}
	o.exchange(envelope.Response{Ticket: bysant.OfInt(ticketNumber(x.ID)), Data: bysant.OfString("ok")})
	if v, err := h.fleet.GetExecution(t.Context(), gw1("old"), "s", x.ID); err != nil || v.Status != job.Completed {
		t.Errorf("%+v %v", v, err)
	}
}

// A start at one gateway reaches an original device that calls another, and
// its answer may come at either.
func TestOriginalDeviceElsewhere(t *testing.T) {
	st := store.NewMemory()
	a, b := newHall(t, st), newHall(t, st)
	o := a.original("old")
	o.exchange()
	waitFor(t, "the other gateway knows the device", func() bool { return b.fleet.Entity("old") != nil })
	x, err := b.fleet.StartExecution(t.Context(), gw1("old"), "s", sovd.Start{})
	if err != nil {
		t.Fatal(err)
	}
	var items []envelope.Item
	waitFor(t, "the command comes", func() bool { items = o.exchange(); return len(items) > 0 })
	ticket := bysant.OfInt(ticketNumber(x.ID))
	if m := items[0].(envelope.Message); len(items) != 1 || !m.Ticket.Equal(ticket) {
		t.Fatalf("commands: %v", items)
	}
	b.original("old").exchange(envelope.Response{Ticket: ticket, Data: bysant.OfString("ok")})
	for _, h := range []*hall{a, b} {
		waitFor(t, "the end is known", func() bool {
			v, err := h.fleet.GetExecution(t.Context(), gw1("old"), "s", x.ID)
			return err == nil && v.Status == job.Completed
		})
	}
}

// An original device cannot see for whom and when a script was signed: what is
// not for it is not sent, and ends.
func TestOriginalDeviceRefused(t *testing.T) {
	h := newHall(t, store.NewMemory())
	o := h.original("old")
	o.exchange()
	m, err := sovd.ParseManifest([]byte(`{manifest_version: "1.0", components: [{id: old, name: Old, tags: [north]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	h.fleet.Describe(m)
	for name, c := range map[string]struct {
		change func(*trust.Statement)
		code   string // "": it is sent
	}{
		"its own":   {func(s *trust.Statement) { s.Targets = []string{"new", "old"} }, ""},
		"bytecode":  {func(s *trust.Statement) { s.Format = job.FormatLuac51 }, ""},
		"another":   {func(s *trust.Statement) { s.Targets = []string{"new"} }, trust.ReasonTarget},
		"its group": {func(s *trust.Statement) { s.Targets = []string{"group:north"} }, ""},
		"a group":   {func(s *trust.Statement) { s.Targets = []string{"group:old"} }, trust.ReasonTarget},
		"expired": {func(s *trust.Statement) {
			s.Expires = s.Signed.Add(-time.Hour)
			s.Signed = s.Signed.Add(-2 * time.Hour)
			s.NotBefore = s.Signed
		}, trust.ReasonExpired},
		"later":             {func(s *trust.Statement) { s.NotBefore = s.Signed.Add(time.Hour) }, trust.ReasonExpired},
		"not for Lua":       {func(s *trust.Statement) { s.Format = job.FormatSh }, trust.ReasonFormat},
		"arguments":         {func(s *trust.Statement) { s.Name = "args" }, trust.ReasonBadArguments},
		"its own arguments": {func(s *trust.Statement) { s.Name, s.ArgsAllow = "args", true }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h.fleet.Use(shelf{signed(t, "print(1)", c.change)})
			var start sovd.Start
			if strings.Contains(name, "arguments") {
				start.Parameters = []byte(`{"a":1}`)
			}
			x, err := h.fleet.StartExecution(t.Context(), gw1("old"), "s", start)
			if err != nil {
				t.Fatal(err)
			}
			items := o.exchange()
			v, err := h.fleet.GetExecution(t.Context(), gw1("old"), "s", x.ID)
			if err != nil {
				t.Fatal(err)
			}
			if c.code == "" {
				if len(items) != 1 || v.Status != job.Running {
					t.Errorf("%v %+v", items, v)
				}
				return
			}
			if len(items) != 0 || v.Status != job.Failed || v.Error == nil || v.Detail.Code != c.code {
				t.Errorf("%v %+v %+v", items, v, v.Error)
			}
		})
	}
}

// Nor can it see who signed: the gateway vouches for what it is sent, in that
// moment, and what it cannot say now waits.
func TestOriginalDeviceVouched(t *testing.T) {
	h := newHall(t, store.NewMemory())
	o := h.original("old")
	o.exchange()
	text := signed(t, "print(1)")
	h.fleet.Use(shelf{text})
	var spent int
	no := &trust.Refusal{Reason: trust.ReasonReplayed, Message: "it had its run"}
	for name, c := range map[string]struct {
		vouch func() (func() error, error)
		sent  bool
		code  string // of a refusal
	}{
		"good":     {func() (func() error, error) { return func() error { spent++; return nil }, nil }, true, ""},
		"refused":  {func() (func() error, error) { return nil, no }, false, trust.ReasonReplayed},
		"nonsense": {func() (func() error, error) { return nil, trust.ErrInvalid }, false, trust.ReasonSignature},
		"spent":    {func() (func() error, error) { return func() error { return no }, nil }, false, trust.ReasonReplayed},
		"unsaid":   {func() (func() error, error) { return nil, io.ErrUnexpectedEOF }, false, ""},
		"unspent":  {func() (func() error, error) { return func() error { return io.ErrUnexpectedEOF }, nil }, false, job.CodeInternal},
	} {
		t.Run(name, func(t *testing.T) {
			h.vouch = func(w Recipient, b []byte) (func() error, error) {
				if w.Device != "old" || w.Args || w.Managed || !slices.Equal(w.Names, []string{"old"}) || !bytes.Equal(b, text) {
					t.Errorf("%+v %q", w, b)
				}
				return c.vouch()
			}
			x, err := h.fleet.StartExecution(t.Context(), gw1("old"), "s", sovd.Start{})
			if err != nil {
				t.Fatal(err)
			}
			items := o.exchange()
			v, err := h.fleet.GetExecution(t.Context(), gw1("old"), "s", x.ID)
			if err != nil || len(items) > 0 != c.sent || c.code != "" && v.Detail.Code != c.code || c.code == "" && v.Status.Final() {
				t.Fatalf("%v %+v %v", items, v, err)
			}
			if name == "unsaid" { // it goes when that can be said
				h.vouch = nil
				if items := o.exchange(); len(items) != 1 {
					t.Errorf("later: %v", items)
				}
			}
		})
	}
	if spent != 1 {
		t.Errorf("spent %d times", spent)
	}
}

// signed makes a bundle for any device, unless change says otherwise.
func signed(t *testing.T, script string, change ...func(*trust.Statement)) []byte {
	t.Helper()
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	p, err := bundle.Spool(strings.NewReader(script), 1<<20, "")
	if err != nil {
		t.Fatal(err)
	}
	st := trust.Statement{Name: "s.lua", Format: job.FormatLua, Size: p.Size, SHA256: p.SHA256, Targets: []string{"*"}, Serial: 1, Signed: time.Now().Truncate(time.Second)}
	st.NotBefore = st.Signed
	for _, f := range change {
		f(&st)
	}
	comment, err := st.Comment()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := bundle.Pack(&b, p.Sign(key, comment, bundle.Comment), p.Reader()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
