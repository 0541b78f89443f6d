package storetest

import (
	"context"
	"iter"

	"lander/lib/store"
)

// Deaf is a Store whose Watch tells what is there and of no change after that,
// as one that is far behind.
type Deaf struct{ store.Store }

// Watch implements store.Store.
func (d Deaf) Watch(ctx context.Context, prefix string) iter.Seq2[store.Change, error] {
	return func(yield func(store.Change, error) bool) {
		for c, err := range d.Store.Watch(ctx, prefix) {
			if !yield(c, err) {
				return
			}
			if c.Kind == store.Caught {
				<-ctx.Done()
				return
			}
		}
	}
}
