package cmd

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/job"
)

var noFleetWall = usagef("", "--wall does not go with a fleet: how long a device may take is its own business")

// farWall is what --wall says of a run elsewhere: 0 when it was not given. The
// limits of whoever runs the script hold besides.
func (k *call) farWall() time.Duration {
	if k.conf.origin("wall") == "default" {
		return 0
	}
	return k.cli.Duration("wall")
}

// wallTicket names a run that is to be stopped: its id is known only when it
// has ended.
func wallTicket() string { return job.NewID(time.Now(), rand.Reader) }

// stopAfter stops the run of a ticket at an agent when wall is over. What it
// returns ends the waiting, and says whether that was so.
func stopAfter(ctx context.Context, peer *emp.Peer, ticket string, wall time.Duration) (end func() bool) {
	ctx, cancel := context.WithCancel(ctx)
	over := false
	var wg sync.WaitGroup
	wg.Go(func() {
		timer := time.NewTimer(wall)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
			over = true
			peer.Call(ctx, frame.CmdStopExecution, frame.StopExecution{Ticket: ticket}.Append(nil)) // the run's own answer says what came of it
		}
	})
	return func() bool {
		cancel()
		wg.Wait()
		return over
	}
}

// overWall is why a run was stopped.
func overWall(wall time.Duration) *job.Error {
	return job.Errorf(job.CodeTimeout, "not done within %s", wall)
}
