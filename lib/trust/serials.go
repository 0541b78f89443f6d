package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"lander/lib/durable"
)

// Serials remembers, per key and name, the highest serial that was let in,
// and the latest signing time seen, in the directory STATE/serials. Several
// processes may share it, and several machines a Ledger beside it.
type Serials struct {
	dir    string
	ledger Ledger
}

// Ledger is where machines that are one have their serials in common.
type Ledger interface {
	// Edit changes one record as a whole: edit gets the text that is there, nil
	// when there is none, and returns the new one, or nil to leave it. It may be
	// called again when another was faster. An error of edit ends it.
	Edit(key string, edit func(old []byte) ([]byte, error)) error
}

// OpenSerials uses the directory dir, making it when it is not there.
func OpenSerials(dir string) (*Serials, error) {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the serials: %w", err)
	}
	return &Serials{dir: dir}, nil
}

// Share has s agree with all others that use the ledger.
func (s *Serials) Share(l Ledger) { s.ledger = l }

type serialRecord struct {
	Name     string    `json:"name"`
	Serial   int64     `json:"serial"`
	SHA256   string    `json:"sha256"`
	Once     bool      `json:"once,omitempty"`
	Recorded time.Time `json:"recorded"`
}

// ledgerKey is the record's key in a Ledger: [0-9A-F]{16}/[0-9a-f]{32}.
func ledgerKey(keyID, name string) string {
	sum := sha256.Sum256([]byte(name))
	return keyID + "/" + hex.EncodeToString(sum[:16])
}

func (s *Serials) path(keyID, name string) string {
	return filepath.Join(s.dir, filepath.FromSlash(ledgerKey(keyID, name))+".json")
}

// Check says whether the statement's serial may run, recording nothing:
// lower than recorded is refused, equal only with the same payload and
// without once=1.
func (s *Serials) Check(keyID string, st Statement) error {
	rec, err := s.load(keyID, st.Name)
	if err == nil {
		_, err = rec.admits(st)
	}
	if err != nil || s.ledger == nil {
		return err
	}
	return s.ledger.Edit(ledgerKey(keyID, st.Name), func(old []byte) ([]byte, error) {
		rec, err := parseSerial(old, "in the ledger")
		if err == nil {
			_, err = rec.admits(st)
		}
		return nil, err
	})
}

// admits says whether a statement may follow rec, which may be nil, and whether
// it is the very one that is recorded.
func (rec *serialRecord) admits(st Statement) (recorded bool, err error) {
	switch {
	case rec == nil || st.Serial > rec.Serial:
		return false, nil
	case st.Serial < rec.Serial:
		return false, refuse(ReasonReplayed, "sign it again: each signing takes a higher serial",
			"replayed: serial %d of %s is lower than %d, which was let in before", st.Serial, st.Name, rec.Serial)
	case st.SHA256 != rec.SHA256:
		return false, refuse(ReasonReplayed, "sign one of the two again", "replayed: serial %d of %s was let in before with another content", st.Serial, st.Name)
	case st.Once || rec.Once:
		return false, refuse(ReasonReplayed, "sign it again for another run", "replayed: serial %d of %s may run only once, and did", st.Serial, st.Name)
	}
	return true, nil
}

// Record checks once more, under a lock, and records the serial durably: first
// in the ledger, whose word holds among several machines.
func (s *Serials) Record(keyID string, st Statement, now time.Time) error {
	text, err := json.Marshal(serialRecord{st.Name, st.Serial, st.SHA256, st.Once, now.UTC()})
	if err != nil {
		return fmt.Errorf("recording a serial: %w", err)
	}
	if s.ledger != nil {
		// Without the lock, which others here wait for.
		err := s.ledger.Edit(ledgerKey(keyID, st.Name), func(old []byte) ([]byte, error) {
			rec, err := parseSerial(old, "in the ledger")
			if err != nil {
				return nil, err
			}
			if recorded, err := rec.admits(st); err != nil || recorded {
				return nil, err
			}
			return text, nil
		})
		if err != nil {
			return err
		}
	}
	lock, err := durable.Acquire(filepath.Join(s.dir, "lock"))
	if err != nil {
		return fmt.Errorf("recording a serial: %w", err)
	}
	defer lock.Release()
	rec, err := s.load(keyID, st.Name)
	if err != nil {
		return err
	}
	recorded, err := rec.admits(st)
	if err != nil {
		return err
	}
	if err := s.sawSigned(st.Signed); err != nil || recorded {
		return err
	}
	path := s.path(keyID, st.Name)
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("recording a serial: %w", err)
	}
	if err := durable.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("recording a serial: %w", err)
	}
	return nil
}

func (s *Serials) load(keyID, name string) (*serialRecord, error) {
	path := s.path(keyID, name)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a serial: %w", err)
	}
	return parseSerial(b, path)
}

// parseSerial reads a record; no text is no record.
func parseSerial(text []byte, where string) (*serialRecord, error) {
	if text == nil {
		return nil, nil
	}
	var rec serialRecord
	if err := json.Unmarshal(text, &rec); err != nil {
		// A record that cannot be read must not open the door.
		return nil, fmt.Errorf("reading the serial record %s: %w", where, err)
	}
	return &rec, nil
}

// LastSigned is the latest signing time of anything that was let in, or zero.
// A clock before it is not set.
func (s *Serials) LastSigned() (time.Time, error) {
	b, err := os.ReadFile(filepath.Join(s.dir, "last-signed"))
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the last signing time: %w", err)
	}
	t, err := time.Parse(time.RFC3339, string(b))
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the last signing time: %w", err)
	}
	return t, nil
}

func (s *Serials) sawSigned(t time.Time) error {
	last, err := s.LastSigned()
	if err != nil || !t.After(last) {
		return err
	}
	err = durable.WriteFile(filepath.Join(s.dir, "last-signed"), []byte(t.UTC().Format(time.RFC3339)), 0o600)
	if err != nil {
		return fmt.Errorf("recording the last signing time: %w", err)
	}
	return nil
}
