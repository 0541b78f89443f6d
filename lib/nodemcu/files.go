package nodemcu

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Sweep removes the files whose names match a Lua pattern: those that noise
// gave names that cannot be told.
func (c *Console) Sweep(ctx context.Context, pattern string) error {
	if err := c.closed(ctx); err != nil {
		return err
	}
	_, err := c.change(ctx, `do for n in pairs(file.list())do if n:find`+Quote(pattern)+`then file.remove(n)end end A("R","")end`, "R", waitLong)
	return err
}

// Files lists the files on the flash whose names match one of the Lua patterns.
// A control character in a name is shown as a question mark.
func (c *Console) Files(ctx context.Context, patterns ...string) ([]string, error) {
	var cond []string
	for _, p := range patterns {
		cond = append(cond, "n:find"+Quote(p))
	}
	// Names hold no line ends; the separator is a byte that none should have.
	line := `local r=""for n in pairs(file.list())do if ` + strings.Join(cond, " or ") + ` then r=r..n:gsub("%c","?").."|"end end A("L",r)`
	got, err := c.ask(ctx, line, "L", waitAnswer)
	if err != nil {
		return nil, fmt.Errorf("listing the files: %w", err)
	}
	names := strings.Split(got, "|")
	names = names[:len(names)-1]
	slices.Sort(names)
	return names, nil
}

// Size is the size of a file in bytes; ok is false when it is not there.
func (c *Console) Size(ctx context.Context, name string) (size int, ok bool, err error) {
	text, err := c.value(ctx, `file.list()[`+Quote(name)+`]`)
	if err != nil {
		return 0, false, fmt.Errorf("asking for the size of %s: %w", name, err)
	}
	return number(text), text != "nil", nil
}

// Read brings the first limit bytes of a file, in pieces; ok is false when it is
// not there.
func (c *Console) Read(ctx context.Context, name string, limit int) (content []byte, ok bool, err error) {
	const piece = 100
	for len(content) < limit {
		at := len(content)
		line := fmt.Sprintf(`local f=(file.open or io.open)(%s,"r")local h=f==true and file or f G=false if f then if h==f then h:seek("set",%d)G=h:read(%d)or""h:close()else h.seek("set",%d)G=h.read(%d)or""h.close()end end`,
			Quote(name), at, piece, at, piece)
		if len(line) > MaxLine {
			return nil, false, fmt.Errorf("reading %s: the name is too long", name)
		}
		if err := c.define(ctx, line); err != nil {
			return nil, false, fmt.Errorf("reading %s: %w", name, err)
		}
		got, err := c.ask(ctx, `A("G",G and G:gsub(".",function(c)return("%02x"):format(c:byte())end)..""or"-")`, "G", waitAnswer)
		if err != nil {
			return nil, false, fmt.Errorf("reading %s: %w", name, err)
		}
		if got == "-" {
			return nil, false, nil
		}
		b, err := hex.DecodeString(got)
		if err != nil {
			return nil, false, fmt.Errorf("reading %s: the board says %q", name, got)
		}
		content = append(content, b...)
		if len(b) < piece {
			return content, true, nil
		}
	}
	return content[:limit], true, nil
}

// Remove removes a file, and reports whether it was there.
func (c *Console) Remove(ctx context.Context, name string) (bool, error) {
	if err := c.closed(ctx); err != nil {
		return false, err
	}
	was, err := c.exists(ctx, name)
	if err != nil || !was {
		return false, err
	}
	for range tries {
		if _, err := c.change(ctx, `do file.remove(`+Quote(name)+`)A("R","")end`, "R", waitLong); err != nil {
			return true, fmt.Errorf("removing %s: %w", name, err)
		}
		if still, err := c.exists(ctx, name); err != nil || !still {
			return true, err
		}
	}
	return true, fmt.Errorf("removing %s: %w", name, ErrRefused)
}

func (c *Console) exists(ctx context.Context, name string) (bool, error) {
	text, err := c.value(ctx, `file.exists and file.exists(`+Quote(name)+`)or file.list()[`+Quote(name)+`]~=nil`)
	return text == "true", err
}

// Replace gives the file from the name to, in the place of what has it, and then
// removes the files that would be loaded instead of it. It is one line: the
// file is missing for a few milliseconds at most [OTA 3.5]. The digest is what
// the board then finds under the name to; "" when it did not say: see Hash.
func (c *Console) Replace(ctx context.Context, d Digest, from, to string, shadows ...string) (digest string, err error) {
	if err := c.closed(ctx); err != nil {
		return "", err
	}
	if err := c.canHash(ctx, d); err != nil {
		return "", err
	}
	if err := c.equip(ctx); err != nil {
		return "", err
	}
	line := `R(` + Quote(from) + `,` + Quote(to)
	for _, s := range shadows {
		line += `,` + Quote(s)
	}
	line += `)`
	for range tries {
		text, err := c.change(ctx, line, "H", waitLong)
		if err != nil {
			return "", fmt.Errorf("renaming %s to %s: %w", from, to, err)
		}
		name, sum, _ := strings.Cut(text, "=")
		if name == to && sum != "-" {
			return sum, nil
		}
		// The answer was lost, or the name is free and from was never there.
		there, err := c.exists(ctx, from)
		if err != nil {
			return "", fmt.Errorf("renaming %s to %s: %w", from, to, err)
		}
		if !there {
			for _, s := range shadows {
				if _, err := c.Remove(ctx, s); err != nil {
					return "", err
				}
			}
			return "", nil
		}
	}
	return "", fmt.Errorf("renaming %s to %s: %w", from, to, ErrRefused)
}

// Compile makes bytecode of the source file name, which must end in .lua; it is
// called .lc then.
func (c *Console) Compile(ctx context.Context, name string) error {
	if err := c.closed(ctx); err != nil {
		return err
	}
	text, err := c.change(ctx, `do local o,e=pcall(node.compile,`+Quote(name)+`)A("Y",o and"ok"or tostring(e):gsub("[~%c]"," "):sub(1,120))end`, "Y", waitLong)
	if err != nil {
		return fmt.Errorf("compiling %s: %w", name, err)
	}
	if text == "" {
		there, err := c.exists(ctx, strings.TrimSuffix(name, ".lua")+".lc")
		if err != nil || there {
			return err
		}
	}
	if text != "ok" {
		return fmt.Errorf("compiling %s: %w: %s", name, ErrRefused, text)
	}
	return nil
}
