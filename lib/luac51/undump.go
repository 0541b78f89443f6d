package luac51

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
)

// ErrBytecode is wrapped by every error of Undump: the input is no chunk of
// PUC Lua 5.1 that can be run.
var ErrBytecode = errors.New("bad precompiled chunk")

// maxDepth bounds functions within functions.
const maxDepth = 200

// IsBytecode reports whether data begins as a precompiled chunk of any Lua.
func IsBytecode(data []byte) bool { return len(data) > 0 && data[0] == signature[0] }

// Undump reads a precompiled chunk of PUC Lua 5.1, of either word size and
// byte order, full or stripped, and verifies it. Chunks of other builds are
// refused by name. Memory is bounded by a constant times the input.
func Undump(data []byte) (*Proto, error) {
	l, err := readHeader(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBytecode, err)
	}
	u := &undumper{b: data[headerSize:], l: l, order: binary.LittleEndian}
	if l.BigEndian {
		u.order = binary.BigEndian
	}
	p := u.function("=?", 1)
	if u.err == nil && len(u.b) > 0 {
		u.fail("%d bytes after the end", len(u.b))
	}
	if u.err == nil {
		u.err = verify(p)
	}
	if u.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBytecode, u.err)
	}
	return p, nil
}

func readHeader(b []byte) (Layout, error) {
	switch s := string(b[:min(len(b), 4)]); {
	case strings.HasPrefix(s, "\x1bLJ"):
		return Layout{}, errors.New("made by LuaJIT, not by luac 5.1")
	case s != signature:
		return Layout{}, errors.New("no Lua signature")
	case len(b) < headerSize:
		return Layout{}, errors.New("broken off in the header")
	}
	h := b[4:headerSize]
	l := Layout{BigEndian: h[2] == 0, SizeT: int(h[4])}
	switch {
	case h[0] != 0x51:
		return l, fmt.Errorf("made by Lua %d.%d, not 5.1", h[0]>>4, h[0]&15)
	case h[1] != 0:
		return l, fmt.Errorf("format %d is none of PUC Lua (a NodeMCU LFS or other changed build)", h[1])
	case h[2] > 1:
		return l, fmt.Errorf("byte order %d", h[2])
	case h[7] != 0:
		return l, errors.New("made by an integer-number build of Lua 5.1 (NodeMCU integer firmware, eLua)")
	case h[6] != 8:
		return l, fmt.Errorf("made by a build of Lua 5.1 with numbers of %d bytes (NodeMCU single precision)", h[6])
	case h[3] != 4 || h[5] != 4:
		return l, fmt.Errorf("made by a build of Lua 5.1 with int of %d and instructions of %d bytes", h[3], h[5])
	case h[4] != 4 && h[4] != 8:
		return l, fmt.Errorf("made by a build of Lua 5.1 with size_t of %d bytes", h[4])
	}
	return l, nil
}

// undumper reads the body; the first fault stays in err and makes every
// later read give zeros.
type undumper struct {
	b     []byte
	l     Layout
	order binary.ByteOrder
	err   error
}

func (u *undumper) fail(format string, args ...any) {
	if u.err == nil {
		u.err = fmt.Errorf(format, args...)
	}
	u.b = nil
}

func (u *undumper) take(n int) []byte {
	if n > len(u.b) {
		u.fail("broken off")
		return nil
	}
	b := u.b[:n]
	u.b = u.b[n:]
	return b
}

func (u *undumper) byte() byte {
	if b := u.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (u *undumper) int() int {
	b := u.take(4)
	if b == nil {
		return 0
	}
	n := u.order.Uint32(b)
	if n > math.MaxInt32 {
		u.fail("negative count or line %d", int32(n))
		return 0
	}
	return int(n)
}

// count reads the length of a list whose items take at least size bytes.
func (u *undumper) count(size int) int {
	n := u.int()
	if n > len(u.b)/size {
		u.fail("%d items in %d bytes", n, len(u.b))
		return 0
	}
	return n
}

func (u *undumper) number() float64 {
	b := u.take(8)
	if b == nil {
		return 0
	}
	return math.Float64frombits(u.order.Uint64(b))
}

func (u *undumper) text() (string, bool) {
	n := uint64(0)
	if b := u.take(u.l.SizeT); b == nil {
		return "", false
	} else if u.l.SizeT == 4 {
		n = uint64(u.order.Uint32(b))
	} else {
		n = u.order.Uint64(b)
	}
	if n == 0 {
		return "", false
	}
	if n > uint64(len(u.b)) {
		u.fail("string of %d bytes in %d", n, len(u.b))
		return "", false
	}
	b := u.take(int(n))
	if b[n-1] != 0 {
		u.fail("string without its final zero")
		return "", false
	}
	return string(b[:n-1]), true
}

func (u *undumper) name() string {
	s, ok := u.text()
	if !ok {
		u.fail("a name is missing")
	}
	return s
}

func (u *undumper) function(outer string, depth int) *Proto {
	if depth > maxDepth {
		u.fail("functions nested more than %d deep", maxDepth)
		return nil
	}
	p := &Proto{Source: outer}
	if s, ok := u.text(); ok {
		p.Source = s
	}
	p.LineDefined = u.int()
	p.LastLine = u.int()
	p.NumUpvalues, p.NumParams, p.VarArg, p.MaxStack = u.byte(), u.byte(), u.byte(), u.byte()

	p.Code = make([]Instruction, u.count(4))
	for i := range p.Code {
		p.Code[i] = Instruction(u.order.Uint32(u.take(4)))
	}
	p.Consts = make([]any, u.count(1))
	for i := range p.Consts {
		p.Consts[i] = u.constant()
	}
	p.Protos = make([]*Proto, u.count(40))
	for i := range p.Protos {
		if p.Protos[i] = u.function(p.Source, depth+1); u.err != nil {
			return nil
		}
	}
	p.Lines = make([]int32, u.count(4))
	for i := range p.Lines {
		p.Lines[i] = int32(u.int())
	}
	p.Locals = make([]Local, u.count(8+u.l.SizeT))
	for i := range p.Locals {
		p.Locals[i] = Local{u.name(), u.int(), u.int()}
	}
	p.Upvalues = make([]string, u.count(u.l.SizeT))
	for i := range p.Upvalues {
		p.Upvalues[i] = u.name()
	}
	if u.err != nil {
		return nil
	}
	return p
}

func (u *undumper) constant() any {
	switch t := u.byte(); t {
	case constNil:
		return nil
	case constBool:
		return u.byte() != 0
	case constNumber:
		return u.number()
	case constString:
		s, ok := u.text()
		if !ok {
			u.fail("a constant string is missing")
		}
		return s
	default:
		u.fail("constant of type %d", t)
		return nil
	}
}
