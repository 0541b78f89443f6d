package fetch_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lander/lib/fetch"
)

var loopback = fetch.Options{AllowLoopback: true}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, url string, o fetch.Options) ([]byte, *fetch.Body, error) {
	t.Helper()
	b, err := fetch.Get(t.Context(), url, o)
	if err != nil {
		if b != nil {
			t.Errorf("a body beside %v", err)
		}
		return nil, nil, err
	}
	defer b.Close()
	data, err := io.ReadAll(b)
	return data, b, err
}

func TestGet(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("User-Agent") != "lander-test" || r.Header.Get("Accept-Encoding") != "" || r.Method != "GET" || r.URL.RawQuery != "q=1" {
			t.Errorf("request %v %v %v", r.Method, r.URL, r.Header)
		}
		io.WriteString(w, "hello")
	})
	o := loopback
	o.UserAgent = "lander-test"
	data, b, err := get(t, s.URL+"/a?q=1#frag", o)
	if err != nil || string(data) != "hello" || b.Size != 5 || b.URL != s.URL+"/a?…" {
		t.Errorf("%q, %+v, %v", data, b, err)
	}
	if _, err := b.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read after the end: %v", err)
	}
}

func TestProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) { t.Error("the proxy was asked") })
	for _, v := range []string{"http_proxy", "HTTP_PROXY"} {
		t.Setenv(v, proxy.URL)
	}
	// An address that is refused before anything goes out.
	if _, _, err := get(t, "http://169.254.1.1/", loopback); !errors.Is(err, fetch.ErrAddress) {
		t.Errorf("error %v, want ErrAddress", err)
	}
}

func TestSize(t *testing.T) {
	announce := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(n))
			w.Write(make([]byte, n))
		}
	}
	stream := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for ; n > 0; n -= 100 {
				w.Write(make([]byte, min(n, 100)))
				w.(http.Flusher).Flush()
			}
		}
	}
	endless := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			w.Write(make([]byte, 64<<10))
		}
	}
	tests := []struct {
		name string
		h    http.HandlerFunc
		max  int64
		got  int
		err  error
	}{
		{"announced, at the limit", announce(1000), 1000, 1000, nil},
		{"announced, over it", announce(1001), 1000, 0, fetch.ErrTooLarge},
		{"announced, huge", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Length", "9223372036854775807") }, 0, 0, fetch.ErrTooLarge},
		{"streamed, at the limit", stream(1000), 1000, 1000, nil},
		{"streamed, over it", stream(1001), 1000, 1000, fetch.ErrTooLarge},
		{"endless", endless, 0, fetch.DefaultMaxBytes, fetch.ErrTooLarge},
		{"empty", announce(0), 1000, 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := loopback
			o.MaxBytes = tt.max
			data, _, err := get(t, serve(t, tt.h).URL, o)
			if !errors.Is(err, tt.err) || len(data) != tt.got {
				t.Errorf("%d bytes, %v, want %d and %v", len(data), err, tt.got, tt.err)
			}
		})
	}
}

func TestShortBody(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "half")
		panic(http.ErrAbortHandler)
	})
	if data, _, err := get(t, s.URL, loopback); !errors.Is(err, fetch.ErrUnreachable) {
		t.Errorf("%q, %v, want ErrUnreachable", data, err)
	}
}

func TestGzipStaysPacked(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(make([]byte, 1<<20))
	z.Close()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(packed.Bytes())
	})
	if data, _, err := get(t, s.URL, loopback); err != nil || !bytes.Equal(data, packed.Bytes()) {
		t.Errorf("%d bytes, %v, want the %d as sent", len(data), err, packed.Len())
	}
}

func TestStatus(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) })
	_, _, err := get(t, s.URL+"/x?token=secret", loopback)
	se, ok := errors.AsType[*fetch.StatusError](err)
	if !ok || se.Code != 404 || err.Error() != "downloading "+s.URL+"/x?…: the server answered 404 not found" {
		t.Errorf("error %v", err)
	}
}

