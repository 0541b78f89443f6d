package cmd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"lander/lib/bundle"
	"lander/lib/fleet"
	"lander/lib/job"
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
		serials, err := trust.OpenSerials(filepath.Join(k.stateDir(), "serials"))
		if err != nil {
			return nil, fmt.Errorf("the state directory %s: %w", k.stateDir(), err)
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
		return func() error { return spendOn(ctx, st, w.Device, b) }, nil
	}
}

// spendOn records that a device has had what each device may have once.
func spendOn(ctx context.Context, st store.Store, device string, b *bundle.Bundle) error {
	s := b.Statement
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %s %d %s", device, b.Key.ID(), s.Serial, s.Name))
	_, err := st.Put(context.WithoutCancel(ctx), "spent/"+hex.EncodeToString(sum[:16]), []byte(job.Time{Time: time.Now()}.String()), 0)
	if errors.Is(err, store.ErrConflict) {
		return &trust.Refusal{Reason: trust.ReasonReplayed, Message: fmt.Sprintf("replayed: serial %d of %s may run only once on %s, and did", s.Serial, s.Name, device), Hint: "sign it again for another run"}
	}
	if err != nil {
		return fmt.Errorf("recording a run: %w", err)
	}
	return nil
}
