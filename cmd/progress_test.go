package cmd

import (
	"strings"
	"testing"
	"time"
)

func TestBar(t *testing.T) {
	var out strings.Builder
	now := time.Unix(1, 0)
	b := &bar{w: &out, what: "sending", now: func() time.Time { return now }}
	b.set(0, 4000)
	b.set(100, 4000) // too soon
	now = now.Add(time.Second)
	b.set(2000, 4000)
	b.set(4000, 4000) // the end is always drawn
	b.set(1, 0)
	half := strings.Repeat("#", 20) + strings.Repeat(".", 20)
	want := "\rsending [" + strings.Repeat(".", 40) + "]   0% 0/4 kB" + "\rsending [" + half + "]  50% 2/4 kB" +
		"\rsending [" + strings.Repeat("#", 40) + "] 100% 4/4 kB" + "\rsending [" + strings.Repeat("#", 40) + "] 100% 1/1 kB"
	if got := out.String(); got != want {
		t.Errorf("drawn\n%q\nwant\n%q", got, want)
	}
	out.Reset()
	b.clear()
	b.clear()
	if got := out.String(); strings.Trim(got, " \r") != "" || strings.Count(got, "\r") != 2 {
		t.Errorf("cleared by %q", got)
	}
	(*bar)(nil).set(1, 2)
	(*bar)(nil).clear()
}
