package bundle_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"lander/lib/bundle"
	"lander/lib/trust"
)

var now = time.Date(2026, 1, 2, 3, 30, 0, 0, time.UTC)

// trusting is a trust store with one key.
func trusting(t testing.TB, key trust.PrivateKey) *trust.Store {
	t.Helper()
	dir := t.TempDir()
	if _, err := trust.Add(dir, key.Public().Text(), ""); err != nil {
		t.Fatal(err)
	}
	store, err := trust.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func pack(t testing.TB, payload []byte, change func(*trust.Statement)) ([]byte, *trust.Store) {
	t.Helper()
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	store := trusting(t, key)
	p, err := bundle.Spool(bytes.NewReader(payload), 1<<30, "")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	sum := sha256.Sum256(payload)
	if hex.EncodeToString(sum[:]) != p.SHA256 {
		t.Fatalf("spooled sum %s", p.SHA256)
	}
	st := trust.Statement{Name: "n", Format: "lua", Size: p.Size, SHA256: p.SHA256, Targets: []string{"*"}, Serial: 1, Signed: now, Expires: now.Add(time.Hour)}
	if change != nil {
		change(&st)
	}
	comment, err := st.Comment()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := bundle.Pack(&b, p.Sign(key, comment, bundle.Comment), p.Reader()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), store
}

func TestOpen(t *testing.T) {
	text, store := pack(t, []byte("print(1)\n"), nil)
	if lines := strings.SplitN(string(text), "\n", 5); lines[0] != bundle.FirstLine || lines[4] != "print(1)\n" {
		t.Fatalf("bundle\n%s", text)
	}
	b, err := bundle.Open(bytes.NewReader(text), store, trust.Subject{Now: now}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Payload.Close()
	got, err := b.Payload.Bytes()
	if err != nil || string(got) != "print(1)\n" || b.Statement.Name != "n" {
		t.Errorf("payload %q, name %q, %v", got, b.Statement.Name, err)
	}
}

// No altered bit passes, anywhere.
func TestEveryFlippedBitIsRefused(t *testing.T) {
	text, store := pack(t, []byte("print(1)\n"), nil)
	for i := range text {
		for bit := range 8 {
			bad := bytes.Clone(text)
			bad[i] ^= 1 << bit
			b, err := bundle.Open(bytes.NewReader(bad), store, trust.Subject{Now: now}, "")
			_, refused := errors.AsType[*trust.Refusal](err)
			if !refused && !errors.Is(err, trust.ErrInvalid) {
				t.Fatalf("byte %d bit %d: %v", i, bit, err)
			}
			if b != nil && b.Payload != nil {
				t.Fatalf("byte %d bit %d: a payload was handed out", i, bit)
			}
		}
	}
}

func TestLargePayloadGoesToDiskAndLeavesNothing(t *testing.T) {
	payload := bytes.Repeat([]byte("0123456789abcdef"), 200_000) // 3.2 MB
	text, store := pack(t, payload, func(st *trust.Statement) { st.Format = "data" })
	dir := t.TempDir()
	b, err := bundle.Open(bytes.NewReader(text), store, trust.Subject{Now: now}, dir)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	if _, err := io.Copy(h, b.Payload.Reader()); err != nil || hex.EncodeToString(h.Sum(nil)) != b.Statement.SHA256 {
		t.Errorf("read back: %v", err)
	}
	b.Payload.Close()
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%d files left", len(left))
	}
}

func TestSizes(t *testing.T) {
	t.Run("beyond the cap of the format", func(t *testing.T) {
		text, store := pack(t, make([]byte, 1<<20+1), nil)
		_, err := bundle.Open(bytes.NewReader(text), store, trust.Subject{Now: now}, "")
		if se, ok := errors.AsType[*bundle.SizeError](err); !ok || se.Limit != 1<<20 {
			t.Errorf("error %v", err)
		}
	})
	t.Run("the cap of the format", func(t *testing.T) {
		text, store := pack(t, make([]byte, 1<<20), nil)
		b, err := bundle.Open(bytes.NewReader(text), store, trust.Subject{Now: now}, "")
		if err != nil || b.Payload.Size != 1<<20 {
			t.Fatal(err)
		}
		b.Payload.Close()
		for format, want := range map[string]int64{"devs": 256 << 10, "package": 1 << 30, "tree": 1 << 30, "data": 1 << 30, "keys": 1 << 20, "sh": 1 << 20, "": 1 << 20} {
			if got := bundle.Cap(format); got != want {
				t.Errorf("%q: %d", format, got)
			}
		}
	})
	t.Run("spooled", func(t *testing.T) {
		for _, size := range []int{0, 10, 1 << 20, 1<<20 + 1, 3 << 20} {
			src := bytes.NewReader(make([]byte, size+9))
			if p, err := bundle.Spool(src, int64(size), t.TempDir()); err == nil || p != nil {
				t.Errorf("%d bytes and more: %v", size, err)
			}
			if src.Len() != 8 {
				t.Errorf("of %d bytes and more %d are left", size, src.Len())
			}
			p, err := bundle.Spool(bytes.NewReader(make([]byte, size)), int64(size), t.TempDir())
			if err != nil || p.Size != int64(size) {
				t.Fatalf("%d bytes: %v", size, err)
			}
			if b, err := p.Bytes(); len(b) != size || err != nil {
				t.Errorf("%d bytes become %d, %v", size, len(b), err)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("no more is fetched than was signed", func(t *testing.T) {
		text, store := pack(t, []byte("x"), nil)
		sig, err := bundle.ReadHeader(bufio.NewReader(bytes.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		src := &closed{Reader: strings.NewReader("xyzzy")}
		_, err = bundle.OpenDetached(sig, func(trust.Verdict) (io.ReadCloser, error) { return src, nil }, store, trust.Subject{Now: now}, "")
		if r, ok := errors.AsType[*trust.Refusal](err); !ok || !strings.Contains(r.Message, "longer than the 1 bytes") || src.Len() != 3 || src.times != 1 {
			t.Errorf("error %v, %d bytes left, closed %d times", err, src.Len(), src.times)
		}
	})
	t.Run("more than signed", func(t *testing.T) {
		text, store := pack(t, []byte("x"), nil)
		endless := io.MultiReader(bytes.NewReader(text), zeros{})
		_, err := bundle.Open(endless, store, trust.Subject{Now: now}, "")
		if _, ok := errors.AsType[*trust.Refusal](err); !ok {
			t.Errorf("error %v", err)
		}
	})
	t.Run("endless first line", func(t *testing.T) {
		_, err := bundle.Open(io.MultiReader(strings.NewReader(bundle.FirstLine+"\n"), zeros{}), &trust.Store{}, trust.Subject{}, "")
		if !errors.Is(err, trust.ErrInvalid) {
			t.Errorf("error %v", err)
		}
	})
}

type closed struct {
	*strings.Reader
	times int
}

func (c *closed) Close() error { c.times++; return nil }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// A detached signature that is refused fetches nothing.
func TestDetachedChecksFirst(t *testing.T) {
	text, store := pack(t, []byte("x"), nil)
	sig, err := bundle.ReadHeader(bufio.NewReader(bytes.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	fetched := 0
	fetch := func(trust.Verdict) (io.ReadCloser, error) {
		fetched++
		return io.NopCloser(strings.NewReader("x")), nil
	}
	if _, err := bundle.OpenDetached(sig, fetch, store, trust.Subject{Now: now.AddDate(1, 0, 0)}, ""); err == nil || fetched != 0 {
		t.Errorf("expired: error %v, fetched %d times", err, fetched)
	}
	b, err := bundle.OpenDetached(sig, fetch, store, trust.Subject{Now: now}, "")
	if err != nil || fetched != 1 {
		t.Fatalf("good: error %v, fetched %d times", err, fetched)
	}
	b.Payload.Close()
}

// A stock signature says neither size nor format: the largest cap counts of
// what the door takes and the key may sign.
func TestStock(t *testing.T) {
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		policy  string
		formats []string // that the door takes
		size    int
		limit   int64 // 0: it is taken
	}{
		{formats: []string{"lua"}, size: 3},
		{formats: []string{"lua", "sh"}, size: 1<<20 + 1, limit: 1 << 20},
		{formats: []string{"devs"}, size: 256 << 10},
		{formats: []string{"devs"}, size: 256<<10 + 1, limit: 256 << 10},
		{formats: []string{"devs", "package"}, size: 1<<20 + 1},
		{policy: "formats=['devs','lua']", formats: []string{"devs", "package"}, size: 256<<10 + 1, limit: 256 << 10},
		{size: 1<<20 + 1},
	} {
		store := trusting(t, key)
		policy, err := trust.ParsePolicy("policy.toml", []byte("[defaults]\nplain=true\n"+tt.policy))
		if err != nil {
			t.Fatal(err)
		}
		payload := make([]byte, tt.size)
		p, err := bundle.Spool(bytes.NewReader(payload), 1<<30, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		text := append(p.Sign(key, "a stock signature", bundle.Comment), payload...)
		p.Close()
		b, err := bundle.Open(bytes.NewReader(text), store.WithPolicy(policy), trust.Subject{Now: now, Formats: tt.formats}, t.TempDir())
		if tt.limit > 0 {
			if se, ok := errors.AsType[*bundle.SizeError](err); !ok || se.Limit != tt.limit {
				t.Errorf("%+v: %v", tt, err)
			}
			continue
		}
		if err != nil || !b.Plain || b.Payload.Size != int64(tt.size) {
			t.Errorf("%+v: %v", tt, err)
			continue
		}
		b.Payload.Close()
	}
}

// What is no bundle is told from one that cannot be read.
func TestNoBundle(t *testing.T) {
	text, _ := pack(t, []byte("x"), nil)
	broken := errors.New("broken")
	for cut := range len(text) - 1 {
		_, err := bundle.ReadHeader(bufio.NewReader(io.MultiReader(bytes.NewReader(text[:cut]), iotest.ErrReader(broken))))
		if !errors.Is(err, broken) {
			t.Fatalf("broken after %d bytes: %v", cut, err)
		}
	}
	for _, start := range []string{"", "untrusted comment: lander bundle", "untrusted comment: lander bundles\n", " " + bundle.FirstLine + "\n"} {
		if _, err := bundle.ReadHeader(bufio.NewReader(strings.NewReader(start))); !errors.Is(err, bundle.ErrNotBundle) {
			t.Errorf("%q: %v", start, err)
		}
		if err := bundle.Pack(io.Discard, []byte(start), strings.NewReader("x")); !errors.Is(err, bundle.ErrNotBundle) {
			t.Errorf("packing %q: %v", start, err)
		}
	}
}

func FuzzReadHeader(f *testing.F) {
	text, _ := pack(f, []byte("x"), nil)
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		br := bufio.NewReader(bytes.NewReader(text))
		sig, err := bundle.ReadHeader(br)
		if (err == nil) == (sig == nil) {
			t.Fatalf("signature %v, error %v", sig, err)
		}
		if err != nil {
			return
		}
		rest, _ := io.ReadAll(br)
		if back := append(bytes.Clone(sig.Text()), rest...); !bytes.Equal(back, text) {
			t.Fatalf("%q becomes %q", text, back)
		}
	})
}
