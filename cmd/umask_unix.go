//go:build unix

package cmd

import "golang.org/x/sys/unix"

// maskFiles keeps what a server and the scripts that it starts create from
// being writable for others, whatever mask it was started with; a stricter one
// stays. A script may set its own.
func maskFiles() { unix.Umask(unix.Umask(0o022) | 0o022) }
