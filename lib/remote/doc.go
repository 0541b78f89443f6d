// Package remote is the Run picture: a signed script comes in by any door, is
// opened and checked, recorded, executed by the runner of its format, and
// reported as one execution object and one journal line.
//
// It also holds both ends of the script child: scripts in Lua run in a
// process of their own, which speaks EMP frames with its parent over an
// inherited socket. The parent's end is Child, the other ChildMain.
package remote

import (
	"errors"

	"lander/lib/job"
)

// ErrUncontained says that this system cannot contain a script, and nobody
// said to run it all the same.
var ErrUncontained = errors.New("this system has no process groups and limits to contain a script")

// ErrLocked says that another holds the lock that a run asked for.
var ErrLocked = errors.New("locked by another run")

// Runners finds the runner of each format.
type Runners map[string]job.Runner
