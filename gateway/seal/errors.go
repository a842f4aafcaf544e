package seal

import (
	"errors"
	"fmt"
	"log/slog"
)

// Errors that callers branch on.
var (
	// ErrNoKeyring: the directory holds no keyring. A data_dir whose keyring is
	// missing must not be started with a new one.
	ErrNoKeyring = errors.New("seal: no keyring")
	// ErrExists: Create found a keyring.
	ErrExists = errors.New("seal: keyring exists already")
	// ErrLocked: another process has the keyring open for writing.
	ErrLocked = errors.New("seal: keyring is in use")
	// ErrReadOnly: the keyring was opened for reading only.
	ErrReadOnly = errors.New("seal: keyring is open for reading only")
	// ErrClosed: the keyring was closed.
	ErrClosed = errors.New("seal: keyring is closed")
	// ErrDamaged: a file of the keyring does not have its form.
	ErrDamaged = errors.New("seal: damaged keyring file")
	// ErrDestroyed: the key was destroyed; what it sealed is gone for good.
	ErrDestroyed = errors.New("seal: key was destroyed")
	// ErrUnknownKey: this keyring never had the key: a keyring of another
	// installation, or an older copy of this one.
	ErrUnknownKey = errors.New("seal: unknown key")
	// ErrInUse: the key may have sealed something that is not in the store yet.
	// Later it can be destroyed.
	ErrInUse = errors.New("seal: key is in use")
	// ErrOpen: wrong key, wrong link, wrong message, or changed octets.
	ErrOpen = errors.New("seal: does not open")
	// ErrKeyUsed: the data key has sealed a body already.
	ErrKeyUsed = errors.New("seal: data key was used before")
	// ErrRetention: the retention day is missing or has passed.
	ErrRetention = errors.New("seal: no retention day ahead")
)

const mark = "[key]"

// redact prints mark whatever the verb.
func redact(f fmt.State) { _, _ = f.Write([]byte(mark)) }

func redacted() slog.Value { return slog.StringValue(mark) }
