package sovd_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/link"
	"lander/lib/sovd"
)

// certificate makes a key and a certificate that signer, or itself, signed.
func certificate(t *testing.T, name string, signer *x509.Certificate, signerKey *ecdsa.PrivateKey) (cert, key []byte, parsed *x509.Certificate, private *ecdsa.PrivateKey) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: signer == nil, BasicConstraintsValid: true,
	}
	if signer == nil {
		signer, signerKey = c, private
	}
	der, err := x509.CreateCertificate(rand.Reader, c, signer, &private.PublicKey, signerKey)
	if err != nil {
		t.Fatal(err)
	}
	k, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	if parsed, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: k}), parsed, private
}

// serving serves a gateway as the command does, and ends it on demand.
func serving(t *testing.T, gw *sovd.Gateway, c *tls.Config) (addr string, stop func()) {
	t.Helper()
	a, err := link.Parse("tcp://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := link.Listen(t.Context(), a, link.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := gw.Serve(ctx, []net.Listener{sovd.Listener(ctx, l, c)}); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return strings.TrimPrefix(l.Address().String(), "tcp://"), stop
}

func TestTLS(t *testing.T) {
	ca, _, caCert, caKey := certificate(t, "ca", nil, nil)
	cert, key, _, _ := certificate(t, "gateway", caCert, caKey)
	clientCert, clientKey, _, _ := certificate(t, "tester", caCert, caKey)
	foreignCert, foreignKey, _, _ := certificate(t, "tester", nil, nil)
	var mu sync.Mutex
	var actors []string
	g := newRig(t, func(_ *sovd.FilesOptions, c *sovd.Config) {
		c.TLS = true
		c.Access = func(a sovd.Access) { mu.Lock(); actors = append(actors, a.Actor); mu.Unlock() }
	})
	certs, err := sovd.NewCertificates(cert, key, ca)
	if err != nil {
		t.Fatal(err)
	}
	addr, stop := serving(t, g.gw, certs.Config())
	pool := x509.NewCertPool()
	pool.AddCert(caCert)
	get := func(c *tls.Config) error {
		c.RootCAs = pool
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}}
		res, err := client.Get("https://" + addr + "/api/v1/")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err == nil && !strings.Contains(string(b), `"tls":{"enabled":true`) {
			t.Errorf("%s", b)
		}
		return err
	}
	pair := func(c, k []byte) []tls.Certificate {
		p, err := tls.X509KeyPair(c, k)
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{p}
	}
	if err := get(&tls.Config{Certificates: pair(clientCert, clientKey)}); err != nil {
		t.Error(err)
	}
	if get(&tls.Config{}) == nil || get(&tls.Config{Certificates: pair(foreignCert, foreignKey)}) == nil {
		t.Error("served without a certificate, or with a foreign one")
	}
	if get(&tls.Config{Certificates: pair(clientCert, clientKey), MaxVersion: tls.VersionTLS11}) == nil {
		t.Error("TLS 1.1 is served")
	}
	// From now on the others are served.
	if err := certs.Replace(cert, key, foreignCert); err != nil {
		t.Fatal(err)
	}
	if err := get(&tls.Config{Certificates: pair(foreignCert, foreignKey)}); err != nil {
		t.Error(err)
	}
	if get(&tls.Config{Certificates: pair(clientCert, clientKey)}) == nil {
		t.Error("served with a certificate of the CA that was replaced")
	}
	stop()
	if len(actors) != 2 || actors[0] != "certificate:tester" {
		t.Errorf("actors %q", actors)
	}
	if err := certs.Replace(cert, key, []byte("nothing")); err == nil {
		t.Error("an empty CA is accepted")
	}
	if err := certs.Replace(cert, foreignKey, nil); err == nil {
		t.Error("the key of another certificate is accepted")
	}
}

// What is too large is refused before it costs anything.
func TestLimits(t *testing.T) {
	g := newRig(t, func(_ *sovd.FilesOptions, c *sovd.Config) { c.MaxBody = 1000 })
	addr, _ := serving(t, g.gw, nil)
	g.url = "http://" + addr
	if r := g.do("GET", "/api/v1/health", "", "X-Long: "+strings.Repeat("x", 100<<10)); r.status != 431 {
		t.Errorf("headers: %d", r.status)
	}
	const large = `{"error_code":"resource-not-found","message":"Request body too large","parameters":{"status":413}}`
	if r := g.do("POST", scripts+"/man_true/executions", strings.Repeat("x", 1001)); r.status != 413 || r.text != large {
		t.Errorf("body: %d %s", r.status, r.text)
	}
	if r := g.upload("x.sh", strings.Repeat("x", 2000)); r.status != 413 || r.text != large {
		t.Errorf("upload: %d %s", r.status, r.text)
	}
	// Of unknown length.
	req, err := http.NewRequestWithContext(t.Context(), "POST", g.url+scripts+"/man_true/executions", io.LimitReader(zeros{}, 5000))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 413 {
		t.Errorf("chunks: %d", res.StatusCode)
	}
	// A large answer comes whole, and the connection serves on.
	big := g.script("big.sh", "head -c 500000 /dev/zero | tr '\\0' x")
	for range 2 {
		if r := g.run(big, ""); len(r.text) < 500000 {
			t.Errorf("%d bytes", len(r.text))
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// waitTold tells when a wait begins.
type waitTold struct {
	*sovd.Files
	begun chan struct{}
}

func (w waitTold) WaitExecution(ctx context.Context, e sovd.Ref, script, id string) (sovd.Execution, error) {
	w.begun <- struct{}{}
	return w.Files.WaitExecution(ctx, e, script, id)
}

// A shutdown lets nobody wait: long polls and streams of events end, and what
// is asked then is answered.
func TestDrain(t *testing.T) {
	g := newRig(t)
	waits := make(chan struct{}, 4)
	c := g.config
	c.Provider = waitTold{g.files, waits}
	g.serve(c)
	addr, stop := serving(t, g.gw, nil)
	g.url = "http://" + addr
	path := g.start(g.script("slow.sh", "echo up; sleep 60"), "")
	g.printed(path, "up")
	polled, followed := make(chan reply), make(chan event)
	var open sync.WaitGroup
	open.Add(1)
	go func() { polled <- g.do("GET", path+"?wait=5m", "") }()
	go func() {
		var last event
		var once sync.Once
		g.events(path, "", func(e event) bool { last = e; once.Do(open.Done); return true })
		followed <- last
	}()
	open.Wait()
	<-waits // the poll has come in
	stop()
	if r := <-polled; r.at("status") != "running" {
		t.Errorf("the poll was answered %d %s", r.status, r.text)
	}
	if e := <-followed; e.id == "end" {
		t.Errorf("the stream ended with %+v", e)
	}
	if _, err := http.Get(g.url + "/api/v1/health"); err == nil {
		t.Error("it still serves")
	}
}
