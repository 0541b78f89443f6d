package storetest

import (
	"context"
	"iter"
	"slices"
	"strings"

	"lander/lib/store"
)

// Damaged is a store of which the disk has given back other bytes: each list
// below one of the prefixes, or each list where there are none, begins with an
// entry that stands for store.ErrDamaged.
func Damaged(s store.Store, prefixes ...string) store.Store { return damaged{s, prefixes} }

type damaged struct {
	store.Store
	prefixes []string
}

func (d damaged) List(ctx context.Context, prefix string) iter.Seq2[store.Entry, error] {
	hit := len(d.prefixes) == 0 || slices.ContainsFunc(d.prefixes, func(p string) bool { return strings.HasPrefix(prefix, p) })
	return func(yield func(store.Entry, error) bool) {
		if !hit || yield(store.Entry{}, store.ErrDamaged) {
			d.Store.List(ctx, prefix)(yield)
		}
	}
}
