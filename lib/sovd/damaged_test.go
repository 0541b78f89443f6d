package sovd_test

import (
	"log/slog"
	"testing"

	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
	"lander/lib/store/storetest"
)

// A record that is damaged keeps no gateway from starting with the others.
func TestDamagedRecord(t *testing.T) {
	h := make(held)
	close(h)
	o := sovd.FilesOptions{
		Dir: t.TempDir(), State: t.TempDir(), Store: storetest.Damaged(store.NewMemory()), Managed: []sovd.ManagedScript{{ID: "s", Path: "/bin/sh", Format: job.FormatSh}},
		Runners: map[string]job.Runner{job.FormatSh: h}, MaxRunning: 1, Log: slog.New(slog.DiscardHandler),
	}
	e := sovd.Ref{Kind: sovd.Components, ID: "c"}
	for n := range 3 {
		f, err := sovd.OpenFiles(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if all, err := f.ListExecutions(t.Context(), e, "s"); err != nil || len(all) != n {
			t.Errorf("start %d: %d executions, %v", n, len(all), err)
		}
		if x, err := f.StartExecution(t.Context(), e, "s", sovd.Start{Waits: true}); err != nil || x.Status != job.Completed {
			t.Errorf("start %d: %v %v", n, x.Status, err)
		}
		if err := f.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
