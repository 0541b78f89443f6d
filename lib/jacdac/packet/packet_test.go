package packet_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lander/lib/jacdac/packet"
)

const board = "1234567890abcdef"

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustID(s string) packet.DeviceID {
	id, err := packet.ParseDeviceID(s)
	if err != nil {
		panic(err)
	}
	return id
}

// golden are frames captured from a real device and its peers. Where the
// device leaves garbage in the padding, only reading is compared.
var golden = []struct {
	name, hex string
	flags     byte
	id        packet.DeviceID
	packets   []packet.Packet
	readOnly  bool
}{
	{"set running, ack wanted", "f37c0803 1234567890abcdef 0102802000000000", 0x03, mustID(board), []packet.Packet{{2, 0x2080, []byte{0}}}, false},
	{"its ack", "3c760440 1234567890abcdef 003ff37c", 0x40, mustID(board), []packet.Packet{{0x3f, 0x7cf3, nil}}, false},
	{"announce", "20592040 1234567890abcdef 1c000000 0f0f0200 667e4b1e 2bea3411 405b5b15 4adc0711 fcee6214 9c6e6014", 0x40, mustID(board),
		[]packet.Packet{{0, 0, []byte("\x0f\x0f\x02\x00\x66\x7e\x4b\x1e\x2b\xea\x34\x11\x40\x5b\x5b\x15\x4a\xdc\x07\x11\xfc\xee\x62\x14\x9c\x6e\x60\x14")}}, false},
	{"ask for announcements", "353e0405 00000000aaaaaaaa 00000000", 0x05, packet.ClassID(0), []packet.Packet{{0, 0, nil}}, false},
	{"enable packets", "b16e0445 4a1af618aaaaaaaa 003d8100", 0x45, packet.ClassID(0x18f61a4a), []packet.Packet{{0x3d, 0x81, nil}}, false},
	{"enable log", "d3080445 4a1af618aaaaaaaa 003d8300", 0x45, packet.ClassID(0x18f61a4a), []packet.Packet{{0x3d, 0x83, nil}}, false},
	{"get sha256", "18680401 1234567890abcdef 00028211", 0x01, mustID(board), []packet.Packet{{2, 0x1182, nil}}, false},
	{"deploy 384 bytes", "35f70801 1234567890abcdef 04028000 80010000", 0x01, mustID(board), []packet.Packet{{2, 0x80, []byte{0x80, 1, 0, 0}}}, false},
	{"the port is the third packet", "f0e41840 1234567890abcdef 0402049b 03000000 0402049c 04000000 02028000 39010711", 0x40, mustID(board),
		[]packet.Packet{{2, 0x9b04, []byte{3, 0, 0, 0}}, {2, 0x9c04, []byte{4, 0, 0, 0}}, {2, 0x80, []byte{0x39, 1}}}, true},
	{"close the pipe", "15190403 1234567890abcdef 003ee29c", 0x03, mustID(board), []packet.Packet{{0x3e, 0x9ce2, nil}}, false},
	{"status and change", "5ba60c40 1234567890abcdef 0402049d 03000000 0002039e", 0x40, mustID(board),
		[]packet.Packet{{2, 0x9d04, []byte{3, 0, 0, 0}}, {2, 0x9e03, nil}}, false},
	{"set logging", "07810803 1234567890abcdef 01028220 01000000", 0x03, mustID(board), []packet.Packet{{2, 0x2082, []byte{1}}}, false},
	{"log message", "f9701000 1234567890abcdef 09028200 d40068656c6c6f2031 000000", 0, mustID(board),
		[]packet.Packet{{2, 0x82, []byte("\xd4\x00hello 1")}}, false},
	{"panic and status", "1bd11440 1234567890abcdef 080280ad d20400001f010000 040204ae 03000000", 0x40, mustID(board),
		[]packet.Packet{{2, 0xad80, []byte{0xd2, 4, 0, 0, 0x1f, 1, 0, 0}}, {2, 0xae04, []byte{3, 0, 0, 0}}}, false},
}

