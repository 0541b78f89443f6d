package agent

import (
	"lander/lib/emp"
	"lander/lib/emp/frame"
)

// failure is the response that says an error, by the one table of emp.
func failure(err error) frame.Response {
	status, text := emp.StatusOf(err)
	r := frame.Response{Status: status}
	if text != "" {
		r.Body = frame.AppendString(nil, text)
	}
	return r
}
