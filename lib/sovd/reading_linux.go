package sovd

import (
	"os"
	"syscall"
	"time"
)

// fileID tells a file and its content from all others: the time of the last
// change of an inode cannot be set back.
type fileID struct {
	dev, ino uint64
	size     int64
	ctime    syscall.Timespec
}

func (id fileID) changed() time.Time { return time.Unix(id.ctime.Unix()) }

func identify(st os.FileInfo) (id fileID, ok bool) {
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok || !st.Mode().IsRegular() {
		return fileID{}, false
	}
	return fileID{uint64(s.Dev), s.Ino, s.Size, s.Ctim}, true
}
