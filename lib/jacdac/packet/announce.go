package packet

import (
	"encoding/binary"
	"errors"
)

// Flags of an announcement. [JD 2]
const (
	AnnounceRestarts  = 0x000f // restart counter: 1, then one more per announcement up to 15
	AnnounceAck       = 0x0100 // answers acknowledgement requests
	AnnounceBroadcast = 0x0200
	AnnounceFrames    = 0x0400 // takes frames with several packets
	AnnounceClient    = 0x0800
)

// Announce is what a device says of itself every 500 ms: the control report 0.
type Announce struct {
	Flags    uint16
	Packets  byte     // packets sent since the last one
	Services []uint32 // classes; the first has index 1
}

// Restarts is the restart counter, 1 to 15. A drop means that the device has
// restarted.
func (a Announce) Restarts() int { return int(a.Flags & AnnounceRestarts) }

// ParseAnnounce reads the payload of an announcement. Bytes after the last
// whole class are ignored, as are classes beyond MaxServices.
func ParseAnnounce(b []byte) (Announce, error) {
	if len(b) < 4 {
		return Announce{}, errors.New("jacdac announcement: cut short")
	}
	a := Announce{Flags: binary.LittleEndian.Uint16(b), Packets: b[2]}
	for b = b[4:]; len(b) >= 4 && len(a.Services) < MaxServices; b = b[4:] {
		a.Services = append(a.Services, binary.LittleEndian.Uint32(b))
	}
	return a, nil
}

// AppendAnnounce appends the payload of an announcement.
func AppendAnnounce(dst []byte, a Announce) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, a.Flags)
	dst = append(dst, a.Packets, 0)
	for _, class := range a.Services[:min(len(a.Services), MaxServices)] {
		dst = binary.LittleEndian.AppendUint32(dst, class)
	}
	return dst
}
