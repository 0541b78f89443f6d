package sovd

import (
	"context"
	"errors"
	"fmt"
	"os"

	"lander/lib/job"
	"lander/lib/store"
)

// partSize is how much of a large output one value of the store holds.
const partSize = 256 << 10

func outputsKey(id string) string { return "output/" + id }

func outputKey(id string, n int) string { return fmt.Sprintf("%s/%06d", outputsKey(id), n) }

// putParts puts a large output into the store, where the other gateways reach
// it too. The record that tells of it comes afterwards.
func (f *Files) putParts(ctx context.Context, id string, b []byte) (n int, err error) {
	for ; len(b) > 0; n++ {
		part := b[:min(partSize, len(b))]
		b = b[len(part):]
		rev := store.Revision(0)
		e, err := f.o.Store.Get(ctx, outputKey(id, n))
		if err == nil {
			rev = e.Rev // of an attempt before
		} else if !errors.Is(err, store.ErrNotFound) {
			return 0, err
		}
		if _, err := f.o.Store.Put(ctx, outputKey(id, n), part, rev); err != nil {
			return 0, err
		}
	}
	return n, nil
}

func (f *Files) getParts(ctx context.Context, id string, n int) ([]byte, error) {
	var b []byte
	for i := range n {
		e, err := f.o.Store.Get(ctx, outputKey(id, i))
		if err != nil {
			return nil, err
		}
		b = append(b, e.Value...)
	}
	return b, nil
}

func (f *Files) dropParts(ctx context.Context, id string) error {
	var errs []error
	for e, err := range f.o.Store.List(ctx, outputsKey(id)) {
		if err == nil {
			err = f.o.Store.Delete(ctx, e.Key, e.Rev)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// stored is the output of an execution that has ended, from where its record
// says that it is.
func (f *Files) stored(rec record) (*job.Output, error) {
	b := rec.Output
	var err error
	switch {
	case rec.Spooled:
		b, err = os.ReadFile(f.outputFile(rec.ID))
	case rec.Parts > 0:
		b, err = f.getParts(context.Background(), rec.ID, rec.Parts)
	}
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, store.ErrNotFound):
		return nil, Errorf(KindNotFound, "Execution not found: %s", rec.ID)
	case err != nil:
		return nil, fmt.Errorf("reading the output of %s: %w", rec.ID, err)
	}
	out, err := job.ParseOutput(b, f.o.Budget.Output)
	if err != nil {
		f.o.Log.Warn("the end of an output is damaged", "execution", rec.ID, "error", err)
	}
	return out, nil
}

// removeOutput removes the file of an output.
func (f *Files) removeOutput(x *execution) error {
	x.mu.Lock()
	filed := x.rec.Spooled || x.spool > 0
	x.mu.Unlock()
	if !filed {
		return nil
	}
	if err := os.Remove(f.outputFile(x.id)); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
