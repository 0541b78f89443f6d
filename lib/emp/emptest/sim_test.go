package emptest_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"lander/lib/emp/emptest"
	"lander/lib/emp/frame"
)

// What is wrong with an answer is noticed.
func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		name   string
		d      emptest.Dialect
		answer string // to a Register with request id 0
		fault  string
	}{
		{"fine", emptest.Lua(), "\x00\x02\x01\x00\x00\x00\x00\x06\x00\x00null", ""},
		{"bare status", emptest.Lua(), "\x00\x02\x01\x00\x00\x00\x00\x02\x00\x00", "body of the response"},
		{"no status", emptest.Lua(), "\x00\x02\x01\x00\x00\x00\x00\x01\x00", "has 1 bytes"},
		{"reserved bits", emptest.Lua(), "\x00\x02\x81\x00\x00\x00\x00\x06\x00\x00null", "reserved bits"},
		{"another id", emptest.Lua(), "\x00\x02\x01\x01\x00\x00\x00\x06\x00\x00null", "not awaited"},
		{"another command, to Lua", emptest.Lua(), "\x00\x03\x01\x00\x00\x00\x00\x06\x00\x00null", "not awaited"},
		{"another command, to C", emptest.C(), "\x00\x03\x01\x00\x00\x00\x00\x06\x00\x00null", "says Unregister"},
		{"no JSON", emptest.Lua(), "\x00\x02\x01\x00\x00\x00\x00\x04\x00\x00{]", "body of the response"},
		{"no UTF-8", emptest.Lua(), "\x00\x02\x01\x00\x00\x00\x00\x05\x00\x00\"\xff\"", "body of the response"},
		{"cut header", emptest.Lua(), "\x00\x02\x01", "inside a header"},
		{"cut payload", emptest.Lua(), "\x00\x02\x01\x00\x00\x00\x00\x06\x00\x00", "inside a payload"},
		{"bad payload", emptest.Lua(), "\x00\x08\x00\x00\x00\x00\x00\x02[1", "payload of NewSMS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := net.Pipe()
			app := emptest.New(a, tt.d)
			go func() {
				io.ReadFull(b, make([]byte, 11))
				io.WriteString(b, tt.answer)
				go io.Copy(io.Discard, b)
				b.Close()
			}()
			_, err := app.Call(frame.CmdRegister, frame.String("a"))
			if tt.fault == "" && err != nil {
				t.Error(err)
			}
			app.Close()
			got := ""
			if f := app.Faults(); f != nil {
				got = f.Error()
			}
			if (got == "") != (tt.fault == "") || !strings.Contains(got, tt.fault) {
				t.Errorf("faults %q, want %q", got, tt.fault)
			}
		})
	}
}

// The habits of the originals, as bytes.
func TestDialects(t *testing.T) {
	for _, tt := range []struct {
		d       emptest.Dialect
		payload frame.Value
		sent    string
		answer  string // to a NewSMS whose handler says NOT_FOUND and "no"
	}{
		{emptest.Lua(), frame.Value{}, "null", "\xff\xff\"no\""},
		{emptest.Lua(), frame.Map(), "[]", "\xff\xff\"no\""},
		{emptest.Lua(), frame.List(frame.String("a.b"), frame.Value{}), `["a.b"]`, "\xff\xff\"no\""},
		{emptest.Lua(), frame.List(frame.Value{}, frame.Map(frame.Member{Key: "x", Value: frame.Map()})), `[null,{"x":[]}]`, "\xff\xff\"no\""},
		{emptest.C(), frame.Value{}, "", "\x00\x00"},
		{emptest.C(), frame.Map(), "{}", "\x00\x00"},
	} {
		a, b := net.Pipe()
		app := emptest.New(a, tt.d)
		app.Handle(frame.CmdNewSMS, func([]byte) (frame.Status, frame.Value, bool) {
			return frame.StatusNotFound, frame.String("no"), true
		})
		go app.Call(frame.CmdReboot, tt.payload)
		rd := frame.NewReader(b, 0)
		if f, err := rd.Next(); err != nil || string(f.Payload) != tt.sent || f.RequestID != 0 {
			t.Errorf("%s sends %q, error %v, want %q", tt.d.Name, f.Payload, err, tt.sent)
		}
		b.Write(frame.Append(nil, frame.Frame{Command: frame.CmdNewSMS, RequestID: 9, Payload: []byte(`["a","b",1]`)}))
		if f, err := rd.Next(); err != nil || string(f.Payload) != tt.answer || f.RequestID != 9 || !f.Response {
			t.Errorf("%s answers %+v, error %v, want %q", tt.d.Name, f, err, tt.answer)
		}
		b.Close()
		app.Close()
	}
}

func TestRequestIDs(t *testing.T) {
	a, b := net.Pipe()
	app := emptest.New(a, emptest.C())
	rd := frame.NewReader(b, 0)
	for i := range 64 {
		go app.Call(frame.CmdReboot, frame.Value{})
		if f, err := rd.Next(); err != nil || int(f.RequestID) != i {
			t.Fatalf("call %d has request id %d, error %v", i, f.RequestID, err)
		}
	}
	if _, err := app.Call(frame.CmdReboot, frame.Value{}); !errors.Is(err, emptest.ErrBusy) {
		t.Errorf("the 65th call: %v", err)
	}
	b.Close()
	app.Close()
}

func TestClock(t *testing.T) {
	c := emptest.NewClock(time.Unix(100, 0))
	var got []string
	add := func(d time.Duration, name string) interface{ Stop() bool } {
		return c.AfterFunc(d, func() { got = append(got, name+c.Now().Format("05")) })
	}
	add(3*time.Second, "c")
	add(time.Second, "a")
	stopped := add(2*time.Second, "b")
	c.AfterFunc(time.Second, func() { add(time.Second, "d") })
	if !stopped.Stop() || stopped.Stop() {
		t.Error("Stop succeeds once")
	}
	c.Advance(2500 * time.Millisecond)
	if c.Timers() != 1 || strings.Join(got, " ") != "a41 d42" {
		t.Errorf("%d timers are left, %v have fired", c.Timers(), got)
	}
	c.Advance(time.Hour)
	if strings.Join(got, " ") != "a41 d42 c43" || !c.Now().Equal(time.Unix(100, 0).Add(time.Hour+2500*time.Millisecond)) {
		t.Errorf("%v have fired at %v", got, c.Now())
	}
}
