// Package flash is `lander ota flash`: it puts a luaOTA client on a board with
// NodeMCU firmware over its prompt. It is the Put picture: what the board has is
// hashed there, a Plan says what is missing, the files travel under temporary
// names, are hashed on the board, get their names one after the other with
// init.lua last, and are hashed again [OTA 3.5].
//
// Nothing is remembered between runs: a run that was cut off is completed by the
// next one, which finds on the board what is there already.
package flash

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"lander/lib/luaota/record"
	"lander/lib/nodemcu"
	"lander/lib/trust"
)

// Options of Run.
type Options struct {
	Files []File // of the client; see Client and Dir
	Own   bool   // they are our own client's: the board's default.lua stays

	// Config is the whole config.json, before Set; nil: what the board has,
	// which is left alone when Set is empty too.
	Config   record.Object
	Set      record.Object // members on top of it; secrets as well
	Register *Register     // where the provisioning service learns of the board

	NoInit     bool // leave init.lua alone
	Compile    bool // modules as bytecode, compiled by the board
	VerifyOnly bool // compare and change nothing
	DryRun     bool // plan and change nothing
	Force      bool // whatever the preflight says
	Run        bool // restart and wait for the client's words
	RunWait    time.Duration
	Fast       []int // rates to try for the transfer, the first first

	Baud int
	Wait time.Duration // for the prompt
	Now  func() time.Time
	Log  *slog.Logger
	Show func(Progress) // called between lines
}

// Progress is how far a transfer is.
type Progress struct {
	File        string
	Done, Total int // bytes, of all files
}

// Digests that are compared, the best first.
var digests = []nodemcu.Digest{
	{Alg: "sha256", Sum: func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }},
	{Alg: "sha1", Sum: trust.SHA1},
	{Alg: "md5", Sum: trust.MD5},
}

// Report is what was done.
type Report struct {
	Device     nodemcu.Info `json:"device"`
	Files      []FileReport `json:"files"`
	Removed    []string     `json:"removed,omitempty"`    // that would have been loaded instead
	Registered string       `json:"registered,omitempty"` // file written for the provisioning service
	Started    string       `json:"started,omitempty"`    // the client's words after the restart
	Cured      bool         `json:"cured,omitempty"`      // the old init.lua is called ~init.bad
	Restarts   int          `json:"restarts,omitempty"`   // of the board, meanwhile
	Digest     string       `json:"digest"`               // what was compared
	Sent       int          `json:"sent"`                 // bytes of files
	Baud       int          `json:"baud"`                 // of the transfer
	ElapsedMS  int64        `json:"elapsed_ms"`
	Plan       *Plan        `json:"-"`
}

// FileReport is one file of a Report. SHA256 is that of the content here; the
// board was asked for Report.Digest.
type FileReport struct {
	Name    string `json:"name"`
	Bytes   int    `json:"bytes"`
	SHA256  string `json:"sha256"`
	Action  string `json:"action"` // sent, adopted, skipped, compiled; differs and missing with VerifyOnly
	Retries int    `json:"retries"`
}

// Patience with a board that restarts again and again [OTA 3.4].
const (
	sessions     = 8
	betweenBoots = 700 * time.Millisecond
	curedAfter   = 3 // restarts; then init.lua is taken away
)

// work is one run.
type work struct {
	o       Options
	s       nodemcu.Stream
	c       *nodemcu.Console
	report  Report
	plan    *Plan
	touched bool // something on the board was changed
	at      string
	done    int            // files that are in place
	retries map[string]int // by name
	base    record.Object  // the board's own configuration
	sent    map[string]bool

	digest   nodemcu.Digest
	secret   string // of a board that is new to the provisioning service
	strays   bool   // there are files that noise named
	wrong    int    // times that what was read back was not right
	checked  bool   // the files were looked through
	compiled map[string]bool

	registeredAt time.Time
}

// Run brings the board at s up to what Options say, and returns when every file
// was hashed on the board, or with one of the errors of this package.
func Run(ctx context.Context, s nodemcu.Stream, o Options) (Report, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &work{o: o, s: s, retries: map[string]int{}, sent: map[string]bool{}, compiled: map[string]bool{}}
	began := o.Now()
	err := w.sessions(ctx)
	w.report.ElapsedMS = o.Now().Sub(began).Milliseconds()
	if w.c != nil {
		w.report.Cured = w.report.Cured || w.c.Cured()
	}
	return w.report, w.fault(err)
}

// sessions goes on after restarts of the board.
func (w *work) sessions(ctx context.Context) error {
	for n := 1; ; n++ {
		err := w.session(ctx)
		var again bool
		switch {
		case errors.Is(err, nodemcu.ErrReboot):
			w.report.Restarts++
			again = true
		case errors.Is(err, nodemcu.ErrNoise), errors.Is(err, errAgain):
			again = true
		}
		if !again {
			return err
		}
		if n == sessions {
			return fmt.Errorf("after %d tries: %w", n, err)
		}
		w.o.Log.Info("once more", "after", err)
		if err := w.c.Pause(ctx, betweenBoots); err != nil {
			return err
		}
	}
}

func (w *work) session(ctx context.Context) error {
	c, err := nodemcu.Attach(ctx, w.s, nodemcu.Options{
		Now: w.o.Now, Log: w.o.Log, Baud: w.o.Baud, Wait: w.o.Wait,
		Cure: !w.o.DryRun && !w.o.VerifyOnly, Loop: w.report.Restarts >= curedAfter,
	})
	if err != nil {
		return err
	}
	if c.Cured() {
		w.report.Cured = true
		w.touched = true
	}
	w.c = c
	if w.report.Device, err = c.Probe(ctx); err != nil {
		return err
	}
	w.report.Baud = c.Baud()
	if err := w.prepare(ctx); err != nil {
		return err
	}
	w.report.Plan = w.plan
	switch {
	case w.o.DryRun:
		return c.Forget(ctx)
	case w.o.VerifyOnly:
		return w.verifyOnly(ctx)
	}
	if err := w.transfer(ctx); err != nil {
		return err
	}
	return w.finish(ctx)
}

// finish puts everything back as it was found, or starts the client.
func (w *work) finish(ctx context.Context) error {
	w.at = ""
	if err := w.c.Slow(ctx); err != nil && !errors.Is(err, nodemcu.ErrRefused) {
		return err
	}
	w.fill()
	if w.o.Run {
		return w.start(ctx)
	}
	return w.c.Forget(ctx)
}

// fill reports the files that are in place.
func (w *work) fill() {
	w.report.Files, w.report.Sent = nil, 0
	for _, s := range w.plan.Files {
		f := FileReport{Name: s.Name, Bytes: s.Bytes, SHA256: s.SHA256, Action: s.Action.Done(), Retries: w.retries[s.Name]}
		if w.sent[s.Name] && f.Action == ActionSkip.Done() {
			f.Action = ActionSend.Done() // by an earlier session of this run
		}
		if w.sent[s.Name] {
			w.report.Sent += s.Bytes
		}
		w.report.Files = append(w.report.Files, f)
	}
}
