package devs

import "context"

// While hands records to emit while do runs, and what has come by its end.
// When emit fails it is not called again.
func (f *Follower) While(ctx context.Context, emit func(Record) error, do func() error) error {
	done := make(chan error, 1)
	over, end := context.WithCancel(ctx)
	defer end()
	go func() {
		done <- do()
		end()
	}()
	var failed error
	for {
		records, err := f.Next(over)
		for _, r := range records {
			if failed == nil {
				failed = emit(r)
			}
		}
		if err != nil {
			break
		}
	}
	err := <-done
	for f.identifying() {
		<-f.news
	}
	f.mu.Lock()
	rest := f.take()
	f.mu.Unlock()
	for _, r := range rest {
		if failed == nil {
			failed = emit(r)
		}
	}
	if err == nil {
		err = failed
	}
	return err
}
