package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/store"
)

// BenchmarkData is what devices send, made durable on the file store: 64
// devices at once, one or a hundred values in an envelope.
func BenchmarkData(b *testing.B) {
	for _, each := range []int{1, 100} {
		b.Run(fmt.Sprintf("values=%d", each), func(b *testing.B) {
			dir := b.TempDir()
			st, err := store.OpenFiles(dir)
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			f, err := Open(context.Background(), Options{Store: st, Clock: time.Now, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			const devices = 64
			var wg sync.WaitGroup
			b.ResetTimer()
			for d := range devices {
				wg.Go(func() {
					f.mu.Lock()
					c := &connection{dev: f.add(fmt.Sprintf("dev-%d", d))}
					f.mu.Unlock()
					for i := d; i < b.N; i += devices {
						var row []bysant.Member
						for j := range each {
							row = append(row, member(fmt.Sprintf("value%d", j), bysant.OfList(bysant.OfFloat(float64(i)+0.25))))
						}
						if err := f.takeData(c, []envelope.Message{{Path: "house.kitchen", Body: bysant.OfMap(row...)}}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			n := float64(b.N * each)
			b.ReportMetric(n/b.Elapsed().Seconds(), "values/s")
			kept, size := 0, 0
			if err := f.readPacks(b.Context(), "dev-0", func(p *pack) { kept, size = kept+len(p.values), size+p.bytes }); err != nil || kept == 0 {
				b.Fatal(kept, err)
			}
			b.ReportMetric(float64(size)/float64(kept), "kept-B/value")
		})
	}
}
