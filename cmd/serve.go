package cmd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"lander/lib/durable"
	"lander/lib/link"
)

func listenFlag(def string) cli.Flag {
	return &cli.StringSliceFlag{Name: "listen", Usage: "accept connections at `ADDR`, tcp://HOST:PORT or unix:///PATH (repeatable; default: " + def + ")", Value: nil, DefaultText: def}
}

func readyFileFlag() cli.Flag {
	return &cli.StringFlag{Name: "ready-file", Usage: "write the bound address to `FILE` when accepting, and remove it at the end"}
}

func connectFlag(def string) cli.Flag {
	return &cli.StringFlag{Name: "connect", Usage: "the peer is at `ADDR`", Value: def}
}

// listen opens what a service manager handed over, else what --listen names,
// else what a file of another program does.
func (k *call) listen(otherwise ...string) ([]*link.Listener, error) {
	addrs := k.cli.StringSlice("listen")
	if ls, err := k.inherited(); len(ls) > 0 || err != nil {
		if len(addrs) > 0 {
			k.ui.warn("ListenStream= of the socket unit is the place for addresses", "--listen is not used: the service manager has handed over what to listen on")
		}
		return ls, err
	}
	if len(addrs) == 0 {
		addrs = otherwise
	}
	if len(addrs) == 0 {
		for _, f := range k.cli.Command.Flags {
			if d, ok := f.(*cli.StringSliceFlag); ok && d.Name == "listen" {
				addrs = []string{d.DefaultText}
			}
		}
	}
	var out []*link.Listener
	for _, text := range addrs {
		addr, err := link.Parse(text)
		if err != nil {
			closeAll(out)
			return nil, usagef("tcp://127.0.0.1:9999 or unix:///run/x.sock", "--listen: %v", err)
		}
		if addr.Scheme == link.TCP && !addr.Loopback() {
			k.ui.warn("", "listening at %s: reachable from other machines, without authentication", addr)
		}
		l, err := link.Listen(k.ctx, addr, link.Options{})
		if err != nil {
			closeAll(out)
			return nil, &fault{exit: exitUnreachable, msg: err.Error(), cause: err} // whatever keeps us from binding may pass
		}
		out = append(out, l)
	}
	return out, nil
}

// inherited takes over sockets by the protocol of systemd: descriptors 3 and
// on, for this process.
func (k *call) inherited() ([]*link.Listener, error) {
	if k.getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(k.getenv("LISTEN_FDS"))
	if err != nil || n < 1 || n > 64 {
		return nil, nil
	}
	var out []*link.Listener
	for fd := 3; fd < 3+n; fd++ {
		l, err := link.FileListener(os.NewFile(uintptr(fd), "LISTEN_FD_"+strconv.Itoa(fd)))
		if err != nil {
			closeAll(out)
			return nil, fmt.Errorf("taking over descriptor %d of the service manager: %w", fd, err)
		}
		out = append(out, l)
	}
	return out, nil
}

func closeAll(ls []*link.Listener) {
	for _, l := range ls {
		l.Close()
	}
}

// addresses are where listeners are bound.
func addresses(ls []*link.Listener) []string {
	out := make([]string, 0, len(ls))
	for _, l := range ls {
		out = append(out, l.Address().String())
	}
	return out
}

// ready says that connections are accepted: in the ready file, one address a
// line as the peer's flag takes it, and to the service manager. The function it
// returns takes it back.
func (k *call) ready(addresses []string) (func(), error) {
	var b strings.Builder
	for _, a := range addresses {
		fmt.Fprintln(&b, a)
		k.log.Info("listening", "address", a)
	}
	path := k.cli.String("ready-file")
	if path != "" {
		if err := durable.WriteFile(path, []byte(b.String()), 0o644, durable.NoSync); err != nil {
			return nil, fmt.Errorf("writing the ready file %s: %w", path, plainCause(err))
		}
	}
	k.notifyManager("READY=1")
	return func() {
		k.notifyManager("STOPPING=1")
		if path != "" {
			os.Remove(path)
		}
	}, nil
}

// notifyManager tells systemd, where it listens.
func (k *call) notifyManager(state string) {
	addr := k.getenv("NOTIFY_SOCKET")
	if addr == "" {
		return
	}
	if strings.HasPrefix(addr, "@") {
		addr = "\x00" + addr[1:]
	}
	conn, err := net.Dial("unixgram", addr)
	if err != nil {
		k.log.Warn("the service manager cannot be told", "error", err)
		return
	}
	defer conn.Close()
	conn.Write([]byte(state))
}

// dialFault words a connection that did not come about.
func dialFault(err error) error {
	if errors.Is(err, link.ErrAddress) || errors.Is(err, link.ErrScheme) {
		return usagef("tcp://HOST:PORT, unix:///PATH or serial:///dev/ttyUSB0", "%v", err)
	}
	return err
}
