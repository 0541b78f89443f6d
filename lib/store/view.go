package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// logHead is what a log begins with.
const logHead = "lander-store 2\n"

// readAtOnce is how much of a log is read at a time, at least.
const readAtOnce = 1 << 20

// place is where the record of a key stands in the log.
type place struct {
	off  int64
	size int32
	rev  Revision
}

// view is what one process has read of the log so far. It holds keys, not
// values.
type view struct {
	f     *os.File
	good  int64 // what was read and is whole
	zeros int64 // where the zeros end that are known to follow
	live  int64 // bytes of the records that still count
	held  int64 // good when the log could not be replaced, 0: never
	last  Revision
	harm  int                         // damaged stretches before good
	stuck bool                        // good is before what is damage, or being written
	index map[string]map[string]place // first word of the key, key

	changed func(key string) // told of each change that is taken in; nil: nobody is
}

func openView(path string) (*view, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	v := &view{f: f, index: map[string]map[string]place{}}
	head := make([]byte, len(logHead))
	if _, err := io.ReadFull(f, head); err != nil || string(head) != logHead {
		f.Close()
		return nil, fmt.Errorf("%w: %s does not begin as a store does", ErrDamaged, path)
	}
	v.good = int64(len(logHead))
	if err := v.read(false); err != nil {
		f.Close()
		return nil, err
	}
	return v, nil
}

// stale reports whether the file at path is another one, or has more records,
// than what was read.
func (v *view) stale(path string) (other, longer bool, err error) {
	now, err := os.Stat(path)
	if err != nil {
		return false, false, err
	}
	mine, err := v.f.Stat()
	if err != nil {
		return false, false, err
	}
	if !os.SameFile(now, mine) {
		return true, true, nil
	}
	// Zeros may lie ready for the next records.
	var next [1]byte
	if n, err := v.f.ReadAt(next[:], v.good); n == 0 {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return false, false, err
	}
	return false, next[0] == recordMark, nil
}

// read takes in what the log has beyond good. A record that is not whole at
// the end is being written, or was when its writer died: it does not count.
// One that is not whole before another is damage for who is sure that nobody
// writes: he has the lock.
func (v *view) read(sure bool) error {
	v.stuck = false
	buf := make([]byte, 0, readAtOnce)
	for at := v.good; ; {
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, 2*cap(buf)), buf...)
		}
		n, err := v.f.ReadAt(buf[len(buf):cap(buf)], at)
		buf, at = buf[:len(buf)+n], at+int64(n)
		rest := v.take(buf, err != nil, sure)
		if v.stuck {
			return nil
		}
		buf = buf[:copy(buf, rest)]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// take applies the whole records of b, which begins at good, and returns what
// is left. end says that nothing follows.
func (v *view) take(b []byte, end, sure bool) []byte {
	for len(b) > 0 {
		r, rest, ok := parseRecord(b)
		if ok {
			v.apply(r, v.good, len(b)-len(rest))
			v.good += int64(len(b) - len(rest))
			b = rest
			continue
		}
		// Not enough yet, or damage. Behind damage a whole record follows.
		if n := recordSize(b); !end && (len(b) < recordHead || n > len(b)) {
			return b
		}
		skip := nextRecord(b)
		if skip > 0 && !sure {
			v.stuck = true
			return nil
		}
		if skip < 0 {
			if !end && len(b) <= recordHead+maxBody {
				return b
			}
			if !end {
				skip = len(b) - recordHead - maxBody
				v.good += int64(skip)
				b = b[skip:]
				continue
			}
			return nil
		}
		v.harm++
		v.good += int64(skip)
		b = b[skip:]
	}
	return b
}

func (v *view) apply(r record, off int64, size int) {
	v.last = max(v.last, r.Rev)
	if r.kind == kindLast {
		return
	}
	word, _, _ := strings.Cut(r.Key, "/")
	keys := v.index[word]
	if v.changed != nil {
		v.changed(r.Key)
	}
	if old, ok := keys[r.Key]; ok {
		v.live -= int64(old.size)
	}
	if r.kind == kindDelete {
		delete(keys, r.Key)
		return
	}
	if keys == nil {
		keys = map[string]place{}
		v.index[word] = keys
	}
	keys[r.Key] = place{off, int32(size), r.Rev}
	v.live += int64(size)
}

func (v *view) find(key string) (place, bool) {
	word, _, _ := strings.Cut(key, "/")
	p, ok := v.index[word][key]
	return p, ok
}

// value reads the record of a key again.
func (v *view) value(key string, p place) (Entry, error) {
	return v.valueInto(key, p, make([]byte, p.size))
}

// valueInto reads the record of a key into b, which has its size. The value is
// a part of b.
func (v *view) valueInto(key string, p place, b []byte) (Entry, error) {
	if _, err := v.f.ReadAt(b, p.off); err != nil && !errors.Is(err, io.EOF) {
		return Entry{}, err
	}
	return v.parse(key, p, b)
}

func (v *view) parse(key string, p place, b []byte) (Entry, error) {
	r, _, ok := parseRecord(b)
	if !ok || r.kind != kindPut || r.Key != key || r.Rev != p.rev {
		return Entry{}, fmt.Errorf("%w: the record of %s at %d of %s", ErrDamaged, key, p.off, v.f.Name())
	}
	return r.Entry, nil
}

// ahead is how much a listing reads at once where records follow each other.
const ahead = 256 << 10

// window reads the records of a listing: those that stand close to each other,
// as records that came after each other do, with one read.
type window struct {
	v    *view
	off  int64
	b    []byte
	room []byte // of b, used again: what is handed out is a copy
	last int64
}

func (w *window) value(v *view, key string, p place) (Entry, error) {
	if w.v != v {
		*w = window{v: v} // the log was written anew meanwhile
	}
	near := p.off > w.last && p.off-w.last < ahead/8
	w.last = p.off
	end := p.off + int64(p.size)
	if inside := p.off >= w.off && end <= w.off+int64(len(w.b)); !inside {
		if !near {
			return v.value(key, p)
		}
		if len(w.room) < int(p.size) {
			w.room = make([]byte, max(ahead, int(p.size)))
		}
		b := w.room
		w.b = nil
		n, err := v.f.ReadAt(b, p.off)
		if err != nil && !errors.Is(err, io.EOF) {
			return Entry{}, err
		}
		// What is behind good may be written yet.
		w.off, w.b = p.off, b[:min(int64(n), v.good-p.off)]
		if len(w.b) < int(p.size) {
			return v.value(key, p)
		}
	}
	e, err := v.parse(key, p, w.b[p.off-w.off:end-w.off])
	e.Value = bytes.Clone(e.Value)
	return e, err
}

func (v *view) close() {
	if v.f != nil {
		v.f.Close()
	}
}

// exists tells a file that is not there from other faults.
func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
