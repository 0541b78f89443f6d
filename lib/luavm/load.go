package luavm

import "lander/lib/luac51"

// proto is a prototype made ready to run. It is shared between runs and
// never written.
type proto struct {
	src       *luac51.Proto
	code      []instr // one more than src.Code, so that a pointer past the last is valid
	k         []value
	protos    []*proto
	chunk     string // name for messages
	numUps    int
	numParams int
	maxStack  int
	varArg    uint8
}

// instr is an instruction in the form that the loop reads: operation in bits
// 0-7, A in 8-15, B in 16-31, C in 32-47; a long operand in 32-63.
type instr uint64

// Operations beyond those of luac51: the same with operands told apart.
// K stands for a constant, N for one that is a number, S for a string.
const (
	opGetField  = luac51.OpVarArg + 1 + iota // R[S]
	opGetTableK                              // R[K]
	opSetField                               // R[S] = R
	opSetFieldK                              // R[S] = K
	opSetTableRK
	opSetTableK // R[K] = RK, flags in the operands
	opAddN      // R + N
	opSubN
	opMulN
	opDivN
	opModN
	opPowN
	opArith // any operands, with flags; the operation in bits 48-55
	opEqK   // R == K
	opEqAny // any operands, with flags
	opLtN   // R < N
	opGtN   // N < R
	opLtAny
	opLeN // R <= N
	opGeN // N <= R
	opLeAny
	opSelfS
	opReturn0
	opReturn1
)

const rkFlag = luac51.BitRK

// load prepares a prototype. Strings are shared between all functions of a
// program, so that equal ones are mostly the same object.
func load(p *luac51.Proto) *proto {
	return (&loader{strings: map[string]*str{}}).proto(p)
}

type loader struct{ strings map[string]*str }

func (l *loader) constant(k any) value {
	switch k := k.(type) {
	case bool:
		return boolean(k)
	case float64:
		return number(k)
	case string:
		s, ok := l.strings[k]
		if !ok {
			if s = single(k); s == nil {
				s = sharedString(k)
			}
			l.strings[k] = s
		}
		return s.value()
	}
	return value{}
}

func (l *loader) proto(src *luac51.Proto) *proto {
	p := &proto{
		src: src, chunk: luac51.ChunkID(src.Source), numUps: int(src.NumUpvalues),
		numParams: int(src.NumParams), maxStack: int(src.MaxStack), varArg: src.VarArg,
		code: make([]instr, len(src.Code)+1), k: make([]value, len(src.Consts)),
	}
	for i, k := range src.Consts {
		p.k[i] = l.constant(k)
	}
	for _, f := range src.Protos {
		p.protos = append(p.protos, l.proto(f))
	}
	for pc := 0; pc < len(src.Code); pc++ {
		i := src.Code[pc]
		p.code[pc] = p.translate(i)
		switch {
		case i.Op() == luac51.OpSetList && i.C() == 0:
			pc++
			p.code[pc] = instr(src.Code[pc])
		case i.Op() == luac51.OpClosure:
			for n := p.protos[i.Bx()].numUps; n > 0; n-- {
				pc++
				p.code[pc] = pack(src.Code[pc].Op(), src.Code[pc].A(), src.Code[pc].B(), 0)
			}
		}
	}
	return p
}

func pack(op luac51.Op, a, b, c int) instr {
	return instr(op) | instr(a)<<8 | instr(b)<<16 | instr(c)<<32
}

func packLong(op luac51.Op, a, long int) instr {
	return instr(op) | instr(a)<<8 | instr(uint32(int32(long)))<<32
}

func (p *proto) isString(rk int) bool { return rk&rkFlag != 0 && p.k[rk&^rkFlag].is(kindString) }
func (p *proto) isNumber(rk int) bool { return rk&rkFlag != 0 && p.k[rk&^rkFlag].isNumber() }

func (p *proto) translate(i luac51.Instruction) instr {
	op, a, b, c := i.Op(), i.A(), i.B(), i.C()
	switch op {
	case luac51.OpLoadK, luac51.OpGetGlobal, luac51.OpSetGlobal, luac51.OpClosure:
		return packLong(op, a, i.Bx())
	case luac51.OpJmp, luac51.OpForLoop, luac51.OpForPrep:
		return packLong(op, a, i.SBx())
	case luac51.OpGetTable:
		switch {
		case p.isString(c):
			op = opGetField
		case c&rkFlag != 0:
			op = opGetTableK
		}
		return pack(op, a, b, c&^rkFlag)
	case luac51.OpSelf:
		if p.isString(c) {
			return pack(opSelfS, a, b, c&^rkFlag)
		}
	case luac51.OpSetTable:
		switch {
		case p.isString(b) && c&rkFlag != 0:
			return pack(opSetFieldK, a, b&^rkFlag, c&^rkFlag)
		case p.isString(b):
			return pack(opSetField, a, b&^rkFlag, c)
		case b&rkFlag != 0:
			return pack(opSetTableK, a, b, c)
		case c&rkFlag != 0:
			return pack(opSetTableRK, a, b, c&^rkFlag)
		}
	case luac51.OpAdd, luac51.OpSub, luac51.OpMul, luac51.OpDiv, luac51.OpMod, luac51.OpPow:
		switch {
		case b&rkFlag == 0 && p.isNumber(c):
			return pack(opAddN+op-luac51.OpAdd, a, b, c&^rkFlag)
		case (b|c)&rkFlag != 0:
			return pack(opArith, a, b, c) | instr(op)<<48
		}
	case luac51.OpEq:
		switch {
		case b&rkFlag == 0 && c&rkFlag != 0:
			return pack(opEqK, a, b, c&^rkFlag)
		case b&rkFlag != 0:
			return pack(opEqAny, a, b, c)
		}
	case luac51.OpLt, luac51.OpLe:
		n, g, any := opLtN, opGtN, opLtAny
		if op == luac51.OpLe {
			n, g, any = opLeN, opGeN, opLeAny
		}
		switch {
		case b&rkFlag == 0 && p.isNumber(c):
			return pack(n, a, b, c&^rkFlag)
		case c&rkFlag == 0 && p.isNumber(b):
			return pack(g, a, b&^rkFlag, c)
		case (b|c)&rkFlag != 0:
			return pack(any, a, b, c)
		}
	case luac51.OpReturn:
		switch b {
		case 1:
			op = opReturn0
		case 2:
			op = opReturn1
		}
	case luac51.OpNewTable:
		b, c = luac51.FBDecode(b), luac51.FBDecode(c)
		return pack(op, a, min(b, 1<<15), min(c, 1<<15))
	}
	return pack(op, a, b, c)
}
