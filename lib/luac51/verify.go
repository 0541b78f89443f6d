package luac51

import "fmt"

// verify checks that a prototype and those in it can be run: that operands
// stay within registers, constants, upvalues and prototypes, that jumps land
// on instructions, and that an open list of values is made just before the
// instruction that takes it. What kinds of values the registers hold is for
// the virtual machine to check.
func verify(p *Proto) error {
	v := verifier{p: p, data: make([]bool, len(p.Code))}
	if err := v.function(); err != nil {
		return fmt.Errorf("function at line %d: %w", p.LineDefined, err)
	}
	for _, f := range p.Protos {
		if err := verify(f); err != nil {
			return err
		}
	}
	return nil
}

type verifier struct {
	p    *Proto
	data []bool // words that are no instructions of their own
}

func (v *verifier) function() error {
	p := v.p
	params := int(p.NumParams) + int(p.VarArg&VarArgHasArg)
	switch {
	case p.MaxStack > maxRegs || params > int(p.MaxStack):
		return fmt.Errorf("%d registers for %d parameters", p.MaxStack, params)
	case p.VarArg&^7 != 0, p.VarArg&VarArgNeedsArg != 0 && p.VarArg&VarArgHasArg == 0,
		p.VarArg&VarArgHasArg != 0 && p.VarArg&VarArgIsVarArg == 0:
		return fmt.Errorf("vararg flags %d", p.VarArg)
	case len(p.Upvalues) > int(p.NumUpvalues):
		return fmt.Errorf("%d names for %d upvalues", len(p.Upvalues), p.NumUpvalues)
	case len(p.Lines) != 0 && len(p.Lines) != len(p.Code):
		return fmt.Errorf("%d lines for %d instructions", len(p.Lines), len(p.Code))
	case len(p.Code) == 0 || p.Code[len(p.Code)-1].Op() != OpReturn:
		return fmt.Errorf("no return at the end")
	}
	for pc := 0; pc < len(p.Code); pc++ {
		skip, err := v.instruction(pc)
		if err != nil {
			return fmt.Errorf("instruction %d (%s): %w", pc+1, p.Code[pc].Op(), err)
		}
		for ; skip > 0; skip-- {
			pc++
			v.data[pc] = true
		}
	}
	if v.data[len(v.data)-1] {
		return fmt.Errorf("no return at the end")
	}
	for pc, i := range p.Code {
		if v.data[pc] {
			continue
		}
		switch i.Op() {
		case OpJmp, OpForLoop, OpForPrep:
			if v.data[pc+1+i.SBx()] {
				return fmt.Errorf("instruction %d jumps into data", pc+1)
			}
		case OpLoadBool:
			if i.C() != 0 && v.data[pc+2] {
				return fmt.Errorf("instruction %d skips into data", pc+1)
			}
		}
	}
	return nil
}

func (v *verifier) reg(r int) error {
	if r < 0 || r >= int(v.p.MaxStack) {
		return fmt.Errorf("register %d of %d", r, v.p.MaxStack)
	}
	return nil
}

func (v *verifier) constant(k int) error {
	if k >= len(v.p.Consts) {
		return fmt.Errorf("constant %d of %d", k, len(v.p.Consts))
	}
	return nil
}

func (v *verifier) stringConstant(k int) error {
	if err := v.constant(k); err != nil {
		return err
	}
	if _, ok := v.p.Consts[k].(string); !ok {
		return fmt.Errorf("constant %d is no name", k)
	}
	return nil
}

func (v *verifier) rk(x int) error {
	if x&BitRK != 0 {
		return v.constant(x &^ BitRK)
	}
	return v.reg(x)
}

func (v *verifier) upvalue(u int) error {
	if u >= int(v.p.NumUpvalues) {
		return fmt.Errorf("upvalue %d of %d", u, v.p.NumUpvalues)
	}
	return nil
}

func (v *verifier) jump(pc, offset int) error {
	if t := pc + 1 + offset; t < 0 || t >= len(v.p.Code) {
		return fmt.Errorf("jump to %d of %d", t+1, len(v.p.Code))
	}
	return nil
}

// next returns the operation after pc.
func (v *verifier) next(pc int) Op {
	if pc+1 < len(v.p.Code) {
		return v.p.Code[pc+1].Op()
	}
	return numOps
}

// takesOpen checks that the instruction after pc takes an open list that
// begins at register a.
func (v *verifier) takesOpen(pc int) error {
	if pc+1 < len(v.p.Code) {
		switch i := v.p.Code[pc+1]; i.Op() {
		case OpCall, OpTailCall, OpReturn, OpSetList:
			if i.B() == 0 && i.A() <= v.p.Code[pc].A() {
				return nil
			}
		}
	}
	return fmt.Errorf("an open list that nothing takes")
}

