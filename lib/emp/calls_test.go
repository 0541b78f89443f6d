package emp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"lander/lib/emp"
	"lander/lib/emp/emptest"
	"lander/lib/emp/frame"
)

// wire is the other end as bytes: what comes is read at once, what shall be
// answered is answered by the test.
type wire struct {
	net.Conn
	t  *testing.T
	rd *frame.Reader
}

func newWire(t *testing.T, o emp.Options) (*emp.Peer, *wire) {
	a, b := tcpPair(t)
	return newPeer(t, a, o), &wire{b, t, frame.NewReader(b, 0)}
}

func (w *wire) next() frame.Frame {
	w.t.Helper()
	w.SetReadDeadline(time.Now().Add(emptest.Patience))
	f, err := w.rd.Next()
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

func (w *wire) answer(f frame.Frame, body string) {
	w.t.Helper()
	f.Response, f.Payload = true, []byte("\x00\x00"+body)
	write(w.t, w, f)
}

type outcome struct {
	r   frame.Response
	err error
}

func post(t *testing.T, p *emp.Peer, payload string) <-chan outcome {
	t.Helper()
	ch := make(chan outcome, 1)
	err := p.Post(frame.CmdNotifyVariable, []byte(payload), func(r frame.Response, err error) { ch <- outcome{r, err} })
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// A request id is parked from the timeout until the late response comes, and
// the next call takes the lowest free one.
// Whichever calls are answered, and in whichever order, the others end with
// their time, as does one that takes the place of an answered one.
func TestTimeoutBesideAnswers(t *testing.T) {
	for _, answered := range [][]int{{0}, {1}, {2}, {0, 1}, {1, 0}, {1, 2}, {2, 1}, {0, 2}, {2, 0}, {0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}} {
		clock := emptest.NewClock(time.Unix(0, 0))
		p, w := newWire(t, emp.Options{Clock: clock})
		var calls []<-chan outcome
		var sent []frame.Frame
		for i := range 3 {
			calls = append(calls, post(t, p, fmt.Sprint(i)))
			sent = append(sent, w.next())
		}
		for _, i := range answered {
			w.answer(sent[i], `"in time"`)
			if o := await(t, calls[i], "the response"); o.err != nil {
				t.Errorf("%v: call %d: %v", answered, i, o.err)
			}
		}
		clock.Advance(30 * time.Second)
		late := post(t, p, "3")
		w.next()
		clock.Advance(30 * time.Second)
		for i, c := range calls {
			if slices.Contains(answered, i) {
				continue
			}
			if o := await(t, c, "the timeout"); !errors.Is(o.err, frame.StatusTimeout) {
				t.Errorf("%v: call %d: %v", answered, i, o.err)
			}
		}
		clock.Advance(30 * time.Second)
		if o := await(t, late, "the timeout of the last"); !errors.Is(o.err, frame.StatusTimeout) {
			t.Errorf("%v: the last: %v", answered, o.err)
		}
	}
}

func TestTimeoutParksTheID(t *testing.T) {
	clock := emptest.NewClock(time.Unix(0, 0))
	p, w := newWire(t, emp.Options{Clock: clock})
	first := post(t, p, "1")
	f0 := w.next()
	clock.Advance(20 * time.Second)
	second := post(t, p, "2")
	f1 := w.next()
	if f0.RequestID != 0 || f1.RequestID != 1 {
		t.Fatalf("request ids %d and %d", f0.RequestID, f1.RequestID)
	}
	clock.Advance(39 * time.Second)
	select {
	case o := <-first:
		t.Fatalf("ended after 59 s: %v", o.err)
	default:
	}
	clock.Advance(time.Second)
	if o := await(t, first, "the timeout"); !errors.Is(o.err, frame.StatusTimeout) {
		t.Errorf("after 60 s: %v", o.err)
	}
	select {
	case o := <-second:
		t.Fatalf("the second ended with the first: %v", o.err)
	default:
	}
	clock.Advance(20 * time.Second)
	if o := await(t, second, "the second timeout"); !errors.Is(o.err, frame.StatusTimeout) {
		t.Errorf("after 60 s: %v", o.err)
	}
	third := post(t, p, "3")
	f2 := w.next()
	if f2.RequestID != 2 {
		t.Errorf("request id %d is given out while 0 and 1 are parked", f2.RequestID)
	}
	w.answer(f0, `"late"`)
	w.answer(f2, `"in time"`)
	if o := await(t, third, "the response"); o.err != nil || o.r.Status != 0 {
		t.Errorf("%+v", o)
	}
	post(t, p, "4")
	if f := w.next(); f.RequestID != 0 {
		t.Errorf("request id %d, the late response has freed 0", f.RequestID)
	}
}

func TestForeignResponses(t *testing.T) {
	p, w := newWire(t, emp.Options{})
	ch := post(t, p, "1")
	f := w.next()
	w.answer(frame.Frame{Command: f.Command, RequestID: 9}, "1")   // an id never used
	w.answer(frame.Frame{Command: f.Command, RequestID: 200}, "1") // nor this one
	w.answer(frame.Frame{Command: 2, RequestID: 0}, "1")           // another command
	w.answer(f, "2")
	if o := await(t, ch, "the response"); o.err != nil {
		t.Errorf("%+v", o)
	}
	w.answer(f, "3") // a second time
	ch = post(t, p, "4")
	w.answer(w.next(), "4")
	if o := await(t, ch, "the response"); o.err != nil {
		t.Errorf("%+v", o)
	}
}

// Beyond 256 commands wait for an id, in their order; when every id is parked
// they fail with BUSY instead.
func TestBacklogAndBusy(t *testing.T) {
	clock := emptest.NewClock(time.Unix(0, 0))
	p, w := newWire(t, emp.Options{Clock: clock, MaxQueue: 10_000})
	var open []<-chan outcome
	for range emp.MaxOpen + 3 {
		open = append(open, post(t, p, "1"))
	}
	var frames []frame.Frame
	for i := range emp.MaxOpen {
		f := w.next()
		if int(f.RequestID) != i {
			t.Fatalf("command %d has request id %d", i, f.RequestID)
		}
		frames = append(frames, f)
	}
	w.answer(frames[77], "null")
	if f := w.next(); f.RequestID != 77 {
		t.Errorf("the waiting command has request id %d", f.RequestID)
	}
	if o := await(t, open[77], "the response"); o.err != nil {
		t.Error(o.err)
	}
	open[77] = open[emp.MaxOpen]
	waiting := open[emp.MaxOpen+1:]

	// Up to MaxQueue bytes wait.
	var err error
	n := 0
	for ; n < 1000 && err == nil; n++ {
		err = p.Post(frame.CmdNotifyVariable, make([]byte, 100), nil)
	}
	if !errors.Is(err, frame.StatusBusy) || n < 10 {
		t.Errorf("%d more commands, then %v", n, err)
	}

	clock.Advance(time.Minute)
	for i, ch := range open[:emp.MaxOpen] {
		if o := await(t, ch, "the timeout"); !errors.Is(o.err, frame.StatusTimeout) {
			t.Fatalf("command %d: %v", i, o.err)
		}
	}
	for _, ch := range waiting {
		if o := await(t, ch, "BUSY"); !errors.Is(o.err, frame.StatusBusy) {
			t.Errorf("a waiting command: %v", o.err)
		}
	}
	if err := p.Post(frame.CmdNotifyVariable, nil, nil); !errors.Is(err, frame.StatusBusy) {
		t.Errorf("with every id parked: %v", err)
	}
	if _, err := p.Call(t.Context(), frame.CmdNotifyVariable, nil); !errors.Is(err, frame.StatusBusy) {
		t.Errorf("with every id parked: %v", err)
	}
	w.answer(frames[3], "null")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for p.Post(frame.CmdNotifyVariable, nil, nil) != nil {
			time.Sleep(time.Millisecond)
		}
	}()
	await(t, done, "the freed id")
	if f := w.next(); f.RequestID != 3 {
		t.Errorf("request id %d after the late response to 3", f.RequestID)
	}
}

// A call that is given up parks its id too, and one that has none yet leaves.
func TestCallGivenUp(t *testing.T) {
	p, w := newWire(t, emp.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 1)
	go func() {
		_, err := p.Call(ctx, frame.CmdSendData, nil)
		errs <- err
	}()
	f := w.next()
	cancel()
	if err := await(t, errs, "the call"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	ch := post(t, p, "1")
	if f := w.next(); f.RequestID != 1 {
		t.Errorf("request id %d while 0 is parked", f.RequestID)
	}
	w.answer(f, "null")
	select {
	case o := <-ch:
		t.Errorf("the other command got the late response: %+v", o)
	case <-time.After(10 * time.Millisecond):
	}
	if _, err := p.Call(ctx, frame.CmdSendData, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	var frames []frame.Frame
	for range emp.MaxOpen - 1 {
		post(t, p, "1")
		frames = append(frames, w.next())
	}
	ctx, cancel = context.WithCancel(t.Context())
	go func() {
		_, err := p.Call(ctx, frame.CmdReboot, nil) // waits for an id
		errs <- err
	}()
	time.AfterFunc(time.Millisecond, cancel)
	if err := await(t, errs, "the call"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	post(t, p, `"next"`)
	w.answer(frames[0], "null")
	if f := w.next(); string(f.Payload) != `"next"` {
		t.Errorf("%v is sent although it was given up", f.Command)
	}
}

// No timer is left when nothing is open, and none is started per call.
func TestTimers(t *testing.T) {
	clock := emptest.NewClock(time.Unix(0, 0))
	p, w := newWire(t, emp.Options{Clock: clock})
	for range 10 {
		ch := post(t, p, "1")
		w.answer(w.next(), "null")
		await(t, ch, "the response")
	}
	if n := clock.Timers(); n != 1 {
		t.Errorf("%d timers after ten calls", n)
	}
	clock.Advance(time.Minute)
	if n := clock.Timers(); n != 0 {
		t.Errorf("%d timers with nothing open", n)
	}
	post(t, p, "1")
	p.Close()
	await(t, p.Done(), "the peer to end")
	if n := clock.Timers(); n != 0 {
		t.Errorf("%d timers after the end", n)
	}
}
