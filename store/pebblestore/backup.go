package pebblestore

import (
	"context"
	"errors"
	"fmt"

	"gatepost/store"
)

// Backup writes a copy of the store into dir, which must not exist and becomes
// a directory that Open opens. It contains everything that was acknowledged
// before it began, each commit whole. The store goes on meanwhile. Files that
// never change are linked where that is possible, so a copy on the same device
// is quick, and must be copied elsewhere to be worth something. When it fails,
// dir is removed again; store.ErrFull: it did not fit.
//
// Bodies outside the store have their own files: blob.Store.Backup calls this
// at the right moment.
func (s *Store) Backup(ctx context.Context, dir string) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.use.RUnlock()
	if err := s.Healthy(); err != nil {
		return err
	}
	select {
	case s.copying <- struct{}{}:
		defer func() { <-s.copying }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := s.checkpoint(dir); err != nil {
		return fmt.Errorf("backing up the store to %s: %w", dir, err)
	}
	return nil
}

// checkpoint copies the engine's files. It cannot be interrupted, only left
// behind when the engine freezes under it.
func (s *Store) checkpoint(dir string) error {
	done := make(chan error, 1)
	go func() { done <- s.copyTo(dir) }()
	select {
	case err := <-done:
		if noRoom(err) {
			return fmt.Errorf("%w: %w", store.ErrFull, err)
		}
		return err
	case <-s.health.Failed():
		return s.Healthy()
	}
}

func (s *Store) copyTo(dir string) error {
	_ = s.guard.copyFailed() // of one before
	if err := s.db.Checkpoint(dir); err != nil {
		return err
	}
	if err := s.guard.copyFailed(); err != nil {
		return errors.Join(err, s.guard.FS.RemoveAll(dir))
	}
	return nil
}
