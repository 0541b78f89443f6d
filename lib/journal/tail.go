package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// tail is where a file, and with it the chain, ends.
type tail struct {
	size int64  // bytes of whole lines
	torn int64  // bytes after the last newline
	seq  uint64 // of the last line; 0: there is none
	hash string // of the last line; Zero: there is none
}

// errDamaged says that the last whole line of a file is no journal line.
var errDamaged = errors.New("the last line is damaged")

// readTail finds the last whole line of f. It reads from the end, a bounded
// piece at a time.
func readTail(f *os.File) (tail, error) {
	st, err := f.Stat()
	if err != nil {
		return tail{}, err
	}
	end, err := lastNewline(f, st.Size(), st.Size())
	if err != nil {
		return tail{}, err
	}
	t := tail{size: end, torn: st.Size() - end, hash: Zero}
	if end == 0 {
		return t, nil
	}
	begin, err := lastNewline(f, end-1, MaxLine)
	if err != nil {
		return tail{}, err
	}
	if end-begin > MaxLine {
		return t, errDamaged
	}
	line := make([]byte, end-begin)
	if _, err := f.ReadAt(line, begin); err != nil {
		return tail{}, err
	}
	l, err := ParseLine(line)
	if err != nil {
		return t, errDamaged
	}
	t.seq, t.hash = l.Seq, l.Hash
	return t, nil
}

// lastNewline returns the offset after the last newline before end, looking
// back at most far bytes; 0 when there is none.
func lastNewline(f io.ReaderAt, end, far int64) (int64, error) {
	const piece = 16 << 10
	buf := make([]byte, piece)
	for at := end; at > 0 && end-at < far; {
		n := min(at, piece)
		at -= n
		if _, err := f.ReadAt(buf[:n], at); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return at + int64(i) + 1, nil
		}
	}
	return 0, nil
}

// lastGood reads the whole of f for the last line that stands by its own hash.
func lastGood(f *os.File) (tail, error) {
	t := tail{hash: Zero}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return t, err
	}
	in := newLines(f)
	for {
		b, err := in.next()
		if err == io.EOF {
			return t, nil
		}
		if err != nil && !errors.Is(err, errLong) && !errors.Is(err, errTorn) {
			return t, err
		}
		if l, bad := ParseLine(b); bad == nil {
			t.seq, t.hash = l.Seq, l.Hash
		}
	}
}

var (
	errLong = fmt.Errorf("longer than %d bytes", MaxLine)
	errTorn = errors.New("no newline at the end")
)

// lines reads line by line and never holds more than MaxLine bytes.
type lines struct {
	r    *bufio.Reader
	size int64 // of the line that next returned, in bytes
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, MaxLine)} }

// next returns the next line with its newline; it is valid until the next
// call. A line over MaxLine is skipped as errLong; what follows the last
// newline is errTorn.
func (r *lines) next() ([]byte, error) {
	b, err := r.r.ReadSlice('\n')
	r.size = int64(len(b))
	long := errors.Is(err, bufio.ErrBufferFull)
	for errors.Is(err, bufio.ErrBufferFull) {
		b, err = r.r.ReadSlice('\n')
		r.size += int64(len(b))
	}
	switch {
	case err == io.EOF && r.size > 0:
		return nil, errTorn
	case err != nil:
		return nil, err
	case long:
		return nil, errLong
	}
	return b, nil
}

// hashOf is the hash in the last bytes of an encoded line.
func hashOf(b []byte) string {
	b = b[len(b)-hashTail-1+len(hashMember):]
	return string(b[:len(Zero)])
}

// readHead reads "SEQ HASH\n". A head that is missing or is no head counts as
// none: it is a witness, not what the chain stands on.
func readHead(path string) (tail, error) {
	none := tail{hash: Zero}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return none, err
	}
	seq, hash, ok := strings.Cut(strings.TrimSuffix(string(b), "\n"), " ")
	n, err := strconv.ParseUint(seq, 10, 64)
	if !ok || err != nil || !isHash(hash) {
		return none, nil
	}
	return tail{seq: n, hash: hash}, nil
}

// writeHead overwrites the head in place, in one write within one page: after
// a kill it is the old one or the new one. Its length never shrinks, as seq
// does not.
func writeHead(path string, t tail) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	b := fmt.Appendf(nil, "%d %s\n", t.seq, t.hash)
	_, err = f.WriteAt(b, 0)
	if st, serr := f.Stat(); err == nil && serr == nil && st.Size() > int64(len(b)) {
		err = f.Truncate(int64(len(b)))
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// rotatedName is the name of the Nth file that was rotated, counted from 1.
const rotatedName = "journal.%06d.ndjson"

// rotation is the number in a rotated file's name, 0 for any other name.
func rotation(name string) int {
	var n int
	if _, err := fmt.Sscanf(name, rotatedName, &n); err != nil || n < 1 || name != fmt.Sprintf(rotatedName, n) {
		return 0
	}
	return n
}

// rotated lists the rotated files of dir, oldest first.
func rotated(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var ns []int
	for _, e := range entries {
		if n := rotation(e.Name()); n > 0 {
			ns = append(ns, n)
		}
	}
	slices.Sort(ns)
	paths := make([]string, len(ns))
	for i, n := range ns {
		paths[i] = filepath.Join(dir, fmt.Sprintf(rotatedName, n))
	}
	return paths, nil
}
