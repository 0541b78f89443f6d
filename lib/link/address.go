// Package link opens streams by address: to a host, a socket, a serial port,
// or the process's own standard streams. One syntax serves every command:
//
//	tcp://HOST:PORT                  HOST is a name, an IPv4 or a [IPv6] address
//	unix:///PATH                     an absolute path
//	serial:///dev/ttyUSB0?baud=9600  8N1; without baud the caller's default
//	serial:auto                      the serial port, when there is exactly one
//	ws://HOST:PORT/PATH              a WebSocket; wss:// over TLS; ports 80 and 443 may be left out
//	stdio:                           standard input and output
package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
)

// The schemes of an Address.
const (
	TCP    = "tcp"
	Unix   = "unix"
	Serial = "serial"
	Stdio  = "stdio"
)

// Auto is the Path of serial:auto.
const Auto = "auto"

// What an address can be that is none. Neither is worth a second try.
var (
	ErrAddress = errors.New("malformed address")
	ErrScheme  = errors.New("unknown address scheme")
)

const (
	maxAddress    = 1024
	maxSocketPath = 92 // what every system takes, with room for a directory beside it
	maxBaud       = 100_000_000
)

// Address is a parsed address. The zero value is none.
type Address struct {
	Scheme string // one of the constants
	Host   string // tcp, ws, wss: a lower-case name or an IP address, without brackets
	Port   int    // tcp, ws, wss: 0 to 65535; 0 lets Listen choose
	Path   string // unix: absolute; serial: the device, or Auto; ws, wss: from the slash on, with the query
	Baud   int    // serial: bits per second; 0 when the address does not say
}

// Parse reads an address strictly: nothing is guessed, trimmed or ignored.
// What it returns is canonical: String gives a text that parses to the same.
func Parse(text string) (Address, error) {
	if len(text) > maxAddress {
		return Address{}, fmt.Errorf("%w: longer than %d bytes", ErrAddress, maxAddress)
	}
	for _, c := range []byte(text) {
		if c < ' ' || c == 0x7f {
			return Address{}, fmt.Errorf("%w: %q has a control character", ErrAddress, text)
		}
	}
	scheme, rest, ok := strings.Cut(text, ":")
	if !ok {
		return Address{}, fmt.Errorf("%w: %q has no scheme (tcp://HOST:PORT, unix:///PATH, serial:///DEVICE, serial:auto, ws://HOST:PORT/PATH, stdio:)", ErrAddress, text)
	}
	var a Address
	var err error
	switch scheme {
	case TCP:
		a, err = parseTCP(rest)
	case Unix:
		a, err = parseUnix(rest)
	case Serial:
		a, err = parseSerial(rest)
	case Stdio:
		a = Address{Scheme: Stdio}
		if rest != "" {
			err = errors.New("stdio: has nothing after the colon")
		}
	case WS, WSS:
		a, err = parseWebSocket(scheme, rest)
	default:
		return Address{}, fmt.Errorf("%w: %q (known: tcp, unix, serial, ws, wss, stdio)", ErrScheme, scheme)
	}
	if err != nil {
		return Address{}, fmt.Errorf("%w: %q: %w", ErrAddress, text, err)
	}
	return a, nil
}

func parseTCP(rest string) (Address, error) {
	rest, ok := strings.CutPrefix(rest, "//")
	host, port, err := net.SplitHostPort(rest)
	if !ok || err != nil {
		return Address{}, errors.New("not tcp://HOST:PORT")
	}
	n, err := parseNumber(port, 65535)
	if err != nil {
		return Address{}, fmt.Errorf("the port %w", err)
	}
	if host, err = parseHost(host, strings.HasPrefix(rest, "[")); err != nil {
		return Address{}, err
	}
	return Address{Scheme: TCP, Host: host, Port: n}, nil
}

