package stage_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/emp/frame"
	"lander/lib/stage"
)

// clock is time that a test moves.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	timers []*timer
	settle func()
}

type timer struct {
	c    *clock
	at   time.Time
	f    func()
	gone bool
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) AfterFunc(d time.Duration, f func()) stage.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{c: c, at: c.now.Add(d), f: f}
	c.timers = append(c.timers, t)
	return t
}

func (t *timer) Stop() bool {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	was := !t.gone
	t.gone = true
	return was
}

// advance moves the time, timer by timer.
func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	end := c.now.Add(d)
	for {
		var first *timer
		for _, t := range c.timers {
			if !t.gone && !t.at.After(end) && (first == nil || t.at.Before(first.at)) {
				first = t
			}
		}
		if first == nil {
			break
		}
		first.gone = true
		c.now = first.at
		c.mu.Unlock()
		first.f()
		if c.settle != nil {
			c.settle() // what began must not see a later time
		}
		c.mu.Lock()
	}
	c.now = end
	c.mu.Unlock()
}

// uplink remembers sessions; fail makes them fail.
type uplink struct {
	sessions chan []string
	mu       sync.Mutex
	fail     error
}

func (u *uplink) setFail(err error) {
	u.mu.Lock()
	u.fail = err
	u.mu.Unlock()
}

func (u *uplink) Send(_ context.Context, ms []stage.Message) error {
	var b bytes.Buffer
	if err := stage.NewSink(&b, func() time.Time { return time.Time{} }).Send(context.Background(), ms); err != nil {
		return err
	}
	lines := []string{}
	for l := range strings.Lines(b.String()) {
		lines = append(lines, strings.TrimSuffix(strings.TrimPrefix(l, `{"time":"0001-01-01T00:00:00.000Z",`), "}\n"))
	}
	u.mu.Lock()
	err := u.fail
	u.mu.Unlock()
	u.sessions <- lines
	return err
}

// rig is a stage with its clock and uplink.
type rig struct {
	t     *testing.T
	clock *clock
	up    *uplink
	*stage.Stage
}

func start(t *testing.T, file string, policies map[string]stage.Policy) *rig {
	t.Helper()
	r := &rig{t: t, clock: &clock{now: time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)}, up: &uplink{sessions: make(chan []string, 100)}}
	var err error
	r.Stage, err = stage.Open(stage.Options{File: file, Policies: policies, Uplink: r.up, Clock: r.clock})
	if err != nil {
		t.Fatal(err)
	}
	r.clock.settle = r.Settle
	t.Cleanup(func() { r.Close() })
	return r
}

// do parses a payload, hands it on, and waits until it is confirmed.
func do[P any](r *rig, parse func([]byte) (P, error), f func(P, func(error)) error, payload string) error {
	r.t.Helper()
	p, err := parse([]byte(payload))
	if err != nil {
		return err
	}
	ch := make(chan error, 1)
	if err := f(p, func(err error) { ch <- err }); err != nil {
		return err
	}
	return <-ch
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) refused(err error, text string) {
	r.t.Helper()
	if !errors.Is(err, frame.StatusBadParameter) || err.Error() != text {
		r.t.Errorf("error %v, want BAD_PARAMETER %q", err, text)
	}
}

func (r *rig) pdata(payload string) error {
	r.t.Helper()
	return do(r, frame.ParsePData, r.PData, payload)
}

func (r *rig) row(payload string) error {
	r.t.Helper()
	return do(r, frame.ParseTableRow, r.AddRow, payload)
}

func (r *rig) ack(payload string) error {
	r.t.Helper()
	return do(r, frame.ParsePAcknowledge, r.Acknowledge, payload)
}

func (r *rig) newTable(payload string) (id frame.TableID, err error) {
	r.t.Helper()
	err = do(r, frame.ParseTableNew, func(p frame.TableNew, done func(error)) error {
		return r.NewTable(p, func(i frame.TableID, err error) { id = i; done(err) })
	}, payload)
	return id, err
}

func (r *rig) newConso(payload string) (id frame.TableID, err error) {
	r.t.Helper()
	err = do(r, frame.ParseConsoNew, func(p frame.ConsoNew, done func(error)) error {
		return r.NewConsolidation(p, func(i frame.TableID, err error) { id = i; done(err) })
	}, payload)
	return id, err
}

