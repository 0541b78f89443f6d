package sovd

import (
	"net"
	"time"

	"lander/lib/job"
)

// Access is one line of the access log.
type Access struct {
	Event  string   `json:"event"` // "request"
	Time   job.Time `json:"time"`
	Client string   `json:"client"` // address without port
	Actor  string   `json:"actor,omitempty"`
	Method string   `json:"method"`
	Path   string   `json:"path"` // without the query: it may hold what is secret
	Status int      `json:"status"`
	Bytes  int64    `json:"bytes"`
	Millis float64  `json:"elapsed_ms"`
}

// Ended is an execution that has ended, as an event.
type Ended struct {
	Event     string     `json:"event"` // "execution"
	Time      *job.Time  `json:"time"`
	Execution string     `json:"execution"`
	Script    string     `json:"script"`
	Status    job.Status `json:"status"`
}

// EndedEvent makes the event of an execution that has ended.
func EndedEvent(x Execution) Ended {
	e := Ended{Event: "execution", Time: x.CompletedAt, Execution: x.ID, Status: x.Status}
	if x.Detail != nil {
		e.Script = x.Detail.Script
	}
	return e
}

func access(q *request, rec *recorder, begun time.Time, took time.Duration) Access {
	host, _, err := net.SplitHostPort(q.r.RemoteAddr)
	if err != nil {
		host = q.r.RemoteAddr
	}
	return Access{
		Event: "request", Time: job.Time{Time: begun}, Client: host, Actor: q.actor.String(), Method: q.r.Method, Path: shownPath(q.r.URL.EscapedPath()),
		Status: rec.status, Bytes: rec.bytes, Millis: float64(took.Microseconds()) / 1000,
	}
}
