package frame

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every frame that the specification shows, byte for byte.
var wire = []struct {
	name    string
	hex     string
	frame   Frame // Payload nil: made of the fields below
	request Payload
	status  Status
	reply   Payload
}{
	{"Register", "00 02 00 00 00 00 00 08 22 61 73 73 65 74 31 22",
		Frame{Command: CmdRegister}, Register{"asset1"}, 0, nil},
	{"Register ok", "00 02 01 00 00 00 00 06 00 00 6e 75 6c 6c",
		Frame{Command: CmdRegister, Response: true}, nil, StatusOK, Nothing{}},
	{"Register taken", "00 02 01 10 00 00 00 06 ff f4 6e 75 6c 6c",
		Frame{Command: CmdRegister, Response: true, RequestID: 0x10}, nil, StatusBadParameter, Nothing{}},
	{"RegisterSMSListener", "00 07 00 01 00 00 00 07 5b 22 22 2c 22 22 5d",
		Frame{Command: CmdRegisterSMSListener, RequestID: 1}, RegisterSMSListener{}, 0, nil},
	{"RegisterSMSListener ok", "00 07 01 01 00 00 00 03 00 00 31",
		Frame{Command: CmdRegisterSMSListener, Response: true, RequestID: 1}, nil, StatusOK, ListenerID(1)},
	{"GetVariable", "00 09 00 0c 00 00 00 17 22 63 6f 6e 66 69 67 2e 61 67 65 6e 74 2e 64 65 76 69 63 65 49 64 22",
		Frame{Command: CmdGetVariable, RequestID: 12}, GetVariable{Paths: []string{"config.agent.deviceId"}}, 0, nil},
	{"GetVariable ok, the original's one element", "00 09 01 0c 00 00 00 15 00 00 5b 22 30 31 32 33 34 35 36 37 38 39 30 31 32 33 34 22 5d",
		Frame{Command: CmdGetVariable, Response: true, RequestID: 12}, nil, StatusOK, List(String("012345678901234"))},
	{"RegisterVariable", "00 0b 00 20 00 00 00 2a 5b 5b 22 63 6f 6e 66 69 67 2e 66 6f 6f 22 5d 2c 5b" +
		"22 63 6f 6e 66 69 67 2e 61 67 65 6e 74 2e 64 65 76 69 63 65 49 64 22 5d 5d",
		Frame{Command: CmdRegisterVariable, RequestID: 0x20},
		RegisterVariable{[]string{"config.foo"}, []string{"config.agent.deviceId"}}, 0, nil},
	{"RegisterVariable ok", "00 0b 01 20 00 00 00 0b 00 00 22 44 54 5f 49 44 5f 30 22",
		Frame{Command: CmdRegisterVariable, Response: true, RequestID: 0x20}, nil, StatusOK, WatchID("DT_ID_0")},
}

func TestWire(t *testing.T) {
	for _, tt := range wire {
		t.Run(tt.name, func(t *testing.T) {
			want := unhex(t, tt.hex)
			f := tt.frame
			if f.Response {
				f.Payload = AppendResponse(nil, Response{Status: tt.status, Body: tt.reply.Append(nil)})
			} else {
				f.Payload = tt.request.Append(nil)
			}
			if got := Append(nil, f); !bytes.Equal(got, want) {
				t.Errorf("append\n got %x\nwant %x", got, want)
			}
			out, place := Begin(nil, f.Command, f.Response, f.RequestID)
			out = append(out, f.Payload...)
			if End(out, place); !bytes.Equal(out, want) {
				t.Errorf("Begin and End give %x", out)
			}
			got, rest, err := Parse(append(bytes.Clone(want), 0x77), 0)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(rest, []byte{0x77}) {
				t.Errorf("rest %x", rest)
			}
			if diff := cmp.Diff(f, got); diff != "" {
				t.Error(diff)
			}
			if !f.Response {
				p, err := ParseRequest(got.Command, got.Payload)
				if diff := cmp.Diff(tt.request, p, valueEqual); err != nil || diff != "" {
					t.Error(err, diff)
				}
				return
			}
			r, err := ParseResponse(got.Payload)
			if err != nil || r.Status != tt.status {
				t.Errorf("status %v, error %v", r.Status, err)
			}
			if v, err := r.Value(); err != nil || v.String() != string(tt.reply.Append(nil)) {
				t.Errorf("body %v, error %v", v, err)
			}
		})
	}
}

var valueEqual = cmp.Comparer(Value.Equal)

func TestReservedTypeBits(t *testing.T) {
	in := unhex(t, "00 02 fe 07 00 00 00 00")
	f, _, err := Parse(in, 0)
	if err != nil || f.Response {
		t.Fatalf("type fe is a command, got %+v %v", f, err)
	}
	if got := Append(nil, f); got[2] != 0 {
		t.Errorf("reserved bits are sent: %x", got)
	}
	in[2] = 0xff
	if f, _, _ := Parse(in, 0); !f.Response {
		t.Error("type ff is a response")
	}
}

