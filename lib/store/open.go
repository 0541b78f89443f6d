package store

import (
	"context"
	"fmt"
	"strings"
)

// Open opens the store at an address:
//
//	""           the files below dir
//	memory:      a Memory of its own
//	nats://...   a NATS cluster, see ParseNATS
//	a path       the files below it; a path with a colon is written ./a:b
//
// Any other scheme is ErrScheme, which names it.
func Open(ctx context.Context, address, dir string) (Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	switch scheme := schemeOf(address); {
	case address == "memory:":
		return NewMemory(), nil
	case scheme == "nats":
		o, err := ParseNATS(address)
		if err != nil {
			return nil, fmt.Errorf("opening the store: %w", err)
		}
		return orNil(OpenNATS(ctx, o))
	case scheme != "":
		return nil, fmt.Errorf("opening the store: %w: %q (known: a directory, memory:, nats://)", ErrScheme, scheme)
	case address != "":
		dir = address
	case dir == "":
		return nil, fmt.Errorf("opening the store: no directory is given")
	}
	return orNil(OpenFiles(dir))
}

// orNil keeps a nil pointer from becoming a Store that is not nil.
func orNil[S Store](s S, err error) (Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// schemeOf is what stands before a colon, unless it looks like a path: a
// slash before it, or a single letter, which is a drive.
func schemeOf(address string) string {
	scheme, _, ok := strings.Cut(address, ":")
	if !ok || len(scheme) < 2 || strings.ContainsAny(scheme, `/\.`) {
		return ""
	}
	return scheme
}
