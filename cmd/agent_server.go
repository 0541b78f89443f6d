package cmd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"lander/lib/agent"
	"lander/lib/emp/frame"
	"lander/lib/link"
	"lander/lib/m3da"
	"lander/lib/trust"
)

// server reads what --server and its like say; nil where there is none.
func (k *call) server(cfg *agent.Config) (*agent.Server, error) {
	text, way := k.cli.String("server"), k.cli.String("server-link")
	if way != "keep" && way != "policy" {
		return nil, usagef("--server-link keep or policy", "--server-link %q is neither", way)
	}
	if text == "" {
		for _, name := range []string{"auth", "cipher", "password-file", "registration-file"} {
			if k.cli.String(name) != "" {
				return nil, usagef("--server m3da://HOST:PORT", "--%s is for a server, and there is none", name)
			}
		}
		return nil, nil
	}
	if k.cli.String("sink") != "" {
		return nil, usagef("", "--server and --sink: data goes to one of them")
	}
	var d dialer
	for one := range strings.SplitSeq(text, ",") {
		addr, err := serverAddress(strings.TrimSpace(one))
		if err != nil {
			return nil, usagef("--server m3da://HOST:PORT[,m3da://HOST:PORT...]", "--server %q: %v", text, err)
		}
		d.addrs = append(d.addrs, addr)
	}
	s := &agent.Server{ID: k.cli.String("server-id"), AllowMD5: k.conf.allowed("allow-md5"), Keep: way == "keep", Dial: d.dial}
	if s.AllowMD5 {
		k.ui.warn("allow_md5 = false", "allow_md5 is set: the server may run scripts that nobody signed")
	}
	if err := k.serverKeys(s, cfg.ID); err != nil {
		return nil, err
	}
	if s.Keys == nil && s.Enrol == nil {
		k.ui.warn("--auth hmac-sha1 --password-file FILE", "the session with the server is not secured: scripts still need their signatures, data and other commands do not")
	}
	cfg.Mirror = append(cfg.Mirror, frame.Member{Key: "config.server.url", Value: frame.String(text)}, frame.Member{Key: "config.server.serverId", Value: frame.String(s.ID)})
	return s, nil
}

// answerTime is how long one of several servers may take to answer before the
// next is tried.
const answerTime = 10 * time.Second

// dialer connects to one of several servers: each time to the one behind the
// last, so that one which answers, but does no more, is left too.
type dialer struct {
	addrs []link.Address

	mu   sync.Mutex
	next int
}

func (d *dialer) dial(ctx context.Context) (io.ReadWriteCloser, error) {
	var errs []error
	for range d.addrs {
		d.mu.Lock()
		addr := d.addrs[d.next]
		d.next = (d.next + 1) % len(d.addrs)
		d.mu.Unlock()
		c, err := d.one(ctx, addr)
		if err == nil {
			return c, nil
		}
		if errs = append(errs, err); ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...) // a nil link.Conn is no nil stream
}

func (d *dialer) one(ctx context.Context, addr link.Address) (link.Conn, error) {
	if len(d.addrs) > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, answerTime)
		defer cancel()
	}
	return link.Dial(ctx, addr, link.Options{})
}

// serverAddress reads m3da://HOST:PORT, whose port may be left out, or the
// address of a socket.
func serverAddress(text string) (link.Address, error) {
	if strings.HasPrefix(text, "unix:") {
		return link.Parse(text)
	}
	rest, ok := strings.CutPrefix(text, "m3da://")
	if !ok {
		return link.Address{}, errors.New("it does not begin with m3da://")
	}
	if _, _, err := net.SplitHostPort(rest); err != nil {
		rest = net.JoinHostPort(strings.Trim(rest, "[]"), strconv.Itoa(m3da.Port))
	}
	a, err := link.Parse("tcp://" + rest)
	if err == nil && a.Port == 0 {
		err = errors.New("port 0 is none")
	}
	return a, err
}

// m3daAddress is where a server is bound, as serverAddress reads it.
func m3daAddress(a link.Address) string {
	if rest, ok := strings.CutPrefix(a.String(), "tcp://"); ok {
		return "m3da://" + rest
	}
	return a.String()
}

// serverKeys makes the keys of --auth, --cipher and --password-file, or the way
// to get them; neither for a plain session.
func (k *call) serverKeys(s *agent.Server, device string) error {
	auth, cipher, file := k.cli.String("auth"), k.cli.String("cipher"), k.cli.String("password-file")
	registration := k.cli.String("registration-file")
	switch {
	case auth == "" && cipher == "" && file == "" && registration == "":
		return nil
	case auth == "":
		return usagef("--auth "+strings.Join(trust.M3DAAuths[1:], " or "), "a cipher or a password without --auth")
	case !slices.Contains(trust.M3DAAuths, auth):
		return usagef("--auth "+strings.Join(trust.M3DAAuths[1:], " or "), "--auth %q is not known", auth)
	case !slices.Contains(trust.M3DACiphers, cipher):
		return usagef("--cipher "+strings.Join(trust.M3DACiphers[1:], ", "), "--cipher %q is not known", cipher)
	case file == "":
		return usagef("--password-file FILE", "--auth needs the password that is shared with the server")
	}
	e := enrolment{device: device, server: s.ID, auth: auth, cipher: cipher, file: file, dial: s.Dial, log: k.log}
	if _, err := os.Stat(file); registration != "" && isNotExist(err) {
		if e.password, err = readPassword(registration); err != nil {
			return err
		}
		return k.enrol(s, e)
	}
	var err error
	s.Keys, err = e.stored()
	return err
}

func readPassword(file string) ([]byte, error) {
	password, err := os.ReadFile(file)
	if err != nil {
		return nil, invalidf("", "reading %s: %w", file, plainCause(err))
	}
	if password = bytes.TrimRight(password, "\r\n"); len(password) == 0 {
		return nil, invalidf("", "the password in %s is empty", file)
	}
	return password, nil
}
