package devs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Limits of an image in bytes.
const (
	imageUnit = 32 // images and pipe payloads are multiples of it
	headerLen = 32

	// MaxImage is the largest image that is sent at all; devices take less.
	MaxImage = 256 << 10
	// MaxInput is the largest file that ParseProgram should be given: a debug
	// map holds the sources too.
	MaxInput = 16 << 20
)

var magic = []byte{0x44, 0x65, 0x76, 0x53, 0x0a, 0x6e, 0x29, 0xf1}

// ErrProgram says that an input is no program that could be deployed.
var ErrProgram = errors.New("not a DeviceScript program")

// Program is bytecode as the compiler made it.
type Program struct {
	Image   []byte
	SHA256  [32]byte
	Version Version
	Map     *DebugMap // nil when the input had none
}

// ParseProgram reads a .devs file, its text in hex, or the debug map
// (-dbg.json) of the compiler, which holds the image too.
func ParseProgram(b []byte) (Program, error) {
	if bytes.HasPrefix(b, magic) {
		return newProgram(b)
	}
	text := bytes.TrimSpace(b)
	if len(text) > 0 && text[0] == '{' {
		m, err := ParseDebugMap(text)
		if err != nil {
			return Program{}, err
		}
		image, err := parseHex(m.Binary.Hex)
		if err != nil {
			return Program{}, fmt.Errorf("%w: the binary of the debug map: %w", ErrProgram, err)
		}
		p, err := newProgram(image)
		if err != nil {
			return Program{}, err
		}
		if m.SHA256 != "" && !strings.EqualFold(m.SHA256, hex.EncodeToString(p.SHA256[:])) {
			return Program{}, fmt.Errorf("%w: the debug map says another sha256 than its binary has", ErrProgram)
		}
		p.Map = m
		return p, nil
	}
	image, err := parseHex(string(text))
	if err != nil {
		return Program{}, fmt.Errorf("%w: neither bytecode nor hex nor a debug map", ErrProgram)
	}
	return newProgram(image)
}

func parseHex(s string) ([]byte, error) {
	return hex.DecodeString(strings.Join(strings.Fields(s), ""))
}

// newProgram checks what a device would not tell us about. [JD 4, deploy 1]
func newProgram(image []byte) (Program, error) {
	switch {
	case len(image) < headerLen:
		return Program{}, fmt.Errorf("%w: %d bytes are too few", ErrProgram, len(image))
	case !bytes.HasPrefix(image, magic):
		return Program{}, fmt.Errorf("%w: it does not begin as bytecode does", ErrProgram)
	case len(image)%imageUnit != 0:
		return Program{}, fmt.Errorf("%w: its %d bytes are not a multiple of %d: was it cut?", ErrProgram, len(image), imageUnit)
	case len(image) > MaxImage:
		return Program{}, fmt.Errorf("%w: %d bytes are more than any device takes", ErrProgram, len(image))
	}
	v, _ := parseVersion(image[len(magic):])
	return Program{Image: image, SHA256: sha256.Sum256(image), Version: v}, nil
}

// leastMinor is the oldest bytecode that a runtime of version 2 takes.
const leastMinor = 7

// VersionError says that a runtime does not take a program.
type VersionError struct{ Program, Runtime Version }

func (e *VersionError) Error() string {
	return fmt.Sprintf("the program is for runtime %s, the device has %s", e.Program, e.Runtime)
}

// checkRuntime compares what the compiler wrote with what the device has.
func (p Program) checkRuntime(r Version) error {
	if p.Version.Major != r.Major || p.Version.Minor > r.Minor || p.Version.Major == 2 && p.Version.Minor < leastMinor {
		return &VersionError{p.Version, r}
	}
	return nil
}

// fnv1a is the program_hash of an image.
func fnv1a(b []byte) uint32 {
	h := uint32(0x811c9dc5)
	for _, c := range b {
		h = (h ^ uint32(c)) * 0x01000193
	}
	return h
}

// decodeMap is json.Unmarshal into a debug map, with our error.
func decodeMap(b []byte, m *DebugMap) error {
	if err := json.Unmarshal(b, m); err != nil {
		return fmt.Errorf("%w: the debug map: %w", ErrProgram, err)
	}
	return nil
}
