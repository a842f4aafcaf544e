package main

import (
	"cmp"
	"context"
	"time"
)

// roomEvery is the time between two looks at the room of data_dir.
const roomEvery = time.Second

// hasRoom is the part "room" of health: whether what is new is taken, or
// refused because the disk is full. Bodies are refused before records.
func (s *server) hasRoom() error { return cmp.Or(s.raw.HasRoom(), s.blobs.HasRoom()) }

// watchRoom says once when the disk is full and once when there is room again,
// until ctx ends; dir is data_dir.
func (s *server) watchRoom(ctx context.Context, dir string) {
	t := time.NewTicker(roomEvery)
	defer t.Stop()
	full := false
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		err := s.hasRoom()
		switch {
		case err != nil && !full:
			s.log.Error("the disk of data_dir is full: what is new is refused for now, make room", "path", dir, "error", err)
		case err == nil && full:
			s.log.Info("there is room again on the disk of data_dir", "path", dir)
		}
		full = err != nil
	}
}
