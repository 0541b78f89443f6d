//go:build unix

package cmd

import "golang.org/x/sys/unix"

// mayUse reports whether this user may read and write the file.
func mayUse(path string) bool { return unix.Access(path, unix.R_OK|unix.W_OK) == nil }
