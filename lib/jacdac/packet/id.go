package packet

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
)

// DeviceID is a device's own number, in the order of the wire, in which
// people write it too.
type DeviceID [8]byte

// ClassID is the id of a frame that is broadcast to a service class. [JD 1]
func ClassID(class uint32) (id DeviceID) {
	binary.LittleEndian.PutUint32(id[:], class)
	binary.LittleEndian.PutUint32(id[4:], 0xaaaaaaaa)
	return id
}

// Class is the service class of a broadcast frame's id.
func (id DeviceID) Class() uint32 { return binary.LittleEndian.Uint32(id[:]) }

// String gives 16 lower hex digits.
func (id DeviceID) String() string { return hex.EncodeToString(id[:]) }

// ParseDeviceID reads 16 hex digits, of either case.
func ParseDeviceID(s string) (DeviceID, error) {
	var id DeviceID
	if len(s) != 16 {
		return DeviceID{}, errors.New("jacdac device id: not 16 hex digits")
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return DeviceID{}, errors.New("jacdac device id: not 16 hex digits")
	}
	return id, nil
}

// ShortName is the name on the label, two letters and two digits. Several
// devices may share it. [JD 2]
func (id DeviceID) ShortName() string {
	h := uint32(0x811c9dc5)
	for _, b := range id {
		h = h*0x01000193 ^ uint32(b)
	}
	h = (h ^ h>>30) & (1<<30 - 1)
	return string([]byte{
		'A' + byte(h%26), 'A' + byte(h/26%26),
		'0' + byte(h/(26*26)%10), '0' + byte(h/(26*26*10)%10),
	})
}
