//go:build unix

package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"lander/lib/agent"
	"lander/lib/m3da"
	"lander/lib/m3da/m3datest"
	"lander/lib/trust"
)

// A device without keys never speaks to the server plainly: it asks for them
// again and again, and a server that refuses is named once.
func TestEnrolsLater(t *testing.T) {
	cred := m3datest.Credentials{Auth: "hmac-sha1", Cipher: "aes-ctr-128", Password: "pw"}
	site := m3datest.New(m3datest.Options{Devices: map[string]m3datest.Credentials{"gw-1": cred}})
	l, err := site.Listen("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	keys, err := trust.NewM3DASecret([]byte("pw")).Keys("AIRVANTAGE", "gw-1", cred.Auth, cred.Cipher)
	if err != nil {
		t.Fatal(err)
	}
	answers := []error{
		errors.New("no route to host"), &m3da.StatusError{Status: 403}, &m3da.StatusError{Status: 403},
		&m3da.StatusError{Status: 503}, fmt.Errorf("%w: wrong MAC", m3da.ErrSecurity),
	}
	var log bytes.Buffer
	asked, dialed := 0, make(chan int, 16) // enrolments before a connection
	d := startDeviceWith(t, func(c *agent.Config) {
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
		c.AfterFunc = func(d time.Duration, f func()) func() bool { return time.AfterFunc(min(d, time.Millisecond), f).Stop }
		c.Server = &agent.Server{Keep: true,
			Enrol: func(context.Context) (m3da.Keys, error) {
				if asked++; asked <= len(answers) {
					return nil, answers[asked-1]
				}
				return keys.Side(trust.M3DADevice), nil
			},
			Dial: func(ctx context.Context) (io.ReadWriteCloser, error) {
				dialed <- asked
				var n net.Dialer
				return n.DialContext(ctx, "tcp", l.Addr())
			},
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := site.Wait(ctx, func() bool { n, _ := site.Envelopes("gw-1"); return n > 0 }); err != nil {
		t.Fatal("the device does not come")
	}
	d.stop()
	if n := <-dialed; n != len(answers)+1 {
		t.Errorf("connected after %d enrolments, want %d", n, len(answers)+1)
	}
	if n := strings.Count(log.String(), "refuses to register"); n != 1 {
		t.Errorf("the refusal is logged %d times:\n%s", n, log.String())
	}
	if f := site.Faults(); f != nil {
		t.Error(f)
	}
}