func TestRedirects(t *testing.T) {
	mux := http.NewServeMux()
	to := func(path, location string, code int) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Location"] = []string{location}
			w.WriteHeader(code)
		})
	}
	mux.HandleFunc("/end", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "end") })
	to("/relative", "end?x", 302)
	to("/again/5", "4", 301)
	to("/again/4", "3", 303)
	to("/again/3", "2", 307)
	to("/again/2", "1", 308)
	to("/again/1", "/end", 302)
	to("/again/6", "5", 302)
	to("/loop", "/loop", 302)
	to("/file", "file:///etc/passwd", 302)
	to("/gopher", "gopher://h/", 302)
	to("/script", "javascript:x", 302)
	to("/nohost", "http:///x", 302)
	to("/bad", "http://u:secret@h:port/", 302)
	to("/none", "", 302)
	to("/linklocal", "http://169.254.169.254/latest/meta-data", 302)
	to("/mapped", "http://[::ffff:169.254.169.254]/", 302)
	to("/unmodified", "/end", 304)
	s := serve(t, mux.ServeHTTP)
	tests := []struct {
		path string
		err  error
		text string
	}{
		{"/relative", nil, ""},
		{"/again/5", nil, ""},
		{"/again/6", fetch.ErrRedirect, "more than 5"},
		{"/loop", fetch.ErrRedirect, "more than 5"},
		{"/file", fetch.ErrURL, `the scheme is "file"`},
		{"/gopher", fetch.ErrURL, `the scheme is "gopher"`},
		{"/script", fetch.ErrURL, "javascript"},
		{"/nohost", fetch.ErrURL, "no host"},
		{"/bad", fetch.ErrURL, "malformed"},
		{"/none", fetch.ErrRedirect, "names no URL"},
		{"/linklocal", fetch.ErrAddress, "169.254.169.254 is a link-local address"},
		{"/mapped", fetch.ErrAddress, "169.254.169.254 is a link-local address"},
	}
	for _, tt := range tests {
		data, _, err := get(t, s.URL+tt.path, loopback)
		switch {
		case !errors.Is(err, tt.err):
			t.Errorf("%s: error %v, want %v", tt.path, err, tt.err)
		case err == nil && string(data) != "end":
			t.Errorf("%s: %q", tt.path, data)
		case err != nil && (!strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "secret")):
			t.Errorf("%s: error %v, want %q", tt.path, err, tt.text)
		}
	}
	if _, _, err := get(t, s.URL+"/unmodified", loopback); err == nil {
		t.Error("304 passed for a redirect")
	}
	o := loopback
	o.MaxRedirects = -1
	if _, _, err := get(t, s.URL+"/relative", o); !errors.Is(err, fetch.ErrRedirect) {
		t.Errorf("a redirect where none is allowed: %v", err)
	}
}

func TestTLS(t *testing.T) {
	plain := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "plain") })
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			http.Redirect(w, r, plain.URL, http.StatusFound)
			return
		}
		io.WriteString(w, "secure")
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	if _, _, err := get(t, s.URL, loopback); !errors.Is(err, fetch.ErrCertificate) || errors.Is(err, fetch.ErrUnreachable) {
		t.Errorf("unknown authority: %v", err)
	}
	o := loopback
	var err error
	if o.RootCAs, err = fetch.Roots(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})); err != nil {
		t.Fatal(err)
	}
	if data, _, err := get(t, s.URL, o); err != nil || string(data) != "secure" {
		t.Errorf("%q, %v", data, err)
	}
	if _, _, err := get(t, s.URL+"/down", o); !errors.Is(err, fetch.ErrRedirect) || !strings.Contains(err.Error(), "from https to http") {
		t.Errorf("downgrade: %v", err)
	}
	if _, err := fetch.Roots([]byte("no certificate")); err == nil {
		t.Error("no certificate made a pool")
	}
	o.RootCAs = x509.NewCertPool()
	if _, _, err := get(t, s.URL, o); !errors.Is(err, fetch.ErrCertificate) {
		t.Errorf("empty pool: %v", err)
	}
}

func TestCredentialsGoToTheFirstHostOnly(t *testing.T) {
	var other *httptest.Server
	var mu sync.Mutex
	seen := map[string]string{}
	answer := func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		mu.Lock()
		seen[r.URL.Path] = user + ":" + password
		mu.Unlock()
		switch r.URL.Path {
		case "/start":
			w.Header().Set("Location", "/same")
		case "/same":
			w.Header().Set("Location", other.URL+"/other")
		case "/other":
			// Credentials that a redirect brings along are not used either.
			w.Header().Set("Location", strings.Replace(other.URL, "//", "//x:y@", 1)+"/end")
		case "/end":
			w.WriteHeader(403)
			return
		}
		w.WriteHeader(302)
	}
	first := serve(t, answer)
	other = serve(t, answer)
	_, _, err := get(t, strings.Replace(first.URL, "//", "//user:s3cret@", 1)+"/start", loopback)
	if _, ok := errors.AsType[*fetch.StatusError](err); !ok || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error %v", err)
	}
	for path, want := range map[string]string{"/start": "user:s3cret", "/same": "user:s3cret", "/other": ":", "/end": ":"} {
		if seen[path] != want {
			t.Errorf("%s saw %q, want %q", path, seen[path], want)
		}
	}
}

