package jacdac

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"lander/lib/jacdac/packet"
)

// Service is one service of a Node. Its calls come one at a time, on the
// reader of the bus: they must not wait.
type Service interface {
	Class() uint32
	// Command is asked to do what a command says. False: not implemented.
	Command(r *Request) bool
}

// Request is a command that came to a service of a Node.
type Request struct {
	packet.Packet
	Broadcast bool

	node  *Node
	index byte
}

// Answer reports something with the command's own word.
func (r *Request) Answer(payload []byte) { r.node.Report(r.index, r.Command, payload) }

// announceEvery is how often a device announces itself.
const announceEvery = 500 * time.Millisecond

// Node is a device of our own on a bus.
type Node struct {
	ID packet.DeviceID

	bus      *Bus
	services []Service

	mu        sync.Mutex
	inlets    map[uint16]*Inlet
	port      uint16
	announces bool
	off       bool
	restarts  int
	last      time.Time
	counter   byte
	pending   []pendingEvent
}

type pendingEvent struct {
	at    time.Time
	frame packet.Frame
}

func newNode(b *Bus, id packet.DeviceID) *Node {
	return &Node{ID: id, bus: b, inlets: map[uint16]*Inlet{}, port: uint16(id[0])}
}

// Attach puts a device on the bus. Its services have the indexes 1, 2, ...;
// control answers the control service, and may be nil.
func (b *Bus) Attach(id packet.DeviceID, control Service, services ...Service) *Node {
	n := newNode(b, id)
	n.services = append([]Service{control}, services...)
	n.announces = true
	b.mu.Lock()
	b.nodes[id] = n
	b.mu.Unlock()
	n.Announce()
	return n
}

// Local is the node of our own id, for pipes that devices open towards us.
func (b *Bus) Local() *Node {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.nodes[b.self]
}

// Restart is what a reset does to the node: its pipes are gone and its restart
// counter begins again.
func (n *Node) Restart() {
	n.mu.Lock()
	n.inlets, n.pending, n.restarts, n.counter = map[uint16]*Inlet{}, nil, 0, 0
	n.mu.Unlock()
}

// Mute takes a node off the bus, or puts it back: off, it hears and says
// nothing.
func (n *Node) Mute(off bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.off = off
}

func (n *Node) muted() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.off
}

// Announce says now that the node is there.
func (n *Node) Announce() {
	n.mu.Lock()
	if n.off || !n.announces {
		n.mu.Unlock()
		return
	}
	n.restarts = min(n.restarts+1, packet.AnnounceRestarts)
	n.last = time.Now()
	a := packet.Announce{Flags: packet.AnnounceAck | packet.AnnounceBroadcast | packet.AnnounceFrames | uint16(n.restarts), Packets: 1}
	n.mu.Unlock()
	for _, s := range n.services[1:] {
		a.Services = append(a.Services, s.Class())
	}
	n.Report(packet.IndexControl, packet.CmdAnnounce, packet.AppendAnnounce(nil, a))
}

// Report sends a report of a service.
func (n *Node) Report(index byte, cmd uint16, payload []byte) {
	f, err := packet.New(0, n.ID, packet.Packet{Service: index, Command: cmd, Payload: payload})
	if err == nil && !n.muted() {
		n.bus.Send(&f)
	}
}

// Event sends an event, three times: now, and after 20 and 70 ms, for events
// are not acknowledged.
func (n *Node) Event(index, code byte, payload []byte) {
	n.mu.Lock()
	n.counter = (n.counter + 1) & 0x7f
	cmd := packet.CmdEvent | uint16(n.counter)<<8 | uint16(code)
	f, err := packet.New(0, n.ID, packet.Packet{Service: index, Command: cmd, Payload: payload})
	if err != nil || n.off {
		n.mu.Unlock()
		return
	}
	now := time.Now()
	n.pending = append(n.pending, pendingEvent{now.Add(20 * time.Millisecond), f}, pendingEvent{now.Add(70 * time.Millisecond), f})
	n.mu.Unlock()
	n.bus.Send(&f)
}

// announceNodes does what is due at each tick.
func (b *Bus) announceNodes(now time.Time) {
	b.mu.Lock()
	nodes := make([]*Node, 0, len(b.nodes))
	for _, n := range b.nodes {
		nodes = append(nodes, n)
	}
	b.mu.Unlock()
	for _, n := range nodes {
		n.mu.Lock()
		due := n.announces && now.Sub(n.last) >= announceEvery-tickEvery/2
		var events []packet.Frame
		n.pending = slices.DeleteFunc(n.pending, func(p pendingEvent) bool {
			if now.Before(p.at) {
				return false
			}
			events = append(events, p.frame)
			return true
		})
		off := n.off
		n.mu.Unlock()
		for _, f := range events {
			if !off {
				b.Send(&f)
			}
		}
		if due {
			n.Announce()
		}
	}
}

// takeCommand hands a command frame to the nodes it is for.
func (b *Bus) takeCommand(f *packet.Frame) {
	if f.Flags&packet.FlagBroadcast != 0 {
		b.mu.Lock()
		nodes := make([]*Node, 0, len(b.nodes))
		for _, n := range b.nodes {
			nodes = append(nodes, n)
		}
		b.mu.Unlock()
		for _, n := range nodes {
			if n.muted() {
				continue
			}
			for p := range f.Packets() {
				n.takeBroadcast(f.ID.Class(), p)
			}
		}
		return
	}
	b.mu.Lock()
	n := b.nodes[f.ID]
	b.mu.Unlock()
	if n == nil || n.muted() {
		return
	}
	if f.Flags&packet.FlagAck != 0 {
		// Before the packets are looked at: it says only that they arrived.
		n.Report(packet.IndexAck, f.CRC, nil)
	}
	for p := range f.Packets() {
		switch {
		case p.Service == packet.IndexPipe:
			n.takePipe(p)
		default:
			n.dispatch(p, f.CRC)
		}
	}
}

func (n *Node) takeBroadcast(class uint32, p packet.Packet) {
	if class == ClassControl && p.Service == packet.IndexControl && p.Command == packet.CmdAnnounce {
		n.Announce()
		return
	}
	for i, s := range n.services {
		if i > 0 && s.Class() == class && p.Service == packet.IndexBroadcast {
			s.Command(&Request{Packet: p, Broadcast: true, node: n, index: byte(i)})
		}
	}
}

func (n *Node) dispatch(p packet.Packet, crc uint16) {
	i := int(p.Service)
	if i == packet.IndexControl && p.Command == packet.CmdAnnounce {
		n.Announce()
		return
	}
	if i < len(n.services) && n.services[i] != nil && n.services[i].Command(&Request{Packet: p, node: n, index: byte(i)}) {
		return
	}
	if i < len(n.services) {
		refused := binary.LittleEndian.AppendUint16(nil, p.Command)
		n.Report(p.Service, packet.CmdNotImplemented, binary.LittleEndian.AppendUint16(refused, crc))
	}
}
