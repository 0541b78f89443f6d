package sovd

import (
	"errors"
	"io/fs"
	"strings"
)

// dropHalfScripts removes what uploads and deletions have left in the library
// that a crash broke off: directories of our own ids without metadata. Another
// gateway may be about to write them, so that only old ones go. What cannot be
// read or removed stays.
func (f *Files) dropHalfScripts() {
	drop := func(dir string) {
		st, err := f.root.Stat(dir)
		if err != nil || f.o.Clock().Sub(st.ModTime()) < pendingKept {
			return
		}
		if _, err := f.root.Lstat(dir + "/" + metadataName); !errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err := f.root.RemoveAll(dir); err != nil {
			f.o.Log.Warn("a half upload stays", "directory", dir, "error", err)
		}
	}
	library := f.root.FS()
	entities, _ := fs.ReadDir(library, ".")
	for _, e := range entities {
		if !e.IsDir() {
			continue
		}
		scripts, _ := fs.ReadDir(library, e.Name())
		for _, s := range scripts {
			if s.IsDir() && isOwnScript(s.Name()) {
				drop(e.Name() + "/" + s.Name())
			}
		}
	}
}

// isOwnScript reports whether an id is one that newScriptID makes.
func isOwnScript(id string) bool {
	return strings.HasPrefix(id, "script_") && len(id) == len("script_")+26
}
