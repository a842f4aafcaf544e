package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/audit"
	"gatepost/gateway/flow"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// operations returns everything that operators can do: what the journeys
// offer, and what concerns keys, evidence as a whole, and the store.
func (s *system) operations() flow.Operations {
	return s.flow.Operations(flow.Operations{
		"audit.verify": s.auditVerify, "audit.export": s.auditExport,
		"key.list": s.keyList, "key.rotate": s.keyRotate, "key.destroy": s.keyDestroy,
		"queue.state": s.queueState, "queue.summary": s.queueSummary, "carrier.state": s.carrierState,
		"backup": s.backup, "store.dump": s.storeDump,
	})
}

func answer(c flow.Call, v any) error { return json.NewEncoder(c.Out).Encode(v) }

// auditVerify reads the whole log. The newest checkpoint beside the keyring is
// always among what the log must continue.
func (s *system) auditVerify(ctx context.Context, c flow.Call) error {
	if _, err := s.audit.Fold(ctx); err != nil {
		return err
	}
	own, err := s.keyring.Checkpoint()
	if err != nil {
		return err
	}
	checkpoints := [][]byte{}
	if len(own) > 0 {
		checkpoints = append(checkpoints, own)
	}
	for _, given := range c.Args["checkpoint"] {
		checkpoints = append(checkpoints, []byte(given))
	}
	report, err := audit.Verify(ctx, s.store, s.keyring.Signer().Verifier(), checkpoints...)
	if err != nil {
		return err
	}
	if report.Problems == nil {
		report.Problems = []audit.Problem{}
	}
	if err := answer(c, report); err != nil {
		return err
	}
	if !report.OK() {
		return &flow.OperationError{Text: "the evidence does not verify", Data: true}
	}
	return nil
}

func (s *system) auditExport(ctx context.Context, c flow.Call) error {
	if _, err := s.audit.Fold(ctx); err != nil {
		return err
	}
	if c.Args.Get("key") == "true" {
		_, err := fmt.Fprintln(c.Out, s.keyring.Signer().Public())
		return err
	}
	if c.Args.Get("checkpoint") == "true" {
		head, err := s.audit.Checkpoint(ctx)
		if err == nil {
			_, err = c.Out.Write(head)
		}
		return err
	}
	o := audit.ExportOptions{Format: audit.JSON, Host: s.flow.Hostname()}
	if c.Args.Get("names") == "true" {
		o.Name = s.personName(ctx)
	}
	if c.Args.Get("format") == "rfc5424" {
		o.Format = audit.Syslog
	}
	if c.Args.Get("note") == "true" {
		o.Head = func(checkpoint []byte) error { return answer(c, headLine{string(checkpoint)}) }
	}
	// The record of the export comes into the log before the export.
	if err := s.record(ctx, gateway.Record{Event: gateway.EventExported, Actor: c.Actor}); err != nil {
		return err
	}
	if _, err := s.audit.Fold(ctx); err != nil {
		return err
	}
	_, err := s.audit.Export(ctx, c.Out, o)
	return err
}

// personName names the persons of exported records as far as they are known.
func (s *system) personName(ctx context.Context) func(gateway.PersonRef) string {
	return func(ref gateway.PersonRef) string {
		p, err := s.people.Resolve(ctx, ref)
		if err != nil {
			return ""
		}
		return p.Address.Wire()
	}
}

// keyLine is a key as operators see it.
type keyLine struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	State   string    `json:"state"`
	Created time.Time `json:"created,omitzero"`
	Retain  time.Time `json:"retain,omitzero"`
}

func (s *system) keyList(_ context.Context, c flow.Call) error {
	keys, err := s.keyring.List()
	if err != nil {
		return err
	}
	for _, k := range keys {
		line := keyLine{ID: k.ID, Kind: k.Kind, State: "kept", Created: k.Created, Retain: k.Retain}
		switch {
		case !k.Destroyed.IsZero():
			line.State = "destroyed"
		case k.Current:
			line.State = "current"
		}
		if err := answer(c, line); err != nil {
			return err
		}
	}
	return nil
}

