package seal

import (
	"fmt"
	"log/slog"
	"time"

	"gatepost/gateway"
)

// Rewrapper makes wraps out of wraps: it moves one to another key group, and
// mints one for a new link through the staff wrap. Neither a data key nor an
// octet of a body comes out of it, so it may be given to who must not read.
// Whoever holds it and makes up a link could read with an Opener; no one holds
// both.
type Rewrapper struct{ k *Keyring }

// Rewrapper is the part that makes wraps out of wraps.
func (k *Keyring) Rewrapper() *Rewrapper { return &Rewrapper{k} }

// Relink is Opener.Relink.
func (r *Rewrapper) Relink(staff gateway.Wrap, id gateway.MessageID, link gateway.LinkSecret, retain time.Time) (gateway.Wrap, error) {
	return r.k.Opener().Relink(staff, id, link, retain)
}

// Move is Opener.Rewrap.
func (r *Rewrapper) Move(w gateway.Wrap, id gateway.MessageID, kind Kind) (gateway.Wrap, error) {
	return r.k.Opener().Rewrap(w, id, kind)
}

// Retire lets no further wrap go to a group. idle reports that none was handed
// out within the grace, so that all there are stand in the store: those who
// move the survivors look for them only then.
func (r *Rewrapper) Retire(group string) (idle bool, err error) {
	if _, _, ok := splitGroup(group); !ok {
		return false, fmt.Errorf("retiring a key group: %w", ErrUnknownKey)
	}
	if err := r.k.Retire(group); err != nil {
		return false, fmt.Errorf("retiring a key group: %w", err)
	}
	return !r.k.groups.busy(group, r.k.o.Now(), r.k.o.Grace), nil
}

// Format implements fmt.Formatter.
func (r *Rewrapper) Format(f fmt.State, _ rune) { redact(f) }

// LogValue implements slog.LogValuer.
func (r *Rewrapper) LogValue() slog.Value { return redacted() }
