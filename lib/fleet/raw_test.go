package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lander/lib/job"
	"lander/lib/link"
	"lander/lib/m3da"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/sovd"
	"lander/lib/store"
)

// shelf is a Library of one script that every entity sees.
type shelf struct{ script []byte }

func (s shelf) ListScripts(context.Context, sovd.Ref) ([]sovd.Script, error) { return nil, nil }
func (s shelf) GetScript(_ context.Context, _ sovd.Ref, id string) (sovd.Script, error) {
	return sovd.Script{ID: id}, nil
}
func (s shelf) UploadScript(context.Context, sovd.Ref, sovd.Upload) (sovd.Script, error) {
	return sovd.Script{}, nil
}
func (s shelf) DeleteScript(context.Context, sovd.Ref, string) error { return nil }
func (s shelf) ReadScript(_ context.Context, _ sovd.Ref, id string) (sovd.Source, error) {
	return sovd.Source{Script: sovd.Script{ID: id, Name: id}, Format: job.FormatLua, Bytes: s.script}, nil
}

// hall is a fleet without a web server in front.
type hall struct {
	t     testing.TB
	fleet *Fleet
	store store.Store
	mu    sync.Mutex
	now   time.Time
	sink  func(Record) error
	log   slog.Handler // nil: nobody reads it
	vouch func(Recipient, []byte) (func() error, error)
	l     *link.Listener
}

func newHall(t testing.TB, st store.Store) *hall { return newHallWith(t, st, nil) }

func newHallWith(t testing.TB, st store.Store, sink func(Record) error) *hall {
	t.Helper()
	h := &hall{t: t, store: st, now: time.Now(), sink: sink}
	h.open()
	return h
}

func (h *hall) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hall) pass(d time.Duration) {
	h.mu.Lock()
	h.now = h.now.Add(d)
	h.mu.Unlock()
}

func (h *hall) vouches(_ context.Context, w Recipient, text []byte) (func() error, error) {
	if h.vouch == nil {
		return func() error { return nil }, nil
	}
	return h.vouch(w, text)
}

func (h *hall) open() {
	h.t.Helper()
	var err error
	if h.log == nil {
		h.log = slog.DiscardHandler
	}
	if h.fleet, err = Open(context.Background(), Options{Store: h.store, Clock: h.clock, Log: slog.New(h.log), TTL: time.Hour, Sink: h.sink, Vouch: h.vouches}); err != nil {
		h.t.Fatal(err)
	}
	h.fleet.Use(shelf{[]byte("print(1)")})
	h.fleet.SetBase("http://gw:1")
	if h.l, err = link.Listen(h.t.Context(), link.Address{Scheme: link.TCP, Host: "127.0.0.1"}, link.Options{}); err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	fl, l := h.fleet, h.l
	go func() { done <- fl.Serve(ctx, l) }()
	h.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
		l.Close()
		fl.Close()
	})
}

func gw1(id string) sovd.Ref { return sovd.Ref{Kind: sovd.Components, ID: id} }

func kind(err error) sovd.Kind {
	if e, ok := err.(*sovd.Error); ok {
		return e.Kind
	}
	return ""
}

