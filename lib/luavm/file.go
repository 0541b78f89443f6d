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
	read, write, appending, create, ok := parseMode(mode)
	if !ok {
		return nil, syscall.EINVAL
	}
	if r.full() {
		return nil, syscall.EMFILE
	}
	flag := os.O_RDONLY
	switch {
	case read && write:
		flag = os.O_RDWR
	case write:
		flag = os.O_WRONLY
	}
	if appending {
		flag |= os.O_APPEND
	} else if create {
		flag |= os.O_TRUNC
	}
	if create {
		flag |= os.O_CREATE
	}
	disk, err := r.files.open(name, flag)
	if err != nil {
		return nil, err
	}
	f := &file{r: r, disk: disk, seeker: disk}
	if read {
		f.setReader(disk)
	}
	if write {
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

// readNumber takes what scanf takes for a number.
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
			text = append(text, c)
		}
		return ok
	}
	for c := peek(); c == ' ' || c >= '\t' && c <= '\r'; c = peek() {
		f.rd.ReadByte()
	}
	take(peek() == '-' || peek() == '+')
	hex := false
	if take(peek() == '0') && take(peek()|0x20 == 'x') {
		hex = true
	}
	if c := peek(); len(text) == 0 || !isDigit(text[len(text)-1]) && !hex {
		if isAlpha(c) { // inf and nan
			for len(text) < 9 && take(isAlpha(peek())) {
			}
			return luac51.ParseNumber(string(text))
		}
	}
	digit := func() bool {
		c := peek()
		return isDigit(c) || hex && c|0x20 >= 'a' && c|0x20 <= 'f'
	}
	for len(text) < 200 && take(digit()) {
	}
	if take(peek() == '.') {
		for len(text) < 200 && take(digit()) {
		}
	}
	if c := peek() | 0x20; !hex && c == 'e' || hex && c == 'p' {
		take(true)
		take(peek() == '-' || peek() == '+')
		for len(text) < 200 && take(isDigit(peek())) {
		}
	}
	return luac51.ParseNumber(string(text))
}

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
