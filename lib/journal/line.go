// Package journal keeps the audit journal: append-only lines that say who did
// what with which digest and key, what was decided and what came of it.
//
// The journal is NDJSON in DIR/journal.ndjson, one Line an object. Each line
// carries its own hash and the hash of the line before, so that a changed,
// dropped or inserted line breaks the chain; DIR/journal.head holds the last
// seq and hash. A file that grows too large is renamed to
// journal.NNNNNN.ndjson, and the first line of the next file carries on the
// chain. Any number of goroutines and processes may append at once.
//
// The chain shows accidents, and edits by those who cannot write the head.
// Who can write the directory can rewrite all of it: keep the head elsewhere
// and compare with Verify.
package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// The values of Line.Action.
const (
	ActionSign      = "sign"
	ActionVerify    = "verify"
	ActionRun       = "run"
	ActionUpload    = "upload"
	ActionStart     = "start"
	ActionControl   = "control"
	ActionDelete    = "delete"
	ActionDeploy    = "deploy"
	ActionFlash     = "flash"
	ActionProvision = "provision"
	ActionUpdate    = "update"
	ActionTrust     = "trust"

	// ActionRepair marks the lines that the journal writes about itself: a
	// torn tail that was cut, a head that does not fit the file.
	ActionRepair = "repair"
)

var actions = []string{ActionSign, ActionVerify, ActionRun, ActionUpload, ActionStart, ActionControl, ActionDelete,
	ActionDeploy, ActionFlash, ActionProvision, ActionUpdate, ActionTrust, ActionRepair}

// The values of Line.Verdict; it is empty where nothing was decided.
const (
	Accepted = "accepted"
	Refused  = "refused"
)

// TimeLayout is the form of Line.Time: RFC 3339 in UTC with milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// Zero is the Prev of the very first line.
const Zero = "0000000000000000000000000000000000000000000000000000000000000000"

const (
	// MaxLine bounds a line in bytes, its newline included.
	MaxLine = 256 << 10
	// maxText bounds each text of a line; longer ones are cut and end in "…".
	// All texts of this length fit into MaxLine however they are escaped.
	maxText = 2048
)

// Line is one line of the journal, its fields in the order of the file
// [formats: Journal line]. Texts that are not known are empty; Serial and
// ExitCode are null then. Append fills Seq, Time, Prev and Hash.
type Line struct {
	Seq       uint64 `json:"seq"`       // counted from 1 over all files
	Time      string `json:"time"`      // TimeLayout
	Prev      string `json:"prev"`      // Hash of the line before, Zero for the first
	Source    string `json:"source"`    // the door: cli, emp, m3da, http, monitoring, journal
	Actor     string `json:"actor"`     // who asked, as far as the door knows
	Action    string `json:"action"`    // one of the Action words
	Name      string `json:"name"`      // of the script, file or device
	Format    string `json:"format"`    // format word of the bundle
	SHA256    string `json:"sha256"`    // of the payload, lower hex
	KeyID     string `json:"key_id"`    // 16 upper hex digits
	Serial    *int64 `json:"serial"`    // of the bundle
	Verdict   string `json:"verdict"`   // accepted, refused or empty
	Reason    string `json:"reason"`    // why it was refused or repaired
	Outcome   string `json:"outcome"`   // what came of it
	ExitCode  *int   `json:"exit_code"` // of the script
	Ticket    string `json:"ticket"`    // of the server that asked
	Execution string `json:"execution"` // execution id
	Hash      string `json:"hash,omitempty"`
}

// ErrInvalid is wrapped by Append's error for a line that has no place in the
// journal, such as one with an unknown action.
var ErrInvalid = errors.New("invalid journal line")

func (l *Line) check() error {
	if !slices.Contains(actions, l.Action) {
		return fmt.Errorf("%w: action %q is not known", ErrInvalid, l.Action)
	}
	if l.Verdict != "" && l.Verdict != Accepted && l.Verdict != Refused {
		return fmt.Errorf("%w: verdict %q is not known", ErrInvalid, l.Verdict)
	}
	return nil
}

// clip cuts overlong texts: what comes from outside must neither stop the
// journal nor fill it.
func (l *Line) clip() {
	for _, s := range []*string{&l.Source, &l.Actor, &l.Name, &l.Format, &l.SHA256, &l.KeyID, &l.Reason, &l.Outcome, &l.Ticket, &l.Execution} {
		if len(*s) <= maxText {
			continue
		}
		n := maxText
		for n > maxText-utf8.UTFMax && !utf8.RuneStart((*s)[n]) {
			n--
		}
		*s = (*s)[:n] + "…"
	}
}

// AppendLine appends the line as it stands in the file, with its newline. The
// hash is computed; l.Hash is not looked at.
func AppendLine(dst []byte, l Line) []byte {
	l.Hash = ""
	buf := bytes.NewBuffer(dst)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false) // people read it
	enc.Encode(l)            // texts and numbers always encode
	body := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	sum := sha256.Sum256(body[len(dst):])
	dst = append(body[:len(body)-1], hashMember...)
	dst = hex.AppendEncode(dst, sum[:])
	return append(dst, "\"}\n"...)
}

const (
	hashMember = `,"hash":"`
	hashTail   = len(hashMember) + 2*sha256.Size + len(`"}`)
)

// ParseLine reads one line, without or with its newline, and checks its hash:
// the sha256 of the bytes of the line without the hash member, which is the
// last one. Members that a later version added are skipped.
func ParseLine(b []byte) (Line, error) {
	b = bytes.TrimSuffix(b, []byte("\n"))
	if len(b) >= MaxLine {
		return Line{}, fmt.Errorf("longer than %d bytes", MaxLine)
	}
	cut := len(b) - hashTail
	if cut < 1 || !strings.HasPrefix(string(b[cut:]), hashMember) || !strings.HasSuffix(string(b), `"}`) {
		return Line{}, errors.New("does not end in a hash")
	}
	h := sha256.New()
	h.Write(b[:cut])
	h.Write([]byte{'}'})
	sum := hex.EncodeToString(h.Sum(nil))
	if sum != string(b[cut+len(hashMember):len(b)-2]) {
		return Line{}, errors.New("the hash does not fit the line")
	}
	var l Line
	if err := json.Unmarshal(b, &l); err != nil {
		return Line{}, fmt.Errorf("not a journal line: %w", err)
	}
	if l.Seq == 0 || !isHash(l.Prev) {
		return Line{}, errors.New("not a journal line: no seq or prev")
	}
	return l, nil
}

func isHash(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
