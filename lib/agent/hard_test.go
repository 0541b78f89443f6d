//go:build unix

package agent_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/agent"
	"lander/lib/emp"
	"lander/lib/emp/frame"
)

func (d *device) raw() *net.TCPConn {
	d.t.Helper()
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", d.addr.Port))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*net.TCPConn)
}

func command(c frame.Command, id uint8, payload string) []byte {
	return frame.Append(nil, frame.Frame{Command: c, RequestID: id, Payload: []byte(payload)})
}

// response reads one frame and shows it: "9 0c -12 text".
func response(t testing.TB, r io.Reader) string {
	t.Helper()
	head := make([]byte, frame.HeaderSize)
	if _, err := io.ReadFull(r, head); err != nil {
		return err.Error()
	}
	h, _ := frame.ParseHeader(head)
	body := make([]byte, h.Size)
	if _, err := io.ReadFull(r, body); err != nil {
		return err.Error()
	}
	resp, err := frame.ParseResponse(body)
	if err != nil || !h.Response {
		return fmt.Sprintf("no response: %x%x", head, body)
	}
	return fmt.Sprintf("%d %02x %d %s", h.Command, h.RequestID, resp.Status, resp.Body)
}

// The frames of the specification, byte for byte [EMP 4].
func TestFrames(t *testing.T) {
	d := startDeviceWith(t, func(c *agent.Config) { c.ID, c.Dev = "012345678901234", true })
	c := d.raw()
	for _, f := range [][2]string{
		{"0002000000000008 2261737365743122", "0002010000000006 0000 6e756c6c"},
		{"0002001000000008 2261737365743122", "0002011000000006 fff4 6e756c6c"},
		{"0007000000000007 5b22222c22225d", "0007010000000003 0000 31"},
		{"0009000c00000017 22636f6e6669672e6167656e742e646576696365496422", "0009010c00000015 0000 5b22303132333435363738393031323334225d"},
		{"000b002000000002 5b5d", "000b012000000018 fff4 226e6f207661726961626c6520746f207761746368 22"},
		{"000b00200000000e 5b5b22636f6e6669672e66225d5d", "000b01200000000b 0000 2244545f49445f3022"},
		{"0018000500000000", "0018010500000006 0000 6e756c6c"}, // empty payload [EMP 2]
		{"0019000500000004 6e756c6c", "0019010500000006 0000 6e756c6c"},
	} {
		in, err := hex.DecodeString(strings.ReplaceAll(f[0], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		want, err := hex.DecodeString(strings.ReplaceAll(f[1], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		c.Write(in)
		got := make([]byte, frame.HeaderSize)
		if _, err := io.ReadFull(c, got); err != nil {
			t.Fatal(err)
		}
		h, _ := frame.ParseHeader(got)
		body := make([]byte, h.Size)
		io.ReadFull(c, body)
		if got = append(got, body...); !bytes.Equal(got, want) {
			t.Errorf("%s\ngot  %x\nwant %x", f[0], got, want)
		}
	}
}

// What is wrong gets a status and leaves the connection, and every other
// client, as they were.
func TestHostile(t *testing.T) {
	d := startDevice(t, "", nil, 0)
	c := d.raw()
	for _, e := range frame.Catalog() {
		for _, payload := range []string{"{", "\"\xff\"", `"a","b"`, "tru", "[1,2", strings.Repeat("[", 100_000), `{"asset":{"x":[1,{}]},"ticket":{},"table":7,"policy":[]}`, `[[[]],{},7,"x"]`, "1e999", "\x00"} {
			c.Write(command(e.Command, 7, payload))
			got := response(t, c)
			if !strings.HasPrefix(got, fmt.Sprintf("%d 07 -", e.Command)) {
				t.Fatalf("%s %.40q: %.200s", e.Name, payload, got)
			}
		}
	}
	for _, cmd := range []frame.Command{0, 5, 14, 48, 53, 99, 104, 200, 0xffff, frame.CmdSendData, frame.CmdNewSMS, frame.CmdNotifyVariable, frame.CmdSoftwareUpdate, frame.CmdSoftwareUpdateStatus, frame.CmdRegisterSMSListener} {
		c.Write(command(cmd, 1, "null"))
		if got := response(t, c); !strings.HasPrefix(got, fmt.Sprintf("%d 01 -15 \"unsupported EMP command", cmd)) {
			t.Errorf("command %d: %s", cmd, got)
		}
	}
	// A response that nobody asked for, and one too short.
	c.Write([]byte{0, 9, 1, 3, 0, 0, 0, 1, 0})
	c.Write(command(frame.CmdGetVariable, 2, `"config.agent.deviceId"`))
	if got := response(t, c); got != `9 02 0 ["gw-1"]` {
		t.Error(got)
	}
	// 2 GiB announced: the answer, and a clean end.
	c.Write([]byte{0, 9, 0, 3, 0x80, 0, 0, 0})
	if got := response(t, c); !strings.HasPrefix(got, "9 03 -12") {
		t.Error(got)
	}
	if _, err := io.ReadAll(c); err != nil {
		t.Errorf("the end: %v", err)
	}
	// A client that closes its half gets its answers.
	half := d.raw()
	half.Write(command(frame.CmdPData, 1, `{"asset":"a","data":{"x":1}}`))
	half.Write(command(frame.CmdSetVariable, 2, `["config.half",1]`))
	half.Write(command(frame.CmdPFlush, 3, `{"policy":"default"}`))
	half.CloseWrite()
	got := map[string]bool{}
	for range 3 {
		r := response(t, half)
		got[r[:min(len(r), 6)]] = true
	}
	if !got["30 01 "] || !got["10 02 "] || !got["32 03 "] {
		t.Errorf("half closed: %v", got)
	}
	// One byte at a time.
	slow := d.raw()
	for _, b := range command(frame.CmdGetVariable, 9, `"config.half"`) {
		slow.Write([]byte{b})
	}
	if got := response(t, slow); got != `9 09 0 [1]` {
		t.Error(got)
	}
}

// A client that never reads is held back and in the end let go, and nobody
// else waits for it.
func TestNeverReads(t *testing.T) {
	d := startDevice(t, "", nil, 0)
	bad := d.raw()
	good := d.dial(nil)
	big := strings.Repeat("x", 60_000)
	d.want(good, frame.CmdSetVariable, `["ram.big","`+big+`"]`, 0, "null")
	done := make(chan struct{})
	go func() {
		defer close(done)
		get := bytes.Repeat(command(frame.CmdGetVariable, 0, `"ram.big"`), 100)
		bad.SetWriteDeadline(time.Now().Add(3 * time.Second))
		for {
			if _, err := bad.Write(get); err != nil {
				return
			}
		}
	}()
	for i := range 300 {
		r := d.call(good, frame.CmdGetVariable, `"config.agent.deviceId"`)
		if string(r.Body) != `["gw-1"]` {
			t.Fatalf("call %d: %s", i, r.Body)
		}
	}
	<-done
	d.want(good, frame.CmdGetVariable, `"config.agent.deviceId"`, 0, `["gw-1"]`)
}

// 256 commands open in both directions at once, answered in any order after
// random delays; each gets its own answer.
func TestInterleaved(t *testing.T) {
	d := startDeviceWith(t, func(c *agent.Config) { c.Dev = true })
	app := d.dial(emp.HandlerFunc(func(_ []byte, r *emp.Request) ([]byte, error) {
		p, err := frame.ParseSendData(r.Payload)
		if err != nil {
			return nil, err
		}
		peer := r.Peer()
		return r.Go(func(ctx context.Context) ([]byte, error) {
			if rand.IntN(2) == 0 { // a command from within the handler [EMP 4, 12]
				if _, err := peer.Call(ctx, frame.CmdGetVariable, []byte(`"config.agent.deviceId"`)); err != nil {
					return nil, err
				}
			}
			select {
			case <-time.After(rand.N(20 * time.Millisecond)):
			case <-ctx.Done():
			}
			n, _ := p.Body.Get("n")
			return n.Append(nil), nil
		})
	}))
	d.want(app, frame.CmdRegister, `"app"`, 0, "null")
	var wg sync.WaitGroup
	rounds := 4 * emp.MaxOpen
	slots := make(chan struct{}, 2*emp.MaxOpen)
	for n := range rounds {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			var got, want string
			switch n % 4 {
			case 0, 1: // the agent asks the application
				r, err := d.agent.SendData(t.Context(), frame.SendData{Path: "app.x", Body: frame.Map(frame.Member{Key: "n", Value: frame.Int(int64(n))})})
				got, want = fmt.Sprintf("%v %d %s", err, r.Status, r.Body), fmt.Sprintf("<nil> 0 %d", n)
			case 2: // and it the agent
				r, err := app.Call(t.Context(), frame.CmdSetVariable, fmt.Appendf(nil, `["config.i.v%d",%d]`, n, n))
				if err == nil {
					r, err = app.Call(t.Context(), frame.CmdGetVariable, fmt.Appendf(nil, `"config.i.v%d"`, n))
				}
				got, want = fmt.Sprintf("%v %s", err, r.Body), fmt.Sprintf("<nil> [%d]", n)
			case 3: // and itself by way of the agent
				r, err := app.Call(t.Context(), frame.CmdSimulate, fmt.Appendf(nil, `{"command":"senddata","path":"app","body":{"n":%d}}`, n))
				got, want = fmt.Sprintf("%v %s", err, r.Body), fmt.Sprintf(`<nil> {"status":0,"status_name":"OK","payload":%d}`, n)
			}
			if got != want {
				t.Errorf("command %d: %s, want %s", n, got, want)
			}
		})
	}
	wg.Wait()
}

// The pitfalls of short messages: every match, owners, patterns, and what is
// off.
func TestSMS(t *testing.T) {
	modem := &fakeModem{}
	d := startDeviceWith(t, func(c *agent.Config) {
		c.SMS = func(receive func(from, text string)) agent.Modem { modem.receive = receive; return modem }
	})
	told := make(chan string, 10)
	handler := emp.HandlerFunc(func(_ []byte, r *emp.Request) ([]byte, error) {
		told <- r.Command.String() + " " + string(r.Payload)
		return nil, nil
	})
	a, b := d.dial(handler), d.dial(handler)
	for i, p := range []string{`["nomatch",""]`, `["^%+33","hello"]`, `[null,"say"]`, `[]`} {
		d.want(a, frame.CmdRegisterSMSListener, p, 0, fmt.Sprint(i+1))
	}
	d.want(b, frame.CmdRegisterSMSListener, `["+33"]`, 0, "5")
	for _, p := range []string{`["%",""]`, `["","[a"]`, `[1]`, `"x"`, `["","",""]`} {
		if r := d.call(a, frame.CmdRegisterSMSListener, p); r.Status != frame.StatusBadParameter {
			t.Errorf("%s: %d", p, r.Status)
		}
	}
	d.want(b, frame.CmdUnregisterSMSListener, `4`, -12, `"no such SMS listener"`)
	d.want(a, frame.CmdUnregisterSMSListener, `4`, 0, "null")
	d.want(a, frame.CmdUnregisterSMSListener, `null`, -12, `"listener id is no integer"`)
	modem.receive("+3312", "say hello")
	got := map[string]bool{}
	for range 3 {
		got[<-told] = true
	}
	for _, id := range []int{2, 3, 5} {
		if !got[fmt.Sprintf(`NewSMS ["+3312","say hello",%d]`, id)] {
			t.Errorf("listener %d is not told: %v", id, got)
		}
	}
	d.want(a, frame.CmdSendSMS, `["+1","x","8bits"]`, 0, "null")
	d.want(a, frame.CmdSendSMS, `["+1","bad","7bits"]`, -19, `"the network says no"`)
	d.want(a, frame.CmdSendSMS, `["+1","x","9bits"]`, -19, `"no such format: \"9bits\"; 7bits, 8bits or ucs2 is wanted"`)
	if r := d.call(a, frame.CmdSendSMS, `["+1",7,"7bits"]`); r.Status != frame.StatusBadParameter {
		t.Errorf("a number as text: %d", r.Status)
	}
	// They die with the connection.
	b.Close()
	<-b.Done()
	d.want(a, frame.CmdUnregisterSMSListener, `2`, 0, "null")
	d.want(a, frame.CmdUnregisterSMSListener, `3`, 0, "null")
	d.want(a, frame.CmdUnregisterSMSListener, `1`, 0, "null")
	modem.receive("+3312", "say hello")
	d.want(a, frame.CmdGetVariable, `"ram"`, 0, `[null,[]]`)
	select {
	case s := <-told:
		t.Errorf("told %s", s)
	default:
	}
}

type fakeModem struct{ receive func(from, text string) }

func (*fakeModem) Run(ctx context.Context) error { <-ctx.Done(); return nil }

func (*fakeModem) Send(_ context.Context, p frame.SendSMS) error {
	if p.Text == "bad" {
		return fmt.Errorf("the network says no")
	}
	return nil
}
