package m3da

import (
	"bytes"
	"io"
	"testing"

	"lander/lib/m3da/envelope"
)

// strayKeys have a device's acknowledgement of nothing come while a push is
// about to be sent.
type strayKeys struct {
	Keys
	stray func()
}

func (k *strayKeys) Nonce() string {
	stray := k.stray
	k.stray = func() {}
	stray()
	return "0123456789abcdef"
}
func (*strayKeys) Auth() string                     { return "hmac-md5" }
func (*strayKeys) Cipher() string                   { return "" }
func (*strayKeys) MAC(payload, nonce string) string { return "mac" }
func (*strayKeys) Seal(_, plain string) string      { return plain }
func (*strayKeys) Verify(_, _, _ string) bool       { return true }
func (*strayKeys) Open(_, s string) (string, error) { return s, nil }

type written struct {
	io.Reader
	bytes.Buffer
}

func (w *written) Read(b []byte) (int, error) { return 0, io.EOF }
func (w *written) Close() error               { return nil }

// A device that acknowledges what was not sent yet neither loses it nor ends
// the server.
func TestStrayAcknowledgement(t *testing.T) {
	for _, stray := range []struct {
		name string
		come func(s *Session) error
	}{
		{"acknowledgement", func(s *Session) error { return s.pushNext() }},
		{"challenge", func(s *Session) error {
			if err := s.again("0123456789abcdef"); err != nil {
				return err
			}
			return s.pushNext()
		}},
	} {
		t.Run(stray.name, func(t *testing.T) {
			k := &strayKeys{}
			sec, err := newSecret(k, nil)
			if err != nil {
				t.Fatal(err)
			}
			out := &written{}
			s := &Session{acc: Account{Keys: k}, sec: sec, w: wire{rwc: out}, lander: true}
			s.replied = outgoing{fields: []envelope.Field{envelope.Int(fieldStatus, 200)}}
			k.stray = func() {
				if err := stray.come(s); err != nil {
					t.Error(err)
				}
			}
			if err := s.Push(envelope.Message{Path: "what.was.pushed"}); err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(out.Bytes(), []byte("what.was.pushed")); n != 1 {
				t.Errorf("the push was sent %d times, want once", n)
			}
			if err := s.pushNext(); err != nil || len(s.pushed) != 0 {
				t.Errorf("after its acknowledgement %d pushes are under way, %v", len(s.pushed), err)
			}
		})
	}
}
