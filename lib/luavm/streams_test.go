package luavm

import (
	"os"
	"testing"
)

// What fopen of the GNU C library makes of modes, tried with it.
func TestOpenFlags(t *testing.T) {
	const create = os.O_CREATE
	for mode, want := range map[string]int{
		"r": os.O_RDONLY, "rb": os.O_RDONLY, "rw": os.O_RDONLY, "rbx": os.O_RDONLY | os.O_EXCL,
		"r+": os.O_RDWR, "r+b": os.O_RDWR, "rb+": os.O_RDWR, "r\x00+": os.O_RDONLY,
		"w": os.O_WRONLY | create | os.O_TRUNC, "w+": os.O_RDWR | create | os.O_TRUNC,
		"wx": os.O_WRONLY | create | os.O_TRUNC | os.O_EXCL, "wzzzzz+": os.O_RDWR | create | os.O_TRUNC,
		"wzzzzzz+": os.O_WRONLY | create | os.O_TRUNC,
		"a":        os.O_WRONLY | create | os.O_APPEND, "a+b": os.O_RDWR | create | os.O_APPEND,
		"": -1, "+": -1, "br": -1, "x": -1, "R": -1,
	} {
		got, ok := openFlags(mode)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %#x, want %#x", mode, got, want)
		}
	}
}
