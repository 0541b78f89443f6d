package cmd

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"path/filepath"
	"strings"
	"time"

	"lander/lib/sovd"
	"lander/lib/store"
)

// gatewaySecurity reads who may do what.
func (k *call) gatewaySecurity(set *sovd.Settings, cfg *sovd.Config, st store.Store, again *gatewayFiles) (*tls.Config, error) {
	var err error
	if cfg.Limits, err = set.Limits(); err != nil {
		return nil, invalidf("", "%s: %w", k.conf.file, err)
	}
	if cfg.CORS, err = set.Origins(); err != nil {
		return nil, invalidf("", "%s: %w", k.conf.file, err)
	}
	cfg.MaxBody = set.ROS2.MaxBody
	cfg.NoDocs = set.ROS2.Docs != nil && !*set.ROS2.Docs
	file, options := k.cli.String("auth"), sovd.AuthOptions{}
	if file != "" {
		again.auth = func() (sovd.AuthOptions, error) { return k.authFile(file) }
		options, err = again.auth()
	} else if set.ROS2.AuthEnabled {
		file, again.auth = k.conf.file, k.ros2Again
		k.ui.warn("lander gateway hash-secret, and --auth FILE", "%s holds secrets of clients as plain text", k.conf.file)
		options, err = k.authROS2(set.ROS2)
	}
	if err != nil {
		return nil, err
	}
	if again.auth != nil {
		options.Store, options.Clock = st, time.Now
		if cfg.Auth, err = sovd.NewAuth(k.ctx, options); err != nil {
			return nil, invalidf("", "%s: %w", file, err)
		}
		again.of = cfg.Auth
	}
	cert, key := k.cli.String("tls-cert"), k.cli.String("tls-key")
	if cert == "" && set.ROS2.TLS != nil && *set.ROS2.TLS {
		cert, key = set.ROS2.TLSCert, set.ROS2.TLSKey
	}
	ca := k.cli.String("client-ca")
	if cert == "" && key == "" && ca == "" {
		return nil, nil
	}
	if cert == "" || key == "" {
		return nil, usagef("--tls-cert FILE --tls-key FILE", "TLS needs a certificate and its key")
	}
	again.tls = [3]string{cert, key, ca}
	texts, err := again.readTLS()
	if err != nil {
		return nil, err
	}
	cfg.TLS = true
	if again.certs, err = sovd.NewCertificates(texts[0], texts[1], texts[2]); err != nil {
		return nil, invalidf("", "%w", err)
	}
	return again.certs.Config(), nil
}

// followRevoked has what other gateways revoke hold here, too, until the
// function that it returns is called.
func followRevoked(k *call, a *sovd.Auth) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(k.ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Follow(ctx, k.log)
	}()
	return func() { cancel(); <-done }
}

// authFile reads --auth. Files that it names lie beside it.
func (k *call) authFile(file string) (sovd.AuthOptions, error) {
	none := sovd.AuthOptions{}
	text, err := readInput(file)
	if err != nil {
		return none, err
	}
	f, err := sovd.ParseAuthFile(text)
	if err != nil {
		return none, invalidf("", "%s: %w", file, err)
	}
	o := f.Options()
	beside := func(path string) ([]byte, error) {
		if path == "" {
			return nil, nil
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(file), path)
		}
		return readInput(path)
	}
	if o.Secret, err = beside(f.Auth.SecretFile); err != nil {
		return none, err
	}
	if o.PublicKey, err = beside(f.Auth.PublicKeyFile); err != nil {
		return none, err
	}
	o.PrivateKey = o.Secret
	if o.Algorithm != "RS256" {
		o.Secret = bytes.TrimRight(o.Secret, "\r\n")
	}
	return o, nil
}

// authROS2 makes the clients of a parameter file, whose secrets stand there as
// they are.
func (k *call) authROS2(r sovd.ROS2) (sovd.AuthOptions, error) {
	none := sovd.AuthOptions{}
	o := sovd.AuthOptions{
		RequireFor: r.RequireFor, Algorithm: r.Algorithm, Issuer: r.Issuer, Secret: []byte(r.Secret),
		Access: time.Duration(r.Access) * time.Second, Refresh: time.Duration(r.Refresh) * time.Second,
	}
	var err error
	if r.Algorithm == "RS256" {
		if o.PrivateKey, err = readInput(r.Secret); err != nil {
			return none, err
		}
		if o.PublicKey, err = readInput(r.PublicKey); err != nil {
			return none, err
		}
	}
	for _, c := range r.Clients {
		i, j := strings.IndexByte(c, ':'), strings.LastIndexByte(c, ':')
		if i < 0 || i == j {
			return none, invalidf("", "%s: auth.clients: an entry is not id:secret:role", k.conf.file)
		}
		hash, err := sovd.HashSecret([]byte(c[i+1:j]), rand.Reader)
		if err != nil {
			return none, invalidf("", "%s: auth.clients: client %s: %w", k.conf.file, c[:i], err)
		}
		o.Clients = append(o.Clients, sovd.Client{ID: c[:i], Role: c[j+1:], Hash: hash})
	}
	return o, nil
}
