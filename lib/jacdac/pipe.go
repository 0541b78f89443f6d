package jacdac

import (
	"context"
	"fmt"
	"sync"
	"time"

	"lander/lib/jacdac/packet"
)

// Parts of the command word of a pipe packet. [JD pipe]
const (
	PipeClose    = 0x20
	PipeMetadata = 0x40
	pipeCounter  = 0x1f
	pipePort     = 7 // shift

	// MaxPort is the largest port number.
	MaxPort = 511

	maxWindow = 31
	ringSize  = 32
)

// Pipe sends data through a pipe that a device has opened.
type Pipe struct {
	ID     packet.DeviceID
	Port   uint16
	Chunk  int                // payload of each packet, at most packet.MaxPayload
	Window int                // 0: that of the bus
	Close  byte               // flags of the packet that ends it: PipeClose, with or without PipeMetadata
	Show   func(acked, n int) // bytes so far, now and then and at the end; may be nil
}

// outPipe is the sending side: go-back-N. The device takes a packet only with
// the counter it expects, and acknowledges the others all the same; so an
// acknowledgement counts only for the oldest packet under way, and after a
// loss everything from there is sent again. [JD 4]
type outPipe struct {
	bus  *Bus
	spec Pipe
	data []byte
	last int // number of the closing packet

	mu       sync.Mutex
	base     int // oldest not acknowledged
	next     int // next to be sent for the first time
	crcs     [ringSize]uint16
	again    bool // sent again from base since base last moved
	moved    time.Time
	finished bool
	done     chan struct{}
}

// SendPipe sends data, then the closing packet. All of it was acknowledged
// when it returns nil, which says that it arrived.
func (b *Bus) SendPipe(ctx context.Context, spec Pipe, data []byte) error {
	if spec.Window == 0 {
		spec.Window = b.pace.Window
	}
	spec.Window = min(spec.Window, maxWindow)
	if spec.Close == 0 {
		spec.Close = PipeClose
	}
	p := &outPipe{bus: b, spec: spec, data: data, last: (len(data) + spec.Chunk - 1) / spec.Chunk, done: make(chan struct{}), moved: time.Now()}
	b.mu.Lock()
	if b.pipes[spec.ID] != nil {
		b.mu.Unlock()
		return fmt.Errorf("device %s: another pipe is being sent to it", spec.ID)
	}
	b.pipes[spec.ID] = p
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.pipes, spec.ID)
		b.mu.Unlock()
	}()
	p.mu.Lock()
	p.fill()
	p.mu.Unlock()
	return p.wait(ctx)
}

// wait sends again what is not acknowledged in time.
func (p *outPipe) wait(ctx context.Context) error {
	delay := firstResend
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		select {
		case <-p.done:
			p.show(len(p.data))
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.bus.done:
			return p.bus.err
		case <-timer.C:
		}
		p.mu.Lock()
		idle := time.Since(p.moved)
		sent := min(p.base*p.spec.Chunk, len(p.data))
		switch {
		case idle >= p.bus.pace.Budget:
			p.mu.Unlock()
			return fmt.Errorf("device %s: %w packet %d of %d of the pipe within %s", p.spec.ID, ErrNoAck, p.base, p.last, idle.Round(time.Millisecond))
		case idle >= delay && !p.finished:
			p.resend()
			delay = min(2*delay, lastResend)
		case idle < firstResend:
			delay = firstResend
		}
		p.mu.Unlock()
		p.show(sent)
		timer.Reset(delay)
	}
}

func (p *outPipe) show(sent int) {
	if p.spec.Show != nil {
		p.spec.Show(sent, len(p.data))
	}
}

// ack runs on the reader: the next packet leaves without waking anyone else.
func (p *outPipe) ack(crc uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finished || p.base == p.next {
		return
	}
	if p.crcs[p.base%ringSize] == crc {
		p.base++
		p.again = false
		p.moved = time.Now()
		if p.base > p.last {
			p.finished = true
			close(p.done)
			return
		}
		p.fill()
		return
	}
	// A later one came first: the oldest, or its acknowledgement, is lost.
	for i := p.base + 1; i < p.next && !p.again; i++ {
		if p.crcs[i%ringSize] == crc {
			p.again = true
			p.resend()
		}
	}
}

func (p *outPipe) fill() {
	for p.next <= p.last && p.next-p.base < p.spec.Window {
		p.send(p.next)
		p.next++
	}
}

func (p *outPipe) resend() {
	for i := p.base; i < p.next; i++ {
		p.send(i)
	}
}

func (p *outPipe) send(i int) {
	cmd := p.spec.Port<<pipePort | uint16(i)&pipeCounter
	var payload []byte
	if i < p.last {
		payload = p.data[i*p.spec.Chunk : min((i+1)*p.spec.Chunk, len(p.data))]
	} else {
		cmd |= uint16(p.spec.Close)
	}
	f, err := packet.New(packet.FlagCommand|packet.FlagAck, p.spec.ID, packet.Packet{Service: packet.IndexPipe, Command: cmd, Payload: payload})
	if err != nil {
		return // Chunk is checked by who makes a Pipe
	}
	p.crcs[i%ringSize] = p.bus.Send(&f)
}

// Inlet is the receiving side of a pipe.
type Inlet struct {
	// Data takes the payload of the next packet, in order and once. It runs on
	// the reader; flags are PipeClose and PipeMetadata.
	Data func(payload []byte, flags byte)

	node     *Node
	port     uint16
	expected uint16
}

// Port is the number to tell the sender.
func (in *Inlet) Port() uint16 { return in.port }

// Shut closes the port: what still comes is acknowledged and ignored.
func (in *Inlet) Shut() {
	in.node.mu.Lock()
	defer in.node.mu.Unlock()
	if in.node.inlets[in.port] == in {
		delete(in.node.inlets, in.port)
	}
}

// OpenInlet opens a port for a pipe that comes in to the node.
func (n *Node) OpenInlet(data func(payload []byte, flags byte)) (*Inlet, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for range MaxPort {
		n.port = n.port%MaxPort + 1
		if n.inlets[n.port] == nil {
			in := &Inlet{Data: data, node: n, port: n.port}
			n.inlets[n.port] = in
			return in, nil
		}
	}
	return nil, fmt.Errorf("every pipe of %s is taken", n.ID)
}

func (n *Node) takePipe(p packet.Packet) {
	n.mu.Lock()
	in := n.inlets[p.Command>>pipePort]
	if in == nil || p.Command&pipeCounter != in.expected {
		n.mu.Unlock()
		return // sent again, or after a loss: the sender goes back
	}
	in.expected = (in.expected + 1) & pipeCounter
	n.mu.Unlock()
	in.Data(p.Payload, byte(p.Command)&(PipeClose|PipeMetadata))
}
