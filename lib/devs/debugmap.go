package devs

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// DebugMap is what the compiler writes beside an image, bytecode-dbg.json: how
// places in the image belong to lines of the sources.
type DebugMap struct {
	Functions []struct {
		Name    string `json:"name"`
		StartPC int    `json:"startpc"`
		Size    int    `json:"size"`
	} `json:"functions"`
	// SrcMap is triples: position in the concatenated sources, length, pc;
	// position and pc as differences from the triple before.
	SrcMap  []int `json:"srcmap"`
	Sources []struct {
		Path   string `json:"path"`
		Length int    `json:"length"`
		Text   string `json:"text"` // may be missing for libraries
	} `json:"sources"`
	Binary struct {
		Hex string `json:"hex"`
	} `json:"binary"`
	SHA256 string `json:"binarySHA256"`
}

// ParseDebugMap reads a debug map.
func ParseDebugMap(b []byte) (*DebugMap, error) {
	m := &DebugMap{}
	if err := decodeMap(b, m); err != nil {
		return nil, err
	}
	if len(m.SrcMap)%3 != 0 {
		return nil, fmt.Errorf("%w: the debug map: srcmap is not made of triples", ErrProgram)
	}
	for _, s := range m.Sources {
		if s.Length < 0 {
			return nil, fmt.Errorf("%w: the debug map: a source of negative length", ErrProgram)
		}
	}
	return m, nil
}

// Place is a line of a source.
type Place struct {
	File string `json:"file"`
	Line int    `json:"line"` // from 1; 0: the text of the file is not in the map
	Func string `json:"function,omitempty"`
}

func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// ImagePlace is the line of a byte of the image. The pc of an event and that
// of a trace point one behind: subtract first.
func (m *DebugMap) ImagePlace(pc int) (Place, bool) {
	at, pos, found := 0, 0, -1
	for i := 0; i+2 < len(m.SrcMap); i += 3 {
		pos += m.SrcMap[i]
		at += m.SrcMap[i+2]
		if at > pc {
			break
		}
		found = pos
	}
	if found < 0 {
		return Place{}, false
	}
	for _, s := range m.Sources {
		if found >= s.Length {
			found -= s.Length
			continue
		}
		p := Place{File: s.Path}
		if found <= len(s.Text) && s.Text != "" {
			p.Line = 1 + strings.Count(s.Text[:found], "\n")
		}
		return p, true
	}
	return Place{}, false
}

// EventPlace is the line of the program counter in a panic event. Zero, as
// unhandled exceptions have it, is no place.
func (m *DebugMap) EventPlace(pc uint32) (Place, bool) {
	if pc == 0 || pc > MaxImage {
		return Place{}, false
	}
	p, ok := m.ImagePlace(int(pc) - 1)
	for _, f := range m.Functions {
		if ok && int(pc)-1 >= f.StartPC && int(pc)-1 < f.StartPC+f.Size {
			p.Func = f.Name
		}
	}
	return p, ok
}

// trace is a line of a stack trace: "at inner_F3 (pc:6)".
var trace = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\bat ([^ ]*)_F(\d+) \(pc:(\d+)\)`) })

// TracePlace is the line that a line of a stack trace means.
func (m *DebugMap) TracePlace(text string) (Place, bool) {
	g := trace().FindStringSubmatch(text)
	if g == nil {
		return Place{}, false
	}
	fn, err := strconv.Atoi(g[2])
	pc, err2 := strconv.Atoi(g[3])
	if err != nil || err2 != nil || fn >= len(m.Functions) || pc < 1 || pc > MaxImage {
		return Place{}, false
	}
	p, ok := m.ImagePlace(m.Functions[fn].StartPC + pc - 1)
	p.Func = g[1]
	return p, ok
}
