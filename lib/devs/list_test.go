package devs_test

import (
	"testing"
	"time"

	"lander/lib/devs"
	"lander/lib/jacdac/jacdactest"
)

// A list holds who answers soon; where nobody does, who answers at all.
func TestList(t *testing.T) {
	for _, tt := range []struct {
		name   string
		boot   time.Duration
		found  int
		within time.Duration
	}{
		{"there", 0, 1, 800 * time.Millisecond},
		{"late", 2 * time.Second, 1, 2500 * time.Millisecond},
		{"too late", 4 * time.Second, 0, 3200 * time.Millisecond},
	} {
		bubble(t, tt.name, func(t *testing.T) {
			add := jacdactest.Bus(t)
			host, there := add(nil), add(nil)
			plugged := make(chan struct{})
			go func() {
				defer close(plugged)
				time.Sleep(tt.boot)
				board, err := devs.NewBoard(there, devs.BoardConfig{ID: boardID})
				if err != nil {
					t.Error(err)
					return
				}
				t.Cleanup(func() { board.Close() })
			}()
			begin := time.Now()
			got, err := devs.List(t.Context(), host, 700*time.Millisecond, 3*time.Second)
			if took := time.Since(begin); err != nil || len(got) != tt.found || took > tt.within {
				t.Errorf("%d found after %s, %v", len(got), took, err)
			}
			<-plugged
		})
	}
}
