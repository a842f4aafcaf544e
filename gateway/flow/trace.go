package flow

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/store"
)

// A message that Gatepost passed may come back: the organization's server
// sits behind it and relays outward through it again. Our Received line then
// holds a mark, a keyed hash over id and message, by which the message is
// known and let through unjudged, once for each recipient. The hash covers
// every octet below our line, so only relays that put trace fields on top
// bring a message back as ours; whatever else was changed is judged anew.
// There is no static header that a stranger could copy.

var markPattern = regexp.MustCompile(`id ([0-9a-v]{26})[^;]{0,80}\(mark ([a-z2-7]{32})\)`)

var markEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func (f *Flow) mark(id gateway.MessageID, hash []byte) string {
	h := f.MAC("loop-mark", id[:], hash)
	return markEncoding.EncodeToString(h[:20])
}

// received is our trace line for a message that passes.
func (f *Flow) received(m *gateway.Message) string {
	comment := ""
	if len(m.Hash) > 0 && m.Direction == gateway.Outbound {
		comment = "mark " + f.mark(m.ID, m.Hash)
	}
	return mailmsg.Received(m, f.set().Hostname, comment)
}

// hashLeaving is over what follows our Received line when the message leaves.
func hashLeaving(t *taken, edits []gateway.Edit) ([]byte, error) {
	if len(edits) == 0 {
		sum := t.octets()
		return sum[:], nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, withEdits("", bytes.NewReader(t.raw), edits)); err != nil {
		return nil, fmt.Errorf("hashing a message: %w", err)
	}
	return h.Sum(nil), nil
}

// passed names a message that we passed and that another is octet for octet.
type passed gateway.MessageID

const (
	maxMarks = 3   // of ours that are tried; each costs a hash of the whole message
	maxTrace = 200 // fields on top that are looked through
)

// relayFields are what relays put on top of a message.
var relayFields = []string{
	"received", "return-path", "delivered-to", "x-original-to", "dkim-signature", "authentication-results",
	"arc-seal", "arc-message-signature", "arc-authentication-results", "received-spf",
}

// passedBefore finds the marks that hold for raw among the trace fields on
// top of it.
func (f *Flow) passedBefore(raw []byte) (found []passed) {
	tried := 0
	for range maxTrace {
		name, value, rest := topField(raw)
		if !slices.Contains(relayFields, name) {
			return found
		}
		raw = rest
		hit := markPattern.FindStringSubmatch(value)
		if name != "received" || hit == nil {
			continue
		}
		if tried++; tried > maxMarks {
			return found
		}
		id, err := gateway.ParseMessageID(hit[1])
		hash := sha256.Sum256(rest)
		if err == nil && subtle.ConstantTimeCompare([]byte(f.mark(id, hash[:])), []byte(hit[2])) == 1 {
			found = append(found, passed(id))
		}
	}
	return found
}

// topField splits the first header field off: its name in lower case, "" when
// there is none, its value on one line, and the octets behind it.
func topField(raw []byte) (name, value string, rest []byte) {
	end := 0
	for {
		i := bytes.Index(raw[end:], []byte("\r\n"))
		if i < 0 {
			return "", "", nil
		}
		end += i + 2
		if end >= len(raw) || raw[end] != ' ' && raw[end] != '\t' {
			break
		}
	}
	name, value, ok := strings.Cut(string(raw[:end-2]), ":")
	if !ok || name == "" || strings.ContainsAny(name, " \t\r\n") {
		return "", "", nil
	}
	return strings.ToLower(name), strings.ReplaceAll(value, "\r\n", ""), raw[end:]
}

// returned reports whether this mail is one that we passed for this very
// recipient and that comes by for the first time since.
func (a *arrival) returned(ctx context.Context, e *gateway.Envelope) bool {
	return slices.ContainsFunc(a.passed, func(id passed) bool { return a.firstReturn(ctx, gateway.MessageID(id), e) })
}

// firstReturn looks for the envelope that passed and stages that its one
// return is used up.
func (a *arrival) firstReturn(ctx context.Context, id gateway.MessageID, e *gateway.Envelope) bool {
	to := e.Recipient.Key()
	found := false
	err := a.flow.Store.Scan(ctx, store.Prefix(store.Envelopes, id[:]), func(it store.Item) bool {
		var old gateway.Envelope
		if store.Decode(it.Value, &old) == nil && old.Recipient.Key() == to {
			found = old.Action == gateway.Pass && old.Notice == nil && old.State != gateway.Held && old.State != gateway.Refused
		}
		return !found
	})
	if err != nil || !found || a.back[to] {
		return false
	}
	h := a.flow.MAC("returned", id[:], []byte(to))
	key := store.Key(store.Seen, h[:16])
	if _, err := a.flow.Store.Get(ctx, key); !errors.Is(err, store.ErrNotFound) {
		return false
	}
	if a.back == nil {
		a.back = make(map[string]bool)
	}
	a.back[to] = true
	a.once.RequireAbsent(key)
	a.once.Put(key, store.Time(a.now))
	return true
}
