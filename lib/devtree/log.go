package devtree

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"lander/lib/durable"
	"lander/lib/emp/frame"
)

// The file is text. Its first line says what it is; each further one is a
// record, one confirmed change: eight hex digits of CRC-32C over the rest, a
// blank, and the JSON list of [path, value] pairs in their order, null for a
// deletion. A record that was not written to its end does not count.
const fileHead = "lander tree 1\n"

// compactAt is the size below which a file is never written anew.
const compactAt = 256 << 10

func crc(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// appendRecord adds the line of a record.
func appendRecord(dst []byte, ops []op) []byte {
	start := len(dst)
	dst = append(dst, "00000000 ["...)
	for i, o := range ops {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = frame.SetVariable{Path: o.path, Value: o.value}.Append(dst)
	}
	dst = append(dst, ']')
	copy(dst[start:], fmt.Sprintf("%08x", crc(dst[start+9:])))
	return append(dst, '\n')
}

// parseRecord reads a line without its end.
func parseRecord(line []byte) ([]op, error) {
	if len(line) < 9 || line[8] != ' ' {
		return nil, errors.New("no record")
	}
	sum, err := strconv.ParseUint(string(line[:8]), 16, 32)
	if err != nil || uint32(sum) != crc(line[9:]) || !bytes.Equal(line[:8], bytes.ToLower(line[:8])) {
		return nil, errors.New("checksum is wrong")
	}
	v, err := frame.ParseValue(line[9:])
	if err != nil {
		return nil, err
	}
	var ops []op
	for _, e := range v.Elems() {
		pair := e.Elems()
		if len(pair) != 2 || !pair[1].Scalar() {
			return nil, errors.New("no pair of path and value")
		}
		path, ok := pair[0].Str()
		if !ok || path == "" || !isClean(path) {
			return nil, errors.New("no path")
		}
		ops = append(ops, op{path, pair[1]})
	}
	if len(ops) == 0 {
		return nil, errors.New("empty record")
	}
	return ops, nil
}

// logFile is the file of the persistent variables.
type logFile struct {
	path  string
	f     *os.File
	size  int64 // of the whole file
	basis int64 // its size when it was last written anew
	stale bool  // the end is in doubt: the next write is of the whole
}

// openLog opens or makes the file and replays its records.
func openLog(path string, log *slog.Logger, apply func([]op)) (*logFile, error) {
	l := &logFile{path: path}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return l, l.replace([]byte(fileHead))
	}
	if err != nil {
		return nil, err
	}
	good, bad, err := replay(f, apply)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	l.f, l.size = f, good
	if bad > 0 {
		// Not what a crash leaves. The records that are whole count; the file
		// is kept for whoever wants to look, and the next change writes anew.
		log.Error("the variable tree's file is damaged", "file", path, "bad_records", bad)
		l.stale = true
		if err := keepDamaged(path); err != nil {
			f.Close()
			return nil, fmt.Errorf("keeping a damaged file: %w", err)
		}
	}
	if end, err := f.Seek(0, io.SeekEnd); err != nil {
		f.Close()
		return nil, err
	} else if end > good {
		log.Warn("the variable tree's file ends inside a change that was never confirmed", "file", path, "bytes", end-good)
		if err := errors.Join(f.Truncate(good), f.Sync()); err != nil {
			f.Close()
			return nil, fmt.Errorf("repairing %s: %w", path, err)
		}
	}
	return l, nil
}

// replay applies every record. good is where the last whole one ends; bad is
// the number of those before it that are not valid.
func replay(f io.Reader, apply func([]op)) (good int64, bad int, err error) {
	r := bufio.NewReader(f)
	head, err := r.ReadString('\n')
	if err != nil && err != io.EOF {
		return 0, 0, err
	}
	if head != fileHead {
		return 0, 0, fmt.Errorf("the first line is %.40q, not %q", head, fileHead)
	}
	good = int64(len(head))
	pos, doubtful := good, 0
	for {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			return good, bad, nil // what follows the last line end was cut off
		}
		if err != nil {
			return 0, 0, err
		}
		pos += int64(len(line))
		ops, err := parseRecord(line[:len(line)-1])
		if err != nil {
			doubtful++ // a torn end, unless a whole record follows
			continue
		}
		apply(ops)
		bad += doubtful
		doubtful = 0
		good = pos
	}
}

func keepDamaged(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return durable.WriteFile(path+".damaged", b, 0o600)
}

// wantsWhole reports whether the file is to be written anew rather than to
// grow by n bytes.
func (l *logFile) wantsWhole(n int) bool {
	return l.stale || l.size+int64(n) > compactAt+4*l.basis
}

// append adds records durably.
func (l *logFile) append(records []byte) error {
	// The position is where the last whole record ends.
	if _, err := l.f.WriteAt(records, l.size); err != nil {
		l.stale = true
		return err
	}
	if err := l.f.Sync(); err != nil {
		l.stale = true
		return err
	}
	l.size += int64(len(records))
	return nil
}

// replace writes the file anew.
func (l *logFile) replace(whole []byte) error {
	l.stale = true
	if l.f != nil {
		l.f.Close() // not every system renames over an open file
		l.f = nil
	}
	if err := durable.WriteFile(l.path, whole, 0o600); err != nil {
		return err
	}
	f, err := os.OpenFile(l.path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("opening %s again: %w", filepath.Base(l.path), err)
	}
	l.f, l.size, l.basis, l.stale = f, int64(len(whole)), int64(len(whole)), false
	return nil
}

func (l *logFile) close() error {
	if l.f == nil {
		return nil
	}
	f := l.f
	l.f = nil
	return f.Close()
}
