//go:build !unix

package emp

import "io"

// rawConn is missing here: a goroutine does every write.
type rawConn struct{}

func newRawConn(io.ReadWriteCloser) *rawConn { return nil }

func (*rawConn) write([]byte) (int, error) { return 0, nil }

func (*rawConn) hungUp() bool { return false }
