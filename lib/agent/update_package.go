package agent

import (
	"archive/tar"
	"bufio"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"lander/lib/bundle"
	"lander/lib/durable"
	"lander/lib/emp/frame"
	"lander/lib/fetch"
	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/trust"
)

const (
	formatPackage = "package"
	downloadTries = 3
	downloadPause = 10 * time.Second
	maxEntries    = 10_000 // of a package
	maxUnpacked   = 2 << 30
)

// fetchPackage gets the package, checks and unpacks it, and returns its
// components.
func (u *updates) fetchPackage(ctx context.Context, j updateJob) ([]component, error) {
	u.tell(ctx, frame.SoftwareUpdateStatus{Event: frame.UpdateDownloadInProgress}, true)
	b, err := u.open(ctx, j)
	for try := 1; errors.Is(err, fetch.ErrUnreachable) || errors.Is(err, fetch.ErrTimeout); try++ {
		if try == downloadTries {
			return nil, &updateError{updateDownload, err.Error()}
		}
		if err := u.pause(ctx, downloadPause); err != nil {
			return nil, err
		}
		b, err = u.open(ctx, j)
	}
	if b != nil {
		err = cmp.Or(err, u.change(func(j *updateJob) { j.describe(b) }))
		if b.Payload != nil {
			defer b.Payload.Close()
		}
	}
	if err != nil {
		return nil, packageFault(err)
	}
	for _, event := range []int64{frame.UpdateDownloadOK, frame.UpdateCRCOK} {
		last := frame.SoftwareUpdateStatus{Event: event}
		u.tell(ctx, last, true)
		if event == frame.UpdateDownloadOK {
			if err := u.gate(ctx, stepDownload, last); err != nil {
				return nil, err
			}
		}
	}
	m, err := u.unpack(b.Payload.Reader())
	if err != nil {
		return nil, err
	}
	if err := u.admit(m); err != nil {
		return nil, err
	}
	// From here on the package counts as used.
	if b.Signature != nil {
		if err = b.Recheck(u.a.cfg.Clock()); err == nil {
			err = b.Record()
		}
		if err != nil {
			return nil, packageFault(err)
		}
	}
	return m.Components, nil
}

// describe notes what is known of the package, also of one that is refused.
func (j *updateJob) describe(b *bundle.Bundle) {
	st := &b.Statement
	if j.Name, j.SHA256 = st.Name, st.SHA256; st.Name != "" {
		j.Serial = &st.Serial
	}
	if b.Payload != nil {
		j.SHA256 = b.Payload.SHA256
	}
	if b.Signature != nil {
		j.KeyID = b.Signature.KeyID()
	}
	if b.Policy.Recheck && !st.Expires.IsZero() {
		j.Until = &st.Expires
	}
}

