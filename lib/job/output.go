package job

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
)

// Stream says what a piece of an Output is.
type Stream byte

// The streams of an Output.
const (
	Stdout   Stream = 'o'
	Stderr   Stream = 'e'
	Progress Stream = 'p'
)

// Output keeps what a run printed and reported, in the order in which it came,
// and lets any number of readers follow it. Of each of stdout and stderr the
// first bytes are kept and the rest is counted. A position in it counts the
// kept bytes of output, and one for each report of progress; it only grows,
// so that a reader can go on where it was. It is safe for concurrent use.
type Output struct {
	mu       sync.Mutex
	keep     int64
	data     []byte
	pieces   []piece
	kept     [2]int64
	dropped  [2]int64
	progress int // the last report, -1 before the first
	line     []byte
	closed   bool
	changed  chan struct{} // made when a reader waits
}

type piece struct {
	stream     Stream
	from, to   int   // in data; of a report of progress both are the same
	at         int64 // position of its first byte
	percentage int
}

// Piece is what a reader gets: Text of a stream, or the Percent of a report.
type Piece struct {
	Stream  Stream
	Text    []byte
	Percent int
	At      int64 // position behind it
}

// maxReports bounds the reports of progress that are kept: each of them that
// differs from the one before counts, and scripts may go up and down.
const maxReports = 10_000

// maxPieces bounds how often the streams may take turns; output beyond it is
// dropped, so that single bytes in turn do not cost many times their size.
const maxPieces = 1 << 16

// NewOutput keeps the first keep bytes of each of stdout and stderr; 0 is
// KeepOutput.
func NewOutput(keep int64) *Output {
	if keep <= 0 {
		keep = KeepOutput
	}
	return &Output{keep: keep, progress: -1}
}

// Writer takes the output of one stream, or the lines that report progress.
// Its Write never fails: a script is not stopped by the reader of its output.
func (o *Output) Writer(s Stream) io.Writer { return streamWriter{o, s} }

type streamWriter struct {
	o *Output
	s Stream
}

func (w streamWriter) Write(p []byte) (int, error) {
	w.o.mu.Lock()
	defer w.o.mu.Unlock()
	if w.s == Progress {
		w.o.reports(p)
	} else {
		w.o.add(w.s, p)
	}
	return len(p), nil
}

func index(s Stream) int {
	if s == Stderr {
		return 1
	}
	return 0
}

func (o *Output) add(s Stream, p []byte) {
	i := index(s)
	n := min(int64(len(p)), o.keep-o.kept[i])
	last := len(o.pieces) - 1
	follows := last >= 0 && o.pieces[last].stream == s
	if !follows && len(o.pieces) >= maxPieces {
		n = 0
	}
	o.dropped[i] += int64(len(p)) - n
	if n == 0 {
		return
	}
	o.kept[i] += n
	start := len(o.data)
	o.data = append(o.data, p[:n]...)
	if follows {
		o.pieces[last].to = len(o.data)
	} else {
		o.pieces = append(o.pieces, piece{stream: s, from: start, to: len(o.data), at: o.end()})
	}
	o.wake()
}

// end is the position behind all that is kept.
func (o *Output) end() int64 {
	if len(o.pieces) == 0 {
		return 0
	}
	l := o.pieces[len(o.pieces)-1]
	return l.at + l.length()
}

func (p piece) length() int64 {
	if p.stream == Progress {
		return 1
	}
	return int64(p.to - p.from)
}

// reports takes lines of "NN" or "PROGRESS NN"; what is neither is ignored.
func (o *Output) reports(p []byte) {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			if room := 64 - len(o.line); room > 0 {
				o.line = append(o.line, p[:min(room, len(p))]...)
			}
			return
		}
		line := append(o.line, p[:min(end, 64)]...)
		o.line, p = o.line[:0], p[end+1:]
		text := bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(line), []byte("PROGRESS")))
		if n, err := strconv.ParseUint(string(text), 10, 7); err == nil && n <= 100 {
			o.report(int(n))
		}
	}
}

func (o *Output) report(n int) {
	if n == o.progress {
		return
	}
	o.progress = n
	if len(o.pieces) < maxReports {
		o.pieces = append(o.pieces, piece{stream: Progress, from: len(o.data), to: len(o.data), at: o.end(), percentage: n})
	}
	o.wake()
}

