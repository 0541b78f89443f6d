package luac51

// Instruction is one word of code: 6 bits operation, 8 bits A, and either 9
// bits C and 9 bits B, or 18 bits Bx, from the low end on.
type Instruction uint32

// Op is the number of an operation.
type Op uint8

// The operations of Lua 5.1, in their order.
const (
	OpMove Op = iota
	OpLoadK
	OpLoadBool
	OpLoadNil
	OpGetUpval
	OpGetGlobal
	OpGetTable
	OpSetGlobal
	OpSetUpval
	OpSetTable
	OpNewTable
	OpSelf
	OpAdd
	OpSub
	OpMul
	OpDiv
	OpMod
	OpPow
	OpUnm
	OpNot
	OpLen
	OpConcat
	OpJmp
	OpEq
	OpLt
	OpLe
	OpTest
	OpTestSet
	OpCall
	OpTailCall
	OpReturn
	OpForLoop
	OpForPrep
	OpTForLoop
	OpSetList
	OpClose
	OpClosure
	OpVarArg
	numOps
)

const (
	maxA   = 1<<8 - 1
	maxC   = 1<<9 - 1
	maxBx  = 1<<18 - 1
	maxSBx = maxBx >> 1

	// BitRK marks an operand B or C that is a constant.
	BitRK = 1 << 8
	// FieldsPerFlush is the number of list items one SETLIST stores.
	FieldsPerFlush = 50

	noReg = maxA
)

// ABC makes an instruction of three operands.
func ABC(op Op, a, b, c int) Instruction {
	return Instruction(op) | Instruction(a)<<6 | Instruction(c)<<14 | Instruction(b)<<23
}

// ABx makes an instruction of two operands, the second unsigned.
func ABx(op Op, a, bx int) Instruction {
	return Instruction(op) | Instruction(a)<<6 | Instruction(bx)<<14
}

// AsBx makes an instruction of two operands, the second signed.
func AsBx(op Op, a, sbx int) Instruction { return ABx(op, a, sbx+maxSBx) }

// Op returns the operation.
func (i Instruction) Op() Op { return Op(i & 0x3f) }

// A returns operand A.
func (i Instruction) A() int { return int(i >> 6 & 0xff) }

// B returns operand B.
func (i Instruction) B() int { return int(i >> 23) }

// C returns operand C.
func (i Instruction) C() int { return int(i >> 14 & 0x1ff) }

// Bx returns the unsigned long operand.
func (i Instruction) Bx() int { return int(i >> 14) }

// SBx returns the signed long operand.
func (i Instruction) SBx() int { return int(i>>14) - maxSBx }

func (i *Instruction) setOp(op Op) { *i = *i&^0x3f | Instruction(op) }
func (i *Instruction) setA(a int)  { *i = *i&^(0xff<<6) | Instruction(a)<<6 }
func (i *Instruction) setB(b int)  { *i = *i&^(0x1ff<<23) | Instruction(b)<<23 }
func (i *Instruction) setC(c int)  { *i = *i&^(0x1ff<<14) | Instruction(c)<<14 }
func (i *Instruction) setSBx(v int) {
	*i = *i&(1<<14-1) | Instruction(v+maxSBx)<<14
}

// FBDecode reads a "floating point byte", the form of the size hints of
// NEWTABLE: eeeeexxx means 1xxx * 2^(eeeee-1), or xxx if eeeee is 0.
func FBDecode(x int) int {
	e := x >> 3 & 31
	if e == 0 {
		return x
	}
	return (x&7 + 8) << (e - 1)
}

// fbEncode is the inverse, rounding up.
func fbEncode(x int) int {
	e := 0
	for x >= 16 {
		x = (x + 1) >> 1
		e++
	}
	if x < 8 {
		return x
	}
	return (e+1)<<3 | (x - 8)
}

var opNames = [...]string{
	"MOVE", "LOADK", "LOADBOOL", "LOADNIL", "GETUPVAL", "GETGLOBAL", "GETTABLE", "SETGLOBAL", "SETUPVAL",
	"SETTABLE", "NEWTABLE", "SELF", "ADD", "SUB", "MUL", "DIV", "MOD", "POW", "UNM", "NOT", "LEN", "CONCAT",
	"JMP", "EQ", "LT", "LE", "TEST", "TESTSET", "CALL", "TAILCALL", "RETURN", "FORLOOP", "FORPREP", "TFORLOOP",
	"SETLIST", "CLOSE", "CLOSURE", "VARARG",
}

// String returns the name that luac -l shows.
func (op Op) String() string {
	if int(op) < len(opNames) {
		return opNames[op]
	}
	return "?"
}
