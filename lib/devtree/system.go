package devtree

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"lander/lib/emp/frame"
)

// System is the root where it is mounted usually.
const System = "system"

// systemAge is how long facts that cost something to get are served again.
const systemAge = time.Second

// NewSystem is a read-only Subtree of facts about this host:
//
//	date              string, RFC 3339 in UTC with milliseconds
//	timestamp         integer, seconds since 1970
//	uptime            float, seconds since the host was started
//	load.1 .5 .15     float, runnable processes, mean of so many minutes
//	memory.total      integer, bytes
//	memory.available  integer, bytes
//	network.NAME.N    string, the Nth IP address of an interface; dots in
//	                  its name are underscores
//
// What the operating system does not tell is not there.
func NewSystem(now func() time.Time) Subtree {
	return &system{now: now, read: hostFacts}
}

type system struct {
	now  func() time.Time
	read func() []frame.Member

	mu    sync.Mutex
	at    time.Time
	facts []frame.Member
}

// Get implements Subtree.
func (s *system) Get(path string) (frame.Value, []string, bool) {
	now := s.now()
	facts := append([]frame.Member{
		{Key: "date", Value: frame.String(now.UTC().Format("2006-01-02T15:04:05.000Z"))},
		{Key: "timestamp", Value: frame.Int(now.Unix())},
	}, s.slow(now)...)
	var names []string
	for _, f := range facts {
		switch {
		case f.Key == path:
			return f.Value, nil, true
		case path == "" || strings.HasPrefix(f.Key, path+"."):
			name, _, _ := strings.Cut(below(f.Key, path), ".")
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return frame.Value{}, names, names != nil
}

func (s *system) slow(now time.Time) []frame.Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := now.Sub(s.at); s.facts == nil || age < 0 || age >= systemAge {
		s.at, s.facts = now, s.read()
	}
	return s.facts
}

func hostFacts() []frame.Member {
	facts := osFacts()
	interfaces, err := net.Interfaces()
	if err != nil {
		return facts
	}
	for _, in := range interfaces {
		addrs, err := in.Addrs()
		if err != nil {
			continue
		}
		name := Clean(strings.ReplaceAll(in.Name, ".", "_"))
		for i, a := range addrs {
			ip := a.String()
			if n, ok := a.(*net.IPNet); ok {
				ip = n.IP.String()
			}
			facts = append(facts, frame.Member{Key: "network." + name + "." + strconv.Itoa(i+1), Value: frame.String(ip)})
		}
	}
	return facts
}
