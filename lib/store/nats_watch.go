package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	natsHeartbeat = time.Second     // of a consumer: it counts as lost after twice that
	natsPull      = 5 * time.Second // how long one request to a consumer holds
	natsMarks     = time.Minute     // how long the mark of a deletion stays for those who watch
)

// errAgain has a watch begin anew: something may have been missed.
var errAgain = errors.New("something may have been missed")

// natsWatch is the state of one Watch.
type natsWatch struct {
	s      *NATS
	prefix string
	yield  func(Change, error) bool
	known  map[string]Revision // what was yielded
	caught bool                // Caught was yielded
}

// Watch implements Store. It has one consumer, which is made anew when it is
// lost: then all entries come again, and those that have not changed are not
// yielded.
func (s *NATS) Watch(ctx context.Context, prefix string) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		if err := checkPrefix(prefix); err != nil {
			yield(Change{}, fmt.Errorf("watching: %w", err))
			return
		}
		w := natsWatch{s: s, prefix: prefix, yield: yield, known: map[string]Revision{}}
		for wait := 20 * time.Millisecond; ; {
			began := time.Now()
			err := w.follow(ctx)
			switch {
			case err == nil:
				return // the loop was left
			case ctx.Err() != nil:
				err = ctx.Err()
			case s.closed.Load():
				err = ErrClosed
			case errors.Is(err, errAgain) || !final(err):
				if time.Since(began) > natsTry {
					wait = 20 * time.Millisecond
				}
				select {
				case <-ctx.Done():
				case <-s.life.Done():
				case <-time.After(wait):
				}
				wait = min(2*wait, time.Second)
				continue
			}
			yield(Change{}, fmt.Errorf("watching %s: %w", prefix, err))
			return
		}
	}
}

// filters are the subjects of a prefix.
func (s *NATS) filters(prefix string) []string {
	if prefix == "" {
		return []string{s.name + ".>"}
	}
	return []string{s.subject(prefix), s.subject(prefix) + ".>"}
}

// newest is the sequence of the last message of a prefix, 0 when there is
// none, and a sequence that whatever went before has not passed, both as the
// leader knows them.
func (w *natsWatch) newest(ctx context.Context) (seq, last uint64, err error) {
	err = w.s.once(ctx, func(ctx context.Context) error {
		info, err := w.s.stream.Info(ctx)
		if err == nil {
			last = info.State.LastSeq
		}
		return err
	})
	for _, f := range w.s.filters(w.prefix) {
		if err != nil {
			break
		}
		err = w.s.once(ctx, func(ctx context.Context) error {
			m, err := w.s.stream.GetLastMsgForSubject(ctx, f)
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				return nil
			}
			if err == nil {
				seq = max(seq, m.Sequence)
			}
			return err
		})
	}
	return seq, last, err
}

// follow yields what is there and then what comes. nil: the loop was left.
func (w *natsWatch) follow(ctx context.Context) error {
	s := w.s
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	goal, last, err := w.newest(ctx)
	if err != nil {
		return err
	}
	var consumer jetstream.Consumer
	err = s.once(ctx, func(ctx context.Context) (err error) {
		consumer, err = s.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
			DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, AckPolicy: jetstream.AckNonePolicy, FilterSubjects: s.filters(w.prefix),
			MemoryStorage: true, Replicas: 1, InactiveThreshold: 5 * natsPull,
		})
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		forget, stop := context.WithTimeout(context.WithoutCancel(ctx), natsTry)
		defer stop()
		if !s.closed.Load() {
			s.stream.DeleteConsumer(forget, consumer.CachedInfo().Name) // else the server does after a while
		}
	}()
	messages, err := consumer.Messages(jetstream.PullExpiry(natsPull), jetstream.PullHeartbeat(natsHeartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return err
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()

	seen := map[string]bool{} // until all is there again
	var at, count uint64
	silent := 0
	behind := time.Now()
	for {
		if seen != nil && at >= goal {
			if !w.settle(seen, max(at, last)) {
				return nil
			}
			seen, behind = nil, time.Now()
		}
		var wait []jetstream.NextOpt
		if seen != nil {
			wait = append(wait, jetstream.NextMaxWait(natsHeartbeat))
		}
		m, err := messages.Next(wait...)
		if seen != nil && errors.Is(err, nats.ErrTimeout) {
			// The last message may be gone meanwhile. If it is not, the
			// consumer is: a wait that is so short does not find out.
			if silent++; silent > 3 {
				return errAgain
			}
			if goal, _, err = w.newest(ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return errors.Join(errAgain, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		silent = 0
		if count++; meta.Sequence.Consumer != count {
			return errAgain
		}
		at = meta.Sequence.Stream
		if !w.tell(m, at, seen) {
			return nil
		}
		if meta.NumPending == 0 {
			behind = time.Now()
		} else if seen == nil && time.Since(behind) > natsMarks/2 {
			return errAgain // the marks of deletions may be gone
		}
	}
}

// settle yields what has gone while nobody looked, by rev at the latest, and
// that all is there.
func (w *natsWatch) settle(seen map[string]bool, rev uint64) bool {
	for key := range w.known {
		if seen[key] {
			continue
		}
		delete(w.known, key)
		if !w.yield(Change{Kind: Deleted, Entry: Entry{Key: key, Rev: Revision(rev)}}, nil) {
			return false
		}
	}
	if w.caught {
		return true
	}
	w.caught = true
	return w.yield(Change{Kind: Caught}, nil)
}

// tell yields one message, unless it is known.
func (w *natsWatch) tell(m jetstream.Msg, seq uint64, seen map[string]bool) bool {
	key := swap(strings.TrimPrefix(m.Subject(), w.s.name+"."))
	if CheckKey(key) != nil {
		return true
	}
	rev := Revision(seq)
	if m.Headers().Get(headerDeleted) != "" {
		if _, ok := w.known[key]; !ok && !w.caught {
			return true
		}
		delete(w.known, key)
		return w.yield(Change{Kind: Deleted, Entry: Entry{Key: key, Rev: rev}}, nil)
	}
	if seen != nil {
		seen[key] = true
	}
	if w.known[key] >= rev {
		return true
	}
	w.known[key] = rev
	return w.yield(Change{Kind: Wrote, Entry: Entry{Key: key, Value: m.Data(), Rev: rev}}, nil)
}
