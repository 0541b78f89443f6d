// Package packet is the byte level of Jacdac: frames, the packets in them,
// CRC-16, device ids with their short names, and the framing of TCP and of
// serial lines. Numbers are little endian on the wire.
package packet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// Sizes in bytes. [JD 1]
const (
	FrameHeader  = 12
	MaxData      = 240 // data area of a frame: packets with their headers and padding
	MaxFrame     = FrameHeader + MaxData
	PacketHeader = 4
	MaxPayload   = MaxData - PacketHeader // 236
)

// Flags of a frame. Other bits may be set by devices: test, never compare.
const (
	FlagCommand   = 0x01 // the id is the receiver's; clear: a report, the id is the sender's
	FlagAck       = 0x02 // the receiver shall acknowledge the frame
	FlagBroadcast = 0x04 // the id is a service class, see ClassID
	FlagLoopback  = 0x40 // set by devices as they please
	FlagVNext     = 0x80 // another format: drop
)

// Service indexes with a meaning of their own. Others are 1 to 0x30, in the
// order of the announcement.
const (
	IndexControl   = 0x00
	IndexBroadcast = 0x3d
	IndexPipe      = 0x3e
	IndexAck       = 0x3f

	MaxServices = 0x30
	indexMask   = 0x3f
)

// What a service command is made of.
const (
	CmdGet            = 0x1000 // | register: get it, and the report of its value
	CmdSet            = 0x2000 // | register
	CmdEvent          = 0x8000 // | counter<<8 | event code, in reports
	CmdNotImplemented = 0x0003 // report: u16 command, u16 CRC of the refused frame
	CmdAnnounce       = 0x0000 // report of the control service, and the command that asks for one
)

// What is wrong with bytes that are no frame.
var (
	ErrShort = errors.New("jacdac frame: cut short")
	ErrSize  = errors.New("jacdac frame: data area too large")
	ErrVNext = errors.New("jacdac frame: of a later version")
	ErrCRC   = errors.New("jacdac frame: wrong CRC")
)

// Frame is one frame. Data holds the packets as they came, padding included.
type Frame struct {
	CRC   uint16 // as received; AppendFrame writes the right one
	Flags byte
	ID    DeviceID
	Data  []byte
}

// Command reports whether the frame goes to a device, not from one.
func (f *Frame) Command() bool { return f.Flags&FlagCommand != 0 }

// ParseFrame reads a frame from the start of b and gives what follows it.
// Data points into b. A CRC that fits with bit FlagLoopback cleared is taken
// too: devices set it when they send a frame again. [JD 1]
func ParseFrame(b []byte) (f Frame, rest []byte, err error) {
	if len(b) < FrameHeader {
		return Frame{}, nil, ErrShort
	}
	size := int(b[2])
	switch {
	case size > MaxData:
		return Frame{}, nil, ErrSize
	case len(b) < FrameHeader+size:
		return Frame{}, nil, ErrShort
	case b[3]&FlagVNext != 0:
		return Frame{}, nil, ErrVNext
	}
	end := FrameHeader + size
	crc := binary.LittleEndian.Uint16(b)
	if CRC(b[2:end]) != crc {
		// The CRC runs over size, flags, and the rest.
		head := [2]byte{b[2], b[3] &^ FlagLoopback}
		if update(update(crcStart, head[:]), b[4:end]) != crc {
			return Frame{}, nil, ErrCRC
		}
	}
	f = Frame{CRC: crc, Flags: b[3], Data: b[FrameHeader:end:end]}
	copy(f.ID[:], b[4:12])
	return f, b[end:], nil
}

// AppendFrame appends f with its CRC, which is also returned: it is what the
// receiver acknowledges. Data over MaxData is cut off.
func AppendFrame(dst []byte, f *Frame) ([]byte, uint16) {
	data := f.Data[:min(len(f.Data), MaxData)]
	at := len(dst)
	dst = append(dst, 0, 0, byte(len(data)), f.Flags)
	dst = append(dst, f.ID[:]...)
	dst = append(dst, data...)
	crc := CRC(dst[at+2:])
	binary.LittleEndian.PutUint16(dst[at:], crc)
	return dst, crc
}

// Packet is one packet of a frame.
type Packet struct {
	Service byte   // index, 0 to 0x3f
	Command uint16 // service command
	Payload []byte // at most MaxPayload bytes
}

// Event reports whether the packet of a report is an event.
func (p Packet) Event() bool { return p.Command&CmdEvent != 0 }

// EventCode is the code of an event.
func (p Packet) EventCode() byte { return byte(p.Command) }

// AppendPacket appends p to the data area of a frame, filled up with zeros to
// a multiple of four. It fails when the frame has no room for it.
func AppendPacket(data []byte, p Packet) ([]byte, error) {
	if len(p.Payload) > MaxPayload || len(data)+PacketHeader+len(p.Payload) > MaxData {
		return data, fmt.Errorf("jacdac packet: %d bytes do not fit into the frame", len(p.Payload))
	}
	data = append(data, byte(len(p.Payload)), p.Service&indexMask, byte(p.Command), byte(p.Command>>8))
	data = append(data, p.Payload...)
	for len(data)%4 != 0 {
		data = append(data, 0)
	}
	return data, nil
}

// Packets goes through the packets of a frame. Padding is skipped unread: real
// devices leave garbage there. Each ends at the first packet that does not
// fit. Payloads point into the frame.
func (f *Frame) Packets() iter.Seq[Packet] {
	return func(yield func(Packet) bool) {
		data := f.Data
		for at := 0; at+PacketHeader <= len(data); {
			size := int(data[at])
			if size == 0xff {
				// "ff nn": the next packet is at nn; it may only go forward.
				next := int(data[at+1])
				if next <= at {
					return
				}
				at = next
				continue
			}
			end := at + PacketHeader + size
			if end > len(data) {
				return
			}
			p := Packet{
				Service: data[at+1] & indexMask,
				Command: binary.LittleEndian.Uint16(data[at+2:]),
				Payload: data[at+PacketHeader : end : end],
			}
			if !yield(p) {
				return
			}
			at = (end + 3) &^ 3
		}
	}
}

// New makes a frame of one packet.
func New(flags byte, id DeviceID, p Packet) (Frame, error) {
	data, err := AppendPacket(make([]byte, 0, (PacketHeader+len(p.Payload)+3)&^3), p)
	if err != nil {
		return Frame{}, err
	}
	return Frame{Flags: flags, ID: id, Data: data}, nil
}
