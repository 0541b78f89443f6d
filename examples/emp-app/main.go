// An EMP application in Go: it owns the asset "thermostat", reports a
// temperature through a table that the agent consolidates, follows the set
// point in the variable tree, and takes messages of the server.
//
//	lander agent --dev --sink data.ndjson &
//	go run ./examples/emp-app tcp://127.0.0.1:9999
//	lander emp send SetVariable '["config.thermostat.target",21.5]'
//	lander emp simulate senddata thermostat 7 '{"target":19}'
//
// It ends when the agent does, or after -readings readings.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/link"
)

func main() {
	readings := flag.Int("readings", 0, "end after so many readings")
	every := flag.Duration("every", time.Second, "take a reading so often")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, flag.Arg(0), *readings, *every); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, address string, readings int, every time.Duration) error {
	addr, err := link.Parse(address)
	if err != nil {
		return err
	}
	conn, err := link.Dial(ctx, addr, link.Options{})
	if err != nil {
		return err
	}
	peer := emp.NewPeer(conn, emp.Options{Handler: emp.HandlerFunc(answer)})
	defer func() { peer.Close(); <-peer.Done() }()

	call := func(cmd frame.Command, p frame.Payload) (frame.Response, error) {
		r, err := peer.Call(ctx, cmd, p.Append(nil))
		if err == nil {
			err = r.Err()
		}
		if err != nil {
			return r, fmt.Errorf("%s: %w", cmd, err)
		}
		return r, nil
	}
	if _, err := call(frame.CmdRegister, frame.Register{Name: "thermostat"}); err != nil {
		return err
	}
	if _, err := call(frame.CmdRegisterVariable, frame.RegisterVariable{Watch: []string{"config.thermostat"}}); err != nil {
		return err
	}
	// Readings are kept in flash and never sent; their means are, once an hour.
	r, err := call(frame.CmdTableNew, frame.TableNew{
		Asset: "thermostat", Storage: frame.StorageFile, Policy: frame.PolicyNever, Path: "readings",
		Columns: []frame.Column{{Name: "timestamp"}, {Name: "temp"}},
	})
	if err != nil {
		return err
	}
	table, err := frame.ParseTableID(r.Body)
	if err != nil {
		return err
	}
	if _, err := call(frame.CmdConsoNew, frame.ConsoNew{
		Src: table, Path: "means", Storage: frame.StorageFile, SendPolicy: frame.PolicyNow, ConsoPolicy: "hourly",
		Columns: []frame.Column{{Name: "timestamp", Consolidation: "last"}, {Name: "temp", Consolidation: "mean"}},
	}); err != nil {
		return err
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 1; ; n++ {
		row := []frame.Member{{Key: "timestamp", Value: frame.Int(time.Now().Unix())}, {Key: "temp", Value: frame.Float(20 + float64(n%10)/10)}}
		if _, err := call(frame.CmdTableRow, frame.TableRow{Table: table, Row: row}); err != nil {
			return err
		}
		if n == readings {
			_, err := call(frame.CmdConsoTrigger, frame.Trigger{Table: table})
			return err
		}
		select {
		case <-tick.C:
		case <-peer.Done():
			return peer.Err()
		case <-ctx.Done():
			return nil
		}
	}
}

// answer takes what the agent sends. It must not wait: what has to goes
// through r.Go.
func answer(_ []byte, r *emp.Request) ([]byte, error) {
	switch r.Command {
	case frame.CmdNotifyVariable:
		p, err := frame.ParseNotifyVariable(r.Payload)
		if err != nil {
			return nil, err
		}
		for _, c := range p.Changes {
			fmt.Println("set", c.Key, c.Value)
		}
		return nil, nil
	case frame.CmdSendData:
		p, err := frame.ParseSendData(r.Payload)
		if err != nil {
			return nil, err
		}
		fmt.Println("data", p.Path, p.Body)
		if p.Ticket == 0 {
			return nil, nil
		}
		peer := r.Peer()
		return r.Go(func(ctx context.Context) ([]byte, error) {
			ack, err := peer.Call(ctx, frame.CmdPAcknowledge, frame.PAcknowledge{Ticket: frame.Int(p.Ticket)}.Append(nil))
			if err != nil {
				return nil, err
			}
			return nil, ack.Err()
		})
	}
	return nil, emp.Unsupported(r.Command)
}
