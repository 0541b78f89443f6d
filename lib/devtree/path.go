package devtree

import "strings"

// Clean trims dots at the ends of a path and collapses those inside.
func Clean(path string) string {
	if isClean(path) {
		return path
	}
	parts := strings.Split(path, ".")
	kept := parts[:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ".")
}

func isClean(path string) bool {
	n := len(path)
	return n == 0 || path[0] != '.' && path[n-1] != '.' && !strings.Contains(path, "..")
}

func join(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return a + "." + b
}

// parent is the path above, "" above a root.
func parent(path string) string {
	return path[:max(strings.LastIndexByte(path, '.'), 0)]
}

func rootOf(path string) string {
	r, _, _ := strings.Cut(path, ".")
	return r
}

// below is path relative to prefix, which it begins with.
func below(path, prefix string) string {
	if prefix == "" {
		return path
	}
	return strings.TrimPrefix(path[len(prefix):], ".")
}
