package provision

import (
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"lander/lib/bundle"
	"lander/lib/job"
	"lander/lib/trust"
)

// Signed says how the signature of a tree is checked.
type Signed struct {
	Trust     func() (*trust.Store, error) // read anew for each tree
	Serials   *trust.Serials
	BuildTime time.Time
	Clock     func() time.Time
}

// Admission is a tree's signature that was let in.
type Admission struct {
	Sums    map[string]string                     // of each file, lower hex
	Allowed func(id int64, groups []string) error // whom it is for, by the keys that are trusted when it is asked
	Name    string
	KeyID   string
	Serial  *int64 // nil: a stock signature
	SHA256  string // of the list of files
}

// Verify checks the bundle of a tree against the trust store and records its
// serial. It returns what each file must be, and who may be served: a board that
// is among the targets, by its decimal id or a group. The files themselves are
// compared when they are read. With an error comes what is known of the signature
// for the record, or nil.
func (s Signed) Verify(tree fs.FS) (*Admission, error) {
	store, err := s.Trust()
	if err != nil {
		return nil, err
	}
	f, err := tree.Open(bundle.TreeName)
	if err != nil {
		return nil, &trust.Refusal{Reason: trust.ReasonSignature, Message: "the tree is not signed: it has no " + bundle.TreeName, Hint: "lander script sign --tree DIR --key FILE --target '*' --valid 720h"}
	}
	defer f.Close()
	sub := trust.Subject{Now: s.Clock(), BuildTime: s.BuildTime, Serials: s.Serials, Formats: []string{job.FormatTree}}
	b, err := bundle.Open(f, store, sub, "")
	if b == nil {
		return nil, fmt.Errorf("%s: %w", bundle.TreeName, err)
	}
	a := &Admission{Name: b.Statement.Name, KeyID: b.Signature.KeyID(), SHA256: b.Statement.SHA256}
	if a.Name != "" {
		a.Serial = &b.Statement.Serial
	}
	if err == nil {
		defer b.Payload.Close()
		a.SHA256 = b.Payload.SHA256
		err = a.admit(b)
	}
	if err != nil {
		return a, fmt.Errorf("%s: %w", bundle.TreeName, err)
	}
	at := s.Clock()
	a.Allowed = func(id int64, groups []string) error {
		names := []string{strconv.FormatInt(id, 10)}
		for _, g := range groups {
			names = append(names, "group:"+g)
		}
		store, err := s.Trust() // the key may have been revoked since
		if err != nil {
			return err
		}
		// The window counted at admission.
		v, err := store.Check(b.Signature, trust.Subject{Names: names, Now: at, Formats: []string{job.FormatTree}})
		if err == nil {
			err = v.Recheck(s.Clock())
		}
		return err
	}
	return a, nil
}

// admit reads the list of files and spends the serial.
func (a *Admission) admit(b *bundle.Bundle) error {
	text, err := b.Payload.Bytes()
	if err != nil {
		return err
	}
	if a.Sums, err = bundle.ParseTree(text); err != nil {
		return err
	}
	return b.Record()
}
