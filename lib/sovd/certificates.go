package sovd

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"
)

// Certificates are what a server shows to its clients, and what they have to
// show. They can be replaced while it serves.
type Certificates struct{ now atomic.Pointer[tls.Config] }

// NewCertificates takes PEM texts. With a client CA, clients must show a
// certificate that it signed.
func NewCertificates(cert, key, clientCA []byte) (*Certificates, error) {
	c := &Certificates{}
	return c, c.Replace(cert, key, clientCA)
}

// Replace has connections that come from now on use these, which are as those
// of NewCertificates. With an error nothing changes.
func (c *Certificates) Replace(cert, key, clientCA []byte) error {
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	next := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if clientCA != nil {
		next.ClientCAs, next.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		// Who came back with a ticket would not be looked at again.
		next.SessionTicketsDisabled = true
		if !next.ClientCAs.AppendCertsFromPEM(clientCA) {
			return errors.New("reading the client CA: it holds no certificate")
		}
	}
	c.now.Store(next)
	return nil
}

// Config is the configuration of a server.
func (c *Certificates) Config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.now.Load(), nil },
	}
}
