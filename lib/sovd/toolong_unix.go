//go:build unix

package sovd

import "syscall"

// tooLong tells a name that no file can have.
func tooLong(err error) bool { return err == syscall.ENAMETOOLONG }
