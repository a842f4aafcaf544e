package flow

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"regexp"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/store"
)

// A message that Gatepost passed may come back: the organization's server
// sits behind it and relays outward through it again. Our Received line then
// holds a mark, a keyed hash over id and body, by which the message is known
// and let through unjudged, once for each recipient. There is no static
// header that a stranger could copy.

var markPattern = regexp.MustCompile(`id ([0-9a-v]{26})[^;]{0,80}\(mark ([a-z2-7]{32})\)`)

var markEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func (f *Flow) mark(id gateway.MessageID, bodyHash []byte) string {
	h := f.MAC("loop-mark", id[:], bodyHash)
	return markEncoding.EncodeToString(h[:20])
}

// received is our trace line for a message that passes.
func (f *Flow) received(m *gateway.Message) string {
	comment := ""
	if len(m.BodyHash) > 0 && m.Direction == gateway.Outbound {
		comment = "mark " + f.mark(m.ID, m.BodyHash)
	}
	return mailmsg.Received(m, f.set().Hostname, comment)
}

// bodyHash is over what follows the header: relays add header fields.
func bodyHash(raw []byte) []byte {
	_, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	h := sha256.Sum256(body)
	return h[:]
}

// returned reports whether this mail is one that we passed for this very
// recipient and that comes by for the first time since.
func (a *arrival) returned(ctx context.Context, e *gateway.Envelope) bool {
	for _, field := range a.reading.Fields {
		if field.Name != "Received" {
			continue
		}
		hit := markPattern.FindStringSubmatch(field.Value.Reveal())
		if hit == nil {
			continue
		}
		id, err := gateway.ParseMessageID(hit[1])
		if err != nil || subtle.ConstantTimeCompare([]byte(a.flow.mark(id, a.bodyHash())), []byte(hit[2])) != 1 {
			continue
		}
		if a.firstReturn(ctx, id, e) {
			return true
		}
	}
	return false
}

// firstReturn looks for the envelope that passed and stages that its one
// return is used up.
func (a *arrival) firstReturn(ctx context.Context, id gateway.MessageID, e *gateway.Envelope) bool {
	passed := false
	err := a.flow.Store.Scan(ctx, store.Prefix(store.Envelopes, id[:]), func(it store.Item) bool {
		var old gateway.Envelope
		if store.Decode(it.Value, &old) == nil && old.Recipient.Key() == e.Recipient.Key() {
			passed = old.Action == gateway.Pass && old.Notice == nil && old.State != gateway.Held && old.State != gateway.Refused
		}
		return !passed
	})
	if err != nil || !passed {
		return false
	}
	h := a.flow.MAC("returned", id[:], []byte(e.Recipient.Key()))
	key := store.Key(store.Seen, h[:16])
	if _, err := a.flow.Store.Get(ctx, key); !errors.Is(err, store.ErrNotFound) {
		return false
	}
	a.once.RequireAbsent(key)
	a.once.Put(key, store.Time(a.now))
	return true
}

func (a *arrival) bodyHash() []byte {
	if a.hash == nil {
		a.hash = bodyHash(a.taken.raw)
	}
	return a.hash
}
