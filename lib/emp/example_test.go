package emp_test

import (
	"context"
	"fmt"
	"net"

	"lander/lib/emp"
	"lander/lib/emp/frame"
)

// An agent and an application on the two ends of a connection.
func Example() {
	agentEnd, appEnd := net.Pipe()
	agent := emp.NewPeer(agentEnd, emp.Options{
		Handler: emp.HandlerFunc(func(dst []byte, r *emp.Request) ([]byte, error) {
			switch r.Command {
			case frame.CmdRegister:
				p, err := frame.ParseRegister(r.Payload)
				if err != nil {
					return nil, err
				}
				if p.Name == "@sys" {
					return nil, frame.Errorf(frame.StatusBadParameter, "%s is taken", p.Name)
				}
				return dst, nil
			case frame.CmdConnectToServer:
				return r.Go(func(ctx context.Context) ([]byte, error) {
					// What takes its time goes here.
					return nil, nil
				})
			}
			return nil, emp.Unsupported(r.Command)
		}),
	})
	app := emp.NewPeer(appEnd, emp.Options{})
	for _, name := range []string{"asset1", "@sys", "a.b"} {
		r, err := app.Call(context.Background(), frame.CmdRegister, frame.Register{Name: name}.Append(nil))
		fmt.Println(name, r.Status.Name(), r.Err(), err)
	}
	app.Close()
	<-app.Done()
	<-agent.Done()
	// Output:
	// asset1 OK <nil> <nil>
	// @sys BAD_PARAMETER @sys is taken <nil>
	// a.b BAD_PARAMETER asset name "a.b" has a dot <nil>
}
