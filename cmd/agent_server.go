package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"lander/lib/agent"
	"lander/lib/durable"
	"lander/lib/emp/frame"
	"lander/lib/link"
	"lander/lib/m3da"
	"lander/lib/trust"
)

// server reads what --server and its like say; nil where there is none.
func (k *call) server(cfg *agent.Config) (*agent.Server, error) {
	text := k.cli.String("server")
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
	s := &agent.Server{ID: k.cli.String("server-id"), AllowMD5: k.conf.allowed("allow-md5"), Dial: d.dial}
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
	var err error
	if s.Keys, err = k.serverKeys(cfg.ID, s.ID, s.Dial); err != nil {
		return nil, err
	}
	if s.Keys == nil {
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
func (k *call) serverKeys(device, server string, dial func(context.Context) (io.ReadWriteCloser, error)) (m3da.Keys, error) {
	auth, cipher, file := k.cli.String("auth"), k.cli.String("cipher"), k.cli.String("password-file")
	registration := k.cli.String("registration-file")
	switch {
	case auth == "" && cipher == "" && file == "" && registration == "":
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
	if _, err := os.Stat(file); registration != "" && isNotExist(err) {
		if err := k.enrol(device, server, registration, file, dial); err != nil {
			return nil, err
		}
	}
	password, err := readPassword(file)
	if err != nil {
		return nil, err
	}
	keys, err := trust.ParseM3DASecret(password).Keys(server, device, auth, cipher)
	if err != nil {
		return nil, usagef("", "%v", err)
	}
	return keys.Side(trust.M3DADevice), nil
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

// enrol gets this device's secret from the server, by the registration
// password, and keeps it in file.
func (k *call) enrol(device, server, registration, file string, dial func(context.Context) (io.ReadWriteCloser, error)) error {
	password, err := readPassword(registration)
	if err != nil {
		return err
	}
	r, err := trust.NewM3DARegistration(trust.M3DADevice, password, server, device)
	if err != nil {
		return fmt.Errorf("registering at the server: %w", err)
	}
	conn, err := dial(k.ctx)
	if err != nil {
		return &fault{exit: exitUnreachable, msg: fmt.Sprintf("registering at the server: %v", err), cause: err}
	}
	defer conn.Close()
	secret, err := m3da.Register(k.ctx, conn, device, r)
	if err != nil {
		return &fault{exit: exitRejected, msg: err.Error(), hint: "is the registration password right, and the device known to the server?", cause: err}
	}
	var key trust.M3DASecret
	if copy(key[:], secret) != len(secret) || len(secret) != len(key) {
		return &fault{exit: exitRejected, msg: fmt.Sprintf("registering %s: the server sent a secret of %d bytes", device, len(secret))}
	}
	if err := durable.WriteFile(file, []byte(key.Text()+"\n"), 0o600); err != nil {
		return fmt.Errorf("keeping the password that the server sent: %w", err)
	}
	k.log.Info("registered at the server", "device", device, "file", file)
	return nil
}
