package link_test

import (
	"errors"
	"strings"
	"testing"

	"lander/lib/link"
)

func TestParse(t *testing.T) {
	type A = link.Address
	tests := []struct {
		text string
		want A
		err  string
		sort error
	}{
		{"tcp://127.0.0.1:9999", A{Scheme: "tcp", Host: "127.0.0.1", Port: 9999}, "", nil},
		{"tcp://localhost:0", A{Scheme: "tcp", Host: "localhost"}, "", nil},
		{"tcp://[::1]:80", A{Scheme: "tcp", Host: "::1", Port: 80}, "", nil},
		{"tcp://[fe80::1%eth0]:80", A{Scheme: "tcp", Host: "fe80::1%eth0", Port: 80}, "", nil},
		{"tcp://gw-1.example_net:65535", A{Scheme: "tcp", Host: "gw-1.example_net", Port: 65535}, "", nil},
		{"unix:///run/lander/agent.sock", A{Scheme: "unix", Path: "/run/lander/agent.sock"}, "", nil},
		{"unix:///a b/%41:x", A{Scheme: "unix", Path: "/a b/%41:x"}, "", nil},
		{"serial:///dev/ttyUSB0", A{Scheme: "serial", Path: "/dev/ttyUSB0"}, "", nil},
		{"serial:///dev/ttyUSB0?baud=115200", A{Scheme: "serial", Path: "/dev/ttyUSB0", Baud: 115200}, "", nil},
		{"serial:///dev/serial/by-id/usb-1a86:7523-if00", A{Scheme: "serial", Path: "/dev/serial/by-id/usb-1a86:7523-if00"}, "", nil},
		{"serial:auto", A{Scheme: "serial", Path: "auto"}, "", nil},
		{"serial:auto?baud=9600", A{Scheme: "serial", Path: "auto", Baud: 9600}, "", nil},
		{"stdio:", A{Scheme: "stdio"}, "", nil},

		{"", A{}, "no scheme", link.ErrAddress},
		{"localhost", A{}, "no scheme", link.ErrAddress},
		{"/run/x.sock", A{}, "no scheme", link.ErrAddress},
		{"localhost:9999", A{}, `"localhost"`, link.ErrScheme},
		{"TCP://h:1", A{}, `"TCP"`, link.ErrScheme},
		{"http://h:1", A{}, `"http"`, link.ErrScheme},
		{"ws://h:1/x", A{Scheme: link.WS, Host: "h", Port: 1, Path: "/x"}, "", nil},
		{"wss://h:1/x?a=b", A{Scheme: link.WSS, Host: "h", Port: 1, Path: "/x?a=b"}, "", nil},
		{"tcp:h:1", A{}, "not tcp://HOST:PORT", link.ErrAddress},
		{"tcp:/h:1", A{}, "not tcp://HOST:PORT", link.ErrAddress},
		{"tcp://h", A{}, "not tcp://HOST:PORT", link.ErrAddress},
		{"tcp://::1:80", A{}, "not tcp://HOST:PORT", link.ErrAddress},
		{"tcp://:80", A{}, "host is missing", link.ErrAddress},
		{"tcp://h:", A{}, "the port is not", link.ErrAddress},
		{"tcp://h:65536", A{}, "the port is not", link.ErrAddress},
		{"tcp://h:-1", A{}, "the port is not", link.ErrAddress},
		{"tcp://h:+1", A{}, "the port is not", link.ErrAddress},
		{"tcp://h:080", A{}, "the port is not", link.ErrAddress},
		{"tcp://h:http", A{}, "the port is not", link.ErrAddress},
		{"tcp://h:1/", A{}, "the port is not", link.ErrAddress},
		{"tcp://u@h:1", A{}, "the host is neither", link.ErrAddress},
		{"tcp://h/x:1", A{}, "the host is neither", link.ErrAddress},
		{"tcp://127.1:80", A{}, "the host is neither", link.ErrAddress},
		{"tcp://0177.0.0.1:80", A{}, "the host is neither", link.ErrAddress},
		{"tcp://2130706433:80", A{}, "the host is neither", link.ErrAddress},
		{"tcp://h.9:80", A{}, "the host is neither", link.ErrAddress},
		{"tcp://h.0:80", A{}, "the host is neither", link.ErrAddress},
		{"tcp://h.:80", A{}, "the host is neither", link.ErrAddress},
		{"tcp://-h:80", A{}, "the host is neither", link.ErrAddress},
		{"tcp://[127.0.0.1]:80", A{}, "brackets", link.ErrAddress},
		{"tcp://[h]:80", A{}, "brackets", link.ErrAddress},
		{"tcp://[fe80::1%a b]:80", A{}, "zone", link.ErrAddress},
		{"tcp://" + strings.Repeat("a", 254) + ":80", A{}, "the host is neither", link.ErrAddress},
		{"tcp://h:1\n", A{}, "control character", link.ErrAddress},
		{"unix://", A{}, "not absolute", link.ErrAddress},
		{"unix:///", A{}, "shortest form", link.ErrAddress},
		{"unix:/run/x", A{}, "not absolute", link.ErrAddress},
		{"unix://run/x", A{}, "not absolute", link.ErrAddress},
		{"unix:///run/../x", A{}, "shortest form", link.ErrAddress},
		{"unix:////run", A{}, "shortest form", link.ErrAddress},
		{"unix:///run/", A{}, "shortest form", link.ErrAddress},
		{"unix:///a\x00b", A{}, "control character", link.ErrAddress},
		{"unix:///" + strings.Repeat("x", 92), A{}, "longer than 92", link.ErrAddress},
		{"serial:", A{}, "neither serial:", link.ErrAddress},
		{"serial:AUTO", A{}, "neither serial:", link.ErrAddress},
		{"serial://auto", A{}, "neither serial:", link.ErrAddress},
		{"serial:/dev/ttyUSB0", A{}, "neither serial:", link.ErrAddress},
		{"serial:///dev/ttyUSB0?", A{}, "only ?baud=N", link.ErrAddress},
		{"serial:///dev/ttyUSB0?speed=1", A{}, "only ?baud=N", link.ErrAddress},
		{"serial:///dev/ttyUSB0?baud=", A{}, "the baud rate", link.ErrAddress},
		{"serial:///dev/ttyUSB0?baud=0", A{}, "the baud rate", link.ErrAddress},
		{"serial:///dev/ttyUSB0?baud=9600&baud=1", A{}, "the baud rate", link.ErrAddress},
		{"serial:///dev/ttyUSB0?baud=1e6", A{}, "the baud rate", link.ErrAddress},
		{"serial:auto?baud=999999999999999999999", A{}, "the baud rate", link.ErrAddress},
		{"stdio:x", A{}, "nothing after", link.ErrAddress},
		{"stdio://", A{}, "nothing after", link.ErrAddress},
		{"tcp://" + strings.Repeat("a", 2000), A{}, "longer than 1024", link.ErrAddress},
	}
	for _, tt := range tests {
		got, err := link.Parse(tt.text)
		if got != tt.want {
			t.Errorf("%q: %+v, want %+v", tt.text, got, tt.want)
		}
		if tt.err == "" {
			if err != nil || got.String() != tt.text {
				t.Errorf("%q: written %q, %v", tt.text, got, err)
			}
			continue
		}
		if !errors.Is(err, tt.sort) || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: error %v, want %q", tt.text, err, tt.err)
		}
	}
}

