package m3da

import (
	"fmt"
	"slices"
	"sync"

	"lander/lib/m3da/envelope"
)

// maxGiven is how many nonces may be out at once: one for each envelope of
// the other side that can be under way when both send of their own accord.
// Each is good for one envelope.
const maxGiven = 8

// secret is one side's view of the secured conversation: which nonces are
// good for what. Without keys it does nothing.
type secret struct {
	keys  Keys // nil: plain
	store Store
	sized bool // maps are written with their length

	mu    sync.Mutex
	state State
}

func newSecret(keys Keys, store Store) (*secret, error) {
	if store == nil {
		store = &Memory{}
	}
	s := &secret{keys: keys, store: store}
	var err error
	if s.state, err = store.Load(); err != nil {
		return nil, fmt.Errorf("reading the state of the session: %w", err)
	}
	return s, nil
}

// announced notes that the other side speaks our additions, or no longer.
func (s *secret) announced(on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Known && s.state.Lander == on {
		return nil
	}
	s.state.Known, s.state.Lander = true, on
	return s.save()
}

func (s *secret) lander() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Lander
}

func (s *secret) known() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Known
}

// save is called with mu held.
func (s *secret) save() error {
	state := s.state
	state.Given = slices.Clone(state.Given)
	if err := s.store.Save(state); err != nil {
		return fmt.Errorf("keeping the state of the session: %w", err)
	}
	return nil
}

// give makes a nonce for the other side. mu is held.
func (s *secret) give() string {
	n := s.keys.Nonce()
	s.state.Given = append(s.state.Given, n)
	if over := len(s.state.Given) - maxGiven; over > 0 {
		s.state.Given = slices.Delete(s.state.Given, 0, over)
	}
	return n
}

// seal makes the envelope of a payload. nonce is what a challenge gave; ""
// takes the one that came last, or a random one that will be challenged. A
// nonce is used once.
func (s *secret) seal(sender, nonce string, header []envelope.Field, payload string) (envelope.Envelope, error) {
	if s.keys == nil {
		if sender != "" {
			header = append([]envelope.Field{text(fieldID, sender)}, header...)
		}
		return envelope.Envelope{Header: envelope.Header(header...), Payload: payload}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if nonce == "" {
		nonce, s.state.Send = s.state.Send, ""
	}
	if nonce == "" {
		nonce = s.keys.Nonce()
	}
	inner := envelope.Envelope{Header: envelope.Header(append(slices.Clip(header), text(fieldNonce, s.give()))...), Payload: payload}
	if s.sized {
		inner = inner.Sized()
	}
	if err := s.save(); err != nil {
		return envelope.Envelope{}, err
	}
	sealed := s.keys.Seal(nonce, string(inner.Append(nil)))
	return envelope.Envelope{
		Header: envelope.Header(text(fieldID, sender)), Payload: sealed,
		Footer: envelope.Header(text(fieldMAC, s.keys.MAC(sealed, nonce))),
	}, nil
}

// open verifies and deciphers an envelope. status is what to answer when that
// fails: 401, 407, 400 or 450.
func (s *secret) open(e envelope.Envelope) (inner envelope.Envelope, status int64, err error) {
	if s.keys == nil {
		return e, 0, nil
	}
	mac := e.Footer.Text(fieldMAC)
	if mac == "" {
		return inner, envelope.StatusAuthentication, fmt.Errorf("%w: an envelope without MAC", ErrSecurity)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.state.Given, func(n string) bool { return s.keys.Verify(e.Payload, n, mac) })
	if i < 0 {
		return inner, envelope.StatusUnauthorized, fmt.Errorf("%w: the MAC is wrong", ErrSecurity)
	}
	nonce := s.state.Given[i]
	s.state.Given = slices.Delete(s.state.Given, i, i+1)
	plain, err := s.keys.Open(nonce, e.Payload)
	if err == nil {
		inner, _, err = envelope.Parse([]byte(plain))
	}
	if err != nil {
		status = envelope.StatusMalformed
		if clear, _, cerr := envelope.Parse([]byte(e.Payload)); cerr == nil && s.keys.Cipher() != "" {
			status, inner = envelope.StatusEncryption, clear
		}
		if serr := s.save(); serr != nil {
			return envelope.Envelope{}, envelope.StatusServerFault, serr
		}
		return envelope.Envelope{}, status, fmt.Errorf("%w: the payload cannot be read: %w", ErrSecurity, err)
	}
	s.state.Send = inner.Header.Text(fieldNonce)
	if err := s.save(); err != nil {
		return envelope.Envelope{}, envelope.StatusServerFault, err
	}
	return inner, 0, nil
}

// challenge makes the envelope that asks the other side to send its last one
// again, under a nonce of ours.
func (s *secret) challenge(sender string, status int64) (envelope.Envelope, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fields := []envelope.Field{envelope.Int(fieldStatus, status), text(fieldChallenge, s.keys.Auth()), text(fieldNonce, s.give())}
	if sender != "" {
		fields = append([]envelope.Field{text(fieldID, sender)}, fields...)
	}
	if err := s.save(); err != nil {
		return envelope.Envelope{}, err
	}
	return envelope.Envelope{Header: envelope.Header(fields...)}, nil
}

// challenged reads a challenge of the other side; ok is false when the
// envelope is none.
func (s *secret) challenged(e envelope.Envelope) (nonce string, ok bool, err error) {
	word := e.Header.Text(fieldChallenge)
	if s.keys == nil || word == "" {
		return "", false, nil
	}
	nonce = e.Header.Text(fieldNonce)
	if word != s.keys.Auth() || nonce == "" {
		return "", true, fmt.Errorf("%w: the other side asks for %.40q, and %q is configured", ErrSecurity, word, s.keys.Auth())
	}
	return nonce, true, nil
}