func TestRefusedAddresses(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { t.Error("the server was reached") })
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	for _, host := range []string{"127.0.0.1", "localhost", "0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]"} {
		_, _, err := get(t, "http://"+host+":"+port+"/", fetch.Options{})
		if !errors.Is(err, fetch.ErrAddress) {
			t.Errorf("%s: %v, want ErrAddress", host, err)
		}
	}
	if _, _, err := get(t, s.URL, fetch.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}}); !errors.Is(err, fetch.ErrAddress) {
		t.Errorf("another one is allowed: %v", err)
	}
}

func TestAllowedNetwork(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "in") })
	o := fetch.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	if data, _, err := get(t, s.URL, o); err != nil || string(data) != "in" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestIPv6(t *testing.T) {
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		if os.Getenv("LANDER_INTEROP") == "1" && !strings.Contains(os.Getenv("LANDER_WITHOUT"), "ipv6") {
			t.Fatalf("no IPv6 loopback on this machine, and LANDER_INTEROP=1 makes it mandatory (LANDER_WITHOUT=ipv6 does without): %v", err)
		}
		t.Skipf("no IPv6 loopback on this machine: %v", err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "six") }))
	s.Listener.Close()
	s.Listener = ln
	s.Start()
	defer s.Close()
	if data, _, err := get(t, s.URL, loopback); err != nil || string(data) != "six" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestUnreachable(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	if _, _, err := get(t, "http://"+addr, loopback); !errors.Is(err, fetch.ErrUnreachable) || errors.Is(err, fetch.ErrTimeout) {
		t.Errorf("error %v, want ErrUnreachable", err)
	}
}

// hang answers with text and then nothing more until the client is gone.
func hang(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if text != "" {
			io.WriteString(w, text)
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	}
}

// timers are fired by the test.
type timers struct{ due atomic.Int64 }

func (tm *timers) after(d time.Duration, f func()) func() bool {
	if int64(d) == tm.due.Load() {
		f()
	}
	return func() bool { return true }
}

func TestStall(t *testing.T) {
	t.Run("no answer", func(t *testing.T) {
		var tm timers
		tm.due.Store(int64(fetch.DefaultStall))
		o := loopback
		o.AfterFunc = tm.after
		_, _, err := get(t, serve(t, hang("")).URL, o)
		if !errors.Is(err, fetch.ErrTimeout) || !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, fetch.ErrUnreachable) {
			t.Errorf("error %v, want ErrTimeout", err)
		}
	})
	t.Run("no more of the body", func(t *testing.T) {
		var tm timers
		o := loopback
		o.AfterFunc = tm.after
		b, err := fetch.Get(t.Context(), serve(t, hang("begin")).URL, o)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if _, err := io.ReadFull(b, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		tm.due.Store(int64(fetch.DefaultStall))
		if n, err := b.Read(make([]byte, 1)); n != 0 || !errors.Is(err, fetch.ErrTimeout) {
			t.Errorf("%d bytes, %v, want ErrTimeout", n, err)
		}
		if n, err := b.Read(make([]byte, 1)); n != 0 || !errors.Is(err, fetch.ErrTimeout) {
			t.Errorf("again: %d bytes, %v, want ErrTimeout", n, err)
		}
	})
	t.Run("the whole", func(t *testing.T) {
		o := loopback
		o.Timeout = time.Hour
		var fire func()
		o.AfterFunc = func(d time.Duration, f func()) func() bool {
			if d == time.Hour {
				fire = f
			}
			return func() bool { return true }
		}
		b, err := fetch.Get(t.Context(), serve(t, hang("begin")).URL, o)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		fire()
		if _, err := io.ReadAll(b); !errors.Is(err, fetch.ErrTimeout) {
			t.Errorf("error %v, want ErrTimeout", err)
		}
	})
}

// Each read takes 5 s by the clock: byte by byte is too slow, KiB by KiB is
// not.
func TestDrip(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 4096)) })
	for _, tt := range []struct {
		size int
		want error
	}{{1, fetch.ErrTimeout}, {1024, nil}} {
		now := time.Unix(0, 0)
		o := loopback
		o.Clock = func() time.Time { now = now.Add(5 * time.Second); return now }
		b, err := fetch.Get(t.Context(), s.URL, o)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for err == nil {
			var m int
			m, err = b.Read(make([]byte, tt.size))
			n += m
		}
		if tt.want == nil && (err != io.EOF || n != 4096) || tt.want != nil && (!errors.Is(err, tt.want) || n != 7) {
			t.Errorf("pieces of %d: %d bytes, %v, want %v", tt.size, n, err, tt.want)
		}
		b.Close()
	}
}

