// Package fetch downloads over http and https with bounds on everything: the
// size, the time, the number of redirects, and the addresses that may be
// asked. It does not trust the URL, the names in it, or the server.
//
// Loopback, link-local, multicast and reserved addresses are refused unless
// they are allowed; the rule is applied to the address that is dialled, for
// each redirect anew. Proxies of the environment are not used and compressed
// bodies are not unpacked.
package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The defaults of Options.
const (
	DefaultMaxBytes     = 1 << 20
	DefaultMaxRedirects = 5
	DefaultStall        = 30 * time.Second
	DefaultUserAgent    = "lander"
)

const (
	maxHeader   = 64 << 10
	maxURL      = 8 << 10
	minProgress = 1 << 10 // bytes that must come within Options.Stall
)

// Options bound a download; the zero value takes the defaults and allows no
// special address.
type Options struct {
	MaxBytes      int64          // of the body; 0: DefaultMaxBytes
	MaxRedirects  int            // 0: DefaultMaxRedirects, negative: none
	Timeout       time.Duration  // for the whole download; 0: none
	Stall         time.Duration  // to connect, to wait for an answer, and for each KiB of it; 0: DefaultStall
	Allow         []netip.Prefix // networks that are allowed whatever they are
	AllowLoopback bool           // allows 127.0.0.0/8 and ::1: for a user's own command line
	RootCAs       *x509.CertPool // nil: the system's; see Roots
	UserAgent     string         // empty: DefaultUserAgent

	Clock     func() time.Time                                   // nil: time.Now
	AfterFunc func(d time.Duration, f func()) (stop func() bool) // nil: time.AfterFunc
}

func (o Options) withDefaults() Options {
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.MaxRedirects == 0 {
		o.MaxRedirects = DefaultMaxRedirects
	}
	if o.Stall == 0 {
		o.Stall = DefaultStall
	}
	if o.UserAgent == "" {
		o.UserAgent = DefaultUserAgent
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.AfterFunc == nil {
		o.AfterFunc = func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
	}
	return o
}

// Roots reads PEM certificates for Options.RootCAs. They take the place of
// the system's.
func Roots(pem []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no PEM certificate found")
	}
	return pool, nil
}

// Put sends a body to a URL, under the rules of Get. Redirects are not
// followed; an answer that is not 2xx is a *StatusError.
func Put(ctx context.Context, rawURL string, body []byte, o Options) error {
	o.MaxRedirects = -1
	if body == nil {
		body = []byte{} // for start, nil is no body of a PUT
	}
	b, err := start(ctx, rawURL, o, body)
	if err != nil {
		return err
	}
	return b.Close()
}

// Get starts a download and returns its body, which the caller closes. A name
// and password in the URL are sent as basic authentication, to the host of
// this URL only, and appear in no error. ctx also bounds the reading.
func Get(ctx context.Context, rawURL string, o Options) (*Body, error) {
	return start(ctx, rawURL, o, nil)
}

// start sends the first request; put is the body of a PUT, nil for a GET.
func start(ctx context.Context, rawURL string, o Options, put []byte) (*Body, error) {
	o = o.withDefaults()
	u, err := parse(rawURL)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	if o.Timeout > 0 {
		stop := o.AfterFunc(o.Timeout, func() { cancel(ErrTimeout) })
		inner := cancel
		cancel = func(err error) { stop(); inner(err) }
	}
	c := client{o: o, ctx: ctx, cancel: cancel, put: put}
	c.transport = &http.Transport{
		DialContext:            c.dial,
		TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    o.Stall,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
	}
	body, err := c.follow(u)
	if err != nil {
		cancel(context.Canceled)
		return nil, err
	}
	return body, nil
}

// client is one download under way.
type client struct {
	o         Options
	ctx       context.Context
	cancel    context.CancelCauseFunc
	transport *http.Transport
	put       []byte // what is sent; nil: something is got
}

// dial is where the address rules are: they see what is really dialled.
func (c *client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{
		Timeout: c.o.Stall,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%w: %s", ErrAddress, address)
			}
			return c.o.checkAddress(ap.Addr())
		},
	}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &askedConn{Conn: conn, asked: make(chan struct{})}, nil
}

