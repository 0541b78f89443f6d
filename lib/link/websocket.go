package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// The schemes of a WebSocket; WSS is over TLS.
const (
	WS  = "ws"
	WSS = "wss"
)

// maxMessage bounds a message that comes in.
const maxMessage = 1 << 20

// WebSocket is a Conn of binary messages; text messages are skipped. As a
// stream, what is read of a message follows what was read of the one before,
// and each Write of at most 4 KiB is a message of its own. ReadMessage and
// WriteMessage keep messages apart and know no deadline: use these or the
// stream, not both.
type WebSocket struct {
	*stream
	address Address
	conn    *websocket.Conn
	raw     net.Conn        // below it
	ctx     context.Context // of reads and writes: ends with Close
	cancel  context.CancelFunc
}

func dialWebSocket(ctx context.Context, a Address, o Options) (*WebSocket, error) {
	if a.Port == 0 {
		return nil, fmt.Errorf("connecting to %s: %w: port 0 is for listening", a, ErrAddress)
	}
	timeout := o.Timeout
	if timeout == 0 {
		timeout = DefaultDialTimeout
	}
	dialling := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		dialling, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	// No proxy of the environment: the address says where to go.
	d := net.Dialer{KeepAlive: o.KeepAlive}
	var raw net.Conn
	dial := func(ctx context.Context, network, address string) (_ net.Conn, err error) {
		raw, err = d.DialContext(ctx, network, address)
		return raw, err
	}
	tr := &http.Transport{DialContext: dial, DisableKeepAlives: true}
	client := &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	conn, resp, err := websocket.Dial(dialling, a.String(), &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("connecting to %s: %w", a, ctx.Err())
		}
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			return nil, fmt.Errorf("connecting to %s: %w: no WebSocket there, but HTTP status %d", a, ErrUnreachable, resp.StatusCode)
		}
		return nil, fmt.Errorf("connecting to %s: %w: %w", a, ErrUnreachable, innermost(err))
	}
	return newWebSocket(a, conn, raw), nil
}

// innermost is the fault without the operations around it.
func innermost(err error) error {
	if oe, ok := errors.AsType[*net.OpError](err); ok {
		return cause(oe)
	}
	return err
}

func newWebSocket(a Address, conn *websocket.Conn, raw net.Conn) *WebSocket {
	conn.SetReadLimit(maxMessage)
	c := &WebSocket{address: a, conn: conn, raw: raw}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.stream = newStream(&messageReader{c: c}, messageWriter{c})
	return c
}

// ReadMessage gives the next binary message. The end of the connection is
// io.EOF.
func (c *WebSocket) ReadMessage() ([]byte, error) {
	for {
		kind, b, err := c.conn.Read(c.ctx)
		switch {
		case err == nil && kind == websocket.MessageBinary:
			return b, nil
		case err == nil:
		case c.ctx.Err() != nil:
			return nil, net.ErrClosed
		case websocket.CloseStatus(err) >= 0 || errors.Is(err, io.EOF):
			return nil, io.EOF
		default:
			return nil, fmt.Errorf("reading from %s: %w", c.address, innermost(err))
		}
	}
}

// WriteMessage sends a binary message.
func (c *WebSocket) WriteMessage(b []byte) error {
	if err := c.conn.Write(c.ctx, websocket.MessageBinary, b); err != nil {
		if c.ctx.Err() != nil {
			return net.ErrClosed
		}
		return fmt.Errorf("writing to %s: %w", c.address, innermost(err))
	}
	return nil
}

type messageReader struct {
	c    *WebSocket
	rest []byte
}

func (r *messageReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		var err error
		if r.rest, err = r.c.ReadMessage(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

type messageWriter struct{ c *WebSocket }

func (w messageWriter) Write(p []byte) (int, error) {
	if err := w.c.WriteMessage(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Address implements Conn.
func (c *WebSocket) Address() Address { return c.address }

// closingTime bounds the farewell of Close.
const closingTime = 200 * time.Millisecond

// Close implements Conn. It says farewell to the other end, but does not wait
// for its answer.
func (c *WebSocket) Close() error {
	if !c.shut() {
		return nil
	}
	// The library waits for the answer, and for the rest of a message without
	// end.
	t := time.AfterFunc(closingTime, func() { c.raw.Close() })
	c.conn.Close(websocket.StatusNormalClosure, "")
	t.Stop()
	c.cancel()
	c.conn.CloseNow()
	c.readers.Wait()
	return nil
}

func parseWebSocket(scheme, rest string) (Address, error) {
	authority, path, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
	path = "/" + path
	if !strings.HasPrefix(rest, "//") {
		return Address{}, fmt.Errorf("not %s://HOST:PORT/PATH", scheme)
	}
	if _, _, err := net.SplitHostPort(authority); err != nil {
		port := 80
		if scheme == WSS {
			port = 443
		}
		authority += ":" + strconv.Itoa(port)
	}
	a, err := parseTCP("//" + authority)
	if err != nil {
		return Address{}, err
	}
	for i := range len(path) {
		if !nameByte(path[i]) && !strings.ContainsRune("/?&=~+%", rune(path[i])) {
			return Address{}, errors.New("the path has odd characters")
		}
	}
	a.Scheme, a.Path = scheme, path
	return a, nil
}
