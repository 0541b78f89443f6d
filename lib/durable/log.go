package durable

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// Log is a file of text that grows by records and is written anew when it has
// outgrown what it holds. Its first line says what it is; each further one is
// a record: eight hex digits of CRC-32C over the rest, a blank, and the rest,
// which has no line end. A record that was not written to its end does not
// count. One process and one goroutine at a time may use a Log.
type Log struct {
	path  string
	f     *os.File
	size  int64 // of the whole file
	basis int64 // its size when it was last written anew
	stale bool  // the end is in doubt: the next write is of the whole
}

// LogSlack is the size in bytes below which a log is never Outgrown.
const LogSlack = 256 << 10

// Opened is what OpenLog had to put right.
type Opened struct {
	Bad  int   // records that are not valid, and not at the end: no crash leaves them
	Torn int64 // bytes of a record at the end that was never whole
}

// OpenLog opens the log at path, making it when it is not there, and hands
// every valid record to apply, in their order; an error of apply says that
// the record is not valid. A damaged file is copied to path.damaged, and is
// Outgrown from then on, so that the next change writes it anew.
func OpenLog(path, head string, apply func(rec []byte) error) (*Log, Opened, error) {
	l := &Log{path: path}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return l, Opened{}, l.Replace([]byte(head))
	}
	if err != nil {
		return nil, Opened{}, err
	}
	good, bad, err := ReplayLog(f, head, apply)
	if err != nil {
		f.Close()
		return nil, Opened{}, fmt.Errorf("reading %s: %w", path, err)
	}
	l.f, l.size = f, good
	o := Opened{Bad: bad}
	if bad > 0 {
		// The records that are whole count; the file is kept for whoever wants
		// to look, and the next change writes anew.
		l.stale = true
		if err := keepDamaged(path); err != nil {
			f.Close()
			return nil, o, fmt.Errorf("keeping a damaged file: %w", err)
		}
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err == nil && end > good {
		o.Torn = end - good
		err = errors.Join(f.Truncate(good), f.Sync())
	}
	if err != nil {
		f.Close()
		return nil, o, fmt.Errorf("repairing %s: %w", path, err)
	}
	return l, o, nil
}

// ReplayLog reads a log: good is where the last valid record ends, bad the
// number of those before it that are not valid.
func ReplayLog(f io.Reader, head string, apply func(rec []byte) error) (good int64, bad int, err error) {
	r := bufio.NewReader(f)
	first, err := r.ReadString('\n')
	if err != nil && err != io.EOF {
		return 0, 0, err
	}
	if first != head {
		return 0, 0, fmt.Errorf("the first line is %.40q, not %q", first, head)
	}
	good = int64(len(first))
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
		rec, ok := ParseRecord(line[:len(line)-1])
		if !ok || apply(rec) != nil {
			doubtful++ // a torn end, unless a whole record follows
			continue
		}
		bad += doubtful
		doubtful = 0
		good = pos
	}
}

func crc(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// BeginRecord adds the place of the checksum; the record follows, and then
// EndRecord.
func BeginRecord(dst []byte) []byte { return append(dst, "00000000 "...) }

// EndRecord completes the record whose BeginRecord was called when dst had
// the length start.
func EndRecord(dst []byte, start int) []byte {
	const digits = "0123456789abcdef"
	sum := crc(dst[start+9:])
	for i := range 8 {
		dst[start+i] = digits[sum>>(28-4*i)&15]
	}
	return append(dst, '\n')
}

// ParseRecord takes the checksum off a line without its end.
func ParseRecord(line []byte) (rec []byte, ok bool) {
	if len(line) < 9 || line[8] != ' ' {
		return nil, false
	}
	sum, err := strconv.ParseUint(string(line[:8]), 16, 32)
	if err != nil || uint32(sum) != crc(line[9:]) || !bytes.Equal(line[:8], bytes.ToLower(line[:8])) {
		return nil, false
	}
	return line[9:], true
}

func keepDamaged(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return WriteFile(path+".damaged", b, 0o600)
}

// Outgrown reports whether the log is to be written anew by Replace rather
// than to grow by n bytes.
func (l *Log) Outgrown(n int) bool {
	return l.stale || l.size+int64(n) > LogSlack+4*l.basis
}

// Distrust makes the log Outgrown, whatever its size.
func (l *Log) Distrust() { l.stale = true }

// Append adds records durably, with one write and one sync. An error means that
// none of them is kept, if the file can still be cut.
func (l *Log) Append(records []byte) error {
	// The position is where the last whole record ends.
	_, err := l.f.WriteAt(records, l.size)
	if err == nil {
		err = l.f.Sync()
	}
	if err != nil {
		l.stale = true
		l.f.Truncate(l.size) // or some of them would be there after a restart
		return err
	}
	l.size += int64(len(records))
	return nil
}

// Replace writes the log anew: its first line and all its records.
func (l *Log) Replace(whole []byte) error {
	l.stale = true
	if l.f != nil {
		l.f.Close() // not every system renames over an open file
		l.f = nil
	}
	if err := WriteFile(l.path, whole, 0o600); err != nil {
		return err
	}
	f, err := os.OpenFile(l.path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("opening %s again: %w", filepath.Base(l.path), err)
	}
	l.f, l.size, l.basis, l.stale = f, int64(len(whole)), int64(len(whole)), false
	return nil
}

// Close gives the file back.
func (l *Log) Close() error {
	if l.f == nil {
		return nil
	}
	f := l.f
	l.f = nil
	return f.Close()
}