func TestGoldenFrames(t *testing.T) {
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			wire := unhex(t, g.hex)
			f, rest, err := packet.ParseFrame(wire)
			if err != nil || len(rest) != 0 {
				t.Fatalf("rest %x, error %v", rest, err)
			}
			if f.Flags != g.flags || f.ID != g.id || f.Command() != (g.flags&1 != 0) {
				t.Errorf("flags %02x id %s", f.Flags, f.ID)
			}
			got := slices.Collect(f.Packets())
			if d := cmp.Diff(g.packets, got, cmp.Transformer("hex", func(b []byte) string { return hex.EncodeToString(b) })); d != "" {
				t.Error(d)
			}
			if back, crc := packet.AppendFrame(nil, &f); !bytes.Equal(back, wire) || crc != f.CRC {
				t.Errorf("encodes to %x", back)
			}
			if g.readOnly {
				return
			}
			var data []byte
			for _, p := range g.packets {
				if data, err = packet.AppendPacket(data, p); err != nil {
					t.Fatal(err)
				}
			}
			if back, _ := packet.AppendFrame(nil, &packet.Frame{Flags: g.flags, ID: g.id, Data: data}); !bytes.Equal(back, wire) {
				t.Errorf("built anew: %x", back)
			}
		})
	}
}

func TestCRC(t *testing.T) {
	if c := packet.CRC([]byte("123456789")); c != 0x29b1 {
		t.Errorf("CRC %04x", c)
	}
}

// A device that sends a frame again sets bit 0x40 and keeps the CRC.
func TestResentFrameKeepsItsCRC(t *testing.T) {
	f := packet.Frame{Flags: 0x03, ID: mustID(board), Data: unhex(t, "003ee29c")}
	wire, crc := packet.AppendFrame(nil, &f)
	wire[3] |= 0x40
	got, _, err := packet.ParseFrame(wire)
	if err != nil || got.CRC != crc || got.Flags != 0x43 {
		t.Fatalf("%+v, %v", got, err)
	}
	for bit := range 8 * len(wire) {
		if bit == 3*8+6 {
			continue // the one that may differ
		}
		bad := bytes.Clone(wire)
		bad[bit/8] ^= 1 << (bit % 8)
		if f, rest, err := packet.ParseFrame(bad); err == nil || f.Data != nil || rest != nil {
			t.Fatalf("bit %d: taken", bit)
		}
	}
}

