package m3da_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"lander/lib/link/linktest"
	"lander/lib/m3da"
	"lander/lib/m3da/envelope"
	"lander/lib/m3da/m3datest"
	"lander/lib/trust"
)

// counted has nonces that can be foretold.
type counted struct {
	m3da.Keys
	fill byte
	n    byte
}

func (c *counted) Nonce() string {
	c.n++
	return strings.Repeat(string([]byte{c.fill}), 15) + string([]byte{c.n})
}

// sessions reads the recorded sessions: by mode, the envelopes in their order.
func sessions(t testing.TB) map[string][][2]string {
	t.Helper()
	text, err := os.ReadFile("testdata/sessions.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][][2]string{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if line[0] == '#' || len(f) != 3 {
			continue
		}
		b, err := hex.DecodeString(f[2])
		if err != nil {
			t.Fatal(err)
		}
		out[f[0]] = append(out[f[0]], [2]string{f[1], string(b)})
	}
	return out
}

// Both ends send byte for byte what the documents say.
func TestReplay(t *testing.T) {
	for mode, envelopes := range sessions(t) {
		cred := m3datest.Credentials{}
		if mode != "plain" {
			cred = m3datest.Credentials{Auth: mode, Password: "secret1"}
		}
		t.Run(mode+" device", func(t *testing.T) {
			a, b := linktest.Pipe()
			var k m3da.Keys
			if dk := keys(t, cred); dk != nil {
				k = &counted{Keys: dk, fill: 0xD0}
			}
			dev, err := m3da.NewDevice(a, m3da.DeviceOptions{ID: deviceID, Keys: k})
			if err != nil {
				t.Fatal(err)
			}
			defer dev.Close()
			done := make(chan error, 1)
			go func() {
				for n := 1; n <= 2; n++ {
					if err := dev.Exchange(t.Context(), "", payload(n)); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
			for i, e := range envelopes {
				if e[0] == "S" {
					if _, err := b.Write([]byte(e[1])); err != nil {
						t.Fatal(err)
					}
					continue
				}
				expect(t, b, i, e[1])
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
		t.Run(mode+" server", func(t *testing.T) {
			a, b := linktest.Pipe()
			acc := m3da.Account{Handler: replayed{}}
			if cred.Auth != "" {
				k, err := trust.NewM3DASecret([]byte(cred.Password)).Keys(m3da.DefaultServerID, deviceID, cred.Auth, cred.Cipher)
				if err != nil {
					t.Fatal(err)
				}
				acc.Keys = &counted{Keys: k.Side(trust.M3DAServer), fill: 0x50}
			}
			done := make(chan error, 1)
			go func() {
				done <- m3da.Serve(context.Background(), b, m3da.ServerOptions{Original: true, Account: func(string) (m3da.Account, bool) { return acc, true }})
			}()
			for i, e := range envelopes {
				if e[0] == "D" {
					if _, err := a.Write([]byte(e[1])); err != nil {
						t.Fatal(err)
					}
					continue
				}
				expect(t, a, i, e[1])
			}
			a.Close()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// replayed answers data that is 1 with a command.
type replayed struct{}

func (replayed) Exchange(_ context.Context, _ *m3da.Session, r m3da.Request) m3da.Reply {
	if string(r.Items[0].Append(nil)) == string(payload(1)) {
		return m3da.Reply{Items: []envelope.Item{m3datest.Command(7, "Connect")}}
	}
	return m3da.Reply{}
}

func expect(t *testing.T, r interface{ Read([]byte) (int, error) }, i int, want string) {
	t.Helper()
	got := make([]byte, 0, len(want))
	for len(got) < len(want) {
		n, err := r.Read(got[len(got):cap(got)])
		if err != nil {
			t.Fatalf("envelope %d: %v after %x", i, err, got)
		}
		got = got[:len(got)+n]
	}
	if !bytes.Equal(got, []byte(want)) {
		t.Fatalf("envelope %d:\n got %x\nwant %x", i, got, want)
	}
}
