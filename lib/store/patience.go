package store

import (
	"context"
	"time"
)

type patienceKey struct{}

// WithPatience bounds how long each operation under the context waits for a
// store that cannot answer, where the context itself has no end; then it fails
// with ErrUnreachable. Somebody waits for the answer.
func WithPatience(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, patienceKey{}, d)
}

// patience is what WithPatience said, else otherwise.
func patience(ctx context.Context, otherwise time.Duration) time.Duration {
	if d, ok := ctx.Value(patienceKey{}).(time.Duration); ok {
		return d
	}
	return otherwise
}
