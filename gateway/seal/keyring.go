package seal

import (
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gatepost/gateway"
)

// Names in key_dir.
const (
	dirKeyring    = "keyring"
	dirGroups     = "groups"
	dirJournal    = "journal"
	fileKeyring   = kindKeyring + fileExt
	fileMAC       = kindMAC + fileExt
	fileEvidence  = kindEvidence + fileExt
	fileDestroyed = "destroyed.log"
	fileLock      = "keyring.lock"
	fileHead      = "checkpoint"
)

// Options of a keyring. Now and Rand are required.
type Options struct {
	Now    func() time.Time
	Rand   io.Reader // cryptographic: crypto/rand.Reader
	Logger *slog.Logger
	// Evidence records what happens to keys: it is called, and must have made
	// the records durable, before a key is destroyed, rotated or first used;
	// its error forbids the act. It may be nil (Create), and must not call the
	// Keyring except through a SealedStore and MAC.
	Evidence func(...gateway.Record) error
	// ReadOnly opens beside a running writer: nothing is written, no lock is
	// taken, and what would need a new key answers ErrReadOnly.
	ReadOnly bool
	// SpoolAge is how old a spool key gets before it is replaced; 0: 24 hours.
	SpoolAge time.Duration
	// Grace is how long after its last use a key counts as in use, because what
	// it sealed may still be on its way to the store; 0: 2 minutes.
	Grace time.Duration

	disk disk
}

const (
	defaultSpoolAge = 24 * time.Hour
	defaultGrace    = 2 * time.Minute
)

// Keyring holds all keys. Methods may be called concurrently.
type Keyring struct {
	dir    string // key_dir
	id     string
	o      Options
	lock   *os.File // nil when read-only
	macKey *secret
	macs   sync.Pool // of hash.Hash under macKey, for MAC
	signer *Signer
	sealer *Sealer

	mu       sync.RWMutex // guards what follows; writers hold it for moments only
	closed   bool
	metadata epochs
	spool    epochs

	rotating sync.Mutex // one rotation or destruction at a time
	gone     tombstones
	groups   groups
	journal  *Journal
	work     background
}

// nameEncoding makes file names of random octets.
var nameEncoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// Create makes a keyring in dir, which it makes too when needed, and opens it.
// It is all or nothing: a crash leaves no keyring. ErrExists when there is one.
func Create(dir string, o Options) (*Keyring, error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, fmt.Errorf("creating the keyring: %w", err)
	}
	held, err := lock(filepath.Join(dir, fileLock))
	if err != nil {
		return nil, err
	}
	if err := create(dir, o); err != nil {
		_ = held.Close()
		return nil, fmt.Errorf("creating the keyring: %w", err)
	}
	o.ReadOnly = false
	return open(dir, o, held)
}

// create writes the files under another name and then names them at once.
func create(dir string, o Options) error {
	final := filepath.Join(dir, dirKeyring)
	if _, err := os.Lstat(final); err == nil {
		return ErrExists
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	draft := final + partial
	if err := os.RemoveAll(draft); err != nil { // never had its name: no key in it was used
		return err
	}
	if err := o.disk.makeDir(draft); err != nil {
		return err
	}
	files, err := firstFiles(o)
	if err != nil {
		return err
	}
	for name, k := range files {
		if err := writeKeyFile(o.disk, draft, name, k); err != nil {
			return err
		}
	}
	if err := o.disk.makeDir(filepath.Join(draft, dirGroups)); err != nil {
		return err
	}
	return o.disk.rename(draft, final)
}

// firstFiles are the key files of a new keyring.
func firstFiles(o Options) (map[string]keyFile, error) {
	var id [16]byte
	if _, err := io.ReadFull(o.Rand, id[:]); err != nil {
		return nil, fmt.Errorf("naming the keyring: %w", err)
	}
	private, public, err := newSigner(o.Rand)
	if err != nil {
		return nil, err
	}
	now := o.Now()
	files := map[string]keyFile{
		fileKeyring:  {Kind: kindKeyring, ID: nameEncoding.EncodeToString(id[:]), Created: now},
		fileEvidence: {Kind: kindEvidence, ID: kindEvidence, Created: now, Secret: private, Public: public},
	}
	for name, kind := range map[string]string{
		fileMAC:                            kindMAC,
		epochID(kindMetadata, 1) + fileExt: kindMetadata,
		epochID(kindSpool, 1) + fileExt:    kindSpool,
	} {
		s, err := newSecret(o.Rand)
		if err != nil {
			return nil, err
		}
		files[name] = keyFile{Kind: kind, ID: name[:len(name)-len(fileExt)], Created: now, Secret: s[:]}
	}
	return files, nil
}

func writeKeyFile(d disk, dir, name string, k keyFile) error {
	data, err := k.encode()
	if err != nil {
		return err
	}
	defer clear(data)
	return d.writeNew(dir, name, data)
}

// Open opens the keyring in dir. ErrNoKeyring when there is none, ErrLocked
// when another process has it open for writing and o does not ask for reading
// only.
func Open(dir string, o Options) (*Keyring, error) {
	_, err := os.Stat(filepath.Join(dir, dirKeyring))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoKeyring
	}
	if err != nil {
		return nil, fmt.Errorf("opening the keyring: %w", err)
	}
	if o.ReadOnly {
		return open(dir, o, nil)
	}
	held, err := lock(filepath.Join(dir, fileLock))
	if err != nil {
		return nil, err
	}
	return open(dir, o, held)
}