func parseHost(host string, brackets bool) (string, error) {
	if host == "" {
		return "", errors.New("the host is missing (0.0.0.0 or [::] for every address of this machine)")
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && ip.Is4() && !brackets:
		return ip.String(), nil
	case err == nil && ip.Is6() && brackets:
		for i := range len(ip.Zone()) {
			if !nameByte(ip.Zone()[i]) {
				return "", errors.New("the zone of the host has odd characters")
			}
		}
		return ip.String(), nil
	case err == nil || brackets:
		return "", errors.New("brackets are for IPv6 addresses, and they need them")
	}
	for i := range len(host) {
		if !nameByte(host[i]) {
			return "", errors.New("the host is neither a name nor an IP address")
		}
	}
	// 127.1 or 0x7f.1 would mean different hosts to different resolvers.
	last := host[strings.LastIndexByte(host, '.')+1:]
	if len(host) > 253 || last == "" || last[0] >= '0' && last[0] <= '9' || host[0] == '-' {
		return "", errors.New("the host is neither a name nor an IP address")
	}
	return strings.ToLower(host), nil
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
}

func parseUnix(rest string) (Address, error) {
	p, err := parsePath(rest)
	if err != nil {
		return Address{}, fmt.Errorf("not unix:///PATH: %w", err)
	}
	if len(p) > maxSocketPath {
		return Address{}, fmt.Errorf("the path is longer than %d bytes", maxSocketPath)
	}
	return Address{Scheme: Unix, Path: p}, nil
}

func parseSerial(rest string) (Address, error) {
	rest, query, asked := strings.Cut(rest, "?")
	a := Address{Scheme: Serial, Path: Auto}
	if rest != Auto {
		p, err := parsePath(rest)
		if err != nil {
			return Address{}, fmt.Errorf("neither serial:///DEVICE nor serial:auto: %w", err)
		}
		a.Path = p
	}
	if !asked {
		return a, nil
	}
	baud, ok := strings.CutPrefix(query, "baud=")
	if !ok {
		return Address{}, errors.New("only ?baud=N may follow")
	}
	var err error
	if a.Baud, err = parseNumber(baud, maxBaud); err != nil || a.Baud == 0 {
		return Address{}, fmt.Errorf("the baud rate is not 1 to %d", maxBaud)
	}
	return a, nil
}

// parsePath takes //PATH with an absolute, clean path.
func parsePath(rest string) (string, error) {
	p, ok := strings.CutPrefix(rest, "//")
	switch {
	case !ok || !strings.HasPrefix(p, "/"):
		return "", errors.New("the path is not absolute")
	case p == "/" || path.Clean(p) != p:
		return "", errors.New("the path is not in its shortest form")
	case strings.Contains(p, "?"):
		return "", errors.New("the path has a question mark")
	}
	return p, nil
}

// parseNumber reads a decimal number as people write it: digits, no sign, no
// leading zero.
func parseNumber(s string, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > most || strconv.Itoa(n) != s {
		return 0, fmt.Errorf("is not a number from 0 to %d", most)
	}
	return n, nil
}

// String is the canonical text.
func (a Address) String() string {
	switch a.Scheme {
	case TCP:
		return "tcp://" + a.hostPort()
	case WS, WSS:
		return a.Scheme + "://" + a.hostPort() + a.Path
	case Unix:
		return "unix://" + a.Path
	case Serial:
		s := "serial://" + a.Path
		if a.Path == Auto {
			s = "serial:auto"
		}
		if a.Baud != 0 {
			s += "?baud=" + strconv.Itoa(a.Baud)
		}
		return s
	}
	return a.Scheme + ":"
}

func (a Address) hostPort() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)) }

// Loopback reports whether only this machine can reach a listener at a: a unix
// socket, a loopback IP address, or the name localhost.
func (a Address) Loopback() bool {
	if a.Scheme != TCP && a.Scheme != WS && a.Scheme != WSS {
		return true
	}
	ip, err := netip.ParseAddr(a.Host)
	return err == nil && ip.Unmap().IsLoopback() || a.Host == "localhost"
}
