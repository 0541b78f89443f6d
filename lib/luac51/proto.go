// Package luac51 is the compiler and the bytecode of PUC Lua 5.1: it turns
// source text into function prototypes with the same instructions as luac
// 5.1 does, reads and writes precompiled chunks of both word sizes and byte
// orders, verifies that a prototype can be run safely, and tells what name a
// register has, for messages. Chunks of other Lua builds are refused by name.
//
// The compiler works in one pass, as "The Implementation of Lua 5.0"
// describes: expressions are descriptors that become instructions as late as
// possible, registers are a stack, and open jumps are threaded through the
// instructions themselves.
package luac51

import "strings"

// Proto is a function prototype.
type Proto struct {
	Source      string // chunk name: @file, =text or the source itself; "" if stripped
	LineDefined int    // 0 for the main chunk
	LastLine    int
	NumUpvalues uint8
	NumParams   uint8
	VarArg      uint8 // bits VarArgHasArg, VarArgIsVarArg, VarArgNeedsArg
	MaxStack    uint8 // registers used, at least 2
	Code        []Instruction
	Consts      []any // nil, bool, float64 or string
	Protos      []*Proto
	Lines       []int32 // line of each instruction; empty if stripped
	Locals      []Local // in order of Start; empty if stripped
	Upvalues    []string
}

// The bits of Proto.VarArg.
const (
	VarArgHasArg   = 1 // the function has a hidden parameter arg
	VarArgIsVarArg = 2
	VarArgNeedsArg = 4 // arg must be made: the function does not use ...
)

// Local is a local variable and the instructions [Start, End) it lives for.
type Local struct {
	Name       string
	Start, End int
}

// LineOf returns the line of the instruction at pc, or 0.
func (p *Proto) LineOf(pc int) int {
	if pc >= 0 && pc < len(p.Lines) {
		return int(p.Lines[pc])
	}
	return 0
}

// LocalName returns the name of the nth (from 1) local variable that is
// alive at pc, or "".
func (p *Proto) LocalName(n, pc int) string {
	for _, l := range p.Locals {
		if l.Start > pc {
			break
		}
		if pc < l.End {
			if n--; n == 0 {
				return l.Name
			}
		}
	}
	return ""
}

// The sizes of PUC's buffers for a chunk name: in messages of the running
// program, and in those of the compiler.
const (
	idSize       = 60
	idSizeSyntax = 80
)

// ChunkID is the form of a chunk name that messages show: the name after @
// or =, or [string "..."] around the first line of a source text.
func ChunkID(source string) string { return chunkID(source, idSize) }

func chunkID(source string, size int) string {
	if i := strings.IndexByte(source, 0); i >= 0 {
		source = source[:i]
	}
	switch {
	case strings.HasPrefix(source, "="):
		source = source[1:]
		return source[:min(len(source), size-1)]
	case strings.HasPrefix(source, "@"):
		source = source[1:]
		if room := size - len(" '...' ") - 1; len(source) > room {
			return "..." + source[len(source)-room:]
		}
		return source
	}
	line := source
	if i := strings.IndexAny(line, "\n\r"); i >= 0 {
		line = line[:i]
	}
	line = line[:min(len(line), size-len(` [string "..."] `)-1)]
	if line != source {
		line += "..."
	}
	return `[string "` + line + `"]`
}
