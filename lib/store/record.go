package store

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// A record of the log is
//
//	offset size
//	0      1    0xA5
//	1      1    kind: 'P' put, 'D' delete, 'L' the last revision
//	2      4    size of the body, little endian
//	6      4    CRC-32C of the kind, the size and the body, little endian
//	10     n    body: revision as a uvarint; for P and D the key's length as a
//	            uvarint and the key; for P the value, to the end
//
// The revision of a D is the last one that the log had given: no later key
// gets it again.
type record struct {
	kind byte
	Entry
}

const (
	recordMark = 0xA5
	recordHead = 10
	maxBody    = 2*binary.MaxVarintLen64 + MaxKey + MaxValue

	kindPut    = 'P'
	kindDelete = 'D'
	kindLast   = 'L'
)

func appendRecord(dst []byte, r record) []byte {
	start := len(dst)
	dst = append(dst, recordMark, r.kind, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = binary.AppendUvarint(dst, uint64(r.Rev))
	if r.kind != kindLast {
		dst = binary.AppendUvarint(dst, uint64(len(r.Key)))
		dst = append(dst, r.Key...)
	}
	if r.kind == kindPut {
		dst = append(dst, r.Value...)
	}
	binary.LittleEndian.PutUint32(dst[start+2:], uint32(len(dst)-start-recordHead))
	binary.LittleEndian.PutUint32(dst[start+6:], checksum(dst[start:]))
	return dst
}

func checksum(rec []byte) uint32 {
	castagnoli := crc32.MakeTable(crc32.Castagnoli) // made once
	return crc32.Update(crc32.Checksum(rec[1:6], castagnoli), castagnoli, rec[recordHead:])
}

// recordSize is the size of the record that b begins with, as far as its head
// tells; 0 when b does not begin with one.
func recordSize(b []byte) int {
	if len(b) < recordHead || b[0] != recordMark || b[1] != kindPut && b[1] != kindDelete && b[1] != kindLast {
		return 0
	}
	n := binary.LittleEndian.Uint32(b[2:])
	if n > maxBody {
		return 0
	}
	return recordHead + int(n)
}

// parseRecord takes the first record off b. The value is a part of b.
func parseRecord(b []byte) (r record, rest []byte, ok bool) {
	n := recordSize(b)
	if n == 0 || n > len(b) || binary.LittleEndian.Uint32(b[6:]) != checksum(b[:n]) {
		return record{}, nil, false
	}
	r.kind, rest = b[1], b[n:]
	body := b[recordHead:n]
	rev, k := binary.Uvarint(body)
	if k <= 0 || rev >= 1<<53 || r.kind != kindLast && rev == 0 {
		return record{}, nil, false
	}
	r.Rev, body = Revision(rev), body[k:]
	if r.kind != kindLast {
		size, k := binary.Uvarint(body)
		if k <= 0 || size > uint64(len(body)-k) {
			return record{}, nil, false
		}
		body = body[k:]
		r.Key, body = string(body[:size]), body[size:]
		if CheckKey(r.Key) != nil {
			return record{}, nil, false
		}
	}
	if r.kind == kindPut {
		if len(body) > MaxValue {
			return record{}, nil, false
		}
		r.Value, body = body, nil
	}
	return r, rest, len(body) == 0
}

// nextRecord finds the next whole record in b behind damage; -1 when there is
// none.
func nextRecord(b []byte) int {
	for at := 1; at < len(b); at++ {
		i := bytes.IndexByte(b[at:], recordMark)
		if i < 0 {
			return -1
		}
		at += i
		if _, _, ok := parseRecord(b[at:]); ok {
			return at
		}
	}
	return -1
}
