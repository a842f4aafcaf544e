package pebblestore

import (
	"context"
	"fmt"
)

// Backup writes a copy of the store into dir, which must not exist and becomes
// a directory that Open opens. It contains everything that was acknowledged
// before it began, each commit whole. The store goes on meanwhile. Files that
// never change are linked where that is possible, so a copy on the same device
// is quick, and must be copied elsewhere to be worth something.
//
// Bodies outside the store have their own files: blob.Store.Backup puts both
// in the right order.
func (s *Store) Backup(ctx context.Context, dir string) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.use.RUnlock()
	if err := s.Healthy(); err != nil {
		return err
	}
	if err := s.db.Checkpoint(dir); err != nil {
		return fmt.Errorf("backing up the store to %s: %w", dir, err)
	}
	return nil
}
