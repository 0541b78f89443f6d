package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ClearLeft ends what is left of executions whose runner was killed before
// them: their processes, where the system shows whose they are (Linux), and
// their directories below tempDir, which is a Runner's TempDir. Of those that
// have ended it removes the directories that could not be removed then. It
// returns how many processes it has killed.
func ClearLeft(tempDir string, executions, ended []string) (killed int, err error) {
	ours := map[string]bool{}
	for _, id := range executions {
		ours[id] = id != ""
	}
	// Processes first, as they may write into the directories.
	if len(ours) > 0 {
		killed, err = Sweep(func(e Environ) bool { return ours[e.Get("LANDER_EXECUTION")] })
	}
	errs := []error{err}
	for _, id := range append(ended, executions...) {
		if !ownsDir(id) {
			continue
		}
		if err := RemoveAll(dirOf(tempDir, id)); err != nil {
			errs = append(errs, fmt.Errorf("removing what the execution %s left: %w", id, err))
		}
	}
	return killed, errors.Join(errs...)
}

// Remains reports whether the directory of an execution that has ended could
// not be removed.
func Remains(tempDir, id string) bool {
	_, err := os.Lstat(dirOf(tempDir, id))
	return err == nil
}

// dirOf names the directory of an execution after it.
func dirOf(parent, id string) string {
	if parent == "" {
		parent = os.TempDir()
	}
	return filepath.Join(parent, "lander-run-"+id)
}
