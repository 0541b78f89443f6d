package cmd

import (
	"errors"
	"path/filepath"

	"lander/lib/sovd"
)

// readManifest reads the manifest. Scripts that it names lie beside it.
func (k *call) readManifest(file string) (*sovd.Manifest, error) {
	text, err := readInput(file)
	if err != nil {
		return nil, err
	}
	m, err := sovd.ParseManifest(text)
	if err != nil {
		return nil, invalidf("", "%s: %w", file, err)
	}
	for _, w := range m.Warnings {
		k.ui.warn("", "%s: %s", file, w)
	}
	for i := range m.Scripts {
		if s := &m.Scripts[i]; !filepath.IsAbs(s.Path) {
			s.Path = filepath.Join(filepath.Dir(file), s.Path)
		}
	}
	return m, nil
}

// gatewayFiles are what a gateway reads again at each HUP: who may do what,
// the manifest, and the certificates of TLS. What runs is not touched; a file
// that is broken changes nothing, and is no reason not to take the others.
type gatewayFiles struct {
	tls      [3]string                        // certificate, key and client CA; "": there is none
	auth     func() (sovd.AuthOptions, error) // nil: there is no authentication
	manifest string                           // "": there is none

	of    *sovd.Auth
	certs *sovd.Certificates // nil: there is no TLS
	gw    *sovd.Gateway
	// described are told of the manifest: those who have entities of their own.
	described []func(*sovd.Manifest)
	// scripts is told of those of the manifest; nil: they run elsewhere.
	scripts func([]sovd.ManagedScript) error
}

func (f *gatewayFiles) read(k *call) error {
	var authErr, manifestErr, tlsErr error
	if f.auth != nil {
		authErr = f.readAuth(k)
	}
	if f.manifest != "" {
		manifestErr = f.readManifest(k)
	}
	if f.certs != nil {
		tlsErr = f.replaceTLS(k)
	}
	return errors.Join(authErr, manifestErr, tlsErr)
}

func (f *gatewayFiles) readTLS() (texts [3][]byte, err error) {
	for i, file := range f.tls {
		if file == "" {
			continue
		}
		if texts[i], err = readInput(file); err != nil {
			return texts, err
		}
	}
	return texts, nil
}

func (f *gatewayFiles) replaceTLS(k *call) error {
	texts, err := f.readTLS()
	if err != nil {
		return err
	}
	if err := f.certs.Replace(texts[0], texts[1], texts[2]); err != nil {
		return err
	}
	k.log.Info("certificates read again", "file", f.tls[0])
	return nil
}

func (f *gatewayFiles) readAuth(k *call) error {
	o, err := f.auth()
	if err != nil {
		return err
	}
	if err := f.of.Replace(o); err != nil {
		return err
	}
	k.log.Info("clients and keys read again", "clients", len(o.Clients))
	return nil
}

func (f *gatewayFiles) readManifest(k *call) error {
	m, err := k.readManifest(f.manifest)
	if err != nil {
		return err
	}
	if f.scripts != nil {
		if err := f.scripts(m.Scripts); err != nil {
			return err
		}
	}
	f.gw.SetManifest(m)
	k.log.Info("manifest read again", "file", f.manifest, "entities", len(m.Entities), "scripts", len(m.Scripts))
	for _, tell := range f.described {
		tell(m)
	}
	return nil
}

// ros2Again reads the parameter file of ros2_medkit again.
func (k *call) ros2Again() (sovd.AuthOptions, error) {
	text, err := readInput(k.conf.file)
	if err != nil {
		return sovd.AuthOptions{}, err
	}
	s, err := sovd.ParseROS2(text)
	if err != nil {
		return sovd.AuthOptions{}, invalidf("", "%s: %w", k.conf.file, err)
	}
	return k.authROS2(s.ROS2)
}
