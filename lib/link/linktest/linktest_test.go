package linktest_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"lander/lib/link"
	"lander/lib/link/linktest"
)

// rwc reads from one buffer and writes into another, piece by piece.
type rwc struct {
	io.Reader
	pieces []string
	closed bool
}

func (c *rwc) Write(p []byte) (int, error) {
	c.pieces = append(c.pieces, string(p))
	return len(p), nil
}

func (c *rwc) Close() error { c.closed = true; return nil }

// all reads everything and returns the pieces it came in.
func all(r io.Reader) (pieces []string, err error) {
	buf := make([]byte, 64)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			pieces = append(pieces, string(buf[:n]))
		}
		if err == io.EOF {
			return pieces, nil
		}
		if err != nil {
			return pieces, err
		}
	}
}

func TestFaults(t *testing.T) {
	F := func(f ...linktest.Fault) []linktest.Fault { return f }
	open := make(chan struct{})
	close(open)
	tests := []struct {
		name   string
		faults []linktest.Fault
		want   []string // pieces of "0123456789"
		err    error
	}{
		{"none", nil, []string{"0123456789"}, nil},
		{"every byte alone", F(linktest.Split(1)), []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, nil},
		{"fours", F(linktest.Split(4)), []string{"0123", "4567", "89"}, nil},
		{"cut", F(linktest.Cut(3)), []string{"012"}, linktest.ErrCut},
		{"cut at once", F(linktest.Cut(0)), nil, linktest.ErrCut},
		{"cut at the end", F(linktest.Cut(10)), []string{"0123456789"}, linktest.ErrCut},
		{"cut later", F(linktest.Cut(11)), []string{"0123456789"}, nil},
		{"dropped", F(linktest.Drop(2, 3)), []string{"0156789"}, nil},
		{"doubled", F(linktest.Duplicate(2, 3)), []string{"0123423456789"}, nil},
		{"doubled byte", F(linktest.Duplicate(9, 1)), []string{"01234567899"}, nil},
		{"flipped", F(linktest.Flip(1, 0x40), linktest.Flip(1, 0x01)), []string{"0p23456789"}, nil},
		{"flipped and doubled", F(linktest.Duplicate(0, 2), linktest.Flip(1, 0x41)), []string{"0p0p23456789"}, nil},
		{"held", F(linktest.Hold(4, open)), []string{"0123", "456789"}, nil},
		{"held, split, cut", F(linktest.Hold(4, open), linktest.Split(3), linktest.Cut(8)), []string{"012", "3", "456", "7"}, linktest.ErrCut},
	}
	for _, tt := range tests {
		t.Run("read "+tt.name, func(t *testing.T) {
			for _, one := range []bool{false, true} {
				inner := &rwc{Reader: bytes.NewReader([]byte("0123456789"))}
				if one {
					inner.Reader = iotest.OneByteReader(inner.Reader)
				}
				got, err := all(linktest.Wrap(inner, linktest.Faults{Read: tt.faults}))
				if one {
					got, tt.want = []string{strings.Join(got, "")}, []string{strings.Join(tt.want, "")}
				}
				if !slices.Equal(got, tt.want) || !errors.Is(err, tt.err) || inner.closed != (tt.err != nil) {
					t.Errorf("read %q, %v, closed %v, want %q, %v", got, err, inner.closed, tt.want, tt.err)
				}
			}
		})
	}
	for _, tt := range tests {
		t.Run("write "+tt.name, func(t *testing.T) {
			inner := &rwc{}
			s := linktest.Wrap(inner, linktest.Faults{Write: tt.faults})
			n, err := s.Write([]byte("0123456789"))
			if tt.name == "cut at the end" {
				if n != 10 || err != nil {
					t.Errorf("wrote %d, %v", n, err)
				}
				n, err = s.Write([]byte("x"))
			}
			if !slices.Equal(inner.pieces, tt.want) || !errors.Is(err, tt.err) || (n == 10) != (err == nil) {
				t.Errorf("wrote %d as %q, %v, want %q, %v", n, inner.pieces, err, tt.want, tt.err)
			}
		})
	}
}

func TestHoldAndClose(t *testing.T) {
	a, b := linktest.Pipe()
	defer b.Close()
	until := make(chan struct{})
	s := linktest.Wrap(a, linktest.Faults{Write: []linktest.Fault{linktest.Hold(2, until), linktest.Hold(3, nil)}})
	wrote := make(chan error)
	go func() {
		_, err := s.Write([]byte("abcd"))
		wrote <- err
	}()
	buf := make([]byte, 8)
	if n, err := b.Read(buf); err != nil || string(buf[:n]) != "ab" {
		t.Fatalf("read %q, %v", buf[:n], err)
	}
	until <- struct{}{}
	if n, err := b.Read(buf); err != nil || string(buf[:n]) != "c" {
		t.Fatalf("read %q, %v", buf[:n], err)
	}
	s.Close() // the second one is never let go
	if err := <-wrote; !errors.Is(err, net.ErrClosed) {
		t.Errorf("held write: %v, want ErrClosed", err)
	}
}

func TestPipe(t *testing.T) {
	a, b := linktest.Pipe()
	defer a.Close()
	var c link.Conn = linktest.Wrap(b, linktest.Faults{})
	if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("past the deadline: %v", err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	go a.Write([]byte("x"))
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Errorf("after it: %v", err)
	}
	if c.Address() != a.Address() {
		t.Errorf("addresses %v and %v", c.Address(), a.Address())
	}
	bare := linktest.Wrap(&rwc{}, linktest.Faults{})
	if err := bare.SetWriteDeadline(time.Now()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("deadline of a stream that has none: %v", err)
	}
}