// What nobody fetches in time ends.
func TestTimeToLive(t *testing.T) {
	h := newHall(t, store.NewMemory())
	o := h.original("old")
	o.exchange()
	x, err := h.fleet.StartExecution(t.Context(), gw1("old"), "s", sovd.Start{Key: "k", Digest: "d"})
	if err != nil {
		t.Fatal(err)
	}
	if y, err := h.fleet.StartExecution(t.Context(), gw1("old"), "s", sovd.Start{Key: "k", Digest: "d"}); err != nil || y.ID != x.ID {
		t.Errorf("the same key: %+v %v", y, err)
	}
	if _, err := h.fleet.StartExecution(t.Context(), gw1("old"), "s", sovd.Start{Key: "k", Digest: "e"}); kind(err) != sovd.KindReused {
		t.Errorf("another request with the same key: %v", err)
	}
	h.pass(30 * time.Minute)
	h.fleet.expire()
	if len(o.exchange()) != 1 {
		t.Fatal("it did not come")
	}
	h.pass(45 * time.Minute) // it has an hour from then on
	h.fleet.expire()
	look := func() sovd.Execution {
		v, err := h.fleet.GetExecution(t.Context(), gw1("old"), "s", x.ID)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := look(); v.Status != job.Running {
		t.Errorf("too early: %+v", v)
	}
	h.pass(30 * time.Minute)
	h.fleet.expire()
	if v := look(); v.Status != job.Terminated || v.Error == nil {
		t.Errorf("late: %+v", v)
	}
	o.exchange(envelope.Response{Ticket: bysant.OfString(x.ID), Data: bysant.OfString("ok")})
	if v := look(); v.Status != job.Terminated {
		t.Errorf("an answer after the end: %+v", v)
	}
}

// What has run for too long is stopped where it runs, if that can be.
func TestTimeIsOverWhileItRuns(t *testing.T) {
	h := newHall(t, store.NewMemory())
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", portOf(h.l)))
	if err != nil {
		t.Fatal(err)
	}
	come := make(chan envelope.Message, 10)
	dev, err := m3da.NewDevice(c, m3da.DeviceOptions{ID: "d", Commands: func(items []envelope.Item) {
		for _, i := range items {
			if m, ok := i.(envelope.Message); ok && m.Path == commandsPath {
				come <- m
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	for range 2 { // the second says what it is, when the gateway has
		if err := dev.Exchange(t.Context(), "", nil); err != nil {
			t.Fatal(err)
		}
	}
	x, err := h.fleet.StartExecution(t.Context(), gw1("d"), "s", sovd.Start{})
	if err != nil {
		t.Fatal(err)
	}
	next := func(name string) bysant.Value {
		t.Helper()
		for {
			select {
			case m := <-come:
				if args, ok := m.Body.Get(name); ok {
					return args
				}
			case <-time.After(30 * time.Second):
				t.Fatalf("%s does not come", name)
			}
		}
	}
	next("ExecuteScript")
	h.pass(61 * time.Minute)
	h.fleet.expire()
	ticket, _ := next("StopExecution").Get("ticket")
	if id, _ := ticket.Str(); id != x.ID {
		t.Errorf("stop of %q, want %s", id, x.ID)
	}
}

// noPayloads is a store that keeps no payload.
type noPayloads struct{ store.Store }

func (s noPayloads) Put(ctx context.Context, key string, value []byte, rev store.Revision) (store.Revision, error) {
	if strings.HasPrefix(key, "fleet/payloads/") {
		return 0, store.ErrUnreachable
	}
	return s.Store.Put(ctx, key, value, rev)
}

// Nothing is on record whose payload is not.
func TestPayloadIsKeptFirst(t *testing.T) {
	h := newHall(t, noPayloads{store.NewMemory()})
	h.original("old").exchange()
	for range 2 { // that it was tried does not make it kept
		if x, err := h.fleet.StartExecution(t.Context(), gw1("old"), "s", sovd.Start{}); !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%+v %v", x, err)
		}
	}
	if all, err := h.fleet.ListExecutions(t.Context(), gw1("old"), "s"); err != nil || len(all) != 0 {
		t.Errorf("on record: %+v %v", all, err)
	}
}

func TestCredentialsFile(t *testing.T) {
	password := func(path string) ([]byte, error) { return []byte(strings.TrimPrefix(path, "empty")), nil }
	good, err := ParseCredentials([]byte("[[device]]\nid='a'\n[[device]]\nid='b'\nauth='hmac-md5'\ncipher='aes-cbc-128'\npassword_file='pw'\n"), password)
	if err != nil || len(good) != 2 || good["b"].Cipher != "aes-cbc-128" || string(good["b"].Password) != "pw" {
		t.Errorf("%+v %v", good, err)
	}
	if keys, err := good["b"].keys(m3da.DefaultServerID, "b"); err != nil || keys == nil {
		t.Errorf("keys: %v", err)
	}
	for _, c := range []struct{ text, want string }{
		{"x", "expected"}, {"[[device]]\nid=''", "without id"}, {"[[device]]\nid='a'\n[[device]]\nid='a'", "twice"}, {"[[device]]\nid='a'\nauth='x'", "not known"},
		{"[[device]]\nid='a'\nauth='hmac-md5'", "password_file"}, {"[[device]]\nid='a'\ncipher='aes-cbc-128'", "without auth"}, {"colour=1", "unknown key"}, {"[[device]]\nid=\"a\\nb\"", "control character"},
		{"[[device]]\nid='a'\nauth='hmac-md5'\npassword_file='empty'", "is empty"}, {"[[device]]\nid='a'\nauth='hmac-md5'\ncipher='rot13'\npassword_file='x'", "not known"},
	} {
		if list, err := ParseCredentials([]byte(c.text), password); err == nil || !strings.Contains(err.Error(), c.want) || list != nil {
			t.Errorf("%q: %v %v, want %q", c.text, list, err, c.want)
		}
	}
}

func TestComponentID(t *testing.T) {
	long := strings.Repeat("x", 300)
	seen := map[string]string{}
	for _, id := range []string{"gw-1", "a.b", "a:b", "a_b", "ä", long, long + "y"} {
		got := componentID(id)
		if other, twice := seen[got]; twice || len(got) > sovd.MaxID || strings.ContainsAny(got, ".:ä") {
			t.Errorf("%.20q: %.40s, as %.20q", id, got, other)
		}
		seen[got] = id
	}
	if seen["gw-1"] != "gw-1" || seen["a_b"] != "a_b" {
		t.Errorf("ids that are plain do not stay: %v", seen)
	}
}

// What a device sends never costs more than a constant times its bytes, and
// becomes JSON whatever it is.
func FuzzTake(f *testing.F) {
	f.Add(string(envelope.Message{Path: "house.kitchen", Body: bysant.OfMap(member("temp", bysant.OfList(bysant.OfFloat(21.5))), member("timestamp", bysant.OfList(bysant.OfInt(1))))}.Append(nil)))
	f.Add(string(envelope.Message{Path: "x", Body: bysant.OfMap(member("v", envelope.Deltas(bysant.OfInt(1), bysant.OfInt(0), []int64{1, 2})))}.Append(nil)))
	f.Add(string(envelope.Message{Path: "x", Body: bysant.OfMap(member("v", envelope.QuasiPeriodic(bysant.OfInt(1), bysant.OfInt(0), []int64{1 << 40})))}.Append(nil)))
	f.Add(string(envelope.Response{Ticket: bysant.OfString("t"), Status: -1, Data: bysant.OfString("interrupted: x")}.Append(nil)))
	f.Fuzz(func(t *testing.T, payload string) {
		items, err := envelope.ParseItems(payload)
		if err != nil {
			return
		}
		for _, i := range items {
			switch i := i.(type) {
			case envelope.Message:
				r, err := recordOf(i)
				if err != nil {
					continue
				}
				n := 0
				for _, vs := range r.Columns {
					n += len(vs)
				}
				if n > maxSamples+len(payload) {
					t.Fatalf("%d values of %d bytes", n, len(payload))
				}
				if _, err := json.Marshal(r); err != nil {
					t.Fatal(err)
				}
				for _, v := range r.values() {
					if !json.Valid(v.Value) {
						t.Fatalf("%s: %s", v.ID, v.Value)
					}
				}
				if out := resultOf(envelope.Response{}, i.Body, true); !out.Status.Final() {
					t.Fatalf("it has not ended: %+v", out)
				}
			case envelope.Response:
				if out := resultOf(i, bysant.Value{}, false); !out.Status.Final() || out.Status != job.Completed && out.Error == nil {
					t.Fatalf("%+v", out)
				}
			}
		}
	})
}

// Data that the sink does not take stays with the device, and an envelope
// whose answer was lost counts once when it comes again.
func TestDataOnce(t *testing.T) {
	var full atomic.Bool
	var lines atomic.Int64
	full.Store(true)
	h := newHallWith(t, store.NewMemory(), func(Record) error {
		if full.Load() {
			return errors.New("the disk is full")
		}
		lines.Add(1)
		return nil
	})
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", portOf(h.l)))
	if err != nil {
		t.Fatal(err)
	}
	dev, err := m3da.NewDevice(c, m3da.DeviceOptions{ID: "d"})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	if err := dev.Exchange(t.Context(), "", nil); err != nil || !dev.Lander() {
		t.Fatal(err)
	}
	row := envelope.Message{Path: "house", Body: bysant.OfMap(member("temp", bysant.OfList(bysant.OfInt(20), bysant.OfInt(21))), member("timestamp", bysant.OfList(bysant.OfInt(1_700_000_000), bysant.OfInt(1_700_000_060))))}.Append(nil)
	var status *m3da.StatusError
	if err := dev.Exchange(t.Context(), "b-1", row); !errors.As(err, &status) || status.Status != envelope.StatusUnavailable {
		t.Errorf("the sink is full: %v", err)
	}
	full.Store(false)
	for range 2 {
		if err := dev.Exchange(t.Context(), "b-1", row); err != nil {
			t.Error(err)
		}
		if err := dev.Exchange(t.Context(), "", nil); err != nil {
			t.Error(err)
		}
	}
	all := h.fleet.History(gw1("d"), "house.temp")
	if len(all) != 2 || lines.Load() != 1 || string(all[1].Value) != "21" || all[1].Time.Unix() != 1_700_000_060 {
		t.Errorf("%d lines, %+v", lines.Load(), all)
	}
	if latest, ok := h.fleet.Data(gw1("d")); !ok || len(latest) != 1 || string(latest[0].Value) != "21" {
		t.Errorf("latest: %+v", latest)
	}
}

// What is kept has an end, and a follower that does not read is let go.
func TestDataBounds(t *testing.T) {
	h := newHall(t, store.NewMemory())
	h.original("d").exchange()
	data, stop := h.fleet.Follow(gw1("d"))
	defer stop()
	h.fleet.mu.Lock()
	c := &connection{dev: h.fleet.components["d"]}
	h.fleet.mu.Unlock()
	for i := 0; i < 2*maxHistory; i += 10 {
		var row []bysant.Member
		for j := i; j < i+10; j++ {
			row = append(row, member(fmt.Sprint(j%700), bysant.OfList(bysant.OfInt(int64(j)))))
		}
		if err := h.fleet.takeData(c, []envelope.Message{{Path: "v", Body: bysant.OfMap(row...)}}); err != nil {
			t.Fatal(err)
		}
	}
	h.fleet.mu.Lock()
	c.dev.conn, c.dev.data.of = c, c
	h.fleet.mu.Unlock()
	if all, _ := h.fleet.Data(gw1("d")); len(all) != maxVariables {
		t.Errorf("%d variables", len(all))
	}
	// A variable that came once only stays, others go with their age.
	if got := h.fleet.History(gw1("d"), "v.599"); len(got) == 0 || string(got[len(got)-1].Value) != "1999" {
		t.Errorf("history: %+v", got)
	}
	values, size := 0, 0
	h.fleet.readPacks(t.Context(), "d", func(p *pack) { values, size = values+len(p.values), size+p.bytes })
	if values > maxHistory || values < maxHistory/2 || size > maxBytes {
		t.Errorf("%d values of %d bytes are kept", values, size)
	}
	h.fleet.mu.Lock()
	c.dev.conn = nil
	h.fleet.mu.Unlock()
	n := 0
	for range data {
		n++
	}
	if n != maxBehind {
		t.Errorf("a slow follower got %d", n)
	}
}

// One that talks much leaves what another variable said once.
func TestDataThins(t *testing.T) {
	h := newHall(t, store.NewMemory())
	h.original("d").exchange()
	h.fleet.mu.Lock()
	c := &connection{dev: h.fleet.components["d"]}
	h.fleet.mu.Unlock()
	send := func(name string, n int) {
		t.Helper()
		if err := h.fleet.takeData(c, []envelope.Message{{Path: "v", Body: bysant.OfMap(member(name, bysant.OfList(bysant.OfInt(int64(n)))))}}); err != nil {
			t.Fatal(err)
		}
	}
	send("once", 1)
	for i := range 3 * maxHistory {
		send("often", i)
	}
	if got := h.fleet.History(gw1("d"), "v.once"); len(got) != 1 || string(got[0].Value) != "1" {
		t.Errorf("what came once: %+v", got)
	}
	got := h.fleet.History(gw1("d"), "v.often")
	if len(got) < maxHistory/2 || len(got) > maxHistory || string(got[len(got)-1].Value) != fmt.Sprint(3*maxHistory-1) {
		t.Errorf("%d values", len(got))
	}
	for i := 1; i < len(got); i++ {
		var a, b int
		if json.Unmarshal(got[i-1].Value, &a) != nil || json.Unmarshal(got[i].Value, &b) != nil || b != a+1 {
			t.Fatalf("%s follows %s", got[i].Value, got[i-1].Value)
		}
	}
	// Another gateway of the same store sees it, writes behind it, and the
	// first one finds that when the device comes back to it.
	other := newHall(t, h.store)
	other.original("d").exchange()
	if all, _ := other.fleet.Data(gw1("d")); len(all) != 2 {
		t.Errorf("there: %+v", all)
	}
	other.fleet.mu.Lock()
	there := &connection{dev: other.fleet.components["d"]}
	other.fleet.mu.Unlock()
	for _, f := range []struct {
		f *Fleet
		c *connection
	}{{other.fleet, there}, {h.fleet, c}, {other.fleet, there}} {
		if err := f.f.takeData(f.c, []envelope.Message{{Path: "v", Body: bysant.OfMap(member("moved", bysant.OfList(bysant.OfInt(7))))}}); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.fleet.History(gw1("d"), "v.moved"); len(got) != 3 {
		t.Errorf("moved: %+v", got)
	}
	// What another one has written counts too.
	for i := range maxHistory / 2 {
		if err := other.fleet.takeData(there, []envelope.Message{{Path: "v", Body: bysant.OfMap(member("often", bysant.OfList(bysant.OfInt(int64(i)))))}}); err != nil {
			t.Fatal(err)
		}
	}
	values := 0
	other.fleet.readPacks(t.Context(), "d", func(p *pack) { values += len(p.values) })
	if values > maxHistory || values < maxHistory/2 {
		t.Errorf("%d values are kept", values)
	}
	// What is too long is shown, and not kept.
	h.fleet.mu.Lock()
	c.dev.conn = c
	h.fleet.mu.Unlock()
	long := envelope.Message{Path: "v", Body: bysant.OfMap(member("long", bysant.OfList(bysant.OfString(strings.Repeat("x", maxDatum)))))}
	if err := h.fleet.takeData(c, []envelope.Message{long}); err != nil {
		t.Fatal(err)
	}
	if got := h.fleet.History(gw1("d"), "v.long"); len(got) != 0 {
		t.Errorf("%d long ones are kept", len(got))
	}
	if all, _ := h.fleet.Data(gw1("d")); len(all) != 4 {
		t.Errorf("shown are %d", len(all))
	}
	h.fleet.mu.Lock()
	c.dev.conn = nil
	h.fleet.mu.Unlock()
}

func FuzzPack(f *testing.F) {
	for _, s := range []string{`[]`, `[[1,"a",2]]`, `[[1,"a.b",{"x":[1]}],[-5,"",null]]`, `[[1]]`, `null`, `[[1e99,"a",1]]`, `[["x","a",1]]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		values, err := parsePack(b)
		if err != nil {
			if values != nil {
				t.Fatalf("%v with %v", err, values)
			}
			return
		}
		text, err := appendPack(nil, values)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		again, err := parsePack(text)
		if err != nil || len(again) != len(values) {
			t.Fatalf("%s: %v", text, err)
		}
		canonical, err := appendPack(nil, again)
		if err != nil || string(canonical) != string(text) {
			t.Fatalf("%s became %s", text, canonical)
		}
	})
}