// asOperator runs an act on keys whose evidence names the operator.
func (s *system) asOperator(c flow.Call, act func() error) error {
	s.keyMu.Lock()
	defer s.keyMu.Unlock()
	s.keyActor.Store(&c.Actor)
	defer s.keyActor.Store(nil)
	return act()
}

func (s *system) keyRotate(_ context.Context, c flow.Call) error {
	rotate := s.keyring.RotateSpool
	if c.Args.Get("kind") == "metadata" {
		rotate = s.keyring.RotateMetadata
	}
	var id string
	err := s.asOperator(c, func() (err error) {
		id, err = rotate()
		return err
	})
	if err != nil {
		return err
	}
	return answer(c, map[string]string{"id": id, "kind": c.Args.Get("kind")})
}

func (s *system) keyDestroy(_ context.Context, c flow.Call) error {
	id := c.Args.Get("id")
	keys, err := s.keyring.List()
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.ID != id {
			continue
		}
		if err := s.asOperator(c, func() error { return s.destroy(k) }); err != nil {
			return err
		}
		return answer(c, map[string]any{
			"id": id, "kind": k.Kind, "destroyed": time.Now().UTC(), "note": "a copy in an older backup of key_dir still opens: replace those backups",
		})
	}
	return &flow.OperationError{Text: "no such key", NotFound: true}
}

func (s *system) destroy(k seal.GroupInfo) error {
	err := errors.New("metadata keys cannot be destroyed: the store is sealed with them")
	switch k.Kind {
	case "group":
		// From here on nothing more is wrapped for it; what is being accepted
		// at this moment may still be, so it counts as in use for the grace.
		if err = s.keyring.Retire(k.ID); err == nil {
			err = s.keyring.Destroy(k.ID)
		}
	case "spool":
		err = s.keyring.DestroySpool(k.ID)
	}
	if errors.Is(err, seal.ErrInUse) {
		return &flow.OperationError{Text: "that key has sealed something in the last two minutes, or still seals: try again in some minutes", Busy: true}
	}
	return err
}

// Parts of a backup, as of data_dir.
const (
	storeDir = "store"
	blobsDir = "blobs"
)

// backup copies the data while the server runs. Bodies are copied after the
// records, and none is removed meanwhile, so that every record finds its body.
func (s *system) backup(ctx context.Context, c flow.Call) error {
	dir := c.Args.Get("dir")
	if !filepath.IsAbs(dir) {
		return &flow.OperationError{Text: "the directory must be absolute", Usage: true}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return unwritable(err, filepath.Dir(dir))
	}
	if err := s.record(ctx, gateway.Record{Event: gateway.EventBackup, Actor: c.Actor}); err != nil {
		return err
	}
	if err := s.copyTo(ctx, dir); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	size, err := treeSize(dir)
	if err != nil {
		return err
	}
	return answer(c, map[string]any{"dir": dir, "bytes": size, "keyring": s.keyring.ID(), "note": "holds no private key: back up key_dir apart"})
}

// unwritable says who must be able to write, which is not who typed the command.
func unwritable(err error, parent string) error {
	if _, stat := os.Stat(parent); errors.Is(stat, os.ErrNotExist) {
		return exit{exitCantCreate, fmt.Errorf("%s does not exist: make it first, such that the server's user (uid %d), who writes the backup, can write to it", parent, os.Geteuid())}
	}
	return exit{exitCantCreate, fmt.Errorf("%w: the server writes the backup, so its user (uid %d) must be able to write to %s", err, os.Geteuid(), parent)}
}

func (s *system) copyTo(ctx context.Context, dir string) error {
	err := s.blobs.Backup(ctx, filepath.Join(dir, blobsDir), func(ctx context.Context) error {
		return s.raw.Backup(ctx, filepath.Join(dir, storeDir))
	})
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return writeNew(filepath.Join(dir, keyringID), []byte(s.keyring.ID()+"\n"))
}

func treeSize(dir string) (int64, error) {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}

func (s *system) storeDump(ctx context.Context, c flow.Call) error {
	return store.Dump(ctx, s.store, c.Out)
}
