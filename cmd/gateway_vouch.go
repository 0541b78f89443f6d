package cmd

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"lander/lib/bundle"
	"lander/lib/fleet"
	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
	"lander/lib/trust"
)

// vouch checks bundles for agents that know no signature but an MD5. Where no
// key is trusted and none has to be, there is nothing to check them with: they
// go as bare scripts do.
func (k *call) vouch(st store.Store) func(context.Context, fleet.Recipient, []byte) (func() error, error) {
	return func(ctx context.Context, w fleet.Recipient, text []byte) (func() error, error) {
		only := k.cli.Bool("signed-only")
		keys, err := k.trustStore()
		if err != nil {
			return nil, err
		}
		if !only && k.cli.String("trust") == "" && len(keys.Keys()) == 0 {
			return func() error { return nil }, nil
		}
		serials, err := k.gatewaySerials(st)
		if err != nil {
			return nil, err
		}
		sub := trust.Subject{
			Names: w.Names, Now: time.Now(), BuildTime: buildTime(), Args: w.Args, Formats: []string{job.FormatLua, job.FormatLuac51},
			// With --signed-only the upload has spent the serial.
			Serials: serials, AnySerial: only && !w.Managed,
		}
		b, err := bundle.Open(bytes.NewReader(text), keys, sub, "")
		if err != nil {
			return nil, err
		}
		if err := b.Payload.Close(); err != nil {
			return nil, err
		}
		if !b.Statement.Once {
			return b.Record, nil
		}
		return func() error { return sovd.SpendOnce(context.WithoutCancel(ctx), st, w.Device, b, time.Now()) }, nil
	}
}

// gatewaySerials are those of the state directory and, where --store names what
// other gateways may use too, theirs.
func (k *call) gatewaySerials(st store.Store) (*trust.Serials, error) {
	s, err := trust.OpenSerials(filepath.Join(k.stateDir(), "serials"))
	if err != nil {
		return nil, fmt.Errorf("the state directory %s: %w", k.stateDir(), err)
	}
	if k.cli.String("store") != "" {
		s.Share(sovd.Ledger{Context: context.WithoutCancel(k.ctx), Store: st})
	}
	return s, nil
}