func TestParseFrameErrors(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		want      error
	}{
		{"empty", "", packet.ErrShort},
		{"header cut", "f37c0803 12345678", packet.ErrShort},
		{"data cut", "f37c0803 1234567890abcdef 01028020", packet.ErrShort},
		{"too large", "f37cf103 1234567890abcdef", packet.ErrSize},
		{"later version", "f37c0083 1234567890abcdef", packet.ErrVNext},
		{"crc", "f37d0803 1234567890abcdef 0102802000000000", packet.ErrCRC},
	} {
		if _, _, err := packet.ParseFrame(unhex(t, c.hex)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestPacketsSkipAndStop(t *testing.T) {
	for _, c := range []struct {
		name, data string
		want       []byte // service indexes
	}{
		{"jump", "00010000 ff0c0000 00000000 00020000", []byte{1, 2}},
		{"jump to the end", "00010000 ff100000 00020000", []byte{1}},
		{"jump to itself", "00010000 ff040000", []byte{1}},
		{"jump back", "00010000 ff000000", []byte{1}},
		{"packet beyond the data", "00010000 05020000 0000", []byte{1}},
		{"half a header", "00010000 0002", []byte{1}},
		{"index is masked", "00c10000", []byte{1}},
	} {
		f := packet.Frame{Data: unhex(t, c.data)}
		var got []byte
		for p := range f.Packets() {
			got = append(got, p.Service)
		}
		if !bytes.Equal(got, c.want) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestPacketTooLarge(t *testing.T) {
	if _, err := packet.New(0, packet.DeviceID{}, packet.Packet{Payload: make([]byte, 237)}); err == nil {
		t.Error("237 bytes taken")
	}
	f, err := packet.New(0, packet.DeviceID{}, packet.Packet{Payload: make([]byte, 236)})
	if err != nil || len(f.Data) != packet.MaxData {
		t.Errorf("236 bytes: %d, %v", len(f.Data), err)
	}
}

func TestDeviceID(t *testing.T) {
	id := mustID("1234567890ABCDEF")
	if id.String() != board || id.ShortName() != "GU35" {
		t.Errorf("%s %s", id, id.ShortName())
	}
	// Two of them with a hash that is folded.
	for id, want := range map[string]string{"ffffffffffffffff": "TX31", "0000000000000000": "PW15", "0102030405060708": "CV00"} {
		if got := mustID(id).ShortName(); got != want {
			t.Errorf("%s is %s, want %s", id, got, want)
		}
	}
	for _, bad := range []string{"", "1234567890abcde", "1234567890abcdefg", "1234567890abcdeg"} {
		if _, err := packet.ParseDeviceID(bad); err == nil {
			t.Errorf("%q taken", bad)
		}
	}
	if packet.ClassID(0x1134ea2b).Class() != 0x1134ea2b {
		t.Error("class")
	}
}

func TestAnnounce(t *testing.T) {
	b := unhex(t, "0f0f0200 667e4b1e 2bea3411 405b5b15 4adc0711 fcee6214 9c6e6014")
	a, err := packet.ParseAnnounce(b)
	want := packet.Announce{Flags: 0x0f0f, Packets: 2, Services: []uint32{0x1e4b7e66, 0x1134ea2b, 0x155b5b40, 0x1107dc4a, 0x1462eefc, 0x14606e9c}}
	if d := cmp.Diff(want, a); d != "" || err != nil || a.Restarts() != 15 {
		t.Error(d, err)
	}
	if back := packet.AppendAnnounce(nil, a); !bytes.Equal(back, b) {
		t.Errorf("%x", back)
	}
	if _, err := packet.ParseAnnounce(b[:3]); err == nil {
		t.Error("three bytes taken")
	}
	for n, want := range map[int]int{4: 0, 7: 0, 8: 1, 11: 1} {
		if a, err := packet.ParseAnnounce(b[:n]); err != nil || len(a.Services) != want {
			t.Errorf("%d bytes: %d services, %v", n, len(a.Services), err)
		}
	}
	many := bytes.Repeat([]byte{1, 2, 3, 4}, 1+packet.MaxServices+1)
	if a, err := packet.ParseAnnounce(many); err != nil || len(a.Services) != packet.MaxServices {
		t.Errorf("%d services, %v", len(a.Services), err)
	}
}

func TestTCP(t *testing.T) {
	frame := unhex(t, "353e0405 00000000aaaaaaaa 00000000")
	wire := packet.AppendTCP(nil, frame)
	if want := append([]byte{0x10}, frame...); !bytes.Equal(wire, want) {
		t.Fatalf("%x", wire)
	}
	wire = packet.AppendTCP(wire, make([]byte, 300)) // skipped
	wire = packet.AppendTCP(wire, frame[:3])         // handed out: no frame, but a message
	r := packet.NewTCPReader(iotestOneByte{bytes.NewReader(wire)})
	for _, want := range [][]byte{frame, frame[:3]} {
		if got, err := r.Next(); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%x, %v", got, err)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("end: %v", err)
	}
	for _, cut := range []string{"10", "1000", "ff", "ff01", "ff0f0100"} {
		r := packet.NewTCPReader(bytes.NewReader(unhex(t, cut)))
		if _, err := r.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", cut, err)
		}
	}
}

type iotestOneByte struct{ r io.Reader }

func (o iotestOneByte) Read(p []byte) (int, error) { return o.r.Read(p[:1]) }

// split runs a serial line through the parser in pieces of n bytes.
func split(line []byte, n int) (frames []string, text string, loss packet.Loss) {
	s := packet.Serial{
		Frame: func(b []byte) { frames = append(frames, hex.EncodeToString(b)) },
		Text:  func(b []byte) { text += string(b) },
	}
	for piece := range slices.Chunk(line, n) {
		s.Write(piece)
	}
	return frames, text, s.Loss
}

func TestSerial(t *testing.T) {
	for _, c := range []struct {
		name, line string
		frames     []string
		text       string
		loss       packet.Loss
	}{
		{"a frame inside a line of text", "6162 fefc b16e0445 fefd 63", []string{"b16e0445"}, "abc", packet.Loss{}},
		{"literal escapes", "fef8 fefc 01fef802 fefd", []string{"01fe02"}, "\xfe", packet.Loss{}},
		{"losses and a byte to ignore", "fefa fefb fefb fef9", nil, "", packet.Loss{Text: 1, Frames: 2}},
		{"losses inside a frame", "fefc 01 fefa 02 fefd", []string{"0102"}, "", packet.Loss{Text: 1}},
		{"an unknown escape is text", "fe41", nil, "\xfeA", packet.Loss{}},
		{"an unknown escape ends a frame", "fefc 4142 fe43 44 fefc 01 fefd", []string{"01"}, "AB\xfeCD", packet.Loss{}},
		{"two escapes end a frame", "fefc 41 fefe 42", nil, "A\xfe\xfeB", packet.Loss{}},
		{"a second start", "fefc 41 fefc 42 fefd", []string{"42"}, "A", packet.Loss{}},
		{"an end without start", "41 fefd 42", nil, "AB", packet.Loss{}},
		{"too long for a frame", "fefc " + strings.Repeat("41", 253) + "42 fefd", nil, strings.Repeat("A", 253) + "B", packet.Loss{}},
		{"padded USB packets", "fefc 01 fefd 000000", []string{"01"}, "\x00\x00\x00", packet.Loss{}},
	} {
		line := unhex(t, c.line)
		for _, n := range []int{1, 2, 3, 7, 1000} {
			frames, text, loss := split(line, n)
			if !slices.Equal(frames, c.frames) || text != c.text || loss != c.loss {
				t.Errorf("%s, pieces of %d: frames %v text %q loss %+v", c.name, n, frames, text, loss)
			}
		}
	}
	if got := packet.AppendSerial(nil, unhex(t, "d3080445 4a1af618aaaaaaaa 003d8300")); hex.EncodeToString(got) != "fefcd30804454a1af618aaaaaaaa003d8300fefd" {
		t.Errorf("%x", got)
	}
}

// What parses encodes back to the same bytes, but for a CRC that fits only
// without bit 0x40: that is written anew.
func FuzzFrame(f *testing.F) {
	for _, g := range golden {
		f.Add(unhex(f, g.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, rest, err := packet.ParseFrame(b)
		if err != nil {
			if fr.Data != nil || fr.Flags != 0 || rest != nil {
				t.Fatalf("%v with a frame", err)
			}
			return
		}
		n := len(b) - len(rest)
		back, crc := packet.AppendFrame(nil, &fr)
		if crc == fr.CRC && !bytes.Equal(back, b[:n]) || !bytes.Equal(back[2:], b[2:n]) {
			t.Fatalf("%x becomes %x", b[:n], back)
		}
		if again, _, err := packet.ParseFrame(back); err != nil || fmt.Sprint(slices.Collect(again.Packets())) != fmt.Sprint(slices.Collect(fr.Packets())) {
			t.Fatalf("canonical form: %v", err)
		}
		total := 0
		for p := range fr.Packets() {
			total += packet.PacketHeader + len(p.Payload)
			if p.Service > 0x3f {
				t.Fatalf("index %x", p.Service)
			}
		}
		if total > len(fr.Data) {
			t.Fatalf("%d bytes of packets in %d", total, len(fr.Data))
		}
	})
}

func FuzzSerial(f *testing.F) {
	f.Add(unhex(f, "6162fefcb16e0445fefd63fefe41fef8"), 3)
	f.Fuzz(func(t *testing.T, line []byte, n int) {
		n = 1 + int(uint(n)%64)
		frames, text, loss := split(line, n)
		f1, t1, l1 := split(line, len(line)+1)
		if !slices.Equal(frames, f1) || text != t1 || loss != l1 {
			t.Fatal("pieces change the meaning")
		}
		total := len(text)
		for _, fr := range frames {
			b, _ := hex.DecodeString(fr)
			total += len(b)
			if again, txt, _ := split(packet.AppendSerial(nil, b), n); len(again) != 1 || again[0] != fr || txt != "" {
				t.Fatalf("frame %s becomes %v", fr, again)
			}
		}
		if total > len(line) {
			t.Fatalf("%d bytes out of %d", total, len(line))
		}
	})
}

func FuzzTCP(f *testing.F) {
	f.Add(unhex(f, "10353e040500000000aaaaaaaa00000000ff0101"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := packet.NewTCPReader(bytes.NewReader(b))
		total := 0
		for {
			m, err := r.Next()
			if err != nil {
				if m != nil {
					t.Fatal("bytes with an error")
				}
				return
			}
			if total += 1 + len(m); total > len(b) || len(m) > packet.MaxFrame {
				t.Fatalf("%d bytes out of %d", total, len(b))
			}
		}
	})
}

func FuzzAnnounce(f *testing.F) {
	f.Add(unhex(f, "0f0f0200667e4b1e2bea3411"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := packet.ParseAnnounce(b)
		if err != nil {
			return
		}
		back := packet.AppendAnnounce(nil, a)
		again, err := packet.ParseAnnounce(back)
		if d := cmp.Diff(a, again); err != nil || d != "" || len(back) > len(b) {
			t.Fatal(err, d)
		}
	})
}
