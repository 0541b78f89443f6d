package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"lander/lib/trust"
)

// TreeName is the file that holds the signature of the tree it lies in: a bundle
// whose payload is TreeManifest of the tree.
const TreeName = "tree.signed"

// TreeManifest lists every file of a tree with its SHA-256, in the form of
// sha256sum, ordered by path:
//
//	HEX two blanks PATH line feed
//
// The bundle TreeName itself and what begins with a full stop are left out.
// Anything that is neither file nor directory is an error.
func TreeManifest(fsys fs.FS) ([]byte, error) {
	var lines []string
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p == ".":
			return nil
		case strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir(), p == TreeName:
			return nil
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is no regular file", p)
		case strings.ContainsAny(p, "\n\r\\"):
			return fmt.Errorf("%q: such a name cannot be listed", p)
		}
		f, err := fsys.Open(p)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return err
		}
		lines = append(lines, p+"\x00"+hex.EncodeToString(h.Sum(nil)))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the tree: %w", err)
	}
	slices.Sort(lines)
	var b bytes.Buffer
	for _, l := range lines {
		p, sum, _ := strings.Cut(l, "\x00")
		fmt.Fprintf(&b, "%s  %s\n", sum, p)
	}
	return b.Bytes(), nil
}

// errTree is wrapped by the error about a list of files that is none.
var errTree = errors.New("not a list of a tree's files")

// ParseTree reads a TreeManifest: path -> SHA-256 in lower hex. Only the
// canonical form is taken.
func ParseTree(b []byte) (map[string]string, error) {
	sums := map[string]string{}
	last := ""
	for line := range strings.Lines(string(b)) {
		sum, p, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		raw, err := hex.DecodeString(sum)
		if !ok || err != nil || len(raw) != sha256.Size || hex.EncodeToString(raw) != sum || !fs.ValidPath(p) || p == "." || p <= last || !strings.HasSuffix(line, "\n") || strings.ContainsAny(p, "\r\\") {
			return nil, fmt.Errorf("%w: %w: %q", trust.ErrInvalid, errTree, line)
		}
		sums[p], last = sum, p
	}
	return sums, nil
}
