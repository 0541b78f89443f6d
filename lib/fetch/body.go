package fetch

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Body is a download under way.
type Body struct {
	URL  string // where it came from in the end, for people: without name, password and query
	Size int64  // announced size in bytes, -1 when it was not announced

	c    *client
	body io.ReadCloser
	left int64 // bytes that may still come
	err  error // what ended it

	slow  time.Duration // spent in reads since the last full KiB
	small int           // bytes that came in that time
}

// Read reads the body as it was sent. It fails with ErrTooLarge once there is
// more than Options.MaxBytes, with ErrTimeout when less than a KiB came
// within Options.Stall, with ErrUnreachable when the connection is lost.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	// One byte more than allowed is asked for, to see whether it is there.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	began := b.c.o.Clock()
	stop := b.c.o.AfterFunc(b.c.o.Stall, func() { b.c.cancel(ErrTimeout) })
	n, err := b.body.Read(p)
	stop()
	b.slow += b.c.o.Clock().Sub(began)
	if b.small += n; b.small >= minProgress {
		b.slow, b.small = 0, 0
	}
	switch {
	case int64(n) > b.left:
		n = int(b.left)
		b.err = fmt.Errorf("downloading %s: %w: more than %d bytes", b.URL, ErrTooLarge, b.c.o.MaxBytes)
	case err == io.EOF:
		b.err = io.EOF
	case err != nil:
		b.err = b.c.wrap(b.URL, err)
	case b.slow > b.c.o.Stall:
		b.err = fmt.Errorf("downloading %s: %w: less than %d bytes in %v", b.URL, ErrTimeout, minProgress, b.c.o.Stall)
	}
	b.left -= int64(n)
	if b.err != nil && b.err != io.EOF {
		b.c.cancel(context.Canceled)
	}
	return n, b.err
}

// Close ends the download and its connection.
func (b *Body) Close() error {
	if b.err == nil {
		b.err = fmt.Errorf("downloading %s: the body is closed", b.URL)
	}
	err := b.body.Close()
	b.c.cancel(context.Canceled)
	return err
}
