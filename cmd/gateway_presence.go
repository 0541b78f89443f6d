package cmd

import (
	"crypto/rand"
	"fmt"
	"time"

	"lander/lib/sovd"
	"lander/lib/store"
)

// joinGateways makes this gateway known to the others on its store, under the
// name that its state directory keeps. A store of its own has no others: it is
// spared a write every few seconds.
func (k *call) joinGateways(st store.Store, dir string) (*store.Presence, error) {
	if k.cli.String("store") == "" {
		st = store.NewMemory()
	}
	name, err := sovd.GatewayName(dir, rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("naming the gateway of %s: %w", dir, plainCause(err))
	}
	p, err := store.Join(k.ctx, st, store.JoinOptions{Name: name, Clock: time.Now, Log: k.log})
	if err != nil {
		return nil, &fault{exit: exitUnreachable, msg: err.Error(), cause: err}
	}
	return p, nil
}