// sent is the next session, which must come or have come.
func (r *rig) sent(want ...string) {
	r.t.Helper()
	select {
	case got := <-r.up.sessions:
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			r.t.Errorf("sent\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	case <-time.After(10 * time.Second):
		r.t.Fatal("no session")
	}
}

func (r *rig) flush(name string, want ...string) {
	r.t.Helper()
	r.must(r.Flush(r.t.Context(), name))
	if len(want) > 0 {
		r.sent(want...)
	}
	r.quiet()
}

func (r *rig) quiet() {
	r.t.Helper()
	select {
	case got := <-r.up.sessions:
		r.t.Errorf("sent %s, want no session", got)
	default:
	}
}

func TestPData(t *testing.T) {
	r := start(t, "", nil)
	for _, payload := range []string{
		`{"asset":"a","path":"p","data":{"x":1,"y":2.0}}`,
		`{"asset":"a","path":"p","data":{"y":4,"x":3}}`,
		`{"asset":"a","path":"p","data":{"x":5,"s":{"deep":{"z":true}},"d.k":"v","l":[1,{"q":2}],"e":{}}}`,
		`{"asset":"a","path":"p.key","data":7}`,
		`{"asset":"a","path":"p.none"}`,
		`{"asset":"a","queue":"default","data":{"top":null}}`,
		`{"asset":"a","path":"p","data":[]}`,
		`{"asset":"a","path":".p..","data":{"x":9,"y":10}}`,
	} {
		if err := r.pdata(payload); err != nil {
			t.Errorf("%s: %v", payload, err)
		}
	}
	r.refused(r.pdata(`{"asset":"a","path":"p","policy":"nosuch","data":{"x":1}}`), "no such policy")
	r.refused(r.pdata(`{"asset":"a","path":"","data":1}`), "no path and no key")
	r.refused(r.pdata(`{"asset":"a","path":".","data":1}`), "no path and no key")
	r.refused(r.pdata(`{"asset":"a","data":[1]}`), "bad record key")
	r.refused(r.pdata(`{"asset":"a","data":{"":1}}`), "bad record key")
	r.refused(r.pdata(`{"asset":".","data":{"x":1}}`), "asset is missing")
	r.flush("default",
		`"kind":"data","policy":"default","path":"a.p","columns":{"x":[1,3,9],"y":[2.0,4,10]}`,
		`"kind":"data","policy":"default","path":"a.p","columns":{"l":[[1,{"q":2}]],"x":[5]}`,
		`"kind":"data","policy":"default","path":"a.p.s.deep","columns":{"z":[true]}`,
		`"kind":"data","policy":"default","path":"a.p.d","columns":{"k":["v"]}`,
		`"kind":"data","policy":"default","path":"a.p","columns":{"key":[7]}`,
		`"kind":"data","policy":"default","path":"a.p","columns":{"none":[null]}`,
		`"kind":"data","policy":"default","path":"a","columns":{"top":[null]}`)
	r.flush("default") // nothing is left, and no session for nothing
	r.refused(r.Flush(t.Context(), "never"), "the policy never is never sent")
	r.refused(r.Flush(t.Context(), "nosuch"), "no such policy")
	if n := r.Bytes(); n != 0 {
		t.Errorf("%d bytes wait after all was sent", n)
	}
}

// The time of each kind of policy.
func TestPolicies(t *testing.T) {
	r := start(t, "", map[string]stage.Policy{
		"often":  {Latency: 2 * time.Second},
		"steady": {Period: 10 * time.Minute},
		"clock":  {Cron: "*/15 6 * * *"},
		"boot":   {Boot: true, OnBoot: 7 * time.Second},
		"hand":   {},
	})
	line := func(policy string) string {
		return `"kind":"data","policy":"` + policy + `","path":"a","columns":{"x":[1]}`
	}
	put := func(policy string) { r.must(r.pdata(`{"asset":"a","policy":"` + policy + `","data":{"x":1}}`)) }
	put("boot")
	put("hand")
	put("never")
	r.clock.advance(7 * time.Second)
	r.sent(line("boot"))
	put("boot") // once per start
	put("often")
	r.clock.advance(time.Second)
	r.quiet()
	put("often") // the first one's time counts
	r.clock.advance(time.Second)
	r.sent(`"kind":"data","policy":"often","path":"a","columns":{"x":[1,1]}`)
	put("steady")
	r.clock.advance(10 * time.Minute)
	r.sent(line("steady"))
	put("clock")
	r.clock.advance(43 * time.Minute) // 05:59
	r.quiet()
	r.clock.advance(2 * time.Minute)
	r.sent(line("clock"))
	put("hourly")
	r.clock.advance(59 * time.Minute)
	r.quiet()
	r.clock.advance(time.Minute)
	r.sent(line("hourly"))
	r.flush("hand", line("hand"))
	r.flush("*", line("boot"))
	// A change of the settings counts for what waits already.
	put("hourly")
	r.must(r.SetPolicies(map[string]stage.Policy{"hourly": {Latency: time.Minute}}))
	r.clock.advance(time.Minute)
	r.sent(line("hourly"))
	r.refused(r.pdata(`{"asset":"a","policy":"often","data":{"x":1}}`), "no such policy")
	if err := r.SetPolicies(map[string]stage.Policy{"bad": {Cron: "61 * * * *"}}); err == nil {
		t.Error("a cron of minute 61 is taken")
	}
}

// Data stays until a session succeeds, and a policy of its own accord tries
// again.
func TestFailedSession(t *testing.T) {
	r := start(t, "", nil)
	line := `"kind":"data","policy":"default","path":"a","columns":{"x":[1]}`
	r.up.setFail(errors.New("no route"))
	r.must(r.pdata(`{"asset":"a","data":{"x":1}}`))
	r.clock.advance(5 * time.Second)
	r.sent(line)
	err := r.Flush(t.Context(), "default")
	failed, ok := errors.AsType[*stage.SessionError](err)
	if !ok || !errors.Is(err, frame.StatusCommunicationError) || failed.Err.Error() != "no route" {
		t.Errorf("the failed session is %v", err)
	}
	r.sent(line)
	r.up.setFail(nil)
	r.clock.advance(2 * stage.DefaultRetry)
	r.sent(line)
	r.flush("default")
}

func TestAcknowledge(t *testing.T) {
	r := start(t, "", nil)
	r.must(r.ack(`{"ticket":1,"message":"first"}`))
	r.must(r.ack(`{"ticket":2,"status":-5,"persisted":1}`))
	r.must(r.ack(`{"ticket":3,"policy":"hourly","status":false}`))
	r.must(r.ack(`{"ticket":1,"status":true,"message":"again","persisted":0}`))
	r.must(r.pdata(`{"asset":"a","policy":"now","data":{"x":1}}`))
	r.refused(r.ack(`{"status":0}`), "ticket is missing")
	r.refused(r.ack(`{"ticket":1,"policy":"nosuch"}`), "no such policy")
	r.flush("now",
		`"kind":"data","policy":"now","path":"a","columns":{"x":[1]}`,
		`"kind":"acknowledge","policy":"now","ticket":1,"status":0,"text":"again"`,
		`"kind":"acknowledge","policy":"now","ticket":2,"status":-5,"text":""`)
	r.flush("*", `"kind":"acknowledge","policy":"hourly","ticket":3,"status":-1,"text":""`)
}

func TestTables(t *testing.T) {
	r := start(t, "", nil)
	id, err := r.newTable(`{"asset":"a","storage":"ram","policy":"never","path":"t","columns":["timestamp","temp"],"purge":false}`)
	if id != "ram:a.t-temp-timestamp.tbl" || err != nil {
		t.Fatalf("the table is %q, %v", id, err)
	}
	again, err := r.newTable(`{"asset":"a","path":"t","policy":"hourly","columns":["temp","timestamp"]}`)
	if again != id || err != nil {
		t.Errorf("the same table is %q, %v", again, err)
	}
	// Names that would run together do not.
	x, _ := r.newTable(`{"asset":"a","path":"t","columns":["b-c"]}`)
	y, _ := r.newTable(`{"asset":"a","path":"t","columns":["b","c"]}`)
	z, _ := r.newTable(`{"asset":"a","path":"t-b","columns":["c"]}`)
	if x == y || y == z || x == z {
		t.Errorf("tables share an id: %s %s %s", x, y, z)
	}
	for _, row := range []string{`{"timestamp":1,"temp":25}`, `{"temp":26,"other":1}`, `{}`, `[]`, `{"timestamp":null,"temp":"hot"}`} {
		r.must(r.row(`{"table":"` + string(id) + `","row":` + row + `}`))
	}
	r.refused(r.row(`{"table":"`+string(id)+`","row":{"temp":[1]}}`), "column temp is a list")
	r.refused(r.row(`{"table":"`+string(id)+`"}`), "row is null, a map is wanted")
	r.refused(r.row(`{"table":"nosuch","row":{}}`), "no such table")
	rows := `"columns":{"timestamp":[1,null,null,null,null],"temp":[25,26,null,null,"hot"]}`
	r.must(r.SendTable(t.Context(), frame.Trigger{Table: id, DontReset: true}))
	r.sent(`"kind":"data","path":"a.t",` + rows)
	r.flush("hourly", `"kind":"data","policy":"hourly","path":"a.t",`+rows)
	r.must(r.SendTable(t.Context(), frame.Trigger{Table: id}))
	r.quiet() // empty: no session
	r.must(r.row(`{"table":"` + string(id) + `","row":{"temp":1}}`))
	r.must(do(r, frame.ParseTableReset, r.Reset, `{"table":"`+string(id)+`"}`))
	r.flush("hourly")
	// maxrows sends, by the table's policy.
	r.must(do(r, frame.ParseTableSetMaxRows, r.SetMaxRows, `{"table":"`+string(id)+`","maxrows":2}`))
	r.must(r.row(`{"table":"` + string(id) + `","row":{"temp":1}}`))
	r.quiet()
	r.must(r.row(`{"table":"` + string(id) + `","row":{"temp":2}}`))
	r.sent(`"kind":"data","path":"a.t","columns":{"timestamp":[null,null],"temp":[1,2]}`)
	// A table that nobody sends is emptied.
	never, _ := r.newTable(`{"asset":"a","path":"n","policy":"never","columns":["x"]}`)
	r.must(do(r, frame.ParseTableSetMaxRows, r.SetMaxRows, `{"table":"`+string(never)+`","maxrows":2}`))
	for i := range 3 {
		r.must(r.row(`{"table":"` + string(never) + `","row":{"x":` + string(rune('0'+i)) + `}}`))
	}
	r.must(r.SendTable(t.Context(), frame.Trigger{Table: never}))
	r.sent(`"kind":"data","path":"a.n","columns":{"x":[2]}`)
	for payload, text := range map[string]string{
		`{"asset":"a","policy":"nosuch","columns":["x"]}`:                                  "no such policy",
		`{"asset":"a","columns":[]}`:                                                       "no columns",
		`{"asset":"a","columns":["x","x"]}`:                                                `column "x" comes twice`,
		`{"asset":"a","storage":"tape","columns":["x"]}`:                                   `no such storage: "tape"`,
		`{"asset":"a","columns":[{"name":"x","serialization":"deltasvector","factor":0}]}`: "column x: factor and period are greater than 0",
		`{"asset":"a","columns":[{"name":"x","serialization":"deltasvector"}]}`:            "column x: factor is no number",
		`{"asset":"a","columns":[{"name":"x","serialization":"quasiperiodicvector"}]}`:     "column x: period is no number",
		`{"asset":"a","columns":[{"name":"x","serialization":"best"}]}`:                    `column x: no such serialization: "best"`,
	} {
		_, err := r.newTable(payload)
		r.refused(err, text)
	}
}

func TestConsolidation(t *testing.T) {
	r := start(t, "", nil)
	src, err := r.newTable(`{"asset":"a","path":"t","policy":"never","columns":["timestamp","temp","name"]}`)
	r.must(err)
	s := string(src)
	conso := `{"src":"` + s + `","path":"dst","columns":{"timestamp":"median","temp":"mean"},"storage":"ram","send_policy":"hourly","conso_policy":"daily"`
	dst, err := r.newConso(conso + `}`)
	if dst != "ram:a.dst-temp-timestamp.tbl" || err != nil {
		t.Fatalf("the consolidation is %q, %v", dst, err)
	}
	if again, err := r.newConso(conso + `}`); again != dst || err != nil {
		t.Errorf("again: %q, %v", again, err)
	}
	trigger := func(payload string) error { return do(r, frame.ParseTrigger, r.Consolidate, payload) }
	r.must(trigger(`{"table":"` + s + `"}`)) // empty: nothing
	put := func() {
		for _, row := range []string{`{"timestamp":1,"temp":20,"name":"x"}`, `{"timestamp":3,"temp":25}`, `{"timestamp":2,"temp":26}`} {
			r.must(r.row(`{"table":"` + s + `","row":` + row + `}`))
		}
	}
	put()
	r.must(trigger(`{"table":"` + s + `","dont_reset":true}`))
	r.must(trigger(`{"table":"` + s + `"}`))
	r.must(trigger(`{"table":"` + s + `"}`))
	r.clock.advance(time.Hour)
	mean := "23.666666666666668"
	r.sent(`"kind":"data","policy":"hourly","path":"a.dst","columns":{"timestamp":[2,2],"temp":[` + mean + `,` + mean + `]}`)
	// The consolidation policy fills the destination, whose own sends it.
	put()
	r.clock.advance(25 * time.Hour)
	r.sent(`"kind":"data","policy":"hourly","path":"a.dst","columns":{"timestamp":[2],"temp":[` + mean + `]}`)
	// At maxrows it consolidates.
	r.must(do(r, frame.ParseTableSetMaxRows, r.SetMaxRows, `{"table":"`+s+`","maxrows":3}`))
	put()
	r.flush("hourly", `"kind":"data","policy":"hourly","path":"a.dst","columns":{"timestamp":[2],"temp":[`+mean+`]}`)

	refused := func(payload, text string) {
		t.Helper()
		_, err := r.newConso(payload)
		r.refused(err, text)
	}
	refused(conso+`,"purge":true}`, "the source table has a consolidation already")
	refused(`{"src":"nosuch","columns":{"x":"mean"}}`, "no such source table")
	refused(`{"src":"`+s+`","columns":{"nosuch":"mean"}}`, "the source table has no column nosuch")
	refused(`{"src":"`+s+`","columns":{"temp":"best"}}`, `no such consolidation method: "best"`)
	refused(`{"src":"`+s+`","columns":{"temp":"mean"},"conso_queue":"nosuch"}`, "no such policy")
	other, _ := r.newTable(`{"asset":"a","path":"u","columns":["x"]}`)
	refused(`{"src":"`+string(other)+`","columns":{"x":"mean"}}`, "the source table is sent by a policy of its own")
	refused(`{"src":"`+string(other)+`","path":"u","columns":{"x":"mean"},"conso_policy":"never"}`, "a table cannot be consolidated into itself")
	_, err = r.newTable(`{"asset":"a","path":"dst","columns":["timestamp","temp"]}`)
	r.refused(err, "the table is a consolidation")
	r.refused(trigger(`{"table":"`+string(other)+`"}`), "the table has no consolidation")
	// A circle would never end.
	_, err = r.newConso(`{"src":"` + string(dst) + `","path":"t","columns":{"timestamp":"last","temp":"last","name":"last"},"conso_policy":"never"}`)
	r.refused(err, "the source table has no column name")
}

func TestFull(t *testing.T) {
	s, err := stage.Open(stage.Options{MaxBytes: 1000, Uplink: stage.NewSink(&bytes.Buffer{}, time.Now)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put := func() error {
		return s.PData(frame.PData{Asset: "a", Policy: "default", Data: frame.Map(frame.Member{Key: "x", Value: frame.Int(1)})}, func(error) {})
	}
	n := 0
	for ; put() == nil; n++ {
		if n > 1000 {
			t.Fatal("no end")
		}
	}
	if err := put(); !errors.Is(err, frame.StatusNoMemory) {
		t.Errorf("at %d records: %v", n, err)
	}
	if err := s.Flush(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	if err := put(); err != nil {
		t.Errorf("after the flush: %v", err)
	}
}

// What was confirmed in flash is there after a restart, and nothing else.
func TestRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stage.log")
	r := start(t, file, nil)
	r.must(r.pdata(`{"asset":"a","path":"p","policy":"hourly","data":{"x":1,"s.y":"é\n"}}`))
	r.must(r.ack(`{"ticket":"t1","status":0,"persisted":true,"policy":"hourly"}`))
	r.must(r.ack(`{"ticket":2,"status":0,"policy":"hourly"}`))
	src, err := r.newTable(`{"asset":"a","storage":"flash","path":"t","policy":"never","columns":["ts",{"name":"v","serialization":"deltasvector","factor":0.5}]}`)
	r.must(err)
	if src != "file:a.t-ts-v.tbl" {
		t.Errorf("the table is %s", src)
	}
	ram, err := r.newTable(`{"asset":"a","storage":"ram","path":"t","policy":"hourly","columns":["ts"]}`)
	r.must(err)
	r.must(do(r, frame.ParseTableSetMaxRows, r.SetMaxRows, `{"table":"`+string(src)+`","maxrows":4}`))
	_, err = r.newConso(`{"src":"` + string(src) + `","path":"c","columns":{"ts":"last","v":"sum"},"storage":"file","send_policy":"hourly","conso_policy":"daily"}`)
	r.must(err)
	for _, row := range []string{`{"ts":1,"v":1.5}`, `{"ts":2,"v":2.5}`} {
		r.must(r.row(`{"table":"` + string(src) + `","row":` + row + `}`))
		r.must(r.row(`{"table":"` + string(ram) + `","row":` + row + `}`))
	}
	for round := range 2 {
		r.must(r.Close())
		r = start(t, file, nil)
		for range round { // the second round is after a file written anew
			r.must(r.row(`{"table":"` + string(src) + `","row":{"ts":3,"v":1}}`))
			r.must(r.row(`{"table":"` + string(src) + `","row":{"ts":4,"v":1}}`))
		}
	}
	r.flush("hourly",
		`"kind":"data","policy":"hourly","path":"a.p","columns":{"x":[1]}`,
		`"kind":"data","policy":"hourly","path":"a.p.s","columns":{"y":["é\n"]}`,
		`"kind":"data","policy":"hourly","path":"a.c","columns":{"ts":[4],"v":[6.0]}`,
		`"kind":"acknowledge","policy":"hourly","ticket":"t1","status":0,"text":""`)
	r.must(r.row(`{"table":"` + string(src) + `","row":{"ts":5,"v":1.3}}`))
	r.must(r.row(`{"table":"` + string(src) + `","row":{"ts":6,"v":2}}`))
	r.must(r.Close())
	r = start(t, file, nil)
	r.must(r.SendTable(t.Context(), frame.Trigger{Table: src}))
	r.sent(`"kind":"data","path":"a.t","columns":{"ts":[5,6],"v":{"factor":0.5,"start":3,"deltas":[1]}}`)
	r.must(r.Close())
	r = start(t, file, nil)
	r.flush("*") // nothing that was sent comes again
	if err := r.row(`{"table":"` + string(src) + `","row":{}}`); err != nil {
		t.Errorf("the table itself is gone: %v", err)
	}
	r.must(r.Close())
	if err := r.pdata(`{"asset":"a","data":{"x":1}}`); !errors.Is(err, frame.StatusClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// What was purged or replaced stays so after a restart.
func TestRemovalLasts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stage.log")
	r := start(t, file, nil)
	again := func() {
		t.Helper()
		r.must(r.Close())
		r = start(t, file, nil)
	}
	table := func(purge string) string {
		t.Helper()
		id, err := r.newTable(`{"asset":"a","storage":"flash","path":"t","policy":"hourly","columns":["x"],"purge":` + purge + `}`)
		r.must(err)
		return string(id)
	}
	r.must(r.row(`{"table":"` + table("false") + `","row":{"x":1}}`))
	r.must(r.ack(`{"ticket":"t1","persisted":true,"policy":"hourly"}`))
	r.must(r.ack(`{"ticket":"t2","persisted":true,"policy":"hourly"}`))
	again()
	table("true")
	r.must(r.ack(`{"ticket":"t1","persisted":false,"policy":"hourly"}`))
	again()
	table("false")
	r.flush("*", `"kind":"acknowledge","policy":"hourly","ticket":"t2","status":0,"text":""`)
}
