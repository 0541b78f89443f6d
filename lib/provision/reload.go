package provision

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"lander/lib/luaota/record"
)

const (
	defaultWindow = 10 * time.Minute
	// budget is how much of the 30 seconds that the original client gives a
	// session is used.
	budget = 25 * time.Second
	// ramList is how much the original client can usually hold in memory.
	ramList = 24 << 10
)

// secretOf finds the secret of a manifest, also of one that is otherwise unusable:
// its boards can then still be told OK!. It is the bytes of the file: they need be
// no UTF-8, which json would change.
func secretOf(b []byte) string {
	var m map[string]json.RawMessage
	if json.Unmarshal(b, &m) != nil {
		return ""
	}
	s, _ := record.Value(m["secret"]).Text()
	return s
}

// stamp tells, without reading any content, whether a tree is what it was: names,
// sizes and times of all its files. What begins with a full stop is no part of it.
func stamp(fsys fs.FS) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %d %d %v\n", p, info.Size(), info.ModTime().UnixNano(), info.Mode())
		return nil
	})
	return string(h.Sum(nil)), err
}
