package link

import (
	"io"
)

// stdio is the process's own standard streams. A read of a terminal cannot be
// woken: Close does not wait for it, it ends with the process.
type stdio struct {
	*stream
	address Address
	in, out any
}

func newStdio(a Address, in io.Reader, out io.Writer) *stdio {
	return &stdio{newStream(in, out), a, in, out}
}

// Address implements Conn.
func (c *stdio) Address() Address { return c.address }

// Close implements Conn. The output is closed first, so that the other end
// sees the end of it.
func (c *stdio) Close() error {
	if !c.shut() {
		return nil
	}
	var err error
	for _, s := range []any{c.out, c.in} {
		if cl, ok := s.(io.Closer); ok {
			if cerr := cl.Close(); err == nil {
				err = cerr
			}
		}
	}
	return err
}
