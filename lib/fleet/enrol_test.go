//go:build unix

package fleet_test

import (
	"errors"
	"net"
	"testing"

	"lander/lib/fleet"
	"lander/lib/m3da"
	"lander/lib/m3da/envelope"
	"lander/lib/trust"
)

// A device gets its secret as often as it asks, until it has used it; and
// nobody else uses it in its name.
func TestEnrolment(t *testing.T) {
	g := newRig(t, func(o *fleet.Options) {
		o.Devices = map[string]fleet.Credentials{"plain": {}, fleet.AnyDevice: {Auth: "hmac-sha1", Cipher: "aes-ctr-256", Registration: []byte("many devices")}}
	})
	dial := func() net.Conn {
		c, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	enrol := func(password string) (string, int64) {
		reg, err := trust.NewM3DARegistration(trust.M3DADevice, []byte(password), m3da.DefaultServerID, "new")
		if err != nil {
			t.Fatal(err)
		}
		secret, err := m3da.Register(t.Context(), dial(), "new", reg)
		if s, ok := errors.AsType[*m3da.StatusError](err); ok {
			return "", s.Status
		}
		if err != nil {
			t.Fatal(err)
		}
		return secret, 200
	}
	if _, status := enrol("guess"); status != envelope.StatusUnauthorized {
		t.Errorf("with another password: %d", status)
	}
	secret, status := enrol("many devices")
	if status != 200 {
		t.Fatal(status)
	}
	// Another device names it in its own session, and goes on.
	other := dial()
	for _, step := range []struct {
		id   string
		want int64
	}{{"plain", 200}, {"new", 403}, {"plain", 200}} {
		if _, err := other.Write(envelope.Envelope{Header: envelope.Header(envelope.Text("id", step.id))}.Append(nil)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1000)
		n, err := other.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if e, _, err := envelope.Parse(b[:n]); err != nil {
			t.Fatal(err)
		} else if got, _ := e.Status(); got != step.want {
			t.Errorf("%s: %d, want %d", step.id, got, step.want)
		}
	}
	if again, status := enrol("many devices"); again != secret {
		t.Errorf("once more: another secret, status %d", status)
	}
	k, err := trust.M3DASecret([]byte(secret)).Keys(m3da.DefaultServerID, "new", "hmac-sha1", "aes-ctr-256")
	if err != nil {
		t.Fatal(err)
	}
	dev, err := m3da.NewDevice(dial(), m3da.DeviceOptions{ID: "new", Keys: k.Side(trust.M3DADevice), Store: &m3da.Memory{}, Reply: patience})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	if err := dev.Exchange(t.Context(), "", envelope.Message{Path: "a.b"}.Append(nil)); err != nil {
		t.Fatal(err)
	}
	if _, status := enrol("many devices"); status != envelope.StatusForbidden {
		t.Errorf("after it was used: %d", status)
	}
	g.restart()
	if _, status := enrol("many devices"); status != envelope.StatusForbidden {
		t.Errorf("after a restart: %d", status)
	}
}
