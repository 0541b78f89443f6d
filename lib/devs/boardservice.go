package devs

import (
	"encoding/binary"
	"time"

	"lander/lib/jacdac"
	"lander/lib/jacdac/packet"
)

// Class implements jacdac.Service.
func (b *Board) Class() uint32 { return ClassManager }

// Command implements jacdac.Service.
func (b *Board) Command(r *jacdac.Request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case r.Command == CmdDeployBytecode:
		b.deploy(r)
	case r.Command == CmdReadBytecode:
		b.readBack(r)
	case r.Command&0xf000 == packet.CmdGet:
		v, ok := b.register(r.Command & 0xfff)
		if ok {
			r.Answer(v)
		}
		return ok || b.cfg.Quirks.Silent
	case r.Command&0xf000 == packet.CmdSet:
		return b.set(r.Command&0xfff, len(r.Payload) > 0 && r.Payload[0] != 0)
	default:
		return false
	}
	return true
}

func bit(on bool) []byte {
	if on {
		return []byte{1}
	}
	return []byte{0}
}

func (b *Board) register(reg uint16) ([]byte, bool) {
	switch reg {
	case RegRunning:
		return bit(b.running), true
	case RegAutostart:
		return bit(b.autostart), true
	case RegLogging:
		return bit(b.logging), !b.cfg.Quirks.NoLogging
	case RegStatusCode:
		return append(binary.LittleEndian.AppendUint16(nil, uint16(b.status())), 0, 0), true
	case RegProgramSize:
		return binary.LittleEndian.AppendUint32(nil, uint32(len(b.image))), true
	case RegProgramHash:
		return binary.LittleEndian.AppendUint32(nil, fnv1a(b.image)), true
	case RegProgramSHA256:
		return b.sum(), true
	case RegRuntimeVersion:
		return b.cfg.Runtime.bytes(), !b.cfg.Quirks.NoExtensions
	case RegProgramName, RegProgramVersion:
		return nil, !b.cfg.Quirks.NoExtensions
	}
	return nil, false
}

func (b *Board) set(reg uint16, on bool) bool {
	switch reg {
	case RegRunning:
		switch {
		case on && !b.running:
			b.start()
		case !on:
			b.stop()
			b.setTimer(b.cfg.Autostart)
		}
	case RegAutostart:
		b.autostart = on
		if !on {
			b.startAt = time.Time{}
		} else if !b.running {
			b.setTimer(b.cfg.Autostart)
		}
	case RegLogging:
		if b.cfg.Quirks.NoLogging {
			return false
		}
		b.logging = on
	default:
		return false
	}
	return true
}

// deploy opens the pipe. What the device does not like it does not answer.
func (b *Board) deploy(r *jacdac.Request) {
	if len(r.Payload) < 4 {
		return
	}
	size := int(binary.LittleEndian.Uint32(r.Payload))
	switch {
	case size%imageUnit != 0:
		return
	case size > b.cfg.Capacity && b.cfg.Quirks.SilentFull:
		return
	case size > b.cfg.Capacity:
		b.reset() // the old program survives
		return
	}
	if b.inlet != nil {
		b.inlet.Shut()
	}
	inlet, err := b.node.OpenInlet(b.take)
	if err != nil {
		return
	}
	b.stop()
	had := len(b.image) > 0
	b.erase()
	if had && size == 0 {
		b.node.Event(indexManager, EventProgramChange, nil) // nothing more will come that could tell it
	}
	b.inlet, b.want, b.upload = inlet, size, make([]byte, 0, size)
	r.Answer(binary.LittleEndian.AppendUint16(nil, inlet.Port()))
}

func (b *Board) erase() {
	b.image = nil
	b.cfg.Flash.Save(nil)
	b.statusEvent()
}

// take is one packet of an upload.
func (b *Board) take(data []byte, flags byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inlet == nil {
		return
	}
	shut := func() {
		b.inlet.Shut()
		b.inlet, b.upload = nil, nil
	}
	switch {
	case flags&jacdac.PipeClose == 0 && (len(data)%imageUnit != 0 || len(data) == 0):
		b.text("! invalid pkt size\n")
		shut()
	case flags&jacdac.PipeClose == 0 && len(b.upload)+len(data) > b.want:
		b.text("! too many bytes\n")
		shut()
	case flags&jacdac.PipeClose == 0:
		b.upload = append(b.upload, data...)
	case b.want == 0:
		shut()
		if b.cfg.Quirks.CloseCrash {
			b.reset()
		}
	case len(b.upload) < b.want:
		b.text("! missing bytes\n")
		shut()
	default:
		image := b.upload
		shut()
		if b.cfg.Flash.Save(image) != nil {
			return
		}
		b.image = image
		b.statusEvent()
		b.node.Event(indexManager, EventProgramChange, nil)
		b.setTimer(time.Millisecond) // autostart
	}
}

// readBack sends the image to the host, through a pipe of the host's.
func (b *Board) readBack(r *jacdac.Request) {
	if len(r.Payload) < 12 || len(b.image) == 0 || b.ctx.Err() != nil {
		return
	}
	if b.cfg.Quirks.ReadCrash && len(b.image) > 232 {
		b.reset()
		return
	}
	p := jacdac.Pipe{Port: binary.LittleEndian.Uint16(r.Payload[8:]), Chunk: packet.MaxPayload &^ 3, Window: 1, Close: jacdac.PipeClose | jacdac.PipeMetadata}
	copy(p.ID[:], r.Payload)
	image := b.image
	b.wg.Go(func() {
		b.bus.SendPipe(b.ctx, p, image) // the host sees what is missing
	})
}

// boardControl is the control service of a Board.
type boardControl struct{ b *Board }

// Class implements jacdac.Service.
func (c boardControl) Class() uint32 { return jacdac.ClassControl }

// Command implements jacdac.Service.
func (c boardControl) Command(r *jacdac.Request) bool {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	switch r.Command {
	case CmdControlNoop, CmdControlIdentify:
	case CmdControlReset:
		c.b.reset()
	case packet.CmdGet | RegDescription:
		r.Answer([]byte(c.b.cfg.Description))
	case packet.CmdGet | RegProductID:
		r.Answer([]byte{0, 0, 0, 0})
	case packet.CmdGet | RegFirmwareVersion:
		r.Answer([]byte("v" + c.b.cfg.Runtime.String()))
	case packet.CmdGet | RegUptime:
		r.Answer(binary.LittleEndian.AppendUint64(nil, uint64(time.Since(c.b.born).Microseconds())))
	default:
		return false
	}
	return true
}
