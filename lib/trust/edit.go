package trust

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"lander/lib/durable"
)

// Add puts a public key into the store at dir, with the given role unless it
// is "". It returns the key's id. Adding a key again changes nothing; another
// key with the same id is refused.
func Add(dir string, pub []byte, role string) (string, error) {
	key, err := ParsePublicKey(pub)
	if err != nil {
		return "", err
	}
	return key.ID(), edit(dir, func(s *Store) error {
		have, there := s.keys[key.ID()]
		if there && have.Line() != key.Line() {
			return refuse(ReasonSignature, "remove it first: lander trust remove "+key.ID(), "the trust store has another key with the id %s", key.ID())
		}
		old, err := readPolicyText(dir)
		if err != nil {
			return err
		}
		newRole := role != "" && s.policy.For(key.ID()).Role != role
		if newRole {
			if _, has := s.policy.keys[key.ID()]; has {
				return refuse(ReasonSignature, "edit the entry in "+filepath.Join(dir, policyFile), "policy.toml has an entry for %s with another role", key.ID())
			}
			// Before the key: between the two it has no rights, not those of
			// another role.
			if err := writePolicy(dir, fmt.Appendf(bytes.Clone(old), "\n[[key]]\nid = %q\nrole = %q\n", key.ID(), role)); err != nil {
				return err
			}
		}
		if there {
			return nil
		}
		err = durable.WriteFile(filepath.Join(dir, key.ID()+".pub"), key.Text(), 0o644, durable.NoReplace)
		if err != nil && newRole {
			err = errors.Join(err, restorePolicy(dir, old))
		}
		return err
	})
}

// restorePolicy takes a change back. No text is no file.
func restorePolicy(dir string, text []byte) error {
	if text != nil {
		return writePolicy(dir, text)
	}
	return os.Remove(filepath.Join(dir, policyFile))
}

// Remove takes the key with this id out of the store at dir, and its entry
// out of policy.toml, also one that is left without a key.
func Remove(dir, id string) error {
	id, err := ParseID(id)
	if err != nil {
		return err
	}
	return edit(dir, func(s *Store) error {
		files := s.files[id]
		_, has := s.policy.keys[id]
		if len(files) == 0 && !has {
			return refuse(ReasonSignature, "see lander trust list", "key %s is not in the trust store %s", id, dir)
		}
		// The key goes first: without its entry it would have the rights of
		// any key, though it was revoked.
		for _, file := range files {
			if err := os.Remove(filepath.Join(dir, file)); err != nil {
				return fmt.Errorf("removing key %s: %w", id, err)
			}
		}
		if err := durable.SyncDir(dir); err != nil {
			return fmt.Errorf("removing key %s: %w", id, err)
		}
		if !has {
			return nil
		}
		text, err := readPolicyText(dir)
		if err == nil {
			err = writePolicy(dir, cutKeyEntry(text, id))
		}
		if err != nil {
			return fmt.Errorf("key %s is removed, its entry in policy.toml is not: %w", id, err)
		}
		return nil
	})
}

// edit runs change on the store as it stands, alone among editors.
func edit(dir string, change func(*Store) error) error {
	if err := durable.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("changing the trust store: %w", err)
	}
	lock, err := durable.Acquire(filepath.Clean(dir) + ".lock")
	if err != nil {
		return fmt.Errorf("changing the trust store: %w", err)
	}
	defer lock.Release()
	s, err := OpenStore(dir)
	if err != nil {
		return err
	}
	return change(s)
}

