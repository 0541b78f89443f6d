//go:build !linux

package sovd

import (
	"os"
	"time"
)

// fileID is not known here: every script is read each time.
type fileID struct{}

func (fileID) changed() time.Time { return time.Time{} }

func identify(os.FileInfo) (id fileID, ok bool) { return fileID{}, false }
