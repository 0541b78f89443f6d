package frame

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/iotest"
)

func stream(n, size int) []byte {
	var b []byte
	for i := range n {
		b = Append(b, Frame{Command: Command(i), RequestID: uint8(i), Payload: bytes.Repeat([]byte{byte(i)}, size)})
	}
	return b
}

func TestReader(t *testing.T) {
	sources := map[string]func(io.Reader) io.Reader{
		"whole":    func(r io.Reader) io.Reader { return r },
		"one byte": iotest.OneByteReader,
		"half":     iotest.HalfReader,
		"with EOF": iotest.DataErrReader,
	}
	for name, wrap := range sources {
		for _, size := range []int{0, 1, 27, 500, 504, 505, 5000, 40_000} {
			r := NewReader(wrap(bytes.NewReader(stream(9, size))), 0)
			for i := range 9 {
				f, err := r.Next()
				if err != nil || f.Command != Command(i) || !bytes.Equal(f.Payload, bytes.Repeat([]byte{byte(i)}, size)) {
					t.Fatalf("%s, size %d, frame %d: command %d, %d bytes, error %v", name, size, i, f.Command, len(f.Payload), err)
				}
			}
			for range 2 {
				if _, err := r.Next(); err != io.EOF {
					t.Errorf("%s, size %d: after the last frame %v", name, size, err)
				}
			}
		}
	}
}

func TestReaderEnds(t *testing.T) {
	broken := errors.New("broken")
	whole := stream(2, 10)
	for n := 19; n < len(whole); n++ {
		r := NewReader(bytes.NewReader(whole[:n]), 0)
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Next(); err != io.ErrUnexpectedEOF {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	r := NewReader(io.MultiReader(bytes.NewReader(whole[:20]), iotest.ErrReader(broken)), 0)
	r.Next()
	if _, err := r.Next(); err != broken {
		t.Errorf("a broken source: %v", err)
	}
	r = NewReader(iotest.ErrReader(nil), 0)
	if _, err := r.Next(); err != io.ErrNoProgress {
		t.Errorf("a source that gives nothing: %v", err)
	}
}

func TestReaderReady(t *testing.T) {
	whole := stream(3, 10)
	r := NewReader(&pieces{whole[:18+18+4], whole[40:]}, 0)
	want := []bool{true, false, false}
	if r.Ready() {
		t.Error("ready before anything was read")
	}
	for i, w := range want {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if r.Ready() != w {
			t.Errorf("after frame %d ready is %v", i, !w)
		}
	}
}

type pieces [][]byte

func (p *pieces) Read(b []byte) (int, error) {
	if len(*p) == 0 {
		return 0, io.EOF
	}
	n := copy(b, (*p)[0])
	if (*p)[0] = (*p)[0][n:]; len((*p)[0]) == 0 {
		*p = (*p)[1:]
	}
	return n, nil
}

// A header that announces much costs nothing until the bytes come.
func TestReaderDoesNotTrustTheHeader(t *testing.T) {
	head := Header{Command: CmdPData, Size: DefaultLimit}.Append(nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := NewReader(bytes.NewReader(append(head, make([]byte, 1000)...)), 0).Next()
	runtime.ReadMemStats(&after)
	if err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10 {
		t.Errorf("%d bytes were allocated", n)
	}
	var big *TooLargeError
	r := NewReader(bytes.NewReader(Header{Size: 1<<31 - 1}.Append(nil)), 0)
	if _, err := r.Next(); !errors.As(err, &big) || big.Header.Size != 1<<31-1 {
		t.Errorf("2 GiB: %v", err)
	}
}

func TestReaderGivesItsBufferBack(t *testing.T) {
	small := stream(1, 20)
	src := &pieces{stream(1, 200_000), small}
	r := NewReader(src, 0)
	r.Next()
	r.Next()
	if len(r.buf) > largeBuffer {
		t.Errorf("%d bytes are kept after a large frame", len(r.buf))
	}
	*src = append(*src, bytes.Repeat(small, 1000))
	for range calmReads + 2 {
		*src = append(*src, small)
	}
	for range 1000 + calmReads + 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.buf) != smallBuffer {
		t.Errorf("%d bytes are kept by a calm connection", len(r.buf))
	}
}

func TestReaderDoesNotAllocate(t *testing.T) {
	one := stream(256, 27)
	src := bytes.NewReader(one)
	r := NewReader(src, 0)
	round := func() {
		src.Reset(one)
		for range 256 {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}
	}
	round()
	if n := testing.AllocsPerRun(50, round); n != 0 {
		t.Errorf("%v allocations in 256 frames", n)
	}
}

// Whatever the pieces, a Reader sees what Parse sees.
func FuzzReader(f *testing.F) {
	f.Add(stream(3, 10), uint8(1))
	f.Add(stream(2, 600), uint8(200))
	f.Add([]byte("\x00\x02\x00\x00\x7f\xff\xff\xffx"), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		const limit = 4096
		src := &pieces{}
		for rest := b; len(rest) > 0; {
			n := min(len(rest), int(step)+1)
			*src = append(*src, rest[:n])
			rest = rest[n:]
		}
		r := NewReader(src, limit)
		for rest := b; ; {
			want, after, werr := Parse(rest, limit)
			got, err := r.Next()
			switch {
			case werr == nil && (err != nil || !bytes.Equal(Append(nil, got), Append(nil, want))):
				t.Fatalf("got %+v, %v, want %+v", got, err, want)
			case werr == ErrShort && len(rest) == 0 && err != io.EOF,
				werr == ErrShort && len(rest) > 0 && err != io.ErrUnexpectedEOF:
				t.Fatalf("at the end: %v", err)
			case werr != nil && werr != ErrShort && (err == nil || err.Error() != werr.Error()):
				t.Fatalf("got %v, want %v", err, werr)
			}
			if werr != nil {
				return
			}
			rest = after
		}
	})
}
