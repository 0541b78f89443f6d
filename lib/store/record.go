package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strconv"
	"strings"
)

// A record is one file: a line `lander-record 1 REVISION BYTES CRC32C KEY`
// and the value.
const recordMagic = "lander-record 1 "

// maxRecordHead bounds the first line of a record, newline included.
const maxRecordHead = len(recordMagic) + 20 + 1 + 7 + 1 + 8 + 1 + MaxKey + 1

// castagnoli is made at the first use: at each start it would cost 0.2 ms.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// appendRecord appends the record of e, whose key is valid.
func appendRecord(dst []byte, e Entry) []byte {
	dst = fmt.Appendf(dst, "%s%d %d %08x %s\n", recordMagic, e.Rev, len(e.Value), crc32.Checksum(e.Value, castagnoli()), e.Key)
	return append(dst, e.Value...)
}

// parseHead reads the first line of a record, without its newline.
func parseHead(line []byte) (e Entry, size int, sum uint32, err error) {
	rest, ok := strings.CutPrefix(string(line), recordMagic)
	words := strings.Split(rest, " ")
	if !ok || len(words) != 4 {
		return Entry{}, 0, 0, fmt.Errorf("%w: it does not begin as a record", ErrDamaged)
	}
	rev, err1 := strconv.ParseUint(words[0], 10, 63)
	size64, err2 := strconv.ParseUint(words[1], 10, 31)
	sum64, err3 := strconv.ParseUint(words[2], 16, 32)
	if err1 != nil || err2 != nil || err3 != nil || rev == 0 || size64 > MaxValue || CheckKey(words[3]) != nil {
		return Entry{}, 0, 0, fmt.Errorf("%w: its first line is malformed", ErrDamaged)
	}
	return Entry{Key: words[3], Rev: Revision(rev)}, int(size64), uint32(sum64), nil
}

// parseRecord reads a whole record. The value shares b's memory.
func parseRecord(b []byte) (Entry, error) {
	line, value, ok := bytes.Cut(b, []byte("\n"))
	if !ok {
		return Entry{}, fmt.Errorf("%w: it has no first line", ErrDamaged)
	}
	e, size, sum, err := parseHead(line)
	if err != nil {
		return Entry{}, err
	}
	if len(value) != size {
		return Entry{}, fmt.Errorf("%w: it has %d bytes in place of %d", ErrDamaged, len(value), size)
	}
	if crc32.Checksum(value, castagnoli()) != sum {
		return Entry{}, fmt.Errorf("%w: its checksum does not fit", ErrDamaged)
	}
	e.Value = value
	return e, nil
}

// The file of a key is ROOT/c-FIRST/HH/k-REST: a directory for the first word,
// in it up to 256 that spread by the second word, and in these the rest of the
// key. So a List of two words or more looks into one of the 256 only. A name
// that would grow too long is h- and a sha256: the key stands in the record.
const maxName = 200

func collectionOf(first string) string { return shorten("c-"+escape(first), first) }

func shorten(name, full string) string {
	if len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(full))
	return "h-" + hex.EncodeToString(sum[:])
}

func bucketOf(first, second string) string {
	sum := sha256.Sum256([]byte(first + "/" + second))
	return hex.EncodeToString(sum[:1])
}

// keyOf is the key that a path's names spell, when both are spelled out.
func keyOf(collection, name string) (string, bool) {
	first, ok1 := strings.CutPrefix(collection, "c-")
	rest, ok2 := strings.CutPrefix(name, "k-")
	if !ok1 || !ok2 {
		return "", false
	}
	first, ok1 = unescape(first)
	rest, ok2 = unescape(rest)
	key := first
	if rest != "" {
		key += "/" + rest
	}
	return key, ok1 && ok2 && CheckKey(key) == nil
}

func recordPath(root, key string) string {
	first, rest, _ := strings.Cut(key, "/")
	second, _, _ := strings.Cut(rest, "/")
	return filepath.Join(root, collectionOf(first), bucketOf(first, second), shorten("k-"+escape(rest), key))
}

// escape writes words for a file system that may not tell case apart: = before a capital in lower case, == for =, + for /.
func escape(words string) string {
	var b strings.Builder
	for i := range len(words) {
		switch c := words[i]; {
		case c >= 'A' && c <= 'Z':
			b.WriteByte('=')
			b.WriteByte(c - 'A' + 'a')
		case c == '=':
			b.WriteString("==")
		case c == '/':
			b.WriteByte('+')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescape is the inverse of escape; false for what escape does not make.
func unescape(name string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '+':
			c = '/'
		case c != '=':
		case i+1 == len(name):
			return "", false
		case name[i+1] == '=':
			i++
		case name[i+1] >= 'a' && name[i+1] <= 'z':
			i++
			c = name[i] - 'a' + 'A'
		}
		b.WriteByte(c)
	}
	s := b.String()
	return s, escape(s) == name
}