func readPolicyText(dir string) ([]byte, error) {
	b, err := readSmall(filepath.Join(dir, policyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// writePolicy parses what it is about to write: a policy that does not parse
// would close the store.
func writePolicy(dir string, text []byte) error {
	path := filepath.Join(dir, policyFile)
	if _, err := ParsePolicy(path, text); err != nil {
		return err
	}
	return durable.WriteFile(path, text, 0o644)
}

// cutKeyEntry removes the [[key]] table of id, leaving the rest of the text,
// comments included, as its owner wrote it.
func cutKeyEntry(text []byte, id string) []byte {
	var out, block []byte
	flush := func() {
		if p, _, err := parsePolicy(policyFile, block); err != nil || p.keys[id].ID == "" {
			out = append(out, block...)
		}
		block = nil
	}
	for line := range bytes.Lines(text) {
		if t := strings.TrimSpace(string(line)); strings.HasPrefix(t, "[[") || strings.HasPrefix(t, "[") && strings.HasSuffix(t, "]") && !strings.Contains(t, "=") {
			flush()
		}
		block = append(block, line...)
	}
	flush()
	return out
}

// ParseKeyList checks a key list, the payload of a bundle format=keys: a
// policy.toml with pub="RW..." in each [[key]], and at least one root key
// that is not revoked. It returns the ids of the keys.
func ParseKeyList(text []byte) ([]string, error) {
	list, err := parseKeyList(text)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, k := range list.Key {
		ids = append(ids, k.ID)
	}
	return ids, nil
}

func parseKeyList(text []byte) (rawPolicy, error) {
	p, keys, err := parsePolicy("key list", text)
	if err != nil {
		return rawPolicy{}, err
	}
	root := false
	for _, k := range keys {
		if k.Pub == "" {
			return rawPolicy{}, invalidf("key list: [[key]] %s has no pub=", k.ID)
		}
		kp := p.For(k.ID)
		root = root || kp.Role == RoleRoot && !kp.Revoked
	}
	if !root {
		return rawPolicy{}, invalidf("key list: there is no root key that is not revoked; after it, no further list could be applied")
	}
	return rawPolicy{Defaults: p.defaults, Key: keys}, nil
}

// CanApply refuses a verdict that does not carry a key list signed by a root
// key.
func CanApply(v Verdict) error {
	if v.Plain || v.Statement.Format != "keys" {
		return refuse(ReasonSignature, "", "not signed as a key list (format=keys)")
	}
	if v.Policy.Role != RoleRoot {
		return refuse(ReasonSignature, "have it signed by a root key", "key %s has the role %s: only a root key may sign a key list", v.Key.ID(), v.Policy.Role)
	}
	return nil
}

// Replace makes the store at dir hold exactly the keys and the policy of a
// key list. A reader finds the old store or the new one. Files that are
// neither .pub nor policy.toml stay. The caller has checked the list's
// signature: v is its verdict, which CanApply must let pass.
func Replace(dir string, v Verdict, list []byte) error {
	if err := CanApply(v); err != nil {
		return err
	}
	raw, err := parseKeyList(list)
	if err != nil {
		return err
	}
	return edit(dir, func(*Store) error {
		clean := filepath.Clean(dir)
		next := clean + ".next"
		if err := os.RemoveAll(next); err != nil {
			return fmt.Errorf("replacing the trust store: %w", err)
		}
		if err := fillStore(clean, next, raw); err != nil {
			os.RemoveAll(next)
			return fmt.Errorf("replacing the trust store: %w", err)
		}
		if err := durable.Exchange(next, clean); err != nil {
			os.RemoveAll(next)
			return fmt.Errorf("replacing the trust store: %w", err)
		}
		serr := durable.SyncDir(filepath.Dir(clean))
		// The old one: what is left of it now the next edit removes.
		os.RemoveAll(next)
		if serr != nil {
			return fmt.Errorf("replacing the trust store: it is replaced, but may not be after a power failure: %w", serr)
		}
		return nil
	})
}

func fillStore(old, next string, raw rawPolicy) error {
	st, err := os.Stat(old)
	if err != nil {
		return err
	}
	if err := os.Mkdir(next, st.Mode().Perm()); err != nil {
		return err
	}
	entries, err := os.ReadDir(old)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == policyFile || strings.HasSuffix(e.Name(), ".pub") || !e.Type().IsRegular() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(old, e.Name()))
		if err != nil {
			return err
		}
		if err := durable.WriteFile(filepath.Join(next, e.Name()), b, 0o644); err != nil {
			return err
		}
	}
	for i, k := range raw.Key {
		key, err := ParsePublicKey([]byte(k.Pub))
		if err != nil {
			return err
		}
		if err := durable.WriteFile(filepath.Join(next, key.ID()+".pub"), key.Text(), 0o644); err != nil {
			return err
		}
		raw.Key[i].Pub = ""
	}
	var b bytes.Buffer
	enc := toml.NewEncoder(&b)
	enc.Indent = ""
	if err := enc.Encode(raw); err != nil {
		return err
	}
	return writePolicy(next, b.Bytes())
}