// pause waits, unless the update is aborted meanwhile.
func (u *updates) pause(ctx context.Context, d time.Duration) error {
	over := make(chan struct{})
	stop := u.a.afterFunc(d, func() { close(over) })
	defer stop()
	for {
		u.mu.Lock()
		aborted, changed := u.aborted, u.changed
		u.mu.Unlock()
		if aborted {
			return errAborted
		}
		select {
		case <-over:
			return nil
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// packageFault words why a package was not taken.
func packageFault(err error) error {
	if r, ok := errors.AsType[*trust.Refusal](err); ok {
		return &updateError{updateSignature, r.Text()}
	}
	switch {
	case noSpace(err):
		return &updateError{updateNoSpace, "the package: no space left"}
	case errors.Is(err, trust.ErrInvalid):
		return &updateError{updateSignature, err.Error()}
	case errors.Is(err, fetch.ErrURL), errors.Is(err, fetch.ErrAddress), errors.Is(err, fetch.ErrRedirect), errors.Is(err, fetch.ErrCertificate):
		return &updateError{updateSignature, err.Error()}
	case errors.Is(err, fetch.ErrTooLarge):
		return &updateError{updateInvalid, err.Error()}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return &updateError{updateDownload, "the package cannot be read"}
	}
	if se, ok := errors.AsType[*fetch.StatusError](err); ok {
		return &updateError{updateDownload, se.Error()}
	}
	return err
}

// noSpace reports whether the disk is full, or a limit on files is reached.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EFBIG)
}

// open reads the package and checks its signature, everything that needs no
// payload before the download, and at last its MD5, if one is known.
func (u *updates) open(ctx context.Context, j updateJob) (*bundle.Bundle, error) {
	src, size, err := u.source(ctx, j.Location)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	sum := trust.NewMD5()
	r := bufio.NewReaderSize(&progress{Reader: io.TeeReader(src, sum), u: u, ctx: ctx, size: size}, 64<<10)
	b, err := u.verified(r)
	if err != nil || j.MD5 == "" {
		return b, err
	}
	if _, err = io.Copy(io.Discard, r); err == nil {
		if got := hex.EncodeToString(sum.Sum(nil)); got != strings.ToLower(j.MD5) {
			err = &updateError{updateMD5, fmt.Sprintf("the MD5 of the package is %s, not %s", got, j.MD5)}
		}
	}
	return b, err
}

// verified reads a package that is let in.
func (u *updates) verified(r *bufio.Reader) (*bundle.Bundle, error) {
	svc := u.a.cfg.Script
	if u.a.cfg.UnsignedPackages {
		if start, _ := r.Peek(len(bundle.FirstLine) + 1); !bundle.Is(start) {
			p, err := bundle.Spool(r, bundle.Cap(formatPackage), svc.SpoolDir)
			if err != nil {
				return nil, err
			}
			return &bundle.Bundle{Payload: p}, nil
		}
	}
	store, err := svc.Trust()
	if err != nil {
		return nil, err
	}
	names := svc.Names
	if names == nil {
		names = []string{}
	}
	sub := trust.Subject{Names: names, Now: u.a.cfg.Clock(), BuildTime: svc.BuildTime, Limit: svc.Limit, Serials: svc.Serials, Formats: []string{formatPackage}}
	return bundle.Open(r, store, sub, svc.SpoolDir)
}

// source opens a file, or starts a download.
func (u *updates) source(ctx context.Context, location string) (io.ReadCloser, int64, error) {
	if !strings.Contains(location, "://") {
		f, err := os.Open(location)
		if err != nil {
			return nil, 0, err
		}
		st, err := f.Stat()
		if err != nil || !st.Mode().IsRegular() {
			f.Close()
			return nil, 0, errors.Join(err, fs.ErrNotExist)
		}
		return f, st.Size(), nil
	}
	o := u.a.cfg.Fetch
	o.MaxBytes = bundle.Cap(formatPackage) + trust.MaxSignatureText
	o.Timeout = 0
	b, err := fetch.Get(ctx, withCredentials(location), o)
	if err != nil {
		return nil, 0, err
	}
	return b, b.Size, nil
}

// withCredentials brings a URL with ":user@password" behind it into the usual
// form [EMP 4, 20].
func withCredentials(location string) string {
	scheme, rest, _ := strings.Cut(location, "://")
	host, tail, _ := strings.Cut(rest, "/")
	for i := 0; i < len(tail); i++ {
		if tail[i] != ':' {
			continue
		}
		user, password, ok := strings.Cut(tail[i+1:], "@")
		if !ok {
			break
		}
		if user == "" && password == "" {
			return scheme + "://" + host + "/" + tail[:i]
		}
		return scheme + "://" + escapeUser(user) + ":" + escapeUser(password) + "@" + host + "/" + tail[:i]
	}
	return location
}

// escapeUser writes text so that it can stand before the host of a URL.
func escapeUser(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// progress tells the listeners every tenth of a download.
type progress struct {
	io.Reader
	u     *updates
	ctx   context.Context
	size  int64 // unknown: -1
	read  int64
	tenth int64
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.read += int64(n)
	if p.size > 0 && p.read < p.size && p.read*10/p.size > p.tenth {
		p.tenth = p.read * 10 / p.size
		p.u.tell(p.ctx, frame.SoftwareUpdateStatus{Event: frame.UpdateDownloadInProgress, Details: fmt.Sprintf("%d%%", p.read*100/p.size)}, false)
	}
	return n, err
}

// unpack extracts the package and reads its manifest.
func (u *updates) unpack(r io.Reader) (*manifest, error) {
	dir := u.workDir()
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("clearing the place for a package: %w", err)
	}
	if err := durable.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making a place for a package: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("making a place for a package: %w", err)
	}
	defer root.Close()
	if err := extract(root, tar.NewReader(r)); noSpace(err) {
		return nil, &updateError{updateNoRoom, "unpacking: no space left"}
	} else if err != nil {
		return nil, &updateError{updateExtract, "unpacking: " + durable.Cause(err).Error()}
	}
	f, err := root.Open("Manifest")
	if err != nil {
		return nil, &updateError{updateNoManifest, "the package has no Manifest"}
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil || len(text) > maxManifest {
		return nil, &updateError{updateMalformed, "the manifest is too long"}
	}
	m, err := parseManifest(text)
	if err != nil {
		return nil, err
	}
	for _, c := range m.Components {
		if c.Version == "" {
			continue
		}
		if _, err := root.Stat(filepath.FromSlash(path.Clean(c.Location))); err != nil {
			return nil, &updateError{updateBadPath, fmt.Sprintf("component %s: its location is not in the package", c.Name)}
		}
	}
	return m, nil
}

// extract writes the files of an archive; nothing lands outside of root, and
// links and devices are refused.
func extract(root *os.Root, t *tar.Reader) error {
	left := int64(maxUnpacked)
	for n := 0; ; n++ {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name := filepath.FromSlash(path.Clean(h.Name))
		if n >= maxEntries || h.Size > left {
			return errors.New("the package is too large")
		}
		left -= h.Size
		switch h.Typeflag {
		case tar.TypeDir:
			if err := root.MkdirAll(name, 0o755); err != nil {
				return err
			}
		case tar.TypeReg:
			if err := extractFile(root, name, t, h.FileInfo().Mode().Perm()); err != nil {
				return err
			}
		case tar.TypeXGlobalHeader:
		default:
			return fmt.Errorf("%.100q is neither a file nor a directory", h.Name)
		}
	}
}

func extractFile(root *os.Root, name string, r io.Reader, mode fs.FileMode) error {
	if dir := filepath.Dir(name); dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644|mode&0o111)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync() // the next step counts on it after a restart
	}
	return errors.Join(err, f.Close())
}

// admit checks what the device would be like afterwards.
func (u *updates) admit(m *manifest) error {
	if m.Force {
		return nil
	}
	u.mu.Lock()
	after := updateState{Installed: append([]component(nil), u.state.Installed...)}
	u.mu.Unlock()
	for _, c := range m.Components {
		after.install(c)
	}
	return checkDepends(after.Installed)
}

// record journals an update.
func (u *updates) record(ctx context.Context, j updateJob, code int64, details string) {
	svc := u.a.cfg.Script
	if j.Location == "" || svc.Journal == nil {
		return
	}
	l := journal.Line{Source: j.Source, Action: journal.ActionUpdate, Name: j.Name, Format: formatPackage, SHA256: j.SHA256, KeyID: j.KeyID, Serial: j.Serial, Ticket: ticketWord(j.Ticket), Verdict: journal.Accepted, Outcome: fmt.Sprintf("%d %s", code, details)}
	if l.Source == "" {
		l.Source = job.SourceCLI
	}
	if j.Step != stepDispatch && code != updateAborted {
		l.Verdict, l.Reason = journal.Refused, details
	}
	if _, err := svc.Journal.Append(ctx, l); err != nil {
		u.a.cfg.Log.Error("an update could not be journalled", "error", err)
	}
}
