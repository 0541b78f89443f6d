package packet

const crcStart = 0xffff

// crcTable holds the CRC of each byte: CRC-16/CCITT-FALSE, polynomial 1021.
var crcTable = func() (t [256]uint16) {
	for i := range t {
		c := uint16(i) << 8
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ 0x1021
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}()

// CRC is the CRC-16/CCITT-FALSE of b: polynomial 1021, start ffff, neither
// reflected nor inverted. [JD 1]
func CRC(b []byte) uint16 { return update(crcStart, b) }

func update(c uint16, b []byte) uint16 {
	for _, x := range b {
		c = c<<8 ^ crcTable[byte(c>>8)^x]
	}
	return c
}
