// Package luaotatest holds what tests of luaOTA need: a flash in memory, the
// original client and server as the protocol's description has them, and a
// board that runs real device code through shims of NodeMCU's modules.
package luaotatest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"lander/lib/luaota"
	"lander/lib/luaota/record"
	"lander/lib/trust"
)

// Flash is a board's file system in memory. It is safe for concurrent use.
type Flash struct {
	mu    sync.Mutex
	files map[string][]byte
	cut   int // operations until the power fails; 0: never
	ops   int
	// Room is how many bytes of files it takes; 0: any.
	Room int
	// Order are the names in the order that Sizes lists them, the others
	// behind; nil: sorted.
	Order []string
	// Code makes the bytecode of a source; nil puts a mark before it.
	Code func(name string, source []byte) ([]byte, error)
}

// ErrPower says that the power failed.
var ErrPower = fmt.Errorf("the power failed")

// ErrFull says that there is no room.
var ErrFull = fmt.Errorf("the flash is full")

// NewFlash returns a flash with the given files.
func NewFlash(files map[string]string) *Flash {
	f := &Flash{files: map[string][]byte{}}
	for name, text := range files {
		f.files[name] = []byte(text)
	}
	return f
}

// Files is a copy of all files.
func (f *Flash) Files() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]string{}
	for name, b := range f.files {
		out[name] = string(b)
	}
	return out
}

// Put sets a file, whatever the power does.
func (f *Flash) Put(name, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[name] = []byte(text)
}

// CutAfter makes the power fail at the n-th change from now on; 0: never.
func (f *Flash) CutAfter(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut, f.ops = n, 0
}

// Changes counts the changes since CutAfter.
func (f *Flash) Changes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// change is called before each change, with the lock held.
func (f *Flash) change() error {
	if f.cut > 0 && f.ops >= f.cut {
		return ErrPower
	}
	f.ops++
	return nil
}

// fits says whether there is room for more bytes, with the lock held.
func (f *Flash) fits(content []byte) error {
	used := len(content)
	for _, b := range f.files {
		used += len(b)
	}
	if f.Room > 0 && used > f.Room {
		return ErrFull
	}
	return nil
}

// Read implements luaota.Flash.
func (f *Flash) Read(name string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, ok := f.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(b), nil
}

// Write implements luaota.Flash.
func (f *Flash) Write(name string, content []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.change(); err != nil {
		return err
	}
	delete(f.files, name) // what is opened for writing is empty
	if err := f.fits(content); err != nil {
		return err
	}
	f.files[name] = slices.Clone(content)
	return nil
}

// Append appends to a file, making it when it is not there.
func (f *Flash) Append(name string, content []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.change(); err != nil {
		return err
	}
	if err := f.fits(content); err != nil {
		return err
	}
	f.files[name] = append(f.files[name], content...)
	return nil
}

// Rename implements luaota.Flash: a file that stands at to is in the way.
func (f *Flash) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, ok := f.files[from]
	if _, there := f.files[to]; !ok || there {
		return fs.ErrExist
	}
	if err := f.change(); err != nil {
		return err
	}
	f.files[to] = b
	delete(f.files, from)
	return nil
}

// Remove implements luaota.Flash.
func (f *Flash) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.change(); err != nil {
		return err
	}
	delete(f.files, name)
	return nil
}

// Exists implements luaota.Flash.
func (f *Flash) Exists(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.files[name]
	return ok
}

// Sizes implements luaota.Flash.
func (f *Flash) Sizes() (record.Object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var o record.Object
	names := slices.Sorted(maps.Keys(f.files))
	if f.Order != nil {
		slices.SortStableFunc(names, func(a, b string) int { return slices.Index(f.Order, a) - slices.Index(f.Order, b) })
	}
	for _, name := range names {
		o = append(o, record.Member{Key: name, Value: record.Int(int64(len(f.files[name])))})
	}
	return o, nil
}

// Hash implements luaota.Flash: SHA-256 in lower hex.
func (f *Flash) Hash(name string) (int, string, error) {
	b, err := f.Read(name)
	sum := sha256.Sum256(b)
	return len(b), hex.EncodeToString(sum[:]), err
}

// Compile implements luaota.Flash.
func (f *Flash) Compile(name string, source []byte) ([]byte, error) {
	if f.Code != nil {
		return f.Code(name, source)
	}
	return append([]byte(Bytecode), source...), nil
}

// Bytecode begins what Compile makes where no compiler is at hand.
const Bytecode = "\x1bLua:"

// Keys are the functions of a secret.
func Keys(secret string) luaota.Keys {
	return luaota.Keys{
		Tag: trust.LuaOTATag([]byte(secret)),
		Session: func(transcript []byte) func(...[]byte) [record.SealBytes]byte {
			return trust.LuaOTASession([]byte(secret), transcript)
		},
	}
}

// Original is the client that boards have today: config is the text of its
// config.json.
func Original(id int64, config string, flash *Flash) (*luaota.Device, error) {
	o, err := record.ParseObject([]byte(strings.TrimSpace(config)))
	if err != nil {
		return nil, err
	}
	if len(config) > 1024 {
		return nil, fmt.Errorf("%w: config.json has %d bytes, and one read brings 1024", luaota.ErrCrash, len(config))
	}
	secret := o.Text("secret")
	return &luaota.Device{ID: id, Config: o.With("secret", ""), Secret: secret, Keys: Keys(secret), Flash: flash, Quirks: luaota.OriginalQuirks}, nil
}

// Boot reads the configuration from the flash, as a boot does, and makes the
// client.
func Boot(id int64, flash *Flash) (*luaota.Device, error) {
	b, err := flash.Read(luaota.ConfigName)
	if err != nil {
		return nil, fmt.Errorf("%w: no configuration: %w", luaota.ErrCrash, err)
	}
	return Original(id, string(b), flash)
}
