package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/config"
	"gatepost/gateway/seal"
)

type restoreCmd struct {
	Dir string `arg:"" help:"Directory that backup wrote."`
}

// Run puts a backup where data_dir was, replays the journal beside the keyring
// and leaves the queue paused: what happened after the backup and is not in
// the journal, the operator must know before mail leaves again.
func (r restoreCmd) Run(ctx context.Context, env environment) error {
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	if err := r.put(c); err != nil {
		return err
	}
	s, err := openSystem(ctx, c, env, forOperator)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.flow.Work().Pause(ctx); err != nil {
		return err
	}
	done, err := s.flow.Replay(ctx, func(visit func(seal.Entry) error) error {
		_, err := s.keyring.Journal().Replay(visit)
		return err
	})
	if err != nil {
		return fmt.Errorf("replaying the journal: %w", err)
	}
	if err := s.record(ctx, gateway.Record{Event: gateway.EventRestored, Actor: fmt.Sprintf("uid:%d", os.Getuid())}); err != nil {
		return err
	}
	if _, err := s.audit.Fold(ctx); err != nil {
		return err
	}
	head, err := s.audit.Checkpoint(ctx)
	if err == nil {
		err = s.keyring.SaveCheckpoint(head) // the evidence after the backup is gone: from here on this is the log
	}
	if err != nil {
		return err
	}
	return r.report(env, done)
}

func (restoreCmd) report(env environment, done any) error {
	if env.json {
		return json.NewEncoder(env.out).Encode(done)
	}
	raw, err := json.Marshal(done)
	if err != nil {
		return err
	}
	if err := record(env.out, strings.NewReader(string(raw))); err != nil {
		return err
	}
	_, err = fmt.Fprintln(env.out, "\nThe queue is paused. Look at it (gatepost queue list), then: gatepost queue resume")
	return err
}

// put copies the backup into a new data_dir. One that holds a store already
// is not overwritten.
func (r restoreCmd) put(c *config.Config) error {
	id, err := os.ReadFile(filepath.Join(r.Dir, keyringID))
	if err != nil {
		return exit{exitNoInput, fmt.Errorf("%s is no backup: %w", r.Dir, err)}
	}
	if _, err := os.Stat(filepath.Join(c.DataDir, storeDir)); err == nil {
		return exit{exitCantCreate, fmt.Errorf("data_dir %s holds a store already: move it away first", c.DataDir)}
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return exit{exitCantCreate, err}
	}
	// The store comes last: a restore that was cut off has none, and can be
	// begun again.
	if err := writeNew(filepath.Join(c.DataDir, keyringID), id); err != nil {
		return exit{exitCantCreate, err}
	}
	for _, part := range []string{blobsDir, storeDir} {
		if err := copyPart(r.Dir, c.DataDir, part); err != nil {
			return exit{exitCantCreate, fmt.Errorf("copying %s: %w", part, err)}
		}
	}
	return nil
}

// copyPart copies one directory of a backup under a temporary name and then
// gives it its own.
func copyPart(from, to, part string) error {
	partial := filepath.Join(to, part+".partial")
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(from, part)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := os.CopyFS(partial, os.DirFS(filepath.Join(from, part))); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(to, part)); err != nil {
		return err
	}
	return os.Rename(partial, filepath.Join(to, part))
}
