package flash

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"lander/lib/nodemcu"
	"lander/lib/nodemcu/rom"
	"lander/lib/trust"
)

// ImagePort is a serial port with its modem lines.
type ImagePort interface {
	nodemcu.Stream
	rom.Port
}

// ImageOptions are what Image writes, and where.
type ImageOptions struct {
	Content []byte
	Offset  int64 // in the flash chip; -1: where the prompt says the file system is
	Force   bool  // whatever the prompt says, or when there is none
	DryRun  bool  // ask, and write nothing

	Baud int
	Fast []int         // rates to try with the ROM, which finds the rate by itself; then Baud
	Wait time.Duration // for the prompt; 0: 5 s
	Now  func() time.Time
	Log  *slog.Logger
	Show func(done int)
}

// ImageReport is what was written.
type ImageReport struct {
	Chip      string `json:"chip"`
	Offset    int64  `json:"offset"`
	Bytes     int    `json:"bytes"`
	SHA256    string `json:"sha256"`
	Verified  string `json:"verified"`       // md5: of the flash; checksums: of the packets, the ROM of the chip can no more
	Baud      int    `json:"baud,omitempty"` // of the transfer
	ElapsedMS int64  `json:"elapsed_ms"`
	Partition int64  `json:"partition,omitempty"` // size of the file system, as the prompt has it
}

// Image writes a file system image by the boot loader in the chip's ROM. Where
// it belongs is asked at the prompt; an image that would be elsewhere, or too
// large, is refused [OTA 5].
func Image(ctx context.Context, p ImagePort, o ImageOptions) (ImageReport, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Wait == 0 {
		o.Wait = 5 * time.Second
	}
	began := o.Now()
	sum := sha256.Sum256(o.Content)
	r := ImageReport{Offset: o.Offset, Bytes: len(o.Content), SHA256: hex.EncodeToString(sum[:])}
	var err error
	if r.Offset, r.Partition, err = where(ctx, p, o); err != nil || o.DryRun {
		return r, err
	}
	l, err := load(ctx, p, &o)
	if err != nil {
		return r, err
	}
	r.Chip, r.Baud = l.Chip().Name, o.Baud
	if r.Verified, err = write(ctx, l, r.Offset, o); err != nil {
		return r, &ImageError{err}
	}
	if err := l.Reset(ctx); err != nil {
		return r, &ImageError{err}
	}
	r.ElapsedMS = o.Now().Sub(began).Milliseconds()
	return r, nil
}

// load starts the loader in the ROM at the first rate that it answers at, which
// o.Baud is then.
func load(ctx context.Context, p ImagePort, o *ImageOptions) (*rom.Loader, error) {
	for _, rate := range append(slices.Clone(o.Fast), o.Baud) {
		if s, ok := p.(interface{ SetBaud(int) error }); ok && rate > 0 {
			if err := s.SetBaud(rate); err != nil {
				o.Log.Info("another rate is tried", "error", err)
				continue
			}
		}
		l, err := rom.Connect(ctx, p, rom.Options{Now: o.Now, Log: o.Log})
		if err == nil {
			o.Baud = rate
			return l, nil
		}
		if !errors.Is(err, rom.ErrSilent) {
			return nil, err
		}
		o.Log.Info("the ROM does not answer", "baud", rate)
	}
	return nil, &nodemcu.PromptError{Reason: rom.ErrSilent.Error(), Hint: "check the wiring; boards without the two transistors need their flash button held while they reset"}
}

// write writes the image and says what it was verified by.
func write(ctx context.Context, l *rom.Loader, offset int64, o ImageOptions) (string, error) {
	if err := l.Write(ctx, uint32(offset), o.Content, o.Show); err != nil {
		return "", err
	}
	verified := "checksums"
	if l.Chip().HasMD5() {
		got, err := l.MD5(ctx, uint32(offset), uint32(len(o.Content)))
		if err != nil {
			return "", err
		}
		if want := trust.MD5(o.Content); !bytes.Equal(got, want) {
			return "", &MismatchError{File: "the flash", Alg: "md5", Want: hex.EncodeToString(want), Got: hex.EncodeToString(got)}
		}
		verified = "md5"
	}
	return verified, l.Flush(ctx)
}

// where asks the prompt for the file system, and holds the image against it.
func where(ctx context.Context, p ImagePort, o ImageOptions) (offset, size int64, err error) {
	c, err := nodemcu.Attach(ctx, p, nodemcu.Options{Now: o.Now, Log: o.Log, Baud: o.Baud, Wait: o.Wait})
	if err == nil {
		offset, size, err = c.Partitions(ctx)
	}
	if err != nil && ctx.Err() != nil {
		return o.Offset, 0, err
	}
	var problem string
	switch {
	case err != nil:
		problem = fmt.Sprintf("the board's prompt cannot be asked where the file system is (%v)", err)
	case size == 0:
		problem = "the firmware does not say where the file system is"
	case o.Offset >= 0 && (o.Offset < offset || o.Offset+int64(len(o.Content)) > offset+size):
		problem = fmt.Sprintf("the image would be at %#x to %#x, and the file system is at %#x to %#x", o.Offset, o.Offset+int64(len(o.Content)), offset, offset+size)
	case o.Offset < 0 && int64(len(o.Content)) > size:
		problem = fmt.Sprintf("the image has %d bytes, and the file system %d", len(o.Content), size)
	}
	if o.Offset >= 0 {
		offset = o.Offset
	} else if problem != "" {
		return 0, size, &PreflightError{[]string{problem}}
	}
	if offset%rom.Sector != 0 {
		return offset, size, &PreflightError{[]string{fmt.Sprintf("%#x is not the start of a sector of %d bytes", offset, rom.Sector)}}
	}
	if problem != "" && !o.Force {
		return offset, size, &PreflightError{[]string{problem}}
	}
	return offset, size, nil
}
