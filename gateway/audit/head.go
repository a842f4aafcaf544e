package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// origin is the first line of every checkpoint.
const origin = "gatepost evidence"

// Head is what a checkpoint says.
type Head struct {
	Size uint64
	Root tlog.Hash
	At   time.Time
}

// ErrBadCheckpoint: not a checkpoint, or not signed by the key.
var ErrBadCheckpoint = errors.New("audit: not a checkpoint signed by this key")

// sign returns the signed note of h.
func (h Head) sign(key note.Signer) ([]byte, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n%s\n", origin, h.Size, h.Root, h.At.UTC().Format(time.RFC3339Nano))
	signed, err := note.Sign(&note.Note{Text: text}, key)
	if err != nil {
		return nil, fmt.Errorf("signing a checkpoint: %w", err)
	}
	return signed, nil
}

// ParseCheckpoint reads a checkpoint and verifies its signature.
func ParseCheckpoint(signed []byte, key note.Verifier) (Head, error) {
	n, err := note.Open(signed, note.VerifierList(key))
	if err != nil || !strict(n.Sigs) {
		return Head{}, ErrBadCheckpoint
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 5 || lines[0] != origin || lines[4] != "" {
		return Head{}, ErrBadCheckpoint
	}
	size, err := strconv.ParseUint(lines[1], 10, 63)
	if err != nil || strconv.FormatUint(size, 10) != lines[1] {
		return Head{}, ErrBadCheckpoint
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Head{}, ErrBadCheckpoint
	}
	at, err := time.Parse(time.RFC3339Nano, lines[3])
	if err != nil {
		return Head{}, ErrBadCheckpoint
	}
	return Head{Size: size, Root: root, At: at}, nil
}

// strict refuses signatures that are not spelled in the one right way: base64
// leaves bits unused, and package note does not look at them.
func strict(sigs []note.Signature) bool {
	for _, sig := range sigs {
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return false
		}
	}
	return true
}