func (o *Output) wake() {
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
}

// Close says that nothing more will come.
func (o *Output) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.closed = true
		o.wake()
	}
}

// Read returns what is kept from the position at on, and whether that is all
// there will be. When it is not, changed is closed as soon as there is more.
func (o *Output) Read(at int64) (pieces []Piece, done bool, changed <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.pieces {
		skip := max(at-p.at, 0)
		if skip >= p.length() {
			continue
		}
		out := Piece{Stream: p.stream, Percent: p.percentage, At: p.at + p.length()}
		if p.stream != Progress {
			out.Text = bytes.Clone(o.data[p.from+int(skip) : p.to])
		}
		pieces = append(pieces, out)
	}
	if o.closed {
		return pieces, true, nil
	}
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return pieces, false, o.changed
}

// End is the position behind all that is kept.
func (o *Output) End() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.end()
}

// Kept returns the kept bytes of stdout or stderr, and how many were dropped.
// A character that the limit cut in two is dropped whole.
func (o *Output) Kept(s Stream) (text []byte, dropped int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	text = make([]byte, 0, o.kept[index(s)])
	for _, p := range o.pieces {
		if p.stream == s {
			text = append(text, o.data[p.from:p.to]...)
		}
	}
	dropped = o.dropped[index(s)]
	if dropped > 0 {
		whole := trimPartialRune(text)
		dropped += int64(len(text) - len(whole))
		text = whole
	}
	return text, dropped
}

// Percent is the last report of progress.
func (o *Output) Percent() (n int, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.progress, o.progress >= 0
}

// Take appends what another Output holds, as if it came now.
func (o *Output) Take(from *Output) {
	pieces, _, _ := from.Read(0)
	from.mu.Lock()
	dropped := from.dropped
	from.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range pieces {
		if p.Stream == Progress {
			o.report(p.Percent)
		} else {
			o.add(p.Stream, p.Text)
		}
	}
	o.dropped[0] += dropped[0]
	o.dropped[1] += dropped[1]
}

// Append appends the durable form of o from the position at on: for each piece
// its stream, the length or percentage as a varint, and the bytes; then 'd'
// and the two counts of dropped bytes.
func (o *Output) Append(dst []byte, at int64) []byte {
	pieces, _, _ := o.Read(at)
	for _, p := range pieces {
		dst = append(dst, byte(p.Stream))
		if p.Stream == Progress {
			dst = binary.AppendUvarint(dst, uint64(p.Percent))
			continue
		}
		dst = append(binary.AppendUvarint(dst, uint64(len(p.Text))), p.Text...)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	dst = append(dst, 'd')
	dst = binary.AppendUvarint(dst, uint64(o.dropped[0]))
	return binary.AppendUvarint(dst, uint64(o.dropped[1]))
}

// errOutput is what ParseOutput wraps.
var errOutput = errors.New("malformed output record")

// ParseOutput reads what one or more Appends wrote, and returns a closed
// Output. A torn end is left out with an error that says where; what stands
// before it is in the Output all the same.
func ParseOutput(b []byte, keep int64) (*Output, error) {
	o := NewOutput(keep)
	defer o.Close()
	o.mu.Lock()
	defer o.mu.Unlock()
	whole := len(b)
	for len(b) > 0 {
		s := Stream(b[0])
		n, size := binary.Uvarint(b[1:])
		if size <= 0 {
			return o, fmt.Errorf("%w at byte %d", errOutput, whole-len(b))
		}
		rest := b[1+size:]
		switch {
		case (s == Stdout || s == Stderr) && n <= uint64(len(rest)):
			o.add(s, rest[:n])
			rest = rest[n:]
		case s == Progress && n <= 100:
			o.report(int(n))
		case s == 'd':
			second, size := binary.Uvarint(rest)
			if size <= 0 || n > 1<<62 || second > 1<<62 {
				return o, fmt.Errorf("%w at byte %d", errOutput, whole-len(b))
			}
			o.dropped = [2]int64{int64(n), int64(second)}
			rest = rest[size:]
		default:
			return o, fmt.Errorf("%w at byte %d", errOutput, whole-len(b))
		}
		b = rest
	}
	return o, nil
}
