package journal

import (
	"bytes"
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
	b, older, err := j.recent(limit)
	if err != nil {
		return nil, false, fmt.Errorf("reading the journal in %s: %w", j.dir, err)
	}
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return lines, older, nil // what is torn is no line
		}
		if l, err := ParseLine(b[:i+1]); err == nil {
			lines = append(lines, l)
		}
		b = b[i+1:]
	}
}

// recent reads the last bytes of the current file from the first whole line on.
func (j *Journal) recent(limit int64) (b []byte, older bool, err error) {
	files, err := rotated(j.dir)
	if err != nil {
		return nil, false, err
	}
	f, err := os.Open(filepath.Join(j.dir, FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, len(files) > 0, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, false, err
	}
	from := max(size-limit, 0)
	b = make([]byte, size-from)
	if _, err := f.ReadAt(b, from); err != nil && err != io.EOF {
		return nil, false, err
	}
	if from > 0 {
		b = b[bytes.IndexByte(b, '\n')+1:]
	}
	return b, from > 0 || len(files) > 0, nil
}
