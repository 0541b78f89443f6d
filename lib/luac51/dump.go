package luac51

import (
	"encoding/binary"
	"math"
)

// Layout is how a build of Lua 5.1 writes its chunks: the byte order and the
// size of size_t, 4 or 8 bytes.
type Layout struct {
	BigEndian bool
	SizeT     int
}

// Host64 is the layout of 64-bit little-endian machines.
var Host64 = Layout{SizeT: 8}

const signature = "\x1bLua"

// The header after the signature: version, format, byte order, and the sizes
// of int, size_t, instruction and number, and whether numbers are integers.
const headerSize = 12

func (l Layout) header() []byte {
	h := append([]byte(signature), 0x51, 0, 1, 4, byte(l.SizeT), 4, 8, 0)
	if l.BigEndian {
		h[6] = 0
	}
	return h
}

// The type bytes of constants.
const (
	constNil    = 0
	constBool   = 1
	constNumber = 3
	constString = 4
)

// Dump writes the prototype as a precompiled chunk. With strip it leaves out
// names and lines.
func Dump(p *Proto, l Layout, strip bool) []byte {
	d := &dumper{b: l.header(), l: l, strip: strip, order: binary.LittleEndian}
	if l.BigEndian {
		d.order = binary.BigEndian
	}
	d.function(p, "")
	return d.b
}

type dumper struct {
	b     []byte
	l     Layout
	order binary.AppendByteOrder
	strip bool
}

func (d *dumper) int(n int) { d.b = d.order.AppendUint32(d.b, uint32(n)) }

func (d *dumper) size(n int) {
	if d.l.SizeT == 4 {
		d.b = d.order.AppendUint32(d.b, uint32(n))
	} else {
		d.b = d.order.AppendUint64(d.b, uint64(n))
	}
}

// text writes a string with its final zero byte; none writes size 0.
func (d *dumper) text(s string, none bool) {
	if none {
		d.size(0)
		return
	}
	d.size(len(s) + 1)
	d.b = append(append(d.b, s...), 0)
}

func (d *dumper) function(p *Proto, outer string) {
	d.text(p.Source, d.strip || p.Source == outer || p.Source == "")
	d.int(p.LineDefined)
	d.int(p.LastLine)
	d.b = append(d.b, p.NumUpvalues, p.NumParams, p.VarArg, p.MaxStack)
	d.int(len(p.Code))
	for _, i := range p.Code {
		d.b = d.order.AppendUint32(d.b, uint32(i))
	}
	d.int(len(p.Consts))
	for _, k := range p.Consts {
		d.constant(k)
	}
	d.int(len(p.Protos))
	for _, f := range p.Protos {
		d.function(f, p.Source)
	}
	if d.strip {
		d.b = append(d.b, make([]byte, 12)...)
		return
	}
	d.int(len(p.Lines))
	for _, n := range p.Lines {
		d.int(int(n))
	}
	d.int(len(p.Locals))
	for _, v := range p.Locals {
		d.text(v.Name, false)
		d.int(v.Start)
		d.int(v.End)
	}
	d.int(len(p.Upvalues))
	for _, s := range p.Upvalues {
		d.text(s, false)
	}
}

func (d *dumper) constant(k any) {
	switch k := k.(type) {
	case nil:
		d.b = append(d.b, constNil)
	case bool:
		v := byte(0)
		if k {
			v = 1
		}
		d.b = append(d.b, constBool, v)
	case float64:
		d.b = d.order.AppendUint64(append(d.b, constNumber), math.Float64bits(k))
	case string:
		d.b = append(d.b, constString)
		d.text(k, false)
	}
}
