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
	Allowed func(id int64, groups []string) error // whom it is for
	KeyID   string
	Serial  int64
	SHA256  string // of the list of files
}

// Verify checks the bundle of a tree against the trust store and records its
// serial. It returns what each file must be, and who may be served: a board that
// is among the targets, by its decimal id or a group. The files themselves are
// compared when they are read.
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
	if err != nil {
		return nil, fmt.Errorf("%s: %w", bundle.TreeName, err)
	}
	defer b.Payload.Close()
	text, err := b.Payload.Bytes()
	if err != nil {
		return nil, err
	}
	sums, err := bundle.ParseTree(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", bundle.TreeName, err)
	}
	if err := b.Record(); err != nil {
		return nil, fmt.Errorf("%s: %w", bundle.TreeName, err)
	}
	at := s.Clock()
	allowed := func(id int64, groups []string) error {
		names := []string{strconv.FormatInt(id, 10)}
		for _, g := range groups {
			names = append(names, "group:"+g)
		}
		if err := b.Recheck(s.Clock()); err != nil {
			return err
		}
		// The window counted at admission.
		_, err := store.Check(b.Signature, trust.Subject{Names: names, Now: at, Formats: []string{job.FormatTree}})
		return err
	}
	return &Admission{Sums: sums, Allowed: allowed, KeyID: b.Key.ID(), Serial: b.Statement.Serial, SHA256: b.Statement.SHA256}, nil
}