func TestContext(t *testing.T) {
	s := serve(t, hang("begin"))
	ctx, cancel := context.WithCancelCause(t.Context())
	b, err := fetch.Get(ctx, s.URL, loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	cancel(errors.New("a reason of the caller's"))
	if _, err := io.ReadAll(b); !errors.Is(err, context.Canceled) || errors.Is(err, fetch.ErrUnreachable) {
		t.Errorf("while reading: %v, want Canceled", err)
	}
	if _, err := fetch.Get(ctx, s.URL, loopback); !errors.Is(err, context.Canceled) {
		t.Errorf("before: %v, want Canceled", err)
	}
}

// speak serves one connection with f, which need not speak HTTP.
func speak(t *testing.T, f func(c net.Conn)) (url string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		f(c)
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return "http://" + ln.Addr().String()
}

func TestEndlessHeader(t *testing.T) {
	url := speak(t, func(c net.Conn) {
		line := []byte("X: " + strings.Repeat("x", 1000) + "\r\n")
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n")
		for err == nil {
			_, err = c.Write(line)
		}
	})
	if _, _, err := get(t, url, loopback); !errors.Is(err, fetch.ErrUnreachable) {
		t.Errorf("error %v", err)
	}
}

// A server that speaks before it is asked does not get its words into the log
// of the process.
func TestServerThatSpeaksUnasked(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)
	for range 20 {
		url := speak(t, func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly and more")
			io.Copy(io.Discard, c)
		})
		if data, _, err := get(t, url, loopback); err != nil || string(data) != "early" {
			t.Errorf("%q, %v", data, err)
		}
	}
	if logged.Len() > 0 {
		t.Errorf("logged: %s", logged.Bytes())
	}
}

func TestServerThatIsNone(t *testing.T) {
	for _, text := range []string{"", "SSH-2.0-OpenSSH\r\n", "\x00\x00\x00", "HTTP/1.1 999999 x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"} {
		url := speak(t, func(c net.Conn) {
			// The request first, so that closing does not reset what we say.
			c.Read(make([]byte, 4096))
			io.WriteString(c, text)
		})
		if data, _, err := get(t, url, loopback); !errors.Is(err, fetch.ErrUnreachable) {
			t.Errorf("%q: %q, %v", text, data, err)
		}
	}
}

func TestPut(t *testing.T) {
	got := make(chan string, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /log", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- string(b)
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc("PUT /chatty", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprintf(w, "%01000d", 0)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/log", http.StatusTemporaryRedirect)
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	o := fetch.Options{AllowLoopback: true}
	if err := fetch.Put(t.Context(), srv.URL+"/log", []byte("text"), o); err != nil {
		t.Fatal(err)
	}
	if text := <-got; text != "text" {
		t.Errorf("put %q", text)
	}
	if err := fetch.Put(t.Context(), srv.URL+"/log", nil, o); err != nil {
		t.Errorf("nothing: %v", err)
	} else if text := <-got; text != "" {
		t.Errorf("put %q", text)
	}
	// The limit is on what is got, which is nothing.
	if err := fetch.Put(t.Context(), srv.URL+"/chatty", []byte("text"), fetch.Options{AllowLoopback: true, MaxBytes: 10}); err != nil {
		t.Errorf("a server that answers with much: %v", err)
	}
	if err := fetch.Put(t.Context(), srv.URL+"/moved", []byte{}, o); !errors.Is(err, fetch.ErrRedirect) {
		t.Errorf("redirected: %v", err)
	}
	err := fetch.Put(t.Context(), srv.URL+"/none", []byte{}, o)
	if !errors.As(err, new(*fetch.StatusError)) || err.Error() != "uploading to "+srv.URL+"/none: the server answered 404 not found" {
		t.Errorf("not found: %v", err)
	}
	if err := fetch.Put(t.Context(), "http://127.0.0.1:1/x", []byte{}, o); !errors.Is(err, fetch.ErrUnreachable) || !strings.HasPrefix(err.Error(), "uploading to http://127.0.0.1:1/x: unreachable: ") {
		t.Errorf("nobody there: %v", err)
	}
	if err := fetch.Put(t.Context(), srv.URL+"/log", []byte{}, fetch.Options{}); !errors.Is(err, fetch.ErrAddress) {
		t.Errorf("an address that is not allowed: %v", err)
	}
}
