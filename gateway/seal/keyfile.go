package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Kinds of key files.
const (
	kindKeyring  = "keyring"
	kindMAC      = "mac"
	kindEvidence = "evidence"
	kindMetadata = "metadata"
	kindSpool    = "spool"
	kindGroup    = "group"
)

const (
	keyFormat  = 1
	maxKeyFile = 4096 // octets; what is longer is not ours
	fileExt    = ".key"
)

// keyFile is the content of every key file, as JSON.
type keyFile struct {
	Format  int
	Kind    string
	ID      string
	Created time.Time
	Secret  []byte `json:",omitempty"`
	Public  string `json:",omitempty"` // evidence: the verifier's key
	Alone   bool   `json:",omitempty"` // spool: key of one wrap, never the current one
	// Sum is the SHA-256 of the rest. It tells damage from a key; it is no
	// defence against someone who can write here.
	Sum []byte
}

func (k *keyFile) sum() []byte {
	h := sha256.New()
	for _, part := range []string{k.Kind, k.ID, k.Created.UTC().Format(time.RFC3339Nano), k.Public, string(k.Secret)} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	if k.Alone {
		io.WriteString(h, "alone")
	}
	return h.Sum(nil)
}

// encode returns the octets of the file.
func (k keyFile) encode() ([]byte, error) {
	k.Format = keyFormat
	k.Created = k.Created.UTC()
	k.Sum = k.sum()
	raw, err := json.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("encoding a key file: %w", err)
	}
	return append(raw, '\n'), nil
}

// parseKeyFile reads what encode wrote. It insists on kind and id, so that a
// file under another file's name is refused.
func parseKeyFile(data []byte, kind, id string) (keyFile, error) {
	var k keyFile
	if len(data) > maxKeyFile {
		return keyFile{}, fmt.Errorf("%w: too long", ErrDamaged)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&k); err != nil {
		// The decoder's words could quote a secret.
		return keyFile{}, fmt.Errorf("%w: not JSON of the right form", ErrDamaged)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return keyFile{}, fmt.Errorf("%w: something follows", ErrDamaged)
	}
	switch {
	case k.Format != keyFormat:
		return keyFile{}, fmt.Errorf("%w: unknown format", ErrDamaged)
	case k.Kind != kind || (id != "" && k.ID != id):
		return keyFile{}, fmt.Errorf("%w: another key's file", ErrDamaged)
	case !bytes.Equal(k.Sum, k.sum()):
		return keyFile{}, fmt.Errorf("%w: checksum", ErrDamaged)
	}
	return k, nil
}

// readKeyFile reads the key file at path. The error keeps fs.ErrNotExist.
func readKeyFile(path, kind, id string) (keyFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return keyFile{}, fmt.Errorf("reading a key file: %w", err)
	}
	defer f.Close()
	data := make([]byte, maxKeyFile+1)
	defer clear(data)
	n, err := io.ReadFull(f, data)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return keyFile{}, fmt.Errorf("reading a key file: %w", err)
	}
	return parseKeyFile(data[:n], kind, id)
}

// secretOf copies a 32-octet secret out of a key file and wipes the file's.
func secretOf(k keyFile) (*secret, error) {
	defer clear(k.Secret)
	s := new(secret)
	if copy(s[:], k.Secret) != len(s) || len(k.Secret) != len(s) {
		return nil, fmt.Errorf("%w: length of the key", ErrDamaged)
	}
	return s, nil
}
