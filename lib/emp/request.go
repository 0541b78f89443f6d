package emp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"

	"lander/lib/emp/frame"
)

// Handler answers the commands of the other side.
type Handler interface {
	// Answer appends the JSON body of the response to dst and returns the
	// result; adding nothing means null. An error becomes the status and text
	// that StatusOf says. A command of which Handler knows nothing is
	// answered with Unsupported.
	//
	// Answer runs on the goroutine that reads the connection, one command
	// after the other in their order. It must not wait: what may wait goes
	// through Request.Go or Request.Later, and then the results of Answer do
	// not count. The request and its payload are valid until Answer returns.
	Answer(dst []byte, r *Request) ([]byte, error)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(dst []byte, r *Request) ([]byte, error)

// Answer calls f.
func (f HandlerFunc) Answer(dst []byte, r *Request) ([]byte, error) { return f(dst, r) }

// Unsupported is the answer to a command that is not known or not ours to
// answer [EMP 3].
func Unsupported(c frame.Command) error {
	return frame.Errorf(frame.StatusNotImplemented, "unsupported EMP command %d", uint16(c))
}

type noHandler struct{}

func (noHandler) Answer(_ []byte, r *Request) ([]byte, error) { return nil, Unsupported(r.Command) }

// Request is a command of the other side.
type Request struct {
	Command frame.Command
	Payload []byte // JSON text, or empty

	peer  *Peer
	id    uint8
	later bool
}

// Peer is where the request came from.
func (r *Request) Peer() *Peer { return r.peer }

// Reply is a response that is still owed.
type Reply struct {
	peer *Peer
	cmd  frame.Command
	id   uint8
	sent atomic.Bool
}

// Later promises a response to come from any goroutine. When MaxOpen of them
// are owed it waits for one to be sent, and meanwhile nothing is read.
func (r *Request) Later() *Reply {
	p := r.peer
	r.later = true
	p.mu.Lock()
	if p.open >= MaxOpen {
		// Nobody makes progress on answers that were not sent. The batch keeps
		// its buffer: Answer still holds the end of it.
		p.endBatch()
		for p.open >= MaxOpen && p.err == nil {
			p.room.Wait()
		}
		p.batching = p.err == nil
	}
	p.open++
	p.mu.Unlock()
	return &Reply{peer: p, cmd: r.Command, id: r.id}
}

// Go answers by f on a goroutine of its own. The context ends when the
// connection does; when only the other side's sending direction was closed it
// lives on, for the answer is still wanted. The results are to be returned
// from Answer.
func (r *Request) Go(f func(ctx context.Context) ([]byte, error)) ([]byte, error) {
	reply := r.Later()
	p := r.peer
	ctx := p.context()
	p.wg.Add(1) // the reader, which is here, is the one who waits
	go func() {
		defer p.wg.Done()
		body, err := p.guard(reply.cmd, func() ([]byte, error) { return f(ctx) })
		reply.Send(body, err)
	}()
	return nil, nil
}

// Send sends the response: body as JSON text, nil for null, or the status and
// text of err. Only the first Send counts. It does not wait.
func (r *Reply) Send(body []byte, err error) {
	if r.sent.Swap(true) {
		return
	}
	p := r.peer
	payload := make([]byte, 0, 6+len(body))
	if err != nil {
		payload = p.appendError(payload, r.cmd, err)
	} else {
		payload = frame.AppendResponse(payload, frame.Response{Body: body})
	}
	p.mu.Lock()
	if p.err == nil {
		p.add(frame.Frame{Command: r.cmd, Response: true, RequestID: r.id, Payload: payload})
		p.unsent++
	}
	p.open--
	p.room.Broadcast()
	p.write(false)
	p.mu.Unlock()
}

// read takes frames until the input ends.
func (p *Peer) read() error {
	for {
		waits := !p.rd.Ready()
		if waits {
			p.flushBatch()
		}
		f, err := p.rd.Next()
		if big, ok := err.(*frame.TooLargeError); ok && !big.Header.Response {
			p.answerError(frame.Frame{Command: big.Header.Command, RequestID: big.Header.RequestID}, err)
		}
		if err != nil {
			return err
		}
		if waits {
			p.beginBatch()
		}
		if f.Response {
			p.response(f)
			continue
		}
		p.answer(f)
		if len(p.batch) > batchLimit {
			p.flushBatch()
			p.beginBatch()
		}
	}
}

func (p *Peer) beginBatch() {
	p.mu.Lock()
	p.batching = true
	p.mu.Unlock()
}

func (p *Peer) answer(f frame.Frame) {
	p.req = Request{Command: f.Command, Payload: f.Payload, peer: p, id: f.RequestID}
	out, place := frame.Begin(p.batch, f.Command, true, f.RequestID)
	out = frame.AppendStatus(out, frame.StatusOK)
	head := len(out)
	body, err := p.serve(out, &p.req)
	switch {
	case p.req.later:
		return
	case err != nil:
		p.answerError(f, err)
		return
	case len(body) < head || !bytes.Equal(body[place:head], out[place:head]):
		// Not an extension of dst: then it is the body alone.
		body = append(out, body...)
	}
	if len(body) == head {
		body = append(body, "null"...)
	}
	frame.End(body, place)
	p.batch = body
	p.answered++
}

func (p *Peer) answerError(f frame.Frame, err error) {
	out, place := frame.Begin(p.batch, f.Command, true, f.RequestID)
	out = p.appendError(out, f.Command, err)
	frame.End(out, place)
	p.batch = out
	p.answered++
}

func (p *Peer) appendError(dst []byte, c frame.Command, err error) []byte {
	s, text := StatusOf(err)
	level := slog.LevelDebug
	if _, meant := errors.AsType[frame.Status](err); !meant {
		level = slog.LevelWarn // a fault of ours, of which the other side learns the status alone
	}
	p.log.Log(context.Background(), level, "EMP command refused", "command", c, "status", s.Name(), "error", err)
	dst = frame.AppendStatus(dst, s)
	if text == "" {
		return append(dst, "null"...)
	}
	return frame.AppendString(dst, text)
}

func (p *Peer) serve(dst []byte, r *Request) (body []byte, err error) {
	defer func() {
		if x := recover(); x != nil {
			body, err = nil, p.panicked(r.Command, x)
			if r.later {
				// Nobody knows whether the handler passed its Reply on.
				p.fail(err)
			}
		}
	}()
	if p.draining.Load() {
		return nil, &frame.Error{Status: frame.StatusClosed, Text: "the connection is being closed"}
	}
	return p.o.Handler.Answer(dst, r)
}

// guard calls f and makes an error of a panic.
func (p *Peer) guard(c frame.Command, f func() ([]byte, error)) (body []byte, err error) {
	defer func() {
		if x := recover(); x != nil {
			body, err = nil, p.panicked(c, x)
		}
	}()
	return f()
}

func (p *Peer) panicked(c frame.Command, x any) error {
	p.log.Error("handler of an EMP command panicked", "command", c, "panic", fmt.Sprint(x), "stack", string(debug.Stack()))
	return frame.StatusUnspecifiedError
}
