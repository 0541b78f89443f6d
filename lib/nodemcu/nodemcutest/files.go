package nodemcutest

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"lander/lib/luaota/luaotatest"
)

// What the board's work costs of its time. No board was measured: these are of
// the size that an 80 MHz chip with SPI flash has.
const (
	costLine  = 500 * time.Microsecond // to compile and run a line
	costPage  = time.Millisecond       // to write a page of 256 bytes
	costOpen  = time.Millisecond
	costHash  = time.Microsecond // a byte
	page      = 256
	indexPage = 1 // a file
)

// pages that the flash holds, as SPIFFS counts: 251 bytes a page and one page
// of index for each file.
func pages(size int) int { return (size+250)/251 + indexPage }

// used is the space that is taken, in bytes.
func (b *Board) used() int {
	n := 0
	for _, text := range b.Flash.Files() {
		n += pages(len(text)) * page
	}
	return n
}

func outcome(err error) ([]string, error) {
	if errors.Is(err, luaotatest.ErrPower) {
		return nil, err
	}
	return answer(err == nil, "ok", "no")
}

func (m *machine) files(word string, a []string) ([]string, error) {
	b := m.b
	switch word {
	case "exists":
		return answer(b.Flash.Exists(a[0]), "yes", "no")
	case "size":
		text, _ := b.Flash.Read(a[0])
		return []string{strconv.Itoa(len(text))}, nil
	case "content":
		text, err := b.Flash.Read(a[0])
		if err != nil {
			return nil, nil
		}
		return []string{string(text)}, nil
	case "read":
		text, err := b.Flash.Read(a[0])
		at, aerr := strconv.Atoi(a[1])
		n, nerr := strconv.Atoi(a[2])
		if err != nil || aerr != nil || nerr != nil || at > len(text) {
			return nil, nil
		}
		return []string{string(text[at:min(at+n, len(text))])}, nil
	case "create":
		m.cost += costOpen
		if b.used()+2*page > b.capacity() {
			return []string{"no"}, nil
		}
		return outcome(b.Flash.Write(a[0], nil))
	case "append":
		text, err := b.Flash.Read(a[0])
		if err != nil {
			return outcome(err)
		}
		return m.pwrite(a[0], len(text), a[1])
	case "pwrite":
		at, err := strconv.Atoi(a[1])
		if err != nil {
			return nil, err
		}
		return m.pwrite(a[0], at, a[2])
	case "remove":
		m.cost += costOpen
		if !b.Flash.Exists(a[0]) {
			return nil, nil
		}
		return outcome(b.Flash.Remove(a[0]))
	case "rename":
		m.cost += costOpen
		if len(a[1]) > 31 {
			return []string{"no"}, nil
		}
		return outcome(b.Flash.Rename(a[0], a[1]))
	case "list":
		var out []string
		sizes, err := b.Flash.Sizes()
		for _, f := range sizes {
			out = append(out, f.Key, string(f.Value))
		}
		return out, err
	case "fsinfo":
		used, total := b.used(), b.capacity()
		return []string{strconv.Itoa(max(total-used, 0)), strconv.Itoa(used), strconv.Itoa(total)}, nil
	case "fhash":
		text, err := b.Flash.Read(a[1])
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		m.cost += time.Duration(len(text)) * costHash
		return digest(a[0], text), err
	}
	return nil, fmt.Errorf("the shims asked for %q", word)
}

// pwrite writes text into a file at an offset.
func (m *machine) pwrite(name string, at int, text string) ([]string, error) {
	b := m.b
	old, err := b.Flash.Read(name)
	if err != nil || at > len(old) {
		return []string{"no"}, nil
	}
	m.cost += costPage * time.Duration(1+len(text)/page)
	b.writes++
	if b.BadWrites[b.writes] {
		return []string{"no"}, nil
	}
	next := append(old[:at:at], text...)
	if at+len(text) < len(old) {
		next = append(next, old[at+len(text):]...)
	}
	if b.used()+(pages(len(next))-pages(len(old)))*page > b.capacity() {
		return []string{"no"}, nil
	}
	if b.Spoil != nil {
		next = b.Spoil(name, next)
	}
	return outcome(b.Flash.Write(name, next))
}
