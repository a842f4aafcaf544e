package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/config"
	"gatepost/gateway/flow"
	folders "gatepost/gateway/mailbox"
	"gatepost/gateway/seal"
	"gatepost/store"
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
	if serverRuns(c.DataDir) {
		return exit{exitTemporary, errors.New("a server is running for this data_dir: stop it first")}
	}
	if err := notAsRoot(c, os.Geteuid()); err != nil {
		return err
	}
	if err := r.put(c); err != nil {
		return err
	}
	s, err := openSystem(ctx, c, env, forRestore)
	if err != nil {
		return err
	}
	defer s.close()
	if _, err := s.flow.Work().Pause(ctx, func(*store.Batch) error { return nil }); err != nil { // the evidence of the restore says it
		return err
	}
	done, err := s.flow.Replay(ctx, func(visit func(seal.Entry) error) error {
		_, err := s.keyring.Journal().Replay(visit)
		return err
	})
	if err != nil {
		return fmt.Errorf("replaying the journal: %w", err)
	}
	if _, err := folders.New(s.store, s.keyring.MAC, time.Now).RaiseValidity(ctx); err != nil {
		return fmt.Errorf("raising the UIDVALIDITY: %w", err)
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
	if err := os.Remove(filepath.Join(c.DataDir, unfinished)); err != nil {
		return exit{exitCantCreate, err}
	}
	return r.report(env, done)
}

func (restoreCmd) report(env environment, done flow.Replayed) error {
	if env.json {
		return json.NewEncoder(env.out).Encode(done)
	}
	for _, c := range replayCounts(done) {
		fmt.Fprintf(env.out, "%s: %d (%s)\n", c.name, c.n, c.words)
	}
	_, err := fmt.Fprint(env.out, restoreNext)
	return err
}

// replayCount is a counter of restore with what it counts.
type replayCount struct {
	name  string
	n     int
	words string
}

func replayCounts(done flow.Replayed) []replayCount {
	return []replayCount{
		{"finished", done.Finished, "mails and SMS, by recipient, that had left or ended after the backup: they do not leave again"},
		{"frozen", done.Frozen, "links and PINs that are frozen, as after too many wrong tries"},
		{"revoked", done.Revoked, "remembered browsers that are forgotten again"},
		{"pins", done.PINs, "readers' own PINs that had been replaced or removed after the backup"},
		{"recalled", done.Recalled, "copies, by recipient, that had been taken back after the backup and stay so"},
		{"returned", done.Returned, "copies that were taken back in the backup and had been given back after it"},
		{"erased", done.Erased, "persons who are erased again"},
		{"moved", done.Moved, "wraps of messages that had got another key, because theirs was destroyed"},
		{"users", done.Users, "members of staff who had been disabled, or had lost an app password or a role, after the backup"},
		{"consents", done.Consents, "words of telephones, STOP and START, that came after the backup"},
	}
}

// Help explains the counters.
func (restoreCmd) Help() string {
	var b strings.Builder
	b.WriteString(`The journal beside the keyring says what happened after the backup. Restore does it again and prints
how often each:

`)
	for _, c := range replayCounts(flow.Replayed{}) {
		fmt.Fprintf(&b, "  %-9s %s\n", c.name, c.words)
	}
	return b.String()
}

// restoreNext is what people have to look at: no journal holds passwords.
const restoreNext = `
Passwords of users are as in the backup, also those changed since because somebody knew them; what users were given since
is missing. Look at both before the server starts: gatepost user list, gatepost user passwd NAME
The queue is paused. Look at it (gatepost queue list), then: gatepost queue resume
`

// unfinished marks a data_dir whose restore has not come to its end: the
// queue may not be paused yet and the journal not replayed, so that a server
// would send again what has left. Only restore opens such a data_dir.
const unfinished = "restore.unfinished"

func restoreUnfinished(c *config.Config) bool {
	_, err := os.Stat(filepath.Join(c.DataDir, unfinished))
	return err == nil
}

// put copies the backup into a new data_dir. One that holds a store already
// is not overwritten, unless a restore that was cut off left it.
func (r restoreCmd) put(c *config.Config) error {
	id, err := os.ReadFile(filepath.Join(r.Dir, keyringID))
	if err != nil {
		return exit{exitNoInput, fmt.Errorf("%s is no backup: %w", r.Dir, err)}
	}
	if err := r.fits(c, strings.TrimSpace(string(id))); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(c.DataDir, storeDir)); err == nil && !restoreUnfinished(c) {
		return exit{exitCantCreate, fmt.Errorf("data_dir %s holds a store already: move it away first", c.DataDir)}
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return exit{exitCantCreate, err}
	}
	for name, content := range map[string][]byte{unfinished: nil, keyringID: id} {
		if err := writeNew(filepath.Join(c.DataDir, name), content); err != nil {
			return exit{exitCantCreate, err}
		}
	}
	for _, part := range []string{blobsDir, storeDir} {
		if err := copyPart(r.Dir, c.DataDir, part); err != nil {
			return exit{exitCantCreate, fmt.Errorf("copying %s: %w", part, err)}
		}
	}
	return nil
}

// fits refuses, before anything is copied, a backup that the keys here could
// not open.
func (restoreCmd) fits(c *config.Config, id string) error {
	ring, err := seal.Open(c.KeyDir, seal.Options{Now: time.Now, Rand: rand.Reader, ReadOnly: true})
	switch {
	case errors.Is(err, seal.ErrNoKeyring):
		return exit{exitConfig, fmt.Errorf("key_dir %s holds no keyring: restore the backup of the keys first", c.KeyDir)}
	case err != nil:
		return exit{exitConfig, err}
	}
	own := ring.ID()
	if err := ring.Close(); err != nil {
		return err
	}
	if own != id {
		return exit{exitConfig, fmt.Errorf("the backup belongs to keyring %s, key_dir %s holds %s", id, c.KeyDir, own)}
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
	if err := copyTree(partial, filepath.Join(from, part)); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(to, part)); err != nil {
		return err
	}
	return os.Rename(partial, filepath.Join(to, part))
}

// copyTree copies plain files and directories, private to us whatever their
// modes were. Anything else does not belong into a backup: a link could bring
// in any file of this machine.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch target := filepath.Join(to, name); {
		case d.IsDir():
			return os.Mkdir(target, 0o700)
		case d.Type().IsRegular():
			return copyFile(target, path)
		}
		return fmt.Errorf("%s is neither a file nor a directory", path)
	})
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
