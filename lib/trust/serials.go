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
// processes may share it.
type Serials struct{ dir string }

// OpenSerials uses the directory dir, making it when it is not there.
func OpenSerials(dir string) (*Serials, error) {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the serials: %w", err)
	}
	return &Serials{dir}, nil
}

type serialRecord struct {
	Name     string    `json:"name"`
	Serial   int64     `json:"serial"`
	SHA256   string    `json:"sha256"`
	Once     bool      `json:"once,omitempty"`
	Recorded time.Time `json:"recorded"`
}

func (s *Serials) path(keyID, name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(s.dir, keyID, hex.EncodeToString(sum[:16])+".json")
}

// Check says whether the statement's serial may run, recording nothing:
// lower than recorded is refused, equal only with the same payload and
// without once=1.
func (s *Serials) Check(keyID string, st Statement) error {
	_, err := s.check(keyID, st)
	return err
}

// check tells as well whether the very serial is recorded already.
func (s *Serials) check(keyID string, st Statement) (recorded bool, err error) {
	rec, err := s.load(keyID, st.Name)
	if err != nil || rec == nil {
		return false, err
	}
	switch {
	case st.Serial > rec.Serial:
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

// Record checks once more, under a lock, and records the serial durably.
func (s *Serials) Record(keyID string, st Statement, now time.Time) error {
	lock, err := durable.Acquire(filepath.Join(s.dir, "lock"))
	if err != nil {
		return fmt.Errorf("recording a serial: %w", err)
	}
	defer lock.Release()
	recorded, err := s.check(keyID, st)
	if err != nil {
		return err
	}
	if err := s.sawSigned(st.Signed); err != nil || recorded {
		return err
	}
	b, err := json.Marshal(serialRecord{st.Name, st.Serial, st.SHA256, st.Once, now.UTC()})
	if err != nil {
		return fmt.Errorf("recording a serial: %w", err)
	}
	path := s.path(keyID, st.Name)
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("recording a serial: %w", err)
	}
	if err := durable.WriteFile(path, append(b, '\n'), 0o600); err != nil {
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
	var rec serialRecord
	if err := json.Unmarshal(b, &rec); err != nil {
		// A record that cannot be read must not open the door.
		return nil, fmt.Errorf("reading the serial record %s: %w", path, err)
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
