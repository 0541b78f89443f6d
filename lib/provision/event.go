package provision

import "lander/lib/job"

// The events of a service.
const (
	EventSession = "session" // a board said HI and was told that nothing is to do, or to wait
	EventPlan    = "plan"    // an update begins
	EventFile    = "file"    // a file arrived
	EventDone    = "done"    // a session with an update ended
	EventRefused = "refused" // somebody was not served
	EventTree    = "tree"    // the tree was read, or could not be
)

// Event is one line of what a service does. It holds no secret and no
// configuration.
type Event struct {
	Time    job.Time `json:"time"`
	Event   string   `json:"event"`
	Device  string   `json:"device,omitempty"`
	Release string   `json:"release,omitempty"`
	Chk     string   `json:"chk,omitempty"`
	Result  string   `json:"result,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Name    string   `json:"name,omitempty"`
	Bytes   int64    `json:"bytes"`
	Records int      `json:"records,omitempty"`
	Millis  int64    `json:"elapsed_ms,omitempty"`
	Address string   `json:"address,omitempty"`
	Plan    []Step   `json:"plan,omitempty"`
}
