//go:build unix

package sovd_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A FIFO in the library is no script, and nobody waits for its writer.
func TestFIFOInLibrary(t *testing.T) {
	g := newRig(t)
	for script, fifo := range map[string]string{"one": "script.sh", "two": "metadata.json"} {
		dir := filepath.Join(g.dir, "scripts", "main-computer", script)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "metadata.json"), []byte(`{"name":"x"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		os.Remove(filepath.Join(dir, fifo))
		if err := syscall.Mkfifo(filepath.Join(dir, fifo), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.rows([]row{
		{method: "POST", path: runs + "/one/executions", body: `{"execution_type":"now"}`, status: 500, want: []string{"message=Failed to read script file"}},
		{method: "GET", path: runs + "/two", status: 500, want: []string{"message=Failed to read script metadata"}},
		{method: "GET", path: runs, status: 200, want: []string{"items.6.id=one", "items.7=<nil>"}},
	})
}
