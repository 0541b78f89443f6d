package cmd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lander/lib/bundle"
	"lander/lib/job"
	"lander/lib/proc"
	"lander/lib/trust"
)

func scriptVerifyCommand() *cli.Command {
	return verb{
		name:     "verify",
		usage:    "tell what was signed, by whom and until when",
		operands: "FILE...|-",
		about: `Checks bundles, or files with a detached FILE.minisig beside them, against the trust store.
Runs nothing and records nothing. What is good, and a device with this trust store refuses all
the same, is said to be so: a stock signature without plain = true, a program without exec.`,
		flags: []cli.Flag{
			trustFlag(),
			&cli.StringFlag{Name: "policy", Usage: "use the policy in `FILE` instead of the trust store's own"},
			signatureFlag(),
			&cli.StringFlag{Name: "target", Usage: "check as the device `ID` (or group:NAME) would"},
			&cli.TimestampFlag{Name: "at", Layout: time.RFC3339, Usage: "check as of `TIME` (RFC 3339; default: now)"},
			&cli.BoolFlag{Name: "explain", Usage: "show check by check what a device would say"},
		},
		min: 1, max: -1,
		exits: []exitCode{exitRefused, exitPartial},
		examples: []example{
			{"lander script verify --trust keys dist/job.lua.signed", "with the public keys in the directory keys"},
			{"lander script verify --explain --target gw-17 job.lua.signed", "why a device takes it, or not"},
		},
		run: runScriptVerify,
	}.command()
}

type verified struct {
	File      string       `json:"file"`
	OK        bool         `json:"ok"`
	Signature string       `json:"signature"` // bundle or detached
	KeyID     string       `json:"key_id,omitempty"`
	Plain     bool         `json:"plain"`
	Comment   string       `json:"comment,omitempty"`
	Name      string       `json:"name,omitempty"`
	Format    string       `json:"format,omitempty"`
	Size      int64        `json:"size"`
	SHA256    string       `json:"sha256,omitempty"`
	Targets   []string     `json:"targets,omitempty"`
	Serial    *int64       `json:"serial,omitempty"`
	Signed    string       `json:"signed,omitempty"`
	NotBefore string       `json:"not_before,omitempty"`
	Expires   string       `json:"expires,omitempty"`
	Once      bool         `json:"once,omitempty"`
	Cap       []string     `json:"cap,omitempty"`
	Args      bool         `json:"args_allowed,omitempty"`
	Error     *verifyError `json:"error,omitempty"`
	Device    *verifyError `json:"device_error,omitempty"` // why a device refuses what is good
	Steps     []trust.Step `json:"steps,omitempty"`
}

type verifyError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func runScriptVerify(k *call) error {
	if k.cli.String("signature") != "" && len(k.args) > 1 {
		return usagef("", "--signature fits one file, and there are %d", len(k.args))
	}
	store, err := k.trustStore()
	if err != nil {
		return err
	}
	if p := k.cli.String("policy"); p != "" {
		text, err := k.readInput(p, "the policy", 1<<20)
		if err != nil {
			return err
		}
		policy, err := trust.ParsePolicy(p, text)
		if err != nil {
			return err
		}
		store = store.WithPolicy(policy)
	}
	sub := trust.Subject{Now: time.Now(), BuildTime: buildTime(), Need: proc.Need, Report: true}
	if at := k.cli.Timestamp("at"); at != nil {
		sub.Now, sub.BuildTime = *at, time.Time{}
	}
	if t := k.cli.String("target"); t != "" {
		sub.Names = []string{t}
	}
	var failed []error
	for _, file := range k.args {
		v, err := k.verifyOne(file, store, sub)
		if err != nil {
			failed = append(failed, err)
			v.Error = &verifyError{classify(k.ctx, err).name, oneLine(err.Error())}
			if len(k.args) > 1 && !k.json {
				fmt.Fprintf(k.err, "lander: %s %s\n", k.paint(k.err, "error:"), oneLine(file+": "+err.Error()))
			}
		}
		if !k.cli.Bool("explain") {
			v.Steps = nil
		}
		if err := k.ui.result(v, v.text); err != nil {
			return err
		}
	}
	switch {
	case len(failed) == 0:
		return nil
	case len(k.args) == 1:
		return k.inFile(k.args[0], failed[0])
	}
	return &fault{exit: exitPartial, msg: fmt.Sprintf("%d of %d files did not verify", len(failed), len(k.args)), cause: failed[0]}
}

// inFile names the file in an error that does not, keeping what it is.
func (k *call) inFile(file string, err error) error {
	if f, ok := errors.AsType[*fault](err); ok && strings.Contains(f.msg, file) {
		return err
	}
	return fmt.Errorf("%s: %w", file, err)
}

