package proc

import "bytes"

// Environ is the environment of a process as the kernel shows it: "K=V"
// entries, each with a NUL behind it.
type Environ []byte

// Get returns the value of a variable, or "".
func (e Environ) Get(name string) string {
	for entry := range bytes.SplitSeq(e, []byte{0}) {
		if k, v, ok := bytes.Cut(entry, []byte{'='}); ok && string(k) == name {
			return string(v)
		}
	}
	return ""
}
