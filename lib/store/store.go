// Package store keeps durable state behind one small interface: values by
// key, written only where nobody else wrote in between.
//
// Three implementations are here: Memory for tests and throw-away servers,
// Files, an append log below a directory that several processes may share, and
// NATS, on a cluster. Each passes the conformance suite of storetest. Presence
// says which of the processes that share a store are alive.
package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// What the methods of a Store fail with, beside the end of a context and
// faults of the disk.
var (
	ErrNotFound = errors.New("not found")                 // Get, Delete: there is no such key
	ErrConflict = errors.New("changed by another")        // Put, Delete: the revision is not the current one
	ErrKey      = errors.New("not a store key")           // see CheckKey
	ErrTooLarge = errors.New("value too large")           // Put: over MaxValue
	ErrClosed   = errors.New("the store is closed")       // any method after Close
	ErrDamaged  = errors.New("damaged record")            // Get, List: the disk gave back other bytes
	ErrScheme   = errors.New("not a store that is known") // Open

	ErrUnreachable = errors.New("the store cannot be reached") // any method of a store on other machines
)

// MaxValue bounds a value, in bytes.
const MaxValue = 1 << 20

// Revision says which version of a key's value it is. It rises with each Put
// while the key exists, in steps and from a start of the store's choice; a key
// that is deleted and made again does not get its old revisions back. It fits
// into a JSON number.
type Revision uint64

// Entry is one key with its value. The value is the caller's to keep.
type Entry struct {
	Key   string
	Value []byte
	Rev   Revision
}

// Store holds values by key. It is linearisable for each key, no more: what a
// successful Put wrote, any Get that begins after it sees, in every process
// that shares the store. All methods are safe for concurrent use.
type Store interface {
	// Get returns the current entry, or ErrNotFound.
	Get(ctx context.Context, key string) (Entry, error)

	// Put writes value when the key's revision still is rev, and returns the
	// new one; rev 0 means: the key must not exist. When it returns nil the
	// value is durable. Otherwise ErrConflict, and nothing is written; after
	// an error of the disk it is open whether the value is.
	Put(ctx context.Context, key string, value []byte, rev Revision) (Revision, error)

	// Delete removes the key when its revision still is rev: ErrNotFound,
	// ErrConflict.
	Delete(ctx context.Context, key string, rev Revision) error

	// List yields, in the order of their keys' bytes, the entries whose key
	// is prefix or begins with prefix and a slash; "" is all. It is no
	// snapshot: entries that change meanwhile are yielded as they are when
	// they are reached, and those deleted are left out. An error ends it,
	// except ErrDamaged, which stands for one entry.
	List(ctx context.Context, prefix string) iter.Seq2[Entry, error]

	// Watch yields the entries that List would, then a Change of kind Caught,
	// and then every later change, as it comes. Those of one key are in order;
	// versions that were outdated before they were yielded may be left out,
	// but the last one is not, also when the store could not be reached for a
	// while; so a key may go that has never come, and a version come twice. What a Put wrote that had returned when the Watch began stands
	// before Caught. A Watch goes on until the loop is left, ctx ends or an
	// error comes, which it yields; ErrDamaged stands for one entry, and does
	// not end it. It reads while the loop asks for more: who is slow misses
	// versions, and holds up nobody.
	Watch(ctx context.Context, prefix string) iter.Seq2[Change, error]

	// Close ends the use of the store; what was written stays.
	Close() error
}

// ChangeKind says what a Change is.
type ChangeKind byte

// The kinds of a Change.
const (
	Wrote   ChangeKind = iota // the entry is as it was written
	Deleted                   // the key is gone; the entry has no value
	Caught                    // all that was there when the Watch began has been yielded; no entry
)

// Change is one thing that a Watch tells. The revision of a deletion is not
// below any that the key had before, and below all that it gets after it:
// who has written the key himself can tell what is older.
type Change struct {
	Kind ChangeKind
	Entry
}

// The limits of a key.
const (
	MaxKey   = 512 // bytes
	MaxWords = 16
	MaxWord  = 255 // bytes
)

// CheckKey says with ErrKey why key is none. A key is 1 to MaxWords words with
// a slash between them, at most MaxKey bytes. A word is 1 to MaxWord of
// A-Z a-z 0-9 _ - = and the full stop, which neither begins nor ends a word nor
// follows another; see Word for texts that are not so tame.
func CheckKey(key string) error {
	if len(key) > MaxKey {
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrKey, len(key), MaxKey)
	}
	if strings.Count(key, "/") >= MaxWords {
		return fmt.Errorf("%w: %q has more than %d words", ErrKey, key, MaxWords)
	}
	for word := range strings.SplitSeq(key, "/") {
		if err := checkWord(word); err != nil {
			return fmt.Errorf("%w: %q: %w", ErrKey, key, err)
		}
	}
	return nil
}

func checkWord(w string) error {
	switch {
	case w == "":
		return errors.New("a word is empty")
	case len(w) > MaxWord:
		return fmt.Errorf("a word is longer than %d bytes", MaxWord)
	case w[0] == '.' || w[len(w)-1] == '.' || strings.Contains(w, ".."):
		return errors.New("a full stop at the edge of a word or after another")
	}
	for i := range len(w) {
		if !plain(w[i]) && w[i] != '.' && w[i] != '=' {
			return fmt.Errorf("a word has the byte %#02x", w[i])
		}
	}
	return nil
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// Word turns any text into one word of a key, by =XX for the bytes that a word
// cannot have; the empty text is "=". It may grow longer than MaxWord.
func Word(text string) string {
	if text == "" {
		return "="
	}
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		inner := c == '.' && i > 0 && i < len(text)-1 && text[i-1] != '.'
		if plain(c) || inner {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// Text is the inverse of Word. A word that Word does not make is ErrKey.
func Text(word string) (string, error) {
	if word == "=" {
		return "", nil
	}
	var b []byte
	for i := 0; i < len(word); i++ {
		if word[i] != '=' {
			b = append(b, word[i])
			continue
		}
		var c byte
		if i+2 >= len(word) {
			return "", fmt.Errorf("%w: %q is cut short", ErrKey, word)
		}
		if _, err := fmt.Sscanf(word[i+1:i+3], "%02X", &c); err != nil {
			return "", fmt.Errorf("%w: %q", ErrKey, word)
		}
		b = append(b, c)
		i += 2
	}
	if Word(string(b)) != word {
		return "", fmt.Errorf("%w: %q is not how a text is written", ErrKey, word)
	}
	return string(b), nil
}

func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	return CheckKey(prefix)
}

// under reports whether List of prefix yields key.
func under(key, prefix string) bool {
	return prefix == "" || key == prefix || strings.HasPrefix(key, prefix) && key[len(prefix)] == '/'
}