func TestParseCanonical(t *testing.T) {
	for text, want := range map[string]string{
		"ws://h/x":                       "ws://h:80/x",
		"wss://h/x":                      "wss://h:443/x",
		"tcp://LocalHost:1":              "tcp://localhost:1",
		"tcp://[0:0:0:0:0:0:0:1]:1":      "tcp://[::1]:1",
		"tcp://[::FFFF:127.0.0.1]:1":     "tcp://[::ffff:127.0.0.1]:1",
		"tcp://[2001:DB8:0:0:1:0:0:1]:1": "tcp://[2001:db8::1:0:0:1]:1",
	} {
		if a, err := link.Parse(text); err != nil || a.String() != want {
			t.Errorf("%q is %q, %v, want %q", text, a, err, want)
		}
	}
}

func TestLoopback(t *testing.T) {
	for text, want := range map[string]bool{
		"tcp://127.0.0.1:1": true, "tcp://127.9.9.9:1": true, "tcp://[::1]:1": true, "tcp://localhost:1": true, "unix:///x": true, "stdio:": true,
		"tcp://[::ffff:127.0.0.1]:1": true, "tcp://0.0.0.0:1": false, "tcp://[::]:1": false, "tcp://10.0.0.1:1": false, "tcp://example.net:1": false,
	} {
		a, err := link.Parse(text)
		if err != nil || a.Loopback() != want {
			t.Errorf("%s: %v, %v, want %v", text, a.Loopback(), err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"tcp://127.0.0.1:9999", "tcp://[fe80::1%eth0]:80", "unix:///run/x", "serial:///dev/ttyUSB0?baud=115200", "serial:auto", "stdio:", "ws://h/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := link.Parse(text)
		if err != nil {
			if a != (link.Address{}) || !errors.Is(err, link.ErrAddress) && !errors.Is(err, link.ErrScheme) {
				t.Fatalf("%+v beside %v", a, err)
			}
			return
		}
		again, err := link.Parse(a.String())
		if err != nil || again != a {
			t.Fatalf("%q is written %q, which reads as %+v, %v", text, a, again, err)
		}
	})
}
