package frame

import (
	"errors"
	"io"
)

const (
	smallBuffer = 512      // of an idle connection
	largeBuffer = 32 << 10 // of a busy one: a window of 256 short commands fits
	calmReads   = 64       // so many short reads in a row give the large one back
)

// Reader takes frames off a stream. Its buffer starts small, grows with what
// arrives, never with what a header announces, and is given back when the
// traffic calms down.
type Reader struct {
	src   io.Reader
	limit int
	buf   []byte
	r, w  int   // buf[r:w] is not taken yet
	calm  int   // short reads in a row
	ended error // of the source; what came before it is still delivered
	err   error // of Next, for good
}

// NewReader reads from src. A frame whose payload is greater than limit bytes
// (0: DefaultLimit) ends the stream with a *TooLargeError.
func NewReader(src io.Reader, limit int) *Reader {
	if limit <= 0 {
		limit = DefaultLimit
	}
	return &Reader{src: src, limit: limit}
}

// Next returns the next frame, waiting for its bytes. The payload is valid
// until the following call. The error is io.EOF between two frames,
// io.ErrUnexpectedEOF inside one, a *TooLargeError, or that of the source;
// after an error Next repeats it.
func (r *Reader) Next() (Frame, error) {
	for r.err == nil {
		f, rest, err := Parse(r.buf[r.r:r.w], r.limit)
		switch {
		case err == nil:
			r.r = r.w - len(rest)
			return f, nil
		case err != ErrShort:
			r.err = err
		case r.ended != nil:
			r.err = r.ended
			if errors.Is(r.ended, io.EOF) && r.r < r.w {
				r.err = io.ErrUnexpectedEOF
			}
		default:
			r.makeRoom()
			r.read()
		}
	}
	return Frame{}, r.err
}

// Ready reports whether Next will return without reading from the source.
func (r *Reader) Ready() bool {
	if r.ended != nil || r.err != nil {
		return true
	}
	h, err := ParseHeader(r.buf[r.r:r.w])
	return err == nil && (uint64(h.Size) > uint64(r.limit) || r.w-r.r-HeaderSize >= int(h.Size))
}

// makeRoom leaves free space behind what is not taken yet.
func (r *Reader) makeRoom() {
	if r.r == r.w {
		r.r, r.w = 0, 0
		if len(r.buf) > largeBuffer || len(r.buf) > smallBuffer && r.calm >= calmReads {
			r.buf, r.calm = nil, 0
		}
	}
	switch {
	case r.buf == nil:
		r.buf = make([]byte, smallBuffer)
	case r.w < len(r.buf):
	case r.r > 0:
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r = 0
	default: // one frame fills it all, so its header is at the front
		h, _ := ParseHeader(r.buf)
		r.resize(min(2*len(r.buf), HeaderSize+int(h.Size)))
	}
}

func (r *Reader) resize(n int) {
	buf := make([]byte, n)
	r.w = copy(buf, r.buf[r.r:r.w])
	r.r = 0
	r.buf = buf
}

// read asks the source once, or again as long as it gives nothing.
func (r *Reader) read() {
	for range 100 {
		n, err := r.src.Read(r.buf[r.w:])
		if n < 0 || n > len(r.buf)-r.w {
			panic("frame: source returned an impossible count")
		}
		r.w += n
		r.ended = err
		if n == 0 && err == nil {
			continue
		}
		if n > smallBuffer/2 {
			r.calm = 0
		} else {
			r.calm++
		}
		if r.w == len(r.buf) && r.w < largeBuffer && err == nil {
			// More is waiting: the next read shall take it in one go.
			r.resize(2 * len(r.buf))
		}
		return
	}
	r.ended = io.ErrNoProgress
}
