package nodemcu

import (
	"context"
	"encoding/hex"
	"fmt"
	"hash/adler32"
	"slices"
	"strings"
)

// Digest is what names the content of a file: by the board's crypto module, or
// Adler-32 where there is none [OTA 3.2].
type Digest struct {
	Alg string // sha256, sha1, md5 or adler32
	Sum func(content []byte) []byte
}

// digestHex is how many digits of a digest are compared: 128 bits are plenty
// against accidents, and the wire is slow.
const digestHex = 32

// Of is the digest of a content, as Hash gives it.
func (d Digest) Of(content []byte) string {
	if d.Alg == "adler32" {
		n := adler32.Checksum(content)
		return fmt.Sprintf("%d,%d", n>>16, n&0xffff)
	}
	s := hex.EncodeToString(d.Sum(content))
	return s[:min(len(s), digestHex)]
}

// Choose takes the first of the host's digests, the best first, that the board
// has, or Adler-32.
func (i Info) Choose(host []Digest) Digest {
	for _, d := range host {
		for _, h := range i.Hashes {
			if d.Alg == h {
				return d
			}
		}
	}
	return Digest{Alg: "adler32"}
}

// hasherOf defines H, which answers name=digest, or name=- for a file that is
// not there.
func (c *Console) hasherOf(alg string) []string {
	// A file that is not there is nil to some firmware and an error to other.
	fhash := `function H(n)local o,d=pcall(crypto.fhash,"` + alg + `",n)`
	switch {
	case alg != "adler32" && c.toHex != "":
		return []string{fhash + `A("H",n.."="..(o and d and ` + c.toHex + `(d:sub(1,16))or"-"))end`}
	case alg != "adler32":
		return []string{fhash + `A("H",n.."="..(o and d and d:sub(1,16):gsub(".",function(c)return("%02x"):format(c:byte())end)or"-"))end`}
	}
	return []string{
		`function H(n)local a,b,f=1,0,(file.open or io.open)(n)if not f then return A("H",n.."=-")end local R=type(f)=="boolean"and file.read or function(k)return f:read(k)end repeat local d=R(128)if d then a,b=Z(d,a,b)end until not d if type(f)~="boolean"`,
		` then f:close()else file.close()end A("H",n.."="..b..","..a)end function Z(d,a,b)for i=1,#d do a=(a+d:byte(i))%65521 b=(b+a)%65521 end return a,b end`,
	}
}

// canHash defines H.
func (c *Console) canHash(ctx context.Context, d Digest) error {
	if c.hasher == d.Alg {
		return nil
	}
	if err := c.define(ctx, c.hasherOf(d.Alg)...); err != nil {
		return fmt.Errorf("preparing to hash: %w", err)
	}
	c.hasher = d.Alg
	return nil
}

// Hash asks for the digests of files; those that are not there are missing in
// the answer.
func (c *Console) Hash(ctx context.Context, d Digest, names ...string) (map[string]string, error) {
	if err := c.canHash(ctx, d); err != nil {
		return nil, err
	}
	out := map[string]string{}
	left := slices.Clone(names)
	most := 8
	for idle := 0; len(left) > 0; {
		line, n := "", 0
		if c.opened {
			line = "U()" // what was written is whole when it is closed
		}
		for n < len(left) && n < most && len(line)+len(Quote(left[n]))+1 < MaxLine {
			line += `H` + Quote(left[n])
			n++
		}
		if n == 0 {
			return nil, fmt.Errorf("hashing %q: the name is too long", left[0])
		}
		got, err := c.gather(ctx, line, "H", n, waitLong)
		if err != nil {
			return nil, fmt.Errorf("hashing on the board: %w", err)
		}
		c.opened = c.opened && len(got) == 0
		// Each answer says what it is about: those that are whole count.
		before := len(left)
		for _, text := range got {
			name, sum, _ := strings.Cut(text, "=")
			i := slices.Index(left, name)
			if i < 0 {
				continue
			}
			left = slices.Delete(left, i, i+1)
			if sum != "-" {
				out[name] = sum
			}
		}
		if len(got) == n {
			continue
		}
		if idle++; len(left) < before {
			idle = 0
		}
		if idle == tries {
			return nil, fmt.Errorf("hashing on the board: %w", ErrNoise)
		}
		most = 1 + most/2
		if err := c.sync(ctx); err != nil {
			return nil, fmt.Errorf("hashing on the board: %w", err)
		}
	}
	return out, nil
}

// define gives the board functions, in lines of which all but the last leave it
// asking for more.
func (c *Console) define(ctx context.Context, lines ...string) error {
	for try := range 2 * tries {
		good := true
		for i, line := range lines {
			ok, err := c.tellPart(ctx, line, i < len(lines)-1)
			if err != nil {
				return err
			}
			if !ok {
				good = false
				break
			}
		}
		// An application that prints keeps every echo from being right: then
		// what is done with the function shows whether it arrived.
		if good || try >= tries {
			return nil
		}
		if err := c.sync(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *Console) tellPart(ctx context.Context, line string, more bool) (bool, error) {
	if !more {
		return c.tell(ctx, line)
	}
	if err := c.begin(line + "\n"); err != nil {
		return false, err
	}
	_, err := c.await(ctx, waitPrompt+3*c.wire(len(line)), prompted)
	_, rest, found := strings.Cut(string(c.rx), line)
	return found && (strings.HasPrefix(rest, "\r\n>> ") || strings.HasPrefix(rest, "\n>> ")), err
}
