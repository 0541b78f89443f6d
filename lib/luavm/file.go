package luavm

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"

	"lander/lib/luac51"
)

// file is a file handle of a script: a file, a stream of the script, a
// temporary file in memory, or a program.
type file struct {
	r      *run
	disk   *os.File
	seeker io.Seeker     // nil for streams
	rd     *bufio.Reader // nil if it cannot be read
	w      io.Writer     // nil if it cannot be written
	buf    *bufio.Writer // before w, if writes are collected
	eager  bool          // setvbuf("no"): every write goes through
	std    bool          // one of the script's streams: cannot be closed
	closed bool
	proc   *process
}

func (f *file) setReader(r io.Reader) { f.rd = bufio.NewReader(r) }

// bufferSize is the memory of one buffered stream.
const bufferSize = 4096

// maxOpen bounds the files, programs and connections that a run holds.
const maxOpen = 100

func (r *run) full() bool { return len(r.open)+len(r.sockets) >= maxOpen }

// held is the memory that a file takes.
func (f *file) held() int {
	n := 0
	if f.rd != nil && !f.std {
		n += bufferSize
	}
	if f.buf != nil {
		n += bufferSize
	}
	if m, ok := f.seeker.(*memory); ok {
		n += cap(m.data)
	}
	return n
}

// openFile opens a file of the file system.
func (r *run) openFile(name, mode string) (*file, error) {
	flag, ok := openFlags(mode)
	if !ok {
		return nil, syscall.EINVAL
	}
	if r.full() {
		return nil, syscall.EMFILE
	}
	disk, err := r.files.open(name, flag)
	if err != nil {
		return nil, err
	}
	f := &file{r: r, disk: disk, seeker: disk}
	if flag&os.O_WRONLY == 0 {
		f.setReader(disk)
	}
	if flag&(os.O_WRONLY|os.O_RDWR) != 0 {
		f.buf = bufio.NewWriter(disk)
		f.w = f.buf
	}
	r.open[f] = true
	return f, nil
}

// memory is a file that exists only in the run.
type memory struct {
	st   *state
	data []byte
	pos  int
}

func (m *memory) Read(p []byte) (int, error) {
	if m.pos >= len(m.data) {
		return 0, io.EOF
	}
	n := copy(p, m.data[m.pos:])
	m.pos += n
	return n, nil
}

func (m *memory) Write(p []byte) (int, error) {
	if need := m.pos + len(p); need > len(m.data) {
		if need > cap(m.data) {
			m.st.charge(2*need - cap(m.data))
			grown := make([]byte, len(m.data), 2*need)
			copy(grown, m.data)
			m.data = grown
		}
		m.data = m.data[:need]
	}
	m.pos += copy(m.data[m.pos:], p)
	return len(p), nil
}

func (m *memory) Seek(offset int64, whence int) (int64, error) {
	at := offset
	switch whence {
	case io.SeekCurrent:
		at += int64(m.pos)
	case io.SeekEnd:
		at += int64(len(m.data))
	}
	if at < 0 || at > int64(m.st.limit) {
		return 0, syscall.EINVAL
	}
	m.pos = int(at)
	return at, nil
}

func (r *run) temporaryFile() *file {
	m := &memory{st: r.st}
	f := &file{r: r, seeker: m, w: m}
	f.setReader(m)
	return f
}

func (f *file) flush() error {
	if f.buf != nil {
		return f.buf.Flush()
	}
	return nil
}

func (f *file) close() error {
	f.closed = true
	if m, ok := f.seeker.(*memory); ok {
		m.data = nil
	}
	delete(f.r.open, f)
	err := f.flush()
	if f.disk != nil {
		if e := f.disk.Close(); err == nil {
			err = e
		}
	}
	if f.proc != nil {
		f.proc.close()
	}
	return err
}

// place undoes reading ahead and writing behind, so that the position is
// what the script thinks.
func (f *file) place() error {
	if err := f.flush(); err != nil || f.rd == nil || f.seeker == nil {
		return err
	}
	if n := f.rd.Buffered(); n > 0 {
		if _, err := f.seeker.Seek(int64(-n), io.SeekCurrent); err != nil {
			return err
		}
		f.rd.Discard(n)
	}
	return nil
}

