package fleet

import (
	"fmt"
	"testing"

	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/store"
	"lander/lib/store/storetest"
)

// A record that is damaged costs nobody the other data of a device, and keeps
// no unused script.
func TestDamagedRecord(t *testing.T) {
	h := newHall(t, storetest.Damaged(store.NewMemory()))
	h.original("d").exchange()
	h.fleet.mu.Lock()
	c := &connection{dev: h.fleet.components["d"]}
	h.fleet.mu.Unlock()
	for i := range 3 {
		row := []bysant.Member{member(fmt.Sprint(i), bysant.OfInt(int64(i)))}
		if err := h.fleet.takeData(c, []envelope.Message{{Path: "v", Body: bysant.OfMap(row...)}}); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	if err := h.fleet.readPacks(t.Context(), "d", func(p *pack) { n += len(p.values) }); err != nil || n != 3 {
		t.Errorf("%d values, %v", n, err)
	}
	if err := h.fleet.sweepAll(t.Context(), h.clock()); err != nil {
		t.Error(err)
	}
}
