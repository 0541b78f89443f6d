package job_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"lander/lib/job"
)

func TestOutputOrderAndPositions(t *testing.T) {
	o := job.NewOutput(8)
	io.WriteString(o.Writer(job.Stdout), "abc")
	io.WriteString(o.Writer(job.Stderr), "E1")
	io.WriteString(o.Writer(job.Progress), "PROGRESS 5\nnonsense\n101\n 4")
	io.WriteString(o.Writer(job.Progress), "2 \n42\n")
	io.WriteString(o.Writer(job.Stdout), "defghijkl")
	show := func(at int64) string {
		var b strings.Builder
		pieces, done, changed := o.Read(at)
		for _, p := range pieces {
			fmt.Fprintf(&b, "%c%s%d@%d ", p.Stream, p.Text, p.Percent, p.At)
		}
		if done != (changed == nil) {
			t.Error("done and changed disagree")
		}
		return b.String()
	}
	if got, want := show(0), "oabc0@3 eE10@5 p5@6 p42@7 odefgh0@12 "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := show(1), "obc0@3 eE10@5 p5@6 p42@7 odefgh0@12 "; got != want {
		t.Errorf("from 1: got %q, want %q", got, want)
	}
	if got, want := show(10), "ogh0@12 "; got != want || show(12) != "" {
		t.Errorf("from 10: got %q, want %q", got, want)
	}
	if text, dropped := o.Kept(job.Stdout); string(text) != "abcdefgh" || dropped != 4 {
		t.Errorf("stdout %q, %d dropped", text, dropped)
	}
	if n, ok := o.Percent(); n != 42 || !ok {
		t.Errorf("progress %d", n)
	}
	// In two parts, as a run writes them, and back.
	back, err := job.ParseOutput(o.Append(o.Append(nil, 5), 12), 8)
	if err != nil || back.End() != 7 {
		t.Errorf("came back with end %d, %v", back.End(), err)
	}
	whole := o.Append(nil, 0)
	for cut := range whole {
		if _, err := job.ParseOutput(whole[:cut], 8); err == nil && cut != 0 && cut != 5 && cut != 9 && cut != 11 && cut != 13 && cut != len(whole)-3 {
			t.Errorf("cut at %d: no error", cut)
		}
	}
}

func TestOutputFollow(t *testing.T) {
	o := job.NewOutput(0)
	var got bytes.Buffer
	var wg sync.WaitGroup
	wg.Go(func() {
		at := int64(0)
		for {
			pieces, done, changed := o.Read(at)
			for _, p := range pieces {
				got.Write(p.Text)
				at = p.At
			}
			if done {
				return
			}
			<-changed
		}
	})
	var want bytes.Buffer
	for i := range 1000 {
		fmt.Fprintln(io.MultiWriter(&want, o.Writer(job.Stdout)), i)
	}
	o.Close()
	wg.Wait()
	if !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("followed %d bytes, want %d", got.Len(), want.Len())
	}
}

func TestGate(t *testing.T) {
	g := job.NewGate(2)
	one, ok1 := g.TryAcquire()
	_, ok2 := g.TryAcquire()
	if _, ok := g.TryAcquire(); ok || !ok1 || !ok2 || g.InUse() != 2 {
		t.Fatalf("three of two slots; in use %d", g.InUse())
	}
	one()
	one()
	if g.InUse() != 1 {
		t.Errorf("in use %d after one release", g.InUse())
	}
}

func TestHistory(t *testing.T) {
	h := job.NewHistory(2)
	h.Add("a")
	h.Add("b")
	h.Remove("a")
	h.Remove("x")
	if f := h.Add("c"); f != nil {
		t.Errorf("forgot %q", f)
	}
	if f := h.Add("d"); len(f) != 1 || f[0] != "b" || h.Len() != 2 {
		t.Errorf("forgot %q, %d left", f, h.Len())
	}
	if f := job.NewHistory(0).Add("a"); len(f) != 1 {
		t.Errorf("forgot %q of none to keep", f)
	}
}

func FuzzParseOutput(f *testing.F) {
	f.Add([]byte("o\x03abce\x02xyp\x2ad\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, _ := job.ParseOutput(b, 64)
		first := o.Append(nil, 0)
		back, err := job.ParseOutput(first, 64)
		if err != nil || !bytes.Equal(back.Append(nil, 0), first) {
			t.Errorf("%q does not come back: %v", first, err)
		}
		if o.End() > int64(len(b)) {
			t.Errorf("%d bytes of %d", o.End(), len(b))
		}
	})
}