// trustStore opens the store that --trust names.
func (k *call) trustStore() (*trust.Store, error) {
	dir := k.trustDir()
	if k.cli.String("trust") != "" {
		// A directory that was named and is not there is a slip of the pen.
		if st, err := os.Stat(dir); err != nil {
			return nil, invalidf("", "the trust store %s: %w", dir, plainCause(err))
		} else if !st.IsDir() {
			return nil, invalidf("", "the trust store %s is not a directory", dir)
		}
	}
	return trust.OpenStore(dir)
}

func (k *call) verifyOne(file string, store *trust.Store, sub trust.Subject) (verified, error) {
	v := verified{File: file, Signature: "bundle"}
	sig, err := k.detachedFor(file)
	if err != nil {
		return v, err
	}
	src, err := k.openInput(file, "the bundle")
	if err != nil {
		return v, err
	}
	defer src.Close()
	var b *bundle.Bundle
	if sig != nil {
		v.Signature = "detached"
		b, err = bundle.OpenDetached(sig, func(trust.Verdict) (io.ReadCloser, error) { return io.NopCloser(src), nil }, store, sub, "")
	} else {
		b, err = bundle.Open(src, store, sub, "")
	}
	if b == nil {
		return v, err
	}
	if err == nil {
		defer b.Payload.Close()
		if b.Plain && b.Elsewhere == nil {
			head := make([]byte, 256)
			n, _ := io.ReadFull(b.Payload.Reader(), head)
			if format := job.DetectFormat(file, head[:n]); job.Runnable(format) {
				err = b.PlainFormat(format)
			}
		}
	}
	v.fill(b)
	v.OK = err == nil
	return v, err
}

// detachedFor finds the detached signature of a file: the one that
// --signature names, else FILE.minisig where FILE is no bundle.
func (k *call) detachedFor(file string) (*trust.Signature, error) {
	return k.detached(k.cli.String("signature"), file)
}

// detached reads the signature at path, or where that is "" the one beside file.
func (k *call) detached(path, file string) (*trust.Signature, error) {
	if path == "" {
		if file == "-" || startsAsBundle(file) {
			return nil, nil
		}
		path = file + ".minisig"
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	text, err := k.readInput(path, "the signature", trust.MaxSignatureText)
	if err != nil {
		return nil, err
	}
	sig, err := trust.ParseSignature(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return sig, nil
}

func startsAsBundle(file string) bool {
	st, err := os.Stat(file)
	if err != nil || !st.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, len(bundle.FirstLine)+1)
	n, _ := io.ReadFull(f, start)
	return bundle.Is(start[:n])
}

func (v *verified) fill(b *bundle.Bundle) {
	v.KeyID, v.Plain, v.Steps = b.Signature.KeyID(), b.Plain, b.Steps
	if b.Elsewhere != nil {
		v.Device = &verifyError{exitRefused.name, oneLine(b.Elsewhere.Error())}
	}
	if b.Payload != nil {
		v.Size, v.SHA256 = b.Payload.Size, b.Payload.SHA256
	}
	if b.Plain {
		v.Comment = b.Signature.Comment()
		return
	}
	st := b.Statement
	if st.Name == "" {
		return
	}
	v.Name, v.Format, v.Size, v.SHA256, v.Targets, v.Serial = st.Name, st.Format, st.Size, st.SHA256, st.Targets, &st.Serial
	v.Signed, v.NotBefore = job.Time{Time: st.Signed}.String(), job.Time{Time: st.NotBefore}.String()
	v.Expires = "never"
	if !st.Expires.IsZero() {
		v.Expires = job.Time{Time: st.Expires}.String()
	}
	v.Once, v.Cap, v.Args = st.Once, st.Cap, st.ArgsAllow
}

func (v verified) text(w io.Writer) {
	for _, s := range v.Steps {
		mark := "ok  "
		if !s.OK {
			mark = "NO  "
		}
		fmt.Fprintf(w, "  %s%-13s%s\n", mark, s.Check, oneLine(s.Detail))
	}
	if !v.OK {
		return
	}
	if v.Plain {
		fmt.Fprintf(w, "%s: good stock signature by key %s: no target, no expiry (comment: %s)\n", v.File, v.KeyID, oneLine(v.Comment))
	} else {
		fmt.Fprintf(w, "%s: good: %s (%s, %d bytes) by key %s for %s, serial %d, until %s\n",
			v.File, v.Name, v.Format, v.Size, v.KeyID, strings.Join(v.Targets, ", "), *v.Serial, v.Expires)
	}
	if v.Device != nil {
		fmt.Fprintf(w, "%s: a device with this trust store refuses it: %s\n", v.File, v.Device.Message)
	}
}
