package m3da_test

import (
	"context"
	"io"
	"net"
	"testing"

	"lander/lib/m3da"
	"lander/lib/m3da/envelope"
	"lander/lib/m3da/m3datest"
)

// Envelopes a second through a session over TCP, one after the other, each
// with its reply. The echo is what the machine does without us.
func BenchmarkSession(b *testing.B) {
	for _, c := range []m3datest.Credentials{{}, {Auth: "hmac-sha1", Password: "x"}, {Auth: "hmac-sha1", Cipher: "aes-ctr-256", Password: "x"}} {
		b.Run(c.Auth+"_"+c.Cipher, func(b *testing.B) {
			r := newRig(b, m3datest.Options{Status: func(string, []envelope.Item) int64 { return 204 }}, c)
			l, err := r.site.Listen("127.0.0.1:0", nil)
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			conn, err := net.Dial("tcp", l.Addr())
			if err != nil {
				b.Fatal(err)
			}
			dev, err := m3da.NewDevice(conn, m3da.DeviceOptions{ID: deviceID, Keys: keys(b, c)})
			if err != nil {
				b.Fatal(err)
			}
			defer dev.Close()
			data := payload(1)
			b.ReportAllocs()
			for b.Loop() {
				if err := dev.Exchange(context.Background(), "", data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "envelopes/s")
		})
	}
	b.Run("echo", func(b *testing.B) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		defer l.Close()
		go func() {
			if c, err := l.Accept(); err == nil {
				io.Copy(c, c)
			}
		}()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		buf := make([]byte, 40)
		for b.Loop() {
			if _, err := c.Write(buf); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(c, buf); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "envelopes/s")
	})
}
