//go:build unix

package agent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lander/lib/agent"
	"lander/lib/emp/frame"
	"lander/lib/link/linktest"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/m3da/m3datest"
	"lander/lib/trust"
)

// 100,000 rows go through a link that is cut again and again: each arrives
// once, in order, and none is lost.
func TestUploadThroughACutLink(t *testing.T) {
	const rows = 100_000
	cred := m3datest.Credentials{Auth: "hmac-sha1", Cipher: "aes-ctr-128", Password: "pw"}
	site := m3datest.New(m3datest.Options{Devices: map[string]m3datest.Credentials{"gw-1": cred}})
	var cuts atomic.Int64
	random := rand.New(rand.NewPCG(1, 2))
	l, err := site.Listen("127.0.0.1:0", func(c net.Conn) io.ReadWriteCloser {
		cuts.Add(1)
		at := random.Int64N(40_000)
		if cuts.Load()%2 == 0 {
			return linktest.Wrap(c, linktest.Faults{Read: []linktest.Fault{linktest.Cut(at)}})
		}
		return linktest.Wrap(c, linktest.Faults{Write: []linktest.Fault{linktest.Cut(at % 1000)}})
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := startDeviceWith(t, func(c *agent.Config) {
		k, err := trust.NewM3DASecret([]byte("pw")).Keys("AIRVANTAGE", "gw-1", cred.Auth, cred.Cipher)
		if err != nil {
			t.Fatal(err)
		}
		c.Server = &agent.Server{Keep: true, Keys: k.Side(trust.M3DADevice), Dial: func(ctx context.Context) (io.ReadWriteCloser, error) {
			var n net.Dialer
			return n.DialContext(ctx, "tcp", l.Addr())
		}}
		c.AfterFunc = func(d time.Duration, f func()) func() bool { return time.AfterFunc(min(d, 5*time.Millisecond), f).Stop }
	})
	p := d.dial(nil)
	r := d.call(p, frame.CmdTableNew, `{"asset":"house","path":"t","storage":"ram","policy":"now","columns":[{"name":"n","serialization":"deltasvector","factor":1},"v"]}`)
	table, err := frame.ParseTableID(r.Body)
	if err != nil || r.Status != 0 {
		t.Fatalf("%v %d %s", err, r.Status, r.Body)
	}
	var refused atomic.Int64
	var sent sync.WaitGroup
	window := make(chan struct{}, 200)
	for n := range rows {
		window <- struct{}{}
		sent.Add(1)
		row := frame.TableRow{Table: table, Row: []frame.Member{{Key: "n", Value: frame.Int(int64(n))}, {Key: "v", Value: frame.Float(float64(n) / 3)}}}
		err := p.Post(frame.CmdTableRow, row.Append(nil), func(r frame.Response, err error) {
			if err != nil || r.Status != 0 {
				refused.Add(1)
			}
			<-window
			sent.Done()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	sent.Wait()
	if n := refused.Load(); n > 0 {
		t.Fatalf("%d rows were refused", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	arrived := 0
	var got []bysant.Value
	err = site.Wait(ctx, func() bool {
		got = site.Column("gw-1", "house.t", "n")
		arrived = len(got)
		return arrived >= rows
	})
	if err != nil {
		t.Fatalf("%d rows have come", arrived)
	}
	got = site.Column("gw-1", "house.t", "n")
	if len(got) != rows {
		t.Fatalf("%d rows have come", len(got))
	}
	for i, v := range got {
		if n, _ := v.Int(); n != int64(i) {
			t.Fatalf("row %d is %d", i, n)
		}
	}
	if f := site.Faults(); f != nil {
		t.Error(f)
	}
	count, again := site.Envelopes("gw-1")
	t.Logf("%d connections, %d envelopes, %d of them came again", cuts.Load(), count, again)
	if cuts.Load() < 10 {
		t.Errorf("only %d connections: the link was not cut", cuts.Load())
	}
}

// What a server refuses comes again, and what it took does not.
func TestRefusedEnvelopes(t *testing.T) {
	var asked atomic.Int64
	p := startPlant(t, m3datest.Options{Original: true, Status: func(_ string, items []envelope.Item) int64 {
		if len(items) > 0 && asked.Add(1)%3 != 0 {
			return 503
		}
		return 0
	}}, nil)
	app := p.dial(nil)
	const n = 20
	for i := range n {
		p.want(app, frame.CmdPData, fmt.Sprintf(`{"asset":"house","policy":"now","data":{"x":%d}}`, i), 0, "null")
		p.want(app, frame.CmdPAcknowledge, fmt.Sprintf(`{"ticket":%d,"status":0,"persisted":true}`, i+1), 0, "null")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.site.Wait(ctx, func() bool {
		return len(p.site.Responses("gw-1", n)) > 0 && len(p.site.Column("gw-1", "house", "x")) >= n
	}); err != nil {
		t.Fatalf("%v", p.site.Column("gw-1", "house", "x"))
	}
	for i, v := range p.site.Column("gw-1", "house", "x") {
		if m, _ := v.Int(); m != int64(i) {
			t.Errorf("place %d has %d", i, m)
		}
		if rs := p.site.Responses("gw-1", int64(i+1)); len(rs) != 1 {
			t.Errorf("ticket %d has %d responses", i+1, len(rs))
		}
	}
}

// A server that answers and hangs up each time is called ever more rarely.
func TestServerThatHangsUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		b := make([]byte, 4096)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(b)
			c.Write([]byte("\x60\x84\x07status\xe0\x87\x01\x83")) // 200
			c.Close()
		}
	}()
	pauses := make(chan time.Duration, 4)
	startDeviceWith(t, func(c *agent.Config) {
		c.Server = &agent.Server{Keep: true, Dial: func(ctx context.Context) (io.ReadWriteCloser, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", l.Addr().String())
		}}
		c.AfterFunc = func(d time.Duration, f func()) func() bool {
			switch d {
			case time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second:
				d = 0
			case 16 * time.Second, 32 * time.Second, 64 * time.Second, 128 * time.Second:
				select {
				case pauses <- d:
				default: // enough is known
				}
				d = 0
			}
			return time.AfterFunc(d, f).Stop
		}
	})
	for _, want := range []time.Duration{16, 32, 64, 128} {
		select {
		case d := <-pauses:
			if d != want*time.Second {
				t.Fatalf("a pause of %s, not of %d s", d, want)
			}
		case <-time.After(patience):
			t.Fatalf("no pause of %d s", want)
		}
	}
}

// slow is a clock that a test moves, and does what is due.
type slow struct {
	mu     sync.Mutex
	now    time.Time
	timers []*slowTimer
}

type slowTimer struct {
	at time.Time
	f  func()
}

func (s *slow) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *slow) afterFunc(d time.Duration, f func()) func() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &slowTimer{s.now.Add(d), f}
	s.timers = append(s.timers, t)
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		i := slices.Index(s.timers, t)
		if i >= 0 {
			s.timers = slices.Delete(s.timers, i, i+1)
		}
		return i >= 0
	}
}

// step moves the clock by d and calls what is due by then.
func (s *slow) step(d time.Duration) {
	s.mu.Lock()
	s.now = s.now.Add(d)
	var due []*slowTimer
	s.timers = slices.DeleteFunc(s.timers, func(t *slowTimer) bool {
		if t.at.After(s.now) {
			return false
		}
		due = append(due, t)
		return true
	})
	s.mu.Unlock()
	for _, t := range due {
		go t.f()
	}
}

// A server that is gone for an hour gets everything when it is back, and is
// not asked for all the time.
func TestServerGoneForAnHour(t *testing.T) {
	site := m3datest.New(m3datest.Options{})
	l, err := site.Listen("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := &slow{now: time.Now()}
	var gone atomic.Bool
	var tries atomic.Int64
	gone.Store(true)
	d := startDeviceWith(t, func(c *agent.Config) {
		c.Clock, c.AfterFunc = s.clock, s.afterFunc
		c.Server = &agent.Server{Keep: true, Dial: func(ctx context.Context) (io.ReadWriteCloser, error) {
			tries.Add(1)
			if gone.Load() {
				return nil, errors.New("no route to host")
			}
			var n net.Dialer
			return n.DialContext(ctx, "tcp", l.Addr())
		}}
	})
	p := d.dial(nil)
	for minute := range 60 {
		d.want(p, frame.CmdPData, fmt.Sprintf(`{"asset":"house","policy":"now","data":{"minute":%d}}`, minute), 0, "null")
		for range 12 {
			s.step(5 * time.Second)
			time.Sleep(time.Millisecond) // for what began; nothing hangs on it
		}
	}
	if n := tries.Load(); n < 3 || n > 60 {
		t.Errorf("%d tries in an hour", n)
	}
	gone.Store(false)
	for deadline := time.Now().Add(patience); len(site.Column("gw-1", "house", "minute")) < 60; time.Sleep(time.Millisecond) {
		s.step(5 * time.Second)
		if time.Now().After(deadline) {
			t.Fatalf("%d of 60 have come", len(site.Column("gw-1", "house", "minute")))
		}
	}
	for i, v := range site.Column("gw-1", "house", "minute") {
		if n, _ := v.Int(); n != int64(i) {
			t.Errorf("place %d has %d", i, n)
		}
	}
}

// An agent that is killed while a script runs answers its ticket after the
// restart, once, and does not run it again.
func TestKilledWhileTheServersScriptRuns(t *testing.T) {
	p := startPlant(t, m3datest.Options{}, nil)
	p.stop()
	if err := os.WriteFile(filepath.Join(p.dir, serverFile), []byte(p.l.Addr()), 0o600); err != nil {
		t.Fatal(err)
	}
	source := "tree.set('config.ran.r1', (tree.get('config.ran.r1') or 0) + 1) while true do end"
	m := m3datest.Command(1, "ExecuteScript", p.serve("/loop.lua", []byte(source)), p.detached(source, "lua", 1, nil))
	p.site.Send("gw-1", m)
	victim := startVictim(t, p.dir)
	sock := filepath.Join(p.dir, "sock")
	for deadline := time.Now().Add(patience); p.marks(sock)["r1"] != 1; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the script does not begin")
		}
	}
	victim.Process.Kill()
	victim.Wait()
	victim = startVictim(t, p.dir)
	p.wantResponse(1, -1, "interrupted: *")
	// Its answer to the next is durable, and so is then that the first one went.
	if err := p.site.Push("gw-1", m3datest.Command(3, "Connect")); err != nil {
		t.Fatal(err)
	}
	p.wantResponse(3, 0, "ok")
	// What is sent now shows that nothing more came before it, and a ticket
	// that comes again gets the same answer.
	p.site.Send("gw-1", m, m3datest.Command(2, "Connect"))
	victim.Process.Kill()
	victim.Wait()
	startVictim(t, p.dir)
	p.wantResponse(2, 0, "ok")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.site.Wait(ctx, func() bool { return len(p.site.Responses("gw-1", 1)) == 2 }); err != nil {
		t.Errorf("%d responses", len(p.site.Responses("gw-1", 1)))
	}
	for _, r := range p.site.Responses("gw-1", 1) {
		if text, _ := r.Data.Str(); r.Status != -1 || text[:11] != "interrupted" {
			t.Errorf("response %d %q", r.Status, text)
		}
	}
	if n := p.marks(sock)["r1"]; n != 1 {
		t.Errorf("the script ran %d times", n)
	}
	if n := len(p.journalled(1)); n != 1 {
		t.Errorf("%d journal lines", n)
	}
}
