package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ClearLeft ends what is left of executions whose runner was killed before
// them: their processes, where the system shows whose they are (Linux), and
// their directories below tempDir, which is a Runner's TempDir. It returns how
// many processes it has killed.
func ClearLeft(tempDir string, executions []string) (killed int, err error) {
	if len(executions) == 0 {
		return 0, nil
	}
	ours := map[string]bool{}
	for _, id := range executions {
		ours[id] = id != ""
	}
	// Processes first, as they may write into the directories.
	killed, err = Sweep(func(e Environ) bool { return ours[e.Get("LANDER_EXECUTION")] })
	errs := []error{err}
	for _, id := range executions {
		if !ownsDir(id) {
			continue
		}
		if err := RemoveAll(dirOf(tempDir, id)); err != nil {
			errs = append(errs, fmt.Errorf("removing what the execution %s left: %w", id, err))
		}
	}
	return killed, errors.Join(errs...)
}

// dirOf names the directory of an execution after it.
func dirOf(parent, id string) string {
	if parent == "" {
		parent = os.TempDir()
	}
	return filepath.Join(parent, "lander-run-"+id)
}
