package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"lander/lib/agent"
	"lander/lib/durable"
	"lander/lib/m3da"
	"lander/lib/trust"
)

// firstEnrolment is how long the start of the agent waits for the server that
// is to register the device. What a device does for its applications must not
// wait for an uplink.
const firstEnrolment = 5 * time.Second

// enrolment is a device that gets its secret from the server, by the
// registration password, and keeps it in file.
type enrolment struct {
	device, server, auth, cipher string
	file                         string
	password                     []byte
	dial                         func(context.Context) (io.ReadWriteCloser, error)
	log                          *slog.Logger
}

// enrol registers the device. A server that says no ends the agent at its
// start; one that says nothing is asked again when there is a connection.
func (k *call) enrol(s *agent.Server, e enrolment) error {
	ctx, cancel := context.WithTimeout(k.ctx, firstEnrolment)
	defer cancel()
	keys, err := e.register(ctx)
	silent, isSilent := errors.AsType[*noAnswer](err)
	switch {
	case err == nil:
		s.Keys = keys
	case k.ctx.Err() != nil:
		return k.stopped()
	case m3da.Refused(err):
		return &fault{exit: exitRejected, msg: err.Error(), hint: "is the registration password right, and the device known to the server?", cause: err}
	case isSilent:
		k.ui.warn("", "%v: the agent starts without the server, and registers when it can", silent)
		s.Enrol = e.keys
	default:
		return err
	}
	return nil
}

// keys implements agent.Server.Enrol. A password that somebody has put there
// meanwhile is as good.
func (e enrolment) keys(ctx context.Context) (m3da.Keys, error) {
	if _, err := os.Stat(e.file); err == nil {
		return e.stored()
	}
	return e.register(ctx)
}

// stored makes the keys of the password in the file.
func (e enrolment) stored() (m3da.Keys, error) {
	password, err := readPassword(e.file)
	if err != nil {
		return nil, err
	}
	return e.make(trust.ParseM3DASecret(password))
}

func (e enrolment) make(secret trust.M3DASecret) (m3da.Keys, error) {
	keys, err := secret.Keys(e.server, e.device, e.auth, e.cipher)
	if err != nil {
		return nil, usagef("", "%v", err)
	}
	return keys.Side(trust.M3DADevice), nil
}

// noAnswer is a registration that did not come about, for now.
type noAnswer struct{ err error }

func (e *noAnswer) Error() string { return "registering at the server: " + e.err.Error() }
func (e *noAnswer) Unwrap() error { return e.err }

// register gets the secret and keeps it. The file is there before the server is
// asked: it hands a secret out once.
func (e enrolment) register(ctx context.Context) (m3da.Keys, error) {
	r, err := trust.NewM3DARegistration(trust.M3DADevice, e.password, e.server, e.device)
	if err != nil {
		return nil, fmt.Errorf("registering at the server: %w", err)
	}
	f, err := durable.Create(e.file, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keeping the password that the server is to send in %s: %w", e.file, plainCause(err))
	}
	defer f.Abort()
	conn, err := e.dial(ctx)
	if err != nil {
		return nil, &noAnswer{err}
	}
	defer conn.Close()
	text, err := m3da.Register(ctx, conn, e.device, r)
	if err != nil {
		return nil, &noAnswer{err}
	}
	var secret trust.M3DASecret
	if len(text) != len(secret) {
		return nil, fmt.Errorf("registering %s: %w: the server sent a secret of %d bytes", e.device, m3da.ErrSecurity, len(text))
	}
	copy(secret[:], text)
	if _, err = f.Write([]byte(secret.Text() + "\n")); err == nil {
		err = f.Commit()
	}
	if err != nil {
		return nil, fmt.Errorf("keeping the password that the server sent in %s: %w", e.file, plainCause(err))
	}
	e.log.Info("registered at the server", "device", e.device, "file", e.file)
	return e.make(secret)
}