// follow asks u and what it redirects to until there is a body. Redirects are
// followed here and not by net/http, which has other rules for credentials.
func (c *client) follow(u *url.URL) (*Body, error) {
	first, user := u, u.User
	for n := 0; ; n++ {
		shown := show(u)
		resp, err := c.ask(u, first, user)
		if err != nil {
			return nil, c.wrap(shown, err)
		}
		switch resp.StatusCode {
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
			resp.Body.Close()
			if n >= c.o.MaxRedirects {
				return nil, fmt.Errorf("%s %s: %w: more than %d", doing(c.put != nil), show(first), ErrRedirect, max(c.o.MaxRedirects, 0))
			}
			if u, err = redirect(u, resp.Header.Get("Location")); err != nil {
				return nil, fmt.Errorf("downloading %s: %w", shown, err)
			}
			continue
		}
		if resp.StatusCode/100 != 2 {
			resp.Body.Close()
			return nil, &StatusError{URL: shown, Code: resp.StatusCode, put: c.put != nil}
		}
		if resp.ContentLength > c.o.MaxBytes && c.put == nil {
			resp.Body.Close()
			return nil, fmt.Errorf("downloading %s: %w: %d bytes announced, at most %d allowed", shown, ErrTooLarge, resp.ContentLength, c.o.MaxBytes)
		}
		return &Body{URL: shown, Size: resp.ContentLength, c: c, body: resp.Body, left: c.o.MaxBytes}, nil
	}
}

// ask sends one request; it fails when no answer begins within Stall.
func (c *client) ask(u, first *url.URL, user *url.Userinfo) (*http.Response, error) {
	bare := *u
	bare.User, bare.Fragment = nil, ""
	method, body := http.MethodGet, io.Reader(nil)
	if c.put != nil {
		method, body = http.MethodPut, bytes.NewReader(c.put)
	}
	req, err := http.NewRequestWithContext(c.ctx, method, bare.String(), body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.o.UserAgent)
	if user != nil && u.Scheme == first.Scheme && u.Host == first.Host {
		password, _ := user.Password()
		req.SetBasicAuth(user.Username(), password)
	}
	stop := c.o.AfterFunc(c.o.Stall, func() { c.cancel(ErrTimeout) })
	defer stop()
	return c.transport.RoundTrip(req)
}

// parse takes a URL that may be downloaded. Its errors do not repeat it: it
// may carry a password.
func parse(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil, len(raw) > maxURL, strings.ContainsAny(raw, " \t"):
		return nil, fmt.Errorf("%w: it is malformed", ErrURL)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%w: the scheme is %q", ErrURL, u.Scheme)
	case u.Hostname() == "" || u.Opaque != "":
		return nil, fmt.Errorf("%w: it names no host", ErrURL)
	}
	// A zone that only escapes can write would not read back [RFC 6874 2].
	if _, zone, ok := strings.Cut(u.Hostname(), "%"); ok && strings.ContainsFunc(zone, notUnreserved) {
		return nil, fmt.Errorf("%w: the zone of its address is malformed", ErrURL)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("%w: the port is not 1 to 65535", ErrURL)
		}
	}
	return u, nil
}

func notUnreserved(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r))
}

func redirect(from *url.URL, location string) (*url.URL, error) {
	if location == "" {
		return nil, fmt.Errorf("%w: it names no URL", ErrRedirect)
	}
	ref, err := url.Parse(location)
	if err != nil || len(location) > maxURL {
		return nil, fmt.Errorf("%w: %w: it is malformed", ErrRedirect, ErrURL)
	}
	to, err := parse(from.ResolveReference(ref).String())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRedirect, err)
	}
	if from.Scheme == "https" && to.Scheme == "http" {
		return nil, fmt.Errorf("%w: from https to http", ErrRedirect)
	}
	return to, nil
}

// show is the URL for people: without name, password and query, which may
// hold secrets.
func show(u *url.URL) string {
	s := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	if u.RawQuery != "" {
		return s.String() + "?…"
	}
	return s.String()
}
