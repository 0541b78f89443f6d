package jacdac_test

import (
	"bufio"
	"fmt"
	"net"
	"testing"
	"time"

	"lander/lib/jacdac"
	"lander/lib/jacdac/packet"
)

// device serves a sink over TCP on loopback.
func device(b *testing.B) net.Conn {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	far, err := ln.Accept()
	if err != nil {
		b.Fatal(err)
	}
	bus := jacdac.New(jacdac.NewTCP(far), jacdac.Options{})
	b.Cleanup(func() { bus.Close() })
	s := &sink{}
	s.node = bus.Attach(deviceID, nil, s)
	return c
}

const upload = 224 * 460

// Frames a second of an upload of 103 KB, beside a bare loop that writes a
// frame and reads until its acknowledgement.
func BenchmarkUpload(b *testing.B) {
	b.Run("bare stop and wait", func(b *testing.B) {
		c := device(b)
		defer c.Close()
		r := packet.NewTCPReader(bufio.NewReader(c))
		payload := make([]byte, 224)
		var buf, frame []byte
		b.ReportAllocs()
		for b.Loop() {
			for i := range upload / 224 {
				f, err := packet.New(packet.FlagCommand|packet.FlagAck, deviceID, packet.Packet{Service: packet.IndexPipe, Command: 511<<7 | uint16(i)&31, Payload: payload})
				if err != nil {
					b.Fatal(err)
				}
				var crc uint16
				frame, crc = packet.AppendFrame(frame[:0], &f)
				buf = packet.AppendTCP(buf[:0], frame)
				if _, err := c.Write(buf); err != nil {
					b.Fatal(err)
				}
				for acked := false; !acked; {
					raw, err := r.Next()
					if err != nil {
						b.Fatal(err)
					}
					f, _, err := packet.ParseFrame(raw)
					if err != nil {
						b.Fatal(err)
					}
					for p := range f.Packets() {
						acked = acked || p.Service == packet.IndexAck && p.Command == crc
					}
				}
			}
		}
		b.ReportMetric(float64(b.N)*upload/224/b.Elapsed().Seconds(), "frames/s")
	})
	for _, window := range []int{1, 4} {
		b.Run(fmt.Sprint("window ", window), func(b *testing.B) {
			bus := jacdac.New(jacdac.NewTCP(device(b)), jacdac.Options{})
			defer bus.Close()
			if _, err := bus.Discover(b.Context(), 5*time.Second, func(d []jacdac.Device, _ bool) bool { return len(d) > 0 }); err != nil {
				b.Fatal(err)
			}
			data := make([]byte, upload)
			b.ReportAllocs()
			for b.Loop() {
				// No such port: acknowledged like any other.
				if err := bus.SendPipe(b.Context(), jacdac.Pipe{ID: deviceID, Port: 511, Chunk: 224, Window: window}, data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*upload/224/b.Elapsed().Seconds(), "frames/s")
		})
	}
}
