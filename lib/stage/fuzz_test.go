package stage_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lander/lib/durable"
	"lander/lib/stage"
)

// Any file either is refused or opens, and opens the same way a second time.
func FuzzReplay(f *testing.F) {
	for _, recs := range []string{
		`["p","default",1,["a",{"x":1,"y":[1]}],["a.b",{"z":null}]]` + "\n" + `["s",1,["default"],[]]`,
		`["a","now",5,7,0,"ok"]` + "\n" + `["u",5]`,
		`["t",{"asset":"a","storage":"file","policy":"never","path":"t","columns":["n"]},3]` + "\n" + `["r","file:a.t-n.tbl",9,[1]]` + "\n" + `["d","file:a.t-n.tbl"]`,
		`["t",{"asset":"a","storage":"file","policy":"never","path":"t","columns":["n"]},0]` + "\n" + `["t",{"asset":"a","storage":"file","policy":"hourly","path":"c","columns":[{"name":"n","consolidation":"sum"}]},0]` + "\n" +
			`["c","file:a.t-n.tbl","file:a.c-n.tbl","daily"]` + "\n" + `["r","file:a.t-n.tbl",9,[1]]` + "\n" + `["k","file:a.t-n.tbl",9,"file:a.c-n.tbl",10,[1]]`,
	} {
		f.Add(recs, "")
	}
	f.Fuzz(func(t *testing.T, recs, tail string) {
		text := []byte("lander stage 1\n")
		for rec := range strings.SplitSeq(recs, "\n") {
			start := len(text)
			text = durable.EndRecord(append(durable.BeginRecord(text), rec...), start)
		}
		path := filepath.Join(t.TempDir(), "stage")
		if err := os.WriteFile(path, append(text, tail...), 0o600); err != nil {
			t.Fatal(err)
		}
		content := func() string {
			var b bytes.Buffer
			s, err := stage.Open(stage.Options{File: path, Uplink: failing{stage.NewSink(&b, func() time.Time { return time.Time{} })}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			s.Flush(t.Context(), "*")
			return b.String()
		}
		first := content()
		if again := content(); again != first {
			// A consolidation that the flush did stays done, though not sent.
			if third := content(); third != again {
				t.Fatalf("%s, then %s, then %s", first, again, third)
			}
		}
	})
}

// failing shows what would be sent, and sends nothing.
type failing struct{ *stage.Sink }

func (f failing) Send(ctx context.Context, ms []stage.Message) error {
	f.Sink.Send(ctx, ms)
	return os.ErrDeadlineExceeded
}