// madeOpen checks that an open list was made just before pc.
func (v *verifier) madeOpen(pc int) error {
	if pc > 0 && !v.data[pc-1] {
		switch i := v.p.Code[pc-1]; i.Op() {
		case OpCall, OpTailCall:
			if i.C() == 0 {
				return nil
			}
		case OpVarArg:
			if i.B() == 0 {
				return nil
			}
		}
	}
	return fmt.Errorf("takes an open list that nothing made")
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// instruction checks one instruction and returns how many words of data
// follow it.
func (v *verifier) instruction(pc int) (skip int, err error) {
	i := v.p.Code[pc]
	op, a, b, c := i.Op(), i.A(), i.B(), i.C()
	if op >= numOps {
		return 0, fmt.Errorf("operation %d", op)
	}
	if op != OpJmp {
		if err := v.reg(a); err != nil {
			return 0, err
		}
	}
	switch op {
	case OpMove, OpUnm, OpNot, OpLen:
		err = v.reg(b)
	case OpLoadK:
		err = v.constant(i.Bx())
	case OpLoadBool:
		if c != 0 {
			err = v.jump(pc, 1)
		}
	case OpLoadNil:
		err = v.reg(b)
	case OpGetUpval, OpSetUpval:
		err = v.upvalue(b)
	case OpGetGlobal, OpSetGlobal:
		err = v.stringConstant(i.Bx())
	case OpGetTable:
		err = first(v.reg(b), v.rk(c))
	case OpSetTable, OpAdd, OpSub, OpMul, OpDiv, OpMod, OpPow:
		err = first(v.rk(b), v.rk(c))
	case OpSelf:
		err = first(v.reg(a+1), v.reg(b), v.rk(c))
		if err == nil && c&BitRK != 0 {
			err = v.stringConstant(c &^ BitRK)
		}
	case OpConcat:
		if b >= c {
			return 0, fmt.Errorf("joins registers %d to %d", b, c)
		}
		err = first(v.reg(b), v.reg(c))
	case OpJmp:
		err = v.jump(pc, i.SBx())
	case OpEq, OpLt, OpLe:
		err = first(v.rk(b), v.rk(c), v.followedBy(pc, OpJmp))
	case OpTest:
		err = v.followedBy(pc, OpJmp)
	case OpTestSet:
		err = first(v.reg(b), v.followedBy(pc, OpJmp))
	case OpCall, OpTailCall:
		err = v.call(pc, a, b, c)
	case OpReturn:
		if b == 0 {
			err = v.madeOpen(pc)
		} else if b > 1 {
			err = v.reg(a + b - 2)
		}
	case OpForLoop, OpForPrep:
		err = first(v.reg(a+3), v.jump(pc, i.SBx()))
	case OpTForLoop:
		if c == 0 || a+5 > maxRegs+4 {
			return 0, fmt.Errorf("generic for of %d variables at register %d", c, a)
		}
		err = first(v.reg(a+2+c), v.followedBy(pc, OpJmp))
	case OpSetList:
		return v.setList(pc, a, b, c)
	case OpClosure:
		return v.closure(pc, i.Bx())
	case OpVarArg:
		switch {
		case v.p.VarArg&VarArgIsVarArg == 0 || v.p.VarArg&VarArgNeedsArg != 0:
			err = fmt.Errorf("function has no varargs")
		case b == 0:
			err = v.takesOpen(pc)
		case b > 1:
			err = v.reg(a + b - 2)
		}
	}
	return 0, err
}

func (v *verifier) followedBy(pc int, op Op) error {
	if v.next(pc) != op {
		return fmt.Errorf("no %s after it", op)
	}
	return nil
}

func (v *verifier) call(pc, a, b, c int) (err error) {
	if b == 0 {
		err = v.madeOpen(pc)
	} else {
		err = v.reg(a + b - 1)
	}
	switch {
	case err != nil:
	case c == 0:
		err = v.takesOpen(pc)
	case v.p.Code[pc].Op() == OpTailCall:
		err = fmt.Errorf("tail call with fixed results")
	case c > 1:
		err = v.reg(a + c - 2)
	}
	return err
}

func (v *verifier) setList(pc, a, b, c int) (int, error) {
	skip := 0
	if c == 0 {
		if pc+2 >= len(v.p.Code) {
			return 0, fmt.Errorf("no count after it")
		}
		skip = 1
	}
	if b == 0 {
		return skip, v.madeOpen(pc)
	}
	return skip, v.reg(a + b)
}

func (v *verifier) closure(pc, n int) (int, error) {
	if n >= len(v.p.Protos) {
		return 0, fmt.Errorf("prototype %d of %d", n, len(v.p.Protos))
	}
	ups := int(v.p.Protos[n].NumUpvalues)
	if pc+ups+1 >= len(v.p.Code) {
		return 0, fmt.Errorf("%d upvalues beyond the end", ups)
	}
	for k := 1; k <= ups; k++ {
		var err error
		switch i := v.p.Code[pc+k]; i.Op() {
		case OpMove:
			err = v.reg(i.B())
		case OpGetUpval:
			err = v.upvalue(i.B())
		default:
			err = fmt.Errorf("upvalue made by %s", i.Op())
		}
		if err != nil {
			return 0, err
		}
	}
	return ups, nil
}
