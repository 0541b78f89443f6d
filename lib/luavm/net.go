package luavm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"time"
)

// openNet makes the module net, which the words net:HOST:PORT give: TCP
// connections.
//
//	c, err = net.connect(host, port [, seconds])
//	ok, err = c:send(text)
//	text, err = c:receive("*l" | "*a" | count)
//	c:settimeout(seconds)
//	c:close()
func (r *run) openNet() *table {
	st := r.st
	meta := st.fill(st.newTable(0, 8), socketFuncs())
	meta.setString(st, "__index", tableValue(meta))
	st.registry.setString(st, "socket", tableValue(meta))
	return st.fill(st.newTable(0, 1), netFuncs())
}

var netFuncs = library(func() funcs {
	return funcs{"connect": netConnect}
})

var socketFuncs = library(func() funcs {
	return funcs{
		"send": socketSend, "receive": socketReceive, "settimeout": socketTimeout, "close": socketClose,
		"__tostring": socketText,
	}
})

// socket is a connection of a script.
type socket struct {
	r       *run
	conn    net.Conn
	rd      *bufio.Reader
	timeout time.Duration
	stop    func() bool // ends the watch over the run's context
}

func netConnect(th *thread) int {
	r := th.st.run
	host, port, seconds := th.checkString(1), th.checkInt(2), th.optNumber(3, 0)
	word := fmt.Sprintf("net:%s:%d", host, port)
	if !r.c.Capabilities.Allows(word) {
		th.raiseErr(denied(word))
	}
	if r.full() {
		return th.retError("too many open files")
	}
	ctx := r.ctx
	if seconds > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, duration(seconds))
		defer cancel()
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return r.netError(th, err)
	}
	s := &socket{r: r, conn: conn, rd: bufio.NewReader(conn)}
	s.stop = context.AfterFunc(r.ctx, func() { conn.Close() })
	r.sockets[s] = true
	return th.ret(r.st.newUserdata(s, r.st.registry.get(r.st.string("socket")).table()).value())
}

func duration(seconds float64) time.Duration {
	return time.Duration(math.Min(seconds, 1e9) * float64(time.Second))
}

// netError gives nil and a message, unless the run itself is over.
func (r *run) netError(th *thread, err error) int {
	if r.ctx.Err() != nil {
		panic(&fatal{stopped(r.ctx)})
	}
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return th.retError("closed")
	case errors.As(err, &timeout) && timeout.Timeout():
		return th.retError("timeout")
	}
	return th.retError(err.Error())
}

// checkSocket returns the connection that argument 1 is, with its deadline
// set.
func (th *thread) checkSocket() *socket {
	if v := th.arg(1); v.is(kindUserdata) {
		if s, ok := v.userdata().v.(*socket); ok {
			var at time.Time
			if s.timeout > 0 {
				at = time.Now().Add(s.timeout)
			}
			s.conn.SetDeadline(at)
			return s
		}
	}
	th.typeFault(1, "socket")
	return nil
}

func socketSend(th *thread) int {
	s := th.checkSocket()
	if _, err := io.WriteString(s.conn, th.checkString(2)); err != nil {
		return s.r.netError(th, err)
	}
	return th.retBool(true)
}

func socketReceive(th *thread) int {
	s := th.checkSocket()
	f := &file{r: s.r, rd: s.rd}
	var (
		text string
		ok   = true
		err  error
	)
	if v := th.arg(2); v.isNumber() {
		n := max(size(v.num()), 0)
		text, err = f.readAll(n)
		ok = text != "" || n == 0
	} else {
		switch th.checkOption(2, "*l", "*l", "*a") {
		case 0:
			text, ok, err = f.readLine()
		case 1:
			text, err = f.readAll(math.MaxInt)
		}
	}
	switch {
	case err != nil:
		return s.r.netError(th, err)
	case !ok:
		return th.retError("closed")
	}
	return th.retString(text)
}

func socketTimeout(th *thread) int {
	th.checkSocket().timeout = duration(th.optNumber(2, 0))
	return th.retBool(true)
}

func socketClose(th *thread) int {
	th.checkSocket().shut()
	return th.retBool(true)
}

func socketText(th *thread) int {
	return th.retString("socket " + th.checkSocket().conn.RemoteAddr().String())
}

func (s *socket) shut() {
	s.stop()
	s.conn.Close()
	delete(s.r.sockets, s)
}

func (s *socket) held() int { return bufferSize }
