package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Recent returns the lines in the last limit bytes of the current file, oldest
// first, and whether there are older ones. A line that cannot be read is left
// out: whether the chain is whole is for Verify to say.
func (j *Journal) Recent(limit int64) (lines []Line, older bool, err error) {
	fail := func(err error) ([]Line, bool, error) {
		return nil, false, fmt.Errorf("reading the journal in %s: %w", j.dir, err)
	}
	files, err := rotated(j.dir)
	if err != nil {
		return fail(err)
	}
	older = len(files) > 0
	f, err := os.Open(filepath.Join(j.dir, FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, older, nil
	}
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return fail(err)
	}
	from := max(st.Size()-limit, 0)
	r := newLines(io.NewSectionReader(f, from, st.Size()-from))
	for first := from > 0; ; first = false {
		b, err := r.next()
		if err == io.EOF || err == errTorn {
			return lines, older || from > 0, nil
		}
		if err != nil && err != errLong {
			return fail(err)
		}
		if first || err != nil {
			continue // the end of one, or too long for one
		}
		if l, err := ParseLine(b); err == nil {
			lines = append(lines, l)
		}
	}
}