func TestParseShortAndTooLarge(t *testing.T) {
	whole := unhex(t, "00 02 00 00 00 00 00 08 22 61 73 73 65 74 31 22")
	for n := range whole {
		if f, rest, err := Parse(whole[:n], 0); err != ErrShort || rest != nil || f.Payload != nil {
			t.Errorf("%d bytes: %+v, %v", n, f, err)
		}
	}
	_, _, err := Parse(whole, 7)
	var big *TooLargeError
	if !errors.As(err, &big) || big.Limit != 7 || big.Header.Size != 8 || !errors.Is(err, StatusBadParameter) {
		t.Errorf("limit 7: %v", err)
	}
	if _, _, err := Parse(whole, 8); err != nil {
		t.Errorf("limit 8: %v", err)
	}
	_, _, err = Parse(unhex(t, "00 02 00 00 7f ff ff ff"), 0)
	if !errors.As(err, &big) || big.Limit != DefaultLimit {
		t.Errorf("2 GiB: %v", err)
	}
}

func TestResponse(t *testing.T) {
	for _, tt := range []struct {
		hex    string
		status Status
		err    string // of Err
	}{
		{"0000", StatusOK, ""},
		{"0000 6e756c6c", StatusOK, ""},
		{"fff3", StatusClosed, "CLOSED (-13)"},
		{"ffff 22 6e 6f 22", StatusNotFound, "no"},
		{"fffb 5b 31 5d", StatusUnspecifiedError, "[1]"},
		{"fffb 5b 31", StatusUnspecifiedError, "UNSPECIFIED_ERROR (-5)"},
		{"0203 6e756c6c", 515, "STATUS_515 (515)"},
	} {
		r, err := ParseResponse(unhex(t, tt.hex))
		if err != nil || r.Status != tt.status {
			t.Errorf("%s: %v %v", tt.hex, r.Status, err)
		}
		got := ""
		if err := r.Err(); err != nil {
			got = err.Error()
			if !errors.Is(err, tt.status) {
				t.Errorf("%s: error %v does not know its status", tt.hex, err)
			}
		}
		if got != tt.err {
			t.Errorf("%s: error %q, want %q", tt.hex, got, tt.err)
		}
	}
	for _, s := range []string{"", "00"} {
		if _, err := ParseResponse(unhex(t, s)); !errors.Is(err, StatusBadFormat) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if got := AppendResponse(nil, Response{Status: StatusBusy}); !bytes.Equal(got, unhex(t, "fff0 6e756c6c")) {
		t.Errorf("empty body goes out as %x, null is wanted", got)
	}
}

func TestStatusNames(t *testing.T) {
	names := map[Status]string{0: "OK", -1: "NOT_FOUND", -2: "OUT_OF_RANGE", -3: "NO_MEMORY", -4: "NOT_PERMITTED",
		-5: "UNSPECIFIED_ERROR", -6: "COMMUNICATION_ERROR", -7: "TIMEOUT", -8: "WOULD_BLOCK", -9: "DEADLOCK",
		-10: "BAD_FORMAT", -11: "DUPLICATE", -12: "BAD_PARAMETER", -13: "CLOSED", -14: "IO_ERROR",
		-15: "NOT_IMPLEMENTED", -16: "BUSY", -17: "NOT_INITIALIZED", -18: "END", -19: "NOT_AVAILABLE",
		-20: "STATUS_-20", 11: "STATUS_11", -32768: "STATUS_-32768"}
	for s, want := range names {
		if s.Name() != want {
			t.Errorf("status %d is %s, want %s", int16(s), s.Name(), want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, tt := range wire {
		f.Add(unhex(f, tt.hex))
	}
	f.Add(unhex(f, "00 02 fe 07 00 00 00 00 00 09"))
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, rest, err := Parse(b, 0)
		if err != nil {
			if fr.Payload != nil || fr.Command != 0 || rest != nil {
				t.Fatalf("results beside the error %v", err)
			}
			return
		}
		want := bytes.Clone(b[:len(b)-len(rest)])
		want[2] &= 1
		if got := Append(nil, fr); !bytes.Equal(got, want) {
			t.Fatalf("%x encodes as %x", want, got)
		}
		if !fr.Response {
			return
		}
		if r, err := ParseResponse(fr.Payload); err == nil {
			back := AppendStatus(nil, r.Status)
			if back = append(back, r.Body...); !bytes.Equal(back, fr.Payload) {
				t.Fatalf("%x encodes as %x", fr.Payload, back)
			}
			r.Err()
		}
	})
}
