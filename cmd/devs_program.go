package cmd

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"lander/lib/bundle"
	"lander/lib/devs"
	"lander/lib/journal"
	"lander/lib/trust"
)

// devsSource is the program that is to be deployed. A signed one is checked
// for each device: its target must be that device.
type devsSource struct {
	k       *call
	name    string
	back    bool         // it is what is rolled back to
	program devs.Program // when nobody signed it

	signed    []byte // the bundle, or the payload of a detached signature
	signature *trust.Signature
	store     *trust.Store
	serials   *trust.Serials
	journal   *journal.Journal
}

// devsSource reads the operand. A bundle is always checked; when a trust
// store was named nothing else is taken.
func (k *call) devsSource(path string) (*devsSource, error) {
	return (&devsSource{k: k, name: path}).read(k.cli.String("signature"))
}

// devsRollback reads what is deployed after a panic. It is held to the same,
// but for its serial, which is older than that of what it replaces.
func (k *call) devsRollback(path string) (*devsSource, error) {
	return (&devsSource{k: k, name: path, back: true}).read("")
}

func (s *devsSource) read(signature string) (*devsSource, error) {
	k, path := s.k, s.name
	b, err := k.readInput(path, "the program", devs.MaxInput)
	if err != nil {
		return nil, err
	}
	if !bundle.Is(b) {
		if s.signature, err = k.detached(signature, path); err != nil {
			return nil, err
		}
		if s.signature == nil {
			if k.cli.String("trust") != "" {
				return nil, refusedf("sign it with lander script sign, or leave --trust out", "%s is not signed, and --trust takes only what is", path)
			}
			if s.program, err = devs.ParseProgram(b); err != nil {
				return nil, devsFault(fmt.Errorf("%s: %w", path, err))
			}
			return s, nil
		}
	}
	s.signed = b
	if s.store, err = k.trustStore(); err != nil {
		return nil, err
	}
	if s.serials, err = trust.OpenSerials(filepath.Join(k.stateDir(), "serials")); err != nil {
		return nil, fmt.Errorf("the state directory %s: %w", k.stateDir(), err)
	}
	if s.journal, err = journal.Open(k.stateDir(), journal.Options{Log: k.log}); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *devsSource) close() {
	if s != nil && s.journal != nil {
		s.journal.Close()
	}
}

// admitted is a program that may go to one device.
type admitted struct {
	devs.Program
	record func() error // spends the serial
	line   journal.Line
}

// admit checks the program for one device. Nothing is spent yet.
func (s *devsSource) admit(m devs.Manager) (admitted, error) {
	a := admitted{Program: s.program, record: func() error { return nil }}
	if s.signed == nil {
		return a, nil
	}
	a.line = journal.Line{Source: "cli", Actor: userName(), Action: journal.ActionDeploy, Name: s.name, Format: "devs"}
	sub := trust.Subject{Names: []string{m.ID.String()}, Now: time.Now(), BuildTime: buildTime(), Formats: []string{"devs"}, Serials: s.serials, AnySerial: s.back}
	b, err := s.open(sub)
	if b != nil {
		if st := b.Statement; st.Name != "" {
			a.line.Name, a.line.SHA256, a.line.Serial = st.Name, st.SHA256, &st.Serial
		}
		a.line.KeyID = b.Verdict.Signature.KeyID()
	}
	if err == nil {
		defer b.Payload.Close()
		a.record = b.Record
		err = s.parse(b, &a)
	}
	return a, s.refused(a, err)
}

// refused puts on record why a signed program does not go.
func (s *devsSource) refused(a admitted, err error) error {
	if s.signed != nil && err != nil {
		a.line.Verdict, a.line.Reason = journal.Refused, err.Error()
		if _, jerr := s.journal.Append(context.WithoutCancel(s.k.ctx), a.line); jerr != nil {
			err = errors.Join(err, jerr)
		}
	}
	return err
}

func (s *devsSource) open(sub trust.Subject) (*bundle.Bundle, error) {
	if s.signature == nil {
		return bundle.Open(bytes.NewReader(s.signed), s.store, sub, "")
	}
	return bundle.OpenDetached(s.signature, func(trust.Verdict) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(s.signed)), nil
	}, s.store, sub, "")
}

func (s *devsSource) parse(b *bundle.Bundle, a *admitted) error {
	payload, err := b.Payload.Bytes()
	if err != nil {
		return err
	}
	if a.Program, err = devs.ParseProgram(bytes.Clone(payload)); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if a.line.SHA256 == "" {
		a.line.SHA256 = hex.EncodeToString(a.Program.SHA256[:])
	}
	return nil
}

// deployed puts on record what came of it.
func (s *devsSource) deployed(a admitted, m devs.Manager, err error) error {
	if s.signed == nil {
		return err
	}
	a.line.Verdict, a.line.Outcome = journal.Accepted, "deployed to "+m.ID.String()
	if s.back {
		a.line.Outcome = "rolled back to on " + m.ID.String()
	}
	if err != nil {
		a.line.Outcome = "failed on " + m.ID.String() + ": " + err.Error()
	}
	if _, jerr := s.journal.Append(context.WithoutCancel(s.k.ctx), a.line); jerr != nil {
		err = errors.Join(err, jerr)
	}
	return err
}
