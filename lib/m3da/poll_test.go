package m3da_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"lander/lib/m3da"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/m3da/m3datest"
)

// A secured device of the original that has nothing to send sends status 200
// without a payload, as in all its envelopes, and waits a minute for the
// reply: also when the last reply brought it a command.
func TestPollWithStatus(t *testing.T) {
	cred := m3datest.Credentials{Auth: "hmac-md5", Password: "secret1"}
	site := m3datest.New(m3datest.Options{Devices: map[string]m3datest.Credentials{deviceID: cred}})
	site.Send(deviceID, envelope.Message{Path: "house.commands", Ticket: bysant.OfInt(7), Body: bysant.OfMap()})
	a, b := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- site.Serve(t.Context(), b) }()
	defer func() { a.Close(); <-served }()
	a.SetDeadline(time.Now().Add(30 * time.Second))

	k := keys(t, cred)
	own := k.Nonce()
	send := func(nonce string) {
		t.Helper()
		inner := envelope.Envelope{Header: envelope.Header(envelope.Int("status", 200), envelope.Text("nonce", own))}
		sealed := k.Seal(nonce, string(inner.Append(nil)))
		e := envelope.Envelope{Header: envelope.Header(envelope.Text("id", deviceID)), Payload: sealed,
			Footer: envelope.Header(envelope.Text("mac", k.MAC(sealed, nonce)))}
		if _, err := a.Write(e.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	receive := func() envelope.Envelope {
		t.Helper()
		var got []byte
		for {
			buf := make([]byte, 4096)
			n, err := a.Read(buf)
			if err != nil {
				t.Fatalf("no reply to a poll: %v", err)
			}
			got = append(got, buf[:n]...)
			if e, _, err := envelope.Parse(got); err == nil {
				return e
			}
		}
	}
	send(k.Nonce())
	nonce := receive().Header.Text("nonce")
	for i, want := range []int{1, 0, 0} {
		send(nonce)
		e := receive()
		if !k.Verify(e.Payload, own, e.Footer.Text("mac")) {
			t.Fatalf("poll %d: the MAC is wrong", i)
		}
		inner, _, err := envelope.Parse([]byte(e.Payload))
		if err != nil {
			t.Fatal(err)
		}
		items, err := envelope.ParseItems(inner.Payload)
		if status, _ := inner.Status(); err != nil || status != envelope.StatusOK || len(items) != want {
			t.Fatalf("poll %d: status %d, %d items, %v", i, status, len(items), err)
		}
		nonce = inner.Header.Text("nonce")
	}
}

// A client that reads only what servers write can read ours: maps have their
// length, and a header or footer is a map, also with nothing in it.
func TestServersForm(t *testing.T) {
	for _, cred := range []m3datest.Credentials{{}, {Auth: "hmac-sha1", Password: "secret1"}} {
		site := m3datest.New(m3datest.Options{Devices: map[string]m3datest.Credentials{deviceID: cred}})
		a, b := net.Pipe()
		served := make(chan error, 1)
		go func() { served <- site.Serve(t.Context(), b) }()
		a.SetDeadline(time.Now().Add(30 * time.Second))
		ask := func(e envelope.Envelope) (envelope.Envelope, string) {
			t.Helper()
			if _, err := a.Write(e.Append(nil)); err != nil {
				t.Fatal(err)
			}
			var got []byte
			for {
				buf := make([]byte, 4096)
				n, err := a.Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, buf[:n]...)
				if e, _, err := envelope.Parse(got); err == nil {
					return e, string(got)
				}
			}
		}
		want := func(raw string, header, footer byte) {
			t.Helper()
			if raw[1] != header || raw[len(raw)-1] != footer && footer != 0 {
				t.Errorf("%q: % x, want a header of %x and a footer of %x", cred.Auth, raw, header, footer)
			}
		}
		hello := envelope.Envelope{Header: envelope.Header(envelope.Text("id", deviceID))}
		first, raw := ask(hello)
		if cred.Auth == "" {
			want(raw, 0x85, 0x83) // status, lander
		} else {
			want(raw, 0x86, 0x83) // status, challenge, nonce
			k := keys(t, cred)
			nonce := first.Header.Text("nonce")
			inner := envelope.Envelope{Header: envelope.Header(envelope.Text("nonce", k.Nonce()))}
			sealed := k.Seal(nonce, string(inner.Append(nil)))
			hello.Payload, hello.Footer = sealed, envelope.Header(envelope.Text("mac", k.MAC(sealed, nonce)))
			answer, raw := ask(hello)
			want(raw, 0x84, 0)                                     // id
			want(answer.Payload, 0x86, 0x83)                       // status, lander, nonce
			if raw[len(raw)-26:len(raw)-20] != "\x84\x04mac\x17" { // 20 bytes
				t.Errorf("the footer is in % x", raw)
			}
		}
		a.Close()
		<-served
	}
}

// A secured device of the original reports what it cannot take, such as the
// 403 after a wrong password or to an unknown device, by a status that nobody has to believe. Any
// answer, a challenge too, makes it report that again, on a new connection if
// need be, without end.
func TestReportedFault(t *testing.T) {
	for _, id := range []string{deviceID, "unknown"} {
		site := m3datest.New(m3datest.Options{Devices: map[string]m3datest.Credentials{deviceID: {Auth: "hmac-sha1", Password: "secret1"}}})
		a, b := net.Pipe()
		served := make(chan error, 1)
		go func() { served <- site.Serve(t.Context(), b) }()
		a.SetDeadline(time.Now().Add(30 * time.Second))
		report := envelope.Envelope{Header: envelope.Header(envelope.Text("id", id), envelope.Int("status", 500))}
		if _, err := a.Write(report.Append(nil)); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(a); err != nil || len(got) > 0 {
			t.Errorf("%s: the report is answered: % x, %v", id, got, err)
		}
		a.Close()
		if err := <-served; !errors.Is(err, m3da.ErrSecurity) {
			t.Errorf("%s: the session ended with %v", id, err)
		}
	}
}