// open loads the keyring; it takes over held, also when it fails.
func open(dir string, o Options, held *os.File) (*Keyring, error) {
	k := &Keyring{dir: dir, o: withDefaults(o), lock: held}
	k.sealer = &Sealer{k: k}
	err := k.load()
	if err == nil && held != nil {
		err = k.repair()
	}
	if err != nil {
		if held != nil {
			_ = held.Close()
		}
		return nil, fmt.Errorf("opening the keyring: %w", err)
	}
	k.warnOfModes()
	return k, nil
}

func withDefaults(o Options) Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Evidence == nil {
		o.Evidence = func(...gateway.Record) error { return nil }
	}
	if o.SpoolAge == 0 {
		o.SpoolAge = defaultSpoolAge
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	return o
}

// load reads everything but the private keys of groups, which are read when
// they are needed.
func (k *Keyring) load() error {
	head, err := readKeyFile(k.path(fileKeyring), kindKeyring, "")
	if err != nil {
		return err
	}
	k.id = head.ID
	mac, err := readKeyFile(k.path(fileMAC), kindMAC, kindMAC)
	if err != nil {
		return err
	}
	if k.macKey, err = secretOf(mac); err != nil {
		return err
	}
	evidence, err := readKeyFile(k.path(fileEvidence), kindEvidence, kindEvidence)
	if err != nil {
		return err
	}
	if k.signer, err = openSigner(evidence); err != nil {
		return err
	}
	if err := k.gone.load(k.o.disk, filepath.Join(k.dir, fileDestroyed), k.lock != nil); err != nil {
		return err
	}
	if err := k.loadEpochs(); err != nil {
		return err
	}
	k.journal, err = openJournal(filepath.Join(k.dir, dirJournal), k.id, k.o, k.lock == nil)
	return err
}

// repair finishes what a crash interrupted: half-written files go, and keys
// that were destroyed on paper are destroyed.
func (k *Keyring) repair() error {
	if err := errors.Join(k.o.disk.removePartial(k.dir), k.o.disk.removePartial(k.path(""))); err != nil {
		return err
	}
	if err := k.destroyAgain(); err != nil {
		return err
	}
	if k.spool.current != nil {
		return nil
	}
	id, err := k.nextEpoch(&k.spool)
	if err != nil {
		return err
	}
	k.o.Logger.Warn("every spool key of the keyring was destroyed before, making a new one", "name", id)
	return k.makeEpoch(&k.spool, id)
}

func (k *Keyring) path(name string) string { return filepath.Join(k.dir, dirKeyring, name) }

// warnOfModes tells the log when others than the owner can reach the keys.
func (k *Keyring) warnOfModes() {
	for _, path := range []string{k.dir, k.path(""), k.path(fileMAC)} {
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			k.o.Logger.Warn("keyring can be reached by other users of this machine", "path", path, "mode", info.Mode().Perm().String())
		}
	}
}

// ID tells keyrings apart. The caller records it with its data and refuses
// data of another keyring.
func (k *Keyring) ID() string { return k.id }

// Journal is the journal beside the keyring.
func (k *Keyring) Journal() *Journal { return k.journal }

// Signer signs the checkpoints of the evidence.
func (k *Keyring) Signer() *Signer { return k.signer }

// Sealer is the half that seals.
func (k *Keyring) Sealer() *Sealer { return k.sealer }

// Spool is the half that opens what couriers may read.
func (k *Keyring) Spool() *SpoolOpener { return &SpoolOpener{k} }

// Opener is the half that opens for readers.
func (k *Keyring) Opener() *Opener { return &Opener{k} }

// Close waits for background work, makes the journal durable, wipes the keys
// and releases the lock. Afterwards everything answers ErrClosed, but for MAC,
// which has no way to answer an error.
func (k *Keyring) Close() error {
	k.mu.Lock()
	if k.closed {
		k.mu.Unlock()
		return nil
	}
	k.closed = true
	k.mu.Unlock()
	k.work.stop()
	err := k.journal.close()
	k.mu.Lock()
	k.metadata.wipe()
	k.spool.wipe()
	k.mu.Unlock()
	k.groups.wipe()
	if k.lock != nil {
		err = errors.Join(err, k.lock.Close())
	}
	return err
}

// writable returns why nothing may be written, or nil.
func (k *Keyring) writable() error {
	k.mu.RLock()
	defer k.mu.RUnlock()
	switch {
	case k.closed:
		return ErrClosed
	case k.lock == nil:
		return ErrReadOnly
	}
	return nil
}

// SaveCheckpoint keeps the newest signed checkpoint beside the keyring, where
// rolling back the store does not reach it.
func (k *Keyring) SaveCheckpoint(head []byte) error {
	if err := k.writable(); err != nil {
		return err
	}
	k.rotating.Lock()
	defer k.rotating.Unlock()
	return k.o.disk.replace(k.dir, fileHead, head)
}

// Checkpoint returns what SaveCheckpoint kept; nil when there is none.
func (k *Keyring) Checkpoint() ([]byte, error) {
	head, err := os.ReadFile(filepath.Join(k.dir, fileHead))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return head, err
}

// Format implements fmt.Formatter: no verb shows a key.
func (k *Keyring) Format(f fmt.State, _ rune) { redact(f) }

// LogValue implements slog.LogValuer.
func (k *Keyring) LogValue() slog.Value { return redacted() }
