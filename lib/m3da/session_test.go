package m3da_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/link/linktest"
	"lander/lib/m3da"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/m3da/m3datest"
	"lander/lib/trust"
)

const deviceID = "dev1"

func keys(t testing.TB, c m3datest.Credentials) m3da.Keys {
	t.Helper()
	if c.Auth == "" {
		return nil
	}
	k, err := trust.NewM3DASecret([]byte(c.Password)).Keys(m3da.DefaultServerID, deviceID, c.Auth, c.Cipher)
	if err != nil {
		t.Fatal(err)
	}
	return k.Side(trust.M3DADevice)
}

// rig is a device on one end of a pipe and a site on the other.
type rig struct {
	t      testing.TB
	site   *m3datest.Site
	cred   m3datest.Credentials
	store  m3da.Memory
	dev    *m3da.Device
	mu     sync.Mutex
	got    []envelope.Item
	served chan error
}

func newRig(t testing.TB, o m3datest.Options, cred m3datest.Credentials) *rig {
	if o.Devices == nil {
		o.Devices = map[string]m3datest.Credentials{deviceID: cred}
	}
	return &rig{t: t, site: m3datest.New(o), cred: cred}
}

func (r *rig) connect(f linktest.Faults) {
	r.t.Helper()
	a, b := linktest.Pipe()
	served := make(chan error, 1)
	r.served = served
	go func() { served <- r.site.Serve(context.Background(), b) }()
	dev, err := m3da.NewDevice(linktest.Wrap(a, f), m3da.DeviceOptions{ID: deviceID, Keys: keys(r.t, r.cred), Store: &r.store, Reply: 20 * time.Second, Commands: func(items []envelope.Item) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, items...)
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.dev = dev
	r.t.Cleanup(func() { dev.Close(); b.Close() })
}

func (r *rig) commands() []envelope.Item {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}

func payload(n int) []byte {
	return envelope.Message{Path: "a.b", Body: bysant.OfMap(envelope.Field{Key: bysant.Name("n"), Value: bysant.OfList(bysant.OfInt(int64(n)))})}.Append(nil)
}

func (r *rig) numbers() string {
	var out []string
	for _, v := range r.site.Column(deviceID, "a.b", "n") {
		n, _ := v.Int()
		out = append(out, fmt.Sprint(n))
	}
	return strings.Join(out, " ")
}

// modes are all combinations of security.
func modes() (out []m3datest.Credentials) {
	out = append(out, m3datest.Credentials{})
	for _, auth := range trust.M3DAAuths[1:] {
		for _, cipher := range trust.M3DACiphers {
			out = append(out, m3datest.Credentials{Auth: auth, Cipher: cipher, Password: "secret1"})
		}
	}
	return out
}

func eachMode(t *testing.T, f func(t *testing.T, c m3datest.Credentials)) {
	for _, c := range modes() {
		t.Run(c.Auth+"/"+c.Cipher, func(t *testing.T) { f(t, c) })
	}
}

func TestExchange(t *testing.T) {
	eachMode(t, func(t *testing.T, c m3datest.Credentials) {
		for _, original := range []bool{false, true} {
			r := newRig(t, m3datest.Options{Original: original}, c)
			r.connect(linktest.Faults{Read: []linktest.Fault{linktest.Split(1)}, Write: []linktest.Fault{linktest.Split(1)}})
			for n := range 3 {
				r.site.Send(deviceID, m3datest.Command(int64(n+1), "Connect"))
				if err := r.dev.Exchange(t.Context(), fmt.Sprint("b", n), payload(n)); err != nil {
					t.Fatal(err)
				}
				if got := len(r.commands()); got != n+1 {
					t.Errorf("%d commands after exchange %d", got, n)
				}
			}
			// A second connection goes on with the nonces of the first.
			r.dev.Close()
			r.connect(linktest.Faults{})
			if err := r.dev.Exchange(t.Context(), "b3", payload(3)); err != nil {
				t.Fatal(err)
			}
			if got := r.numbers(); got != "0 1 2 3" {
				t.Errorf("the server has %s", got)
			}
			if r.dev.Lander() == original {
				t.Errorf("original %v, and lander %v", original, r.dev.Lander())
			}
			if f := r.site.Faults(); f != nil {
				t.Error(f)
			}
		}
	})
}

// What is lost on either side is mended by one challenge.
func TestLostNonces(t *testing.T) {
	eachMode(t, func(t *testing.T, c m3datest.Credentials) {
		r := newRig(t, m3datest.Options{}, c)
		r.connect(linktest.Faults{})
		for n := range 4 {
			if err := r.dev.Exchange(t.Context(), "", payload(n)); err != nil {
				t.Fatal(err)
			}
			r.dev.Close()
			if n%2 == 0 {
				r.store.Save(m3da.State{})
			} else {
				s, _ := r.store.Load()
				s.Given = nil // the server's next envelope cannot be verified
				r.store.Save(s)
			}
			r.connect(linktest.Faults{})
		}
		if got := r.numbers(); got != "0 1 2 3" {
			t.Errorf("the server has %s", got)
		}
	})
}

// A link that is cut at every possible byte loses nothing and doubles
// nothing, when the server can tell what comes again.
func TestCutAnywhere(t *testing.T) {
	for _, c := range []m3datest.Credentials{{}, {Auth: "hmac-sha1", Cipher: "aes-cbc-128", Password: "secret1"}} {
		t.Run(c.Auth, func(t *testing.T) {
			for cut := int64(0); cut < 240; cut += 3 {
				for _, faults := range []linktest.Faults{{Read: []linktest.Fault{linktest.Cut(cut)}}, {Write: []linktest.Fault{linktest.Cut(cut)}}} {
					r := newRig(t, m3datest.Options{}, c)
					r.connect(linktest.Faults{})
					if err := r.dev.Exchange(t.Context(), "b0", payload(0)); err != nil {
						t.Fatal(err)
					}
					r.dev.Close()
					r.connect(faults)
					failed := r.dev.Exchange(t.Context(), "b1", payload(1))
					r.dev.Close()
					<-r.served
					if failed != nil {
						r.connect(linktest.Faults{})
						if err := r.dev.Exchange(t.Context(), "b1", payload(1)); err != nil {
							t.Fatalf("cut after %d: %v, and then %v", cut, failed, err)
						}
					}
					if got := r.numbers(); got != "0 1" {
						t.Errorf("cut after %d: the server has %s", cut, got)
					}
				}
			}
		})
	}
}

// Bits that flip under way are never taken for data, in the secured modes.
func TestFlippedBits(t *testing.T) {
	c := m3datest.Credentials{Auth: "hmac-md5", Cipher: "aes-ctr-128", Password: "secret1"}
	for at := int64(0); at < 120; at += 5 {
		r := newRig(t, m3datest.Options{}, c)
		r.connect(linktest.Faults{Write: []linktest.Fault{linktest.Flip(at, 0x10)}})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		err := r.dev.Exchange(ctx, "", payload(7))
		cancel()
		if got := r.numbers(); got != "7" && !(got == "" && err != nil) {
			t.Errorf("bit at %d: the server has %q, and the device %v", at, got, err)
		}
	}
}

func TestWrongPassword(t *testing.T) {
	right := m3datest.Credentials{Auth: "hmac-sha1", Password: "secret1"}
	wrong := right
	wrong.Password = "secret2"
	r := newRig(t, m3datest.Options{Devices: map[string]m3datest.Credentials{deviceID: right}}, wrong)
	r.connect(linktest.Faults{})
	err := r.dev.Exchange(t.Context(), "", payload(1))
	var status *m3da.StatusError
	if !errors.Is(err, m3da.ErrSecurity) && !errors.As(err, &status) {
		t.Errorf("a wrong password: %v", err)
	}
	if r.numbers() != "" {
		t.Error("the server took it")
	}
	for _, c := range []m3datest.Credentials{{}, {Auth: "hmac-md5", Password: "secret1"}} {
		r := newRig(t, m3datest.Options{Devices: map[string]m3datest.Credentials{deviceID: right}}, c)
		r.connect(linktest.Faults{})
		if err := r.dev.Exchange(t.Context(), "", payload(1)); err == nil || r.numbers() != "" {
			t.Errorf("%q towards hmac-sha1: %v", c.Auth, err)
		}
	}
	// And a server that wants nothing from a device that wants MACs.
	r = newRig(t, m3datest.Options{Devices: map[string]m3datest.Credentials{deviceID: {}}}, right)
	r.connect(linktest.Faults{})
	if err := r.dev.Exchange(t.Context(), "", payload(1)); !errors.Is(err, m3da.ErrSecurity) {
		t.Errorf("a server without security: %v", err)
	}
}

func TestStatus(t *testing.T) {
	refuse := int64(503)
	eachMode(t, func(t *testing.T, c m3datest.Credentials) {
		r := newRig(t, m3datest.Options{Status: func(string, []envelope.Item) int64 { return refuse }}, c)
		r.connect(linktest.Faults{})
		var status *m3da.StatusError
		if err := r.dev.Exchange(t.Context(), "", payload(1)); !errors.As(err, &status) || status.Status != 503 {
			t.Errorf("refused: %v", err)
		}
		if r.numbers() != "" {
			t.Error("it counts")
		}
	})
	r := newRig(t, m3datest.Options{Devices: map[string]m3datest.Credentials{"other": {}}}, m3datest.Credentials{})
	r.connect(linktest.Faults{})
	var status *m3da.StatusError
	if err := r.dev.Exchange(t.Context(), "", payload(1)); !errors.As(err, &status) || status.Status != envelope.StatusForbidden {
		t.Errorf("an unknown device: %v", err)
	}
}

// A server sends when it likes to a device that announced that it can take it.
func TestPush(t *testing.T) {
	eachMode(t, func(t *testing.T, c m3datest.Credentials) {
		r := newRig(t, m3datest.Options{}, c)
		r.connect(linktest.Faults{})
		if err := r.dev.Exchange(t.Context(), "", payload(0)); err != nil {
			t.Fatal(err)
		}
		if err := r.site.Push(deviceID, m3datest.Command(1, "X")); !errors.Is(err, m3da.ErrNotLander) {
			t.Errorf("to a device that announced nothing: %v", err)
		}
		if err := r.dev.Exchange(t.Context(), "", payload(1)); err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			for _, ticket := range []int64{int64(2*n + 2), int64(2*n + 3)} {
				if err := r.site.Push(deviceID, m3datest.Command(ticket, "X")); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.dev.Exchange(t.Context(), "", payload(2+n)); err != nil {
				t.Fatal(err)
			}
		}
		deadline := time.Now().Add(20 * time.Second)
		for len(r.commands()) < 6 && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		var tickets []string
		for _, i := range r.commands() {
			n, _ := i.(envelope.Message).Ticket.Int()
			tickets = append(tickets, fmt.Sprint(n))
		}
		if got := strings.Join(tickets, " "); got != "2 3 4 5 6 7" {
			t.Errorf("tickets %s (%v)", got, r.dev.Err())
		}
		if got := r.numbers(); got != "0 1 2 3 4" {
			t.Errorf("the server has %s", got)
		}
	})
}

func TestRegistration(t *testing.T) {
	cred := m3datest.Credentials{Auth: "hmac-sha1", Cipher: "aes-cbc-256", Password: "its own"}
	site := m3datest.New(m3datest.Options{Register: "many devices", Devices: map[string]m3datest.Credentials{deviceID: cred}})
	try := func(password string) (string, error) {
		a, b := net.Pipe()
		defer a.Close()
		go site.Serve(context.Background(), b)
		reg, err := trust.NewM3DARegistration(trust.M3DADevice, []byte(password), m3da.DefaultServerID, deviceID)
		if err != nil {
			t.Fatal(err)
		}
		return m3da.Register(t.Context(), a, deviceID, reg)
	}
	secret, err := try("many devices")
	if want := trust.NewM3DASecret([]byte("its own")); err != nil || secret != string(want[:]) {
		t.Fatalf("registered with %x, %v", secret, err)
	}
	var status *m3da.StatusError
	if _, err := try("wrong"); !errors.As(err, &status) || status.Status != envelope.StatusUnauthorized {
		t.Errorf("the wrong password: %v", err)
	}
}

// pass is a registration that proves everything and hides nothing.
type pass struct{}

func (pass) Salt() string                        { return "salt" }
func (pass) PublicKey() string                   { return "key" }
func (pass) MAC(string, string) string           { return "mac" }
func (pass) Verify(_, _, mac string) bool        { return mac == "mac" }
func (pass) Mask(_, text string) (string, error) { return text, nil }

// A device is registered when it says so itself, and is told why it is not.
func TestRegistrationEnds(t *testing.T) {
	inner := func(f ...envelope.Field) string {
		return string(envelope.Envelope{Header: envelope.Header(f...)}.Append(nil))
	}
	for _, tt := range []struct {
		name   string
		secret error
		last   int64  // what the device ends it with
		mac    string // under its last envelope
		status int64  // what it is told, 0 for nothing
		done   bool
	}{
		{name: "good", last: 200, mac: "mac", done: true},
		{name: "the device could not", last: 500, mac: "mac"},
		{name: "no proof of the end", last: 200, mac: "x", status: 401},
		{name: "not for this one", secret: &m3da.StatusError{Status: 403}, status: 403},
		{name: "a fault", secret: errors.New("the disk is full"), status: 500},
	} {
		a, b := net.Pipe()
		done := false
		ended := make(chan error, 1)
		go func() {
			ended <- m3da.Serve(context.Background(), b, m3da.ServerOptions{
				Account: func(string) (m3da.Account, bool) { return m3da.Account{}, false },
				Register: func(string) (m3da.Enrolment, bool) {
					return m3da.Enrolment{Registration: pass{}, Secret: func() (string, error) { return "secret", tt.secret }, Done: func() error { done = true; return nil }}, true
				},
			})
		}()
		r := bufio.NewReader(a)
		buf := make([]byte, 1000)
		exchange := func(e envelope.Envelope) envelope.Envelope {
			if _, err := a.Write(e.Append(nil)); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			n, err := r.Read(buf)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			got, _, err := envelope.Parse(buf[:n])
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			return got
		}
		mac := func(m string) envelope.Fields { return envelope.Header(envelope.Text("autoreg_mac", m)) }
		exchange(envelope.Envelope{Header: envelope.Header(envelope.Text("id", deviceID), envelope.Text("autoreg_salt", "s"))})
		got := exchange(envelope.Envelope{Payload: inner(envelope.Text("autoreg_pubkey", "key")), Footer: mac("mac")})
		if tt.secret == nil {
			if last := (envelope.Envelope{Payload: inner(envelope.Int("status", tt.last)), Footer: mac(tt.mac)}); tt.status > 0 {
				got = exchange(last)
			} else if _, err := a.Write(last.Append(nil)); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
		}
		a.Close()
		err := <-ended
		if status, _ := got.Status(); status != tt.status || done != tt.done || (err == nil) != tt.done {
			t.Errorf("%s: told %d, done %v, %v", tt.name, status, done, err)
		}
	}
}

// What comes from the network ends a session, never the process.
func TestGarbage(t *testing.T) {
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "\x60\xc1\x00\x00\x00", strings.Repeat("\x2b", 100), "\x61\x00\x00\x00", "\x60\xc1\x03id\x06dev1\x00\x02x\x00"} {
		site := m3datest.New(m3datest.Options{})
		a, b := net.Pipe()
		done := make(chan error, 1)
		go func() { done <- site.Serve(context.Background(), b) }()
		go func() { io.Copy(io.Discard, a) }()
		a.Write([]byte(text))
		a.Close()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatalf("%q: the session goes on", text)
		}
		c, d := net.Pipe()
		dev, err := m3da.NewDevice(c, m3da.DeviceOptions{ID: deviceID})
		if err != nil {
			t.Fatal(err)
		}
		go func() { io.Copy(io.Discard, d) }()
		d.Write([]byte(text))
		d.Close()
		select {
		case <-dev.Done():
		case <-time.After(20 * time.Second):
			t.Fatalf("%q: the device goes on", text)
		}
	}
}
