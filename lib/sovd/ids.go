package sovd

import (
	"fmt"
	"io"
	"time"

	"lander/lib/job"
)

// MaxID bounds the ids of entities, scripts and executions, in characters.
const MaxID = 256

// badID says what is wrong with an id, or "".
func badID(id, what string) string {
	if id == "" {
		return what + " ID is empty"
	}
	if len(id) > MaxID {
		return fmt.Sprintf("%s ID too long (max %d characters)", what, MaxID)
	}
	for _, c := range id {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
		default:
			return fmt.Sprintf("%s ID contains invalid character: '%c'. Only alphanumeric, underscore and hyphen are allowed", what, c)
		}
	}
	return ""
}

// newScriptID makes "script_" and the 26 characters of an execution id: they
// sort by time and never repeat, also after the machine was started anew.
func newScriptID(now time.Time, random io.Reader) string {
	return "script_" + job.NewID(now, random)[len("exec_"):]
}
