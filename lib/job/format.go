package job

import (
	"bytes"
	"path"
	"strings"
)

var extensions = map[string]string{".lua": FormatLua, ".sh": FormatSh, ".bash": FormatBash, ".py": FormatPython, ".devs": FormatDevs}

// DetectFormat tells the format of a script from its name and its first
// bytes: bytecode by its mark, else the extension, else the interpreter line.
// It returns "" when none of them says.
func DetectFormat(name string, head []byte) string {
	// LuaJIT's mark too: what loads bytecode refuses it by name.
	if bytes.HasPrefix(head, []byte("\x1bLua")) || bytes.HasPrefix(head, []byte("\x1bLJ")) {
		return FormatLuac51
	}
	if f := extensions[strings.ToLower(path.Ext(name))]; f != "" {
		return f
	}
	line, ok := bytes.CutPrefix(head, []byte("#!"))
	if !ok {
		return ""
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	words := strings.Fields(string(line))
	if len(words) > 1 && path.Base(words[0]) == "env" {
		words = words[1:]
	}
	if len(words) == 0 {
		return ""
	}
	switch base := path.Base(words[0]); {
	case base == "sh" || base == "dash":
		return FormatSh
	case base == "bash":
		return FormatBash
	case strings.HasPrefix(base, "python"):
		return FormatPython
	case strings.HasPrefix(base, "lua"):
		return FormatLua
	}
	return ""
}

// Runnable reports whether a format is ever executed on a host.
func Runnable(format string) bool {
	switch format {
	case FormatLua, FormatLuac51, FormatSh, FormatBash, FormatPython:
		return true
	}
	return false
}
