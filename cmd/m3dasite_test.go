package cmd_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"lander/lib/m3da/m3datest"
)

// sites are the servers of the scripts that run, by their directories.
var sites sync.Map

// m3daSite is a server for scripts:
//
//	m3dasite listen [DEVICE AUTH CIPHER PASSWORD]    sets $SITE to m3da://HOST:PORT
//	m3dasite socket FILE                             has it listen there too
//	m3dasite send DEVICE TICKET COMMAND ARG...
//	m3dasite response DEVICE TICKET STATUS REGEXP    waits for it
//	m3dasite column DEVICE PATH NAME VALUE...        waits for the values
func m3daSite(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: m3dasite listen|send|response|column ...")
	}
	if args[0] == "listen" {
		o := m3datest.Options{}
		if len(args) == 5 {
			o.Devices = map[string]m3datest.Credentials{args[1]: {Auth: args[2], Cipher: args[3], Password: args[4]}}
			o.Register = "registration"
		}
		s := m3datest.New(o)
		l, err := s.Listen("127.0.0.1:0", nil)
		ts.Check(err)
		ts.Defer(l.Close)
		ts.Setenv("SITE", "m3da://"+l.Addr())
		sites.Store(ts.Getenv("WORK"), s)
		return
	}
	v, ok := sites.Load(ts.Getenv("WORK"))
	if !ok || len(args) < 4 && args[0] != "socket" {
		ts.Fatalf("no site listens, or arguments are missing")
	}
	s := v.(*m3datest.Site)
	if args[0] == "socket" {
		l, err := s.Listen(ts.MkAbs(args[1]), nil)
		ts.Check(err)
		ts.Defer(l.Close)
		return
	}
	if args[0] == "column" {
		want := strings.Join(args[4:], " ")
		var got string
		wait(ts, s, func() bool {
			var all []string
			for _, v := range s.Column(args[1], args[2], args[3]) {
				f, _ := v.Float()
				all = append(all, fmt.Sprint(f))
			}
			got = strings.Join(all, " ")
			return got == want
		}, func() string { return "column " + got })
		return
	}
	ticket, err := strconv.ParseInt(args[2], 10, 64)
	ts.Check(err)
	switch args[0] {
	case "send":
		s.Send(args[1], m3datest.Command(ticket, args[3], args[4:]...))
	case "response":
		wait(ts, s, func() bool { return len(s.Responses(args[1], ticket)) > 0 }, func() string { return fmt.Sprintf("no response to ticket %d", ticket) })
		r := s.Responses(args[1], ticket)[0]
		text, _ := r.Data.Str()
		if fmt.Sprint(r.Status) != args[3] || !regexp.MustCompile(args[4]).MatchString(text) {
			ts.Fatalf("ticket %d: %d %q", ticket, r.Status, text)
		}
	default:
		ts.Fatalf("m3dasite %s: unknown", args[0])
	}
}

func wait(ts *testscript.TestScript, s *m3datest.Site, done func() bool, what func() string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if s.Wait(ctx, done) != nil {
		ts.Fatalf("waiting: %s", what())
	}
}
