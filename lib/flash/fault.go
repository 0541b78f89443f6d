package flash

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"lander/lib/nodemcu"
)

// PreflightError says why a board is not touched: what it lacks, or what the
// files or the configuration lack.
type PreflightError struct{ Problems []string }

func (e *PreflightError) Error() string { return strings.Join(e.Problems, "; ") }

// FullError is a flash that has no room, or that refuses to write.
type FullError struct {
	File string // that does not fit
	Need int    // bytes of the flash, for it and to move things about; 0: not known
	Free int    // bytes, without its old content
	Err  error
}

func (e *FullError) Error() string {
	switch {
	case e.Need > 0:
		return fmt.Sprintf("the flash has no room for %s: %d bytes are missing, as it needs %d and there are %d", e.File, e.Need-e.Free, e.Need, e.Free)
	case errors.Is(e.Err, nodemcu.ErrFull):
		return fmt.Sprintf("%s: the flash is full or damaged: it took no more", e.File)
	}
	return fmt.Sprintf("%s: %v", e.File, e.Err)
}

// Unwrap gives the cause, if any.
func (e *FullError) Unwrap() error { return e.Err }

// MismatchError is a file that is not on the board what it is here, however
// often it was sent.
type MismatchError struct {
	File      string
	Alg       string // of the digests
	Want, Got string // "" when the file is not there
}

func (e *MismatchError) Error() string {
	got := e.Got
	if got == "" {
		got = "none: it is not there"
	}
	return fmt.Sprintf("%s: the board's %s is %s, and should be %s", e.File, e.Alg, got, e.Want)
}

// InterruptedError is a board that was lost after something on it was changed.
type InterruptedError struct {
	File     string // at which
	Done, Of int    // files in place
	Err      error
}

func (e *InterruptedError) Error() string {
	at := ""
	if e.File != "" {
		at = " at " + e.File
	}
	return fmt.Sprintf("lost the board%s, with %d of %d files in place: %v", at, e.Done, e.Of, e.Err)
}

// Unwrap gives the cause.
func (e *InterruptedError) Unwrap() error { return e.Err }

// ImageError is an image that is on the board in part, or wrong.
type ImageError struct{ Err error }

func (e *ImageError) Error() string { return "the image is not whole on the board: " + e.Err.Error() }

// Unwrap gives the cause: a rom.StatusError, a MismatchError, or a lost board.
func (e *ImageError) Unwrap() error { return e.Err }

// DiffersError says that VerifyOnly found differences; the Report has them.
type DiffersError struct{ Files []string }

func (e *DiffersError) Error() string {
	return fmt.Sprintf("%d files are not on the board as they are here: %s", len(e.Files), strings.Join(e.Files, ", "))
}

// StartError says that the client did not report, after all files were in place.
type StartError struct{ Printed []string } // by the board meanwhile

func (e *StartError) Error() string {
	if len(e.Printed) == 0 {
		return "the files are in place, but after the restart the board printed nothing of a provisioning service"
	}
	return "the files are in place, but after the restart the board did not reach the provisioning service; it printed: " + strings.Join(e.Printed, " | ")
}

// fault sorts what ended a run.
func (w *work) fault(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var (
		pe  *PreflightError
		me  *MismatchError
		fe  *FullError
		de  *DiffersError
		se  *StartError
		nop *nodemcu.PromptError
	)
	switch {
	case errors.As(err, &pe), errors.As(err, &me), errors.As(err, &fe), errors.As(err, &de), errors.As(err, &se):
		return err
	case errors.Is(err, nodemcu.ErrFull), errors.Is(err, nodemcu.ErrRefused):
		return &FullError{File: w.at, Err: err}
	case w.touched:
		of := 0
		if w.plan != nil {
			of = len(w.plan.Files)
		}
		return &InterruptedError{File: w.at, Done: w.done, Of: of, Err: err}
	case errors.As(err, &nop):
		return err
	}
	return fmt.Errorf("nothing was changed: %w", err)
}
