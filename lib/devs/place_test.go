package devs

import (
	"math"
	"testing"
)

// A repeat of an event from before the last forget is none of the new
// program's, also where the counter of seven bits has turned over.
func TestFresh(t *testing.T) {
	for _, tt := range []struct {
		seen   []uint16 // counters of events before the forget, in their order
		next   uint16
		is     bool
		newest int32 // afterwards
	}{
		{nil, 0, true, 0},
		{nil, 127, true, 127},
		{[]uint16{5}, 5, false, 5},
		{[]uint16{5}, 4, false, 5},
		{[]uint16{5}, 6, true, 6},
		{[]uint16{5}, 68, true, 68},
		{[]uint16{5}, 69, false, 5},
		{[]uint16{127}, 0, true, 0},
		{[]uint16{127}, 126, false, 127},
		{[]uint16{126, 1, 127}, 1, false, 1}, // a repeat does not lead back
		{[]uint16{126, 1, 127}, 2, true, 2},
	} {
		c := &collector{}
		c.newest.Store(-1)
		c.before.Store(-1)
		for _, n := range tt.seen {
			if !c.fresh(0x8001 | n<<8) {
				t.Errorf("%+v: %d is not fresh, and nothing was forgotten", tt, n)
			}
		}
		c.before.Store(c.newest.Load())
		if got := c.fresh(0x8001 | tt.next<<8); got != tt.is || c.newest.Load() != tt.newest {
			t.Errorf("%+v: fresh %t, newest %d", tt, got, c.newest.Load())
		}
	}
}

func TestPlaceBounds(t *testing.T) {
	m, err := ParseDebugMap([]byte(`{"functions":[{"name":"f","startpc":0,"size":4},{"name":"g","startpc":4,"size":4}],
		"srcmap":[0,1,0, 3,1,4, 3,1,4, 3,1,4, 9,1,4],"sources":[{"path":"a.ts","length":6,"text":"ab\ncd\n"},{"path":"lib.ts","length":3},{"path":"c.ts","length":1,"text":"x"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for pc, want := range map[int]string{-1: "", 0: "a.ts:1", 3: "a.ts:1", 4: "a.ts:2", 7: "a.ts:2", 8: "lib.ts", 12: "c.ts:1", 15: "c.ts:1", 16: "", math.MaxInt: ""} {
		p, ok := m.ImagePlace(pc)
		if got := p.String(); ok != (want != "") || ok && got != want {
			t.Errorf("%d: %q %t, want %q", pc, got, ok, want)
		}
	}
	for pc, want := range map[uint32]string{0: "", 1: "f", 4: "f", 5: "g", 8: "g", MaxImage + 1: "", 1<<32 - 1: ""} {
		if p, ok := m.EventPlace(pc); ok != (want != "") || p.Func != want {
			t.Errorf("event at %d: %+v %t, want %q", pc, p, ok, want)
		}
	}
	m.Functions, m.SrcMap = nil, []int{0, 1, 0}
	if p, ok := m.EventPlace(MaxImage); !ok || p.Line != 1 {
		t.Errorf("the last byte of the greatest image: %+v %t", p, ok)
	}
}
