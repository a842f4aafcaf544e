package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"gatepost/store"
)

// How Run keeps time.
const (
	foldEvery   = 200 * time.Millisecond // at most, while something is staged
	safetyEvery = 5 * time.Second        // looks for what other processes staged
	saveEvery   = time.Minute            // newest checkpoint to Options.Save
	lastFold    = 10 * time.Second       // for folding and saving at the end
)

// ErrRolledBack: the log does not contain what a checkpoint outside the store
// says that it contained.
var ErrRolledBack = errors.New("audit: evidence was rolled back or rewritten")

// Run folds whatever is staged, within 200 ms, until ctx ends; then it folds
// once more and saves the checkpoint. Errors are logged and folding is tried
// again: evidence stays staged meanwhile.
func (l *Log) Run(ctx context.Context) error {
	safety, save := time.NewTicker(safetyEvery), time.NewTicker(saveEvery)
	defer safety.Stop()
	defer save.Stop()
	for {
		select {
		case <-ctx.Done():
			return l.finish(ctx)
		case <-save.C:
			l.tell("saving the checkpoint failed", l.save(ctx))
			continue
		case <-safety.C:
		case <-l.wake:
		}
		l.tell("folding evidence failed", l.foldAll(ctx))
		select {
		case <-ctx.Done():
		case <-time.After(foldEvery):
		}
	}
}

func (l *Log) tell(message string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		l.o.Logger.Error(message, "error", err)
	}
}

// finish folds the rest although ctx has ended.
func (l *Log) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFold)
	defer cancel()
	return errors.Join(l.foldAll(ctx), l.save(ctx))
}

// foldAll folds until less than a batch is left.
func (l *Log) foldAll(ctx context.Context) error {
	for {
		n, err := l.Fold(ctx)
		if err != nil || n < l.o.Batch {
			return err
		}
	}
}

// save hands the newest checkpoint to Options.Save. A checkpoint that the log
// does not continue is left where it is: it is the proof.
func (l *Log) save(ctx context.Context) error {
	if l.o.Save == nil {
		return nil
	}
	head, err := l.Checkpoint(ctx)
	if err != nil || head == nil {
		return err
	}
	if l.o.Load != nil {
		old, err := l.o.Load()
		if err != nil {
			return fmt.Errorf("loading the checkpoint outside the store: %w", err)
		}
		if bytes.Equal(old, head) {
			return nil
		}
		if err := l.Check(ctx, old); err != nil {
			return err
		}
	}
	if err := l.o.Save(head); err != nil {
		return fmt.Errorf("saving the checkpoint outside the store: %w", err)
	}
	l.m.saved.Set(float64(l.o.Now().Unix()))
	return nil
}

// Check proves that the log continues the one that checkpoint was signed for:
// ErrRolledBack when it does not, ErrBadCheckpoint when the checkpoint is not
// ours. An empty checkpoint is continued by every log. It reads some twenty
// hashes, so it suits every start; that the records still are what was signed,
// only Verify tells.
func (l *Log) Check(ctx context.Context, checkpoint []byte) error {
	if len(checkpoint) == 0 {
		return nil
	}
	old, err := ParseCheckpoint(checkpoint, l.key.Verifier())
	if err != nil {
		return err
	}
	st, _, err := readState(ctx, l.store)
	if err != nil {
		return err
	}
	if old.Size == 0 {
		return nil
	}
	if st.Size < old.Size {
		return ErrRolledBack
	}
	now, err := ParseCheckpoint(st.Head, l.key.Verifier())
	if err != nil {
		return fmt.Errorf("checking evidence: newest head: %w", err)
	}
	proof, err := tlog.ProveTree(int64(now.Size), int64(old.Size), l.hashes(ctx))
	if err != nil {
		return fmt.Errorf("checking evidence: %w", err)
	}
	if tlog.CheckTree(proof, int64(now.Size), now.Root, int64(old.Size), old.Root) != nil {
		return ErrRolledBack
	}
	return nil
}

// hashes reads the stored hashes of the tree, by the indexes of package tlog.
func (l *Log) hashes(ctx context.Context) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			level, n := tlog.SplitStoredHashIndex(index)
			last := uint64(n+1)<<level - 1 // the record that completed it
			stored, err := hashesOf(ctx, l.store, last)
			if err != nil {
				return nil, fmt.Errorf("reading a tree hash: %w", err)
			}
			if level >= len(stored) {
				return nil, fmt.Errorf("reading a tree hash: %w", store.ErrBadRecord)
			}
			out[i] = stored[level]
		}
		return out, nil
	})
}

// splitHashes is the inverse of joinHashes; nil for octets that are no hashes.
func splitHashes(raw []byte) []tlog.Hash {
	if len(raw)%tlog.HashSize != 0 {
		return nil
	}
	out := make([]tlog.Hash, 0, len(raw)/tlog.HashSize)
	for ; len(raw) > 0; raw = raw[tlog.HashSize:] {
		out = append(out, tlog.Hash(raw[:tlog.HashSize]))
	}
	return out
}
