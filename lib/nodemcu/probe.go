package nodemcu

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Info is what a board says of itself. What it does not say is empty.
type Info struct {
	Chip    string   `json:"chip"`    // decimal id
	Version string   `json:"version"` // of the firmware: its release, or three numbers
	Modules []string `json:"modules"` // of those that luaOTA can use
	ToHex   bool     `json:"-"`       // crypto.toHex is there, of the firmware and not of a table with a member shim: before 2020-09-28
	Hashes  []string `json:"-"`       // that crypto.fhash knows, the best first
	Free    int      `json:"free"`    // bytes of the flash
	Total   int      `json:"total"`
	Baud    int      `json:"baud"`
}

// Has reports whether the firmware has a module.
func (i Info) Has(module string) bool { return slices.Contains(i.Modules, module) }

var modules = []string{"file", "io", "node", "wifi", "net", "tmr", "crypto", "encoder", "sjson", "uart"}

var hashes = []string{"sha256", "sha1", "md5"}

// Probe asks what the board is.
func (c *Console) Probe(ctx context.Context) (Info, error) {
	var i Info
	flags := `local r,k="",crypto or{}for m in("` + strings.Join(append(slices.Clone(modules), hashes...), " ") +
		`"):gmatch"%w+"do r=r..((_G[m]or pcall(k.hash,m,m))and 1 or 0)end A("M",r..(k.toHex and not k.shim and 1 or 0))`
	got, err := c.ask(ctx, flags, "M", waitAnswer)
	if err != nil {
		return Info{}, err
	}
	bits := got
	if len(bits) != len(modules)+len(hashes)+1 {
		return Info{}, fmt.Errorf("probing the board: %w: the answer is %q", ErrRefused, bits)
	}
	for n, m := range modules {
		if bits[n] == '1' {
			i.Modules = append(i.Modules, m)
		}
	}
	for n, h := range hashes {
		if bits[len(modules)+n] == '1' {
			i.Hashes = append(i.Hashes, h)
		}
	}
	i.ToHex = bits[len(bits)-1] == '1'
	about := `local o,f,_,s=pcall(file.fsinfo)local c,t=node.chipid,{pcall(node.info,"sw_version")}local v=t[2]v=type(v)=="table"and v.git_release or t[4]and v.."."..t[3].."."..t[4]A("I",tostring(c and c())..","..(o and f..","..s or"0,0")..","..tostring(v))`
	if got, err = c.ask(ctx, about, "I", waitAnswer); err != nil {
		return Info{}, err
	}
	f := strings.SplitN(got, ",", 4)
	if len(f) != 4 {
		return Info{}, fmt.Errorf("probing the board: %w: the answer is %q", ErrRefused, got)
	}
	if n, err := strconv.ParseFloat(f[0], 64); err == nil && n >= 0 && n < 1<<53 {
		i.Chip = strconv.FormatFloat(n, 'f', -1, 64)
	}
	i.Free, i.Total, i.Baud = number(f[1]), number(f[2]), c.baud
	if f[3] != "nil" {
		i.Version = f[3]
	}
	c.toHex = ""
	switch {
	case i.Has("encoder"):
		c.toHex = "encoder.toHex"
	case i.ToHex:
		c.toHex = "crypto.toHex"
	}
	return i, nil
}

// number reads what a float build prints, too.
func number(s string) int {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return 0
	}
	return int(n)
}

// Partitions asks where the file system is: offset and size in the flash chip,
// 0 and 0 when the firmware does not say [OTA 5].
func (c *Console) Partitions(ctx context.Context) (offset, size int64, err error) {
	line := `local o,p=pcall(node.getpartitiontable)A("T",o and type(p)=="table"and tostring(p.spiffs_addr)..","..tostring(p.spiffs_size)or"")`
	got, err := c.ask(ctx, line, "T", waitAnswer)
	if err != nil {
		return 0, 0, err
	}
	a, b, _ := strings.Cut(got, ",")
	return int64(number(a)), int64(number(b)), nil
}
