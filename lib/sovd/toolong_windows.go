package sovd

import "syscall"

// tooLong tells a name that no file can have.
func tooLong(err error) bool {
	const invalidName = syscall.Errno(123)
	return err == invalidName || err == syscall.ENAMETOOLONG
}
