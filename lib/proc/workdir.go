package proc

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"lander/lib/job"
)

// workDir makes the private directory of a run, which belongs to the user
// that the script runs as, with the script in it. give takes it away again.
func (r *Runner) workDir(t job.Task) (dir string, give func(), err error) {
	name := scriptName(t)
	linked := t.File != "" && r.User == nil
	if linked && r.Dirs != nil {
		d, err := r.Dirs.take(t.File, name)
		return d.dir, func() { r.Dirs.give(d) }, err
	}
	if dir, err = makeDir(r.TempDir, t.ID); err != nil {
		return "", nil, err
	}
	script := filepath.Join(dir, name)
	if linked {
		err = os.Symlink(t.File, script)
	} else {
		err = r.writeScript(script, t.Payload)
	}
	if err == nil && r.User != nil {
		err = os.Chown(dir, int(r.User.UID), int(r.User.GID))
	}
	if err != nil {
		removeDir(dir, name)
		return "", nil, err
	}
	return dir, func() { removeDir(dir, name) }, nil
}

// ownsDir reports whether an execution can have a directory of its name.
func ownsDir(id string) bool { return id != "" && !strings.ContainsAny(id, `/\`) }

// makeDir names the directory after the execution, which saves the search for
// a free name.
func makeDir(parent, id string) (string, error) {
	if ownsDir(id) {
		dir := dirOf(parent, id)
		if err := os.Mkdir(dir, 0o700); err == nil {
			return dir, nil
		}
	}
	return os.MkdirTemp(parent, "lander-run-")
}

// removeDir removes a run's directory, in which most runs leave the script
// alone.
func removeDir(dir, script string) {
	os.Remove(filepath.Join(dir, script))
	if os.Remove(dir) != nil {
		RemoveAll(dir)
	}
}

// Dirs keeps the directories of runs that left nothing behind for the next
// run of the same script. Making and removing them for each run costs more
// than a short script, where the file system has a journal.
type Dirs struct {
	parent string
	keep   int

	mu   sync.Mutex
	idle []idleDir
}

type idleDir struct {
	dir, file, name string
	seen            dirState // when it was last looked through
}

// NewDirs keeps at most keep directories below parent.
func NewDirs(parent string, keep int) *Dirs { return &Dirs{parent: parent, keep: keep} }

// take returns a directory with nothing in it but a link to file.
func (d *Dirs) take(file, name string) (idleDir, error) {
	d.mu.Lock()
	for i := len(d.idle) - 1; i >= 0; i-- {
		if e := d.idle[i]; e.file == file && e.name == name {
			d.idle = append(d.idle[:i], d.idle[i+1:]...)
			d.mu.Unlock()
			return e, nil
		}
	}
	d.mu.Unlock()
	dir, err := os.MkdirTemp(d.parent, "lander-run-")
	if err != nil {
		return idleDir{}, err
	}
	if err := os.Symlink(file, filepath.Join(dir, name)); err != nil {
		os.Remove(dir)
		return idleDir{}, err
	}
	return idleDir{dir: dir, file: file, name: name}, nil
}

// give takes a directory back. One that is not as it was is removed, and so is
// the one that is idle longest when there are too many.
func (d *Dirs) give(e idleDir) {
	if !e.asMade() {
		removeDir(e.dir, e.name)
		return
	}
	d.mu.Lock()
	d.idle = append(d.idle, e)
	var old idleDir
	if len(d.idle) > d.keep {
		old = d.idle[0]
		d.idle = append(d.idle[:0], d.idle[1:]...)
	}
	d.mu.Unlock()
	if old.dir != "" {
		removeDir(old.dir, old.name)
	}
}

// asMade reports whether a run left its directory as it was. What changes in
// a directory changes its time, so that it is looked through once only.
func (e *idleDir) asMade() bool {
	st, err := os.Lstat(e.dir)
	if err != nil || st.Mode() != os.ModeDir|0o700 {
		return false
	}
	if e.seen.same(st) {
		return true
	}
	seen := stateOf(st)
	f, err := os.Open(e.dir)
	if err != nil {
		return false
	}
	defer f.Close()
	names, err := f.Readdirnames(3)
	if err != nil || len(names) != 1 || names[0] != e.name {
		return false
	}
	target, err := os.Readlink(filepath.Join(e.dir, e.name))
	e.seen = seen
	return err == nil && target == e.file
}

// Close removes the directories that are kept. No run may be under way. A nil
// Dirs keeps none.
func (d *Dirs) Close() error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, e := range d.idle {
		errs = append(errs, RemoveAll(e.dir))
	}
	d.idle = nil
	return errors.Join(errs...)
}
