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
	Version string   `json:"version"` // of the firmware
	Modules []string `json:"modules"` // of those that luaOTA can use
	ToHex   bool     `json:"-"`       // crypto.toHex is there: firmware before 2020-09-28
	Hashes  []string `json:"-"`       // that crypto.fhash knows, the best first
	Heap    int      `json:"heap"`
	Free    int      `json:"free"` // bytes of the flash
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
	flags := `local r,k="",crypto or{}for m in("` + strings.Join(modules, " ") + `"):gmatch("%a+")do r=r..(_G[m]and 1 or 0)end ` +
		`for m in("` + strings.Join(hashes, " ") + `"):gmatch("%w+")do r=r..(pcall(k.fhash,m,"~")and 1 or 0)end A("M",r..(k.toHex and 1 or 0))`
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
	about := `local t={pcall(node.info,"hw")}local h=t[2]h=type(h)=="table"and h.chip_id or t[5]or node.chipid and node.chipid()local o,f,_,s=pcall(file.fsinfo)A("I",tostring(h)..","..node.heap()..","..(o and f..","..s or"0,0"))`
	if got, err = c.ask(ctx, about, "I", waitAnswer); err != nil {
		return Info{}, err
	}
	f := strings.Split(got, ",")
	if len(f) == 4 {
		i.Chip = f[0]
		i.Heap, i.Free, i.Total = number(f[1]), number(f[2]), number(f[3])
	}
	if n, err := strconv.ParseFloat(i.Chip, 64); err != nil || n < 0 || n >= 1<<53 {
		i.Chip = ""
	} else {
		i.Chip = strconv.FormatFloat(n, 'f', -1, 64)
	}
	version := `local t={pcall(node.info,"sw_version")}local v=t[2]A("V",type(v)=="table"and v.node_version_major.."."..v.node_version_minor.."."..v.node_version_revision or t[4]and t[2].."."..t[3].."."..t[4]or"")`
	if got, err = c.ask(ctx, version, "V", waitAnswer); err != nil {
		return Info{}, err
	}
	i.Version, i.Baud = got, c.baud
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
