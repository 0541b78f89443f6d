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

	"lander/lib/agent"
	"lander/lib/emp/frame"
	"lander/lib/link"
	"lander/lib/m3da"
	"lander/lib/trust"
)

// server reads what --server and its like say; nil where there is none.
func (k *call) server(cfg *agent.Config) (*agent.Server, error) {
	text := k.cli.String("server")
	if text == "" {
		for _, name := range []string{"auth", "cipher", "password-file"} {
			if k.cli.String(name) != "" {
				return nil, usagef("--server m3da://HOST:PORT", "--%s is for a server, and there is none", name)
			}
		}
		return nil, nil
	}
	if k.cli.String("sink") != "" {
		return nil, usagef("", "--server and --sink: data goes to one of them")
	}
	addr, err := serverAddress(text)
	if err != nil {
		return nil, usagef("--server m3da://HOST:PORT", "--server %q: %v", text, err)
	}
	s := &agent.Server{
		ID: k.cli.String("server-id"), AllowMD5: k.conf.allowed("allow-md5"),
		Dial: func(ctx context.Context) (io.ReadWriteCloser, error) {
			c, err := link.Dial(ctx, addr, link.Options{})
			if err != nil {
				return nil, err // a nil link.Conn is no nil stream
			}
			return c, nil
		},
	}
	switch k.cli.String("server-link") {
	case "keep":
		s.Keep = true
	case "policy":
	default:
		return nil, usagef("--server-link keep or policy", "--server-link %q is neither", k.cli.String("server-link"))
	}
	if s.AllowMD5 {
		k.ui.warn("allow_md5 = false", "allow_md5 is set: the server may run scripts that nobody signed")
	}
	if s.Keys, err = k.serverKeys(cfg.ID, s.ID); err != nil {
		return nil, err
	}
	if s.Keys == nil {
		k.ui.warn("--auth hmac-sha1 --password-file FILE", "the session with the server is not secured: scripts still need their signatures, data and other commands do not")
	}
	cfg.Mirror = append(cfg.Mirror, frame.Member{Key: "config.server.url", Value: frame.String(text)}, frame.Member{Key: "config.server.serverId", Value: frame.String(s.ID)})
	return s, nil
}

// serverAddress reads m3da://HOST:PORT; the port may be left out.
func serverAddress(text string) (link.Address, error) {
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

// serverKeys makes the keys of --auth, --cipher and --password-file; nil for a
// plain session.
func (k *call) serverKeys(device, server string) (m3da.Keys, error) {
	auth, cipher, file := k.cli.String("auth"), k.cli.String("cipher"), k.cli.String("password-file")
	switch {
	case auth == "" && cipher == "" && file == "":
		return nil, nil
	case auth == "":
		return nil, usagef("--auth "+strings.Join(trust.M3DAAuths[1:], " or "), "a cipher or a password without --auth")
	case !slices.Contains(trust.M3DAAuths, auth):
		return nil, usagef("--auth "+strings.Join(trust.M3DAAuths[1:], " or "), "--auth %q is not known", auth)
	case !slices.Contains(trust.M3DACiphers, cipher):
		return nil, usagef("--cipher "+strings.Join(trust.M3DACiphers[1:], ", "), "--cipher %q is not known", cipher)
	case file == "":
		return nil, usagef("--password-file FILE", "--auth needs the password that is shared with the server")
	}
	password, err := os.ReadFile(file)
	if err != nil {
		return nil, invalidf("", "reading %s: %w", file, plainCause(err))
	}
	if password = bytes.TrimRight(password, "\r\n"); len(password) == 0 {
		return nil, invalidf("", "the password in %s is empty", file)
	}
	keys, err := trust.NewM3DASecret(password).Keys(server, device, auth, cipher)
	if err != nil {
		return nil, usagef("", "%v", err)
	}
	return keys.Side(trust.M3DADevice), nil
}