func (f *file) seek(offset int64, whence int) (int64, error) {
	if f.seeker == nil {
		return 0, syscall.ESPIPE
	}
	if err := f.place(); err != nil {
		return 0, err
	}
	n, err := f.seeker.Seek(offset, whence)
	if f.rd != nil && err == nil {
		f.rd.Reset(f.rdSource())
	}
	return n, err
}

func (f *file) rdSource() io.Reader {
	if f.disk != nil {
		return f.disk
	}
	return f.seeker.(io.Reader)
}

var errBadFile = syscall.EBADF

func (f *file) write(p []byte) error {
	if f.w == nil {
		return errBadFile
	}
	if f.rd != nil && f.seeker != nil && f.rd.Buffered() > 0 {
		if err := f.place(); err != nil {
			return err
		}
	}
	_, err := f.w.Write(p)
	if err == nil && f.eager {
		err = f.flush()
	}
	return err
}

// The reads give false at the end of the file.

func (f *file) readLine() (string, bool, error) {
	if f.rd == nil {
		return "", false, errBadFile
	}
	var line []byte
	for {
		part, err := f.rd.ReadSlice('\n')
		f.r.st.reserve(len(line) + len(part))
		line = append(line, part...)
		switch {
		case err == nil:
			return string(line[:len(line)-1]), true, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return string(line), len(line) > 0, nil
		default:
			return "", false, err
		}
	}
}

func (f *file) readAll(limit int) (string, error) {
	if f.rd == nil {
		return "", errBadFile
	}
	var b strings.Builder
	var part [4096]byte
	for b.Len() < limit {
		n, err := f.rd.Read(part[:min(len(part), limit-b.Len())])
		f.r.st.reserve(2 * (b.Len() + n))
		b.Write(part[:n])
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// readNumber takes what the GNU C library's scanf takes for a number, and
// leaves the byte that ends it.
func (f *file) readNumber() (float64, bool) {
	if f.rd == nil {
		return 0, false
	}
	var text []byte
	peek := func() byte {
		if b, err := f.rd.Peek(1); err == nil {
			return b[0]
		}
		return 0
	}
	take := func(ok bool) bool {
		if ok {
			c, _ := f.rd.ReadByte()
			if text = append(text, c); len(text)%bufferSize == 0 {
				f.r.st.reserve(2 * len(text))
			}
		}
		return ok
	}
	for c := peek(); c == ' ' || c >= '\t' && c <= '\r'; c = peek() {
		f.rd.ReadByte()
	}
	take(peek() == '-' || peek() == '+')
	sign := len(text)
	for _, word := range []string{"nan", "infinity"} {
		if peek()|0x20 != word[0] {
			continue
		}
		for i := 0; i < len(word) && (i != 3 || peek()|0x20 == word[3]); i++ {
			if !take(peek()|0x20 == word[i]) {
				f.rd.ReadByte() // scanf has read it to see that it is wrong
				return 0, false
			}
		}
		return luac51.ParseNumber(string(text))
	}
	hex, digits := false, false
	if take(peek() == '0') {
		hex = take(peek()|0x20 == 'x')
		digits = !hex
	}
	digit := func() bool {
		c := peek()
		return isDigit(c) || hex && c|0x20 >= 'a' && c|0x20 <= 'f'
	}
	for take(digit()) {
		digits = true
	}
	if take(peek() == '.') {
		for take(digit()) {
			digits = true
		}
	}
	end := len(text)
	if c := peek() | 0x20; digits && (!hex && c == 'e' || hex && c == 'p') {
		take(true)
		take(peek() == '-' || peek() == '+')
		for take(isDigit(peek())) {
			end = len(text) // an exponent without digits is read, but says nothing
		}
	}
	if hex && !digits && len(text) > sign+2 {
		end = sign + 1 // 0x. is a zero
	}
	return luac51.ParseNumber(string(text[:end]))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
