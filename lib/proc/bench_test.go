//go:build linux

package proc_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"

	"lander/lib/job"
	"lander/lib/proc"
)

// BenchmarkRun is a whole run of an empty script, with streams, against bare
// fork and exec, with 4 workers.
func BenchmarkRun(b *testing.B) {
	script := b.TempDir() + "/true.sh"
	if err := os.WriteFile(script, []byte("true\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	b.Run("bare", func(b *testing.B) {
		b.SetParallelism(2)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := exec.Command("/bin/sh", script).Run(); err != nil {
					b.Error(err)
				}
			}
		})
	})
	for _, file := range []string{"", script} {
		b.Run("run"+file[:min(1, len(file))], func(b *testing.B) {
			b.SetParallelism(2)
			r := &proc.Runner{TempDir: b.TempDir()}
			var n atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					var out, errs, progress bytes.Buffer
					t := task(fmt.Sprintf("exec_bench%d", n.Add(1)), "true\n")
					t.File = file
					if o := r.Run(b.Context(), t, job.Streams{Stdout: &out, Stderr: &errs, Progress: &progress}); o.Err != nil {
						b.Error(o.Err)
					}
				}
			})
		})
	}
}
