package flow

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/policy"
	"gatepost/store"
)

// sumSize is how much of the keyed hash of a judged mail is kept; octets.
const sumSize = 16

// octetsSum names the octets of a mail by their SHA-256. It has a key: a hash that
// anybody can make would tell who guesses a short mail that it was sent.
func (f *Flow) octetsSum(hash [sha256.Size]byte) []byte {
	sum := f.MAC("judged mail", hash[:])
	return sum[:sumSize]
}

// Kept is what a record says of the judgement of a message: its verdicts, and
// what they were made of.
type Kept struct {
	ID       string            `json:"id"`
	Channel  gateway.Channel   `json:"channel"`
	SMPP     policy.SMPP       `json:"smpp"`
	Accepted time.Time         `json:"accepted"`
	Sender   gateway.Address   `json:"sender"`
	HeaderID string            `json:"message_id"`
	Octets   string            `json:"octets"`           // of the file: same, other or unknown
	Judged   *gateway.Judged   `json:"judged,omitempty"` // nil: the record has none
	Verdicts []gateway.Verdict `json:"verdicts"`
	Copies   []KeptCopy        `json:"copies"`
}

// KeptCopy is one copy with its recipient as known now.
type KeptCopy struct {
	Verdict   int      `json:"verdict"`             // its place in Verdicts, from 1
	Recipient string   `json:"recipient,omitempty"` // "": forgotten
	Known     bool     `json:"known,omitempty"`
	Patient   bool     `json:"patient,omitempty"`
	Language  string   `json:"language,omitempty"`
	Consents  []string `json:"consents,omitempty"`
}

// to is the recipient as policy knows them.
func (c KeptCopy) to() policy.Recipient {
	r := policy.Recipient{Known: c.Known, Patient: c.Patient, Language: c.Language, Consents: c.Consents}
	if a, err := parseShown(c.Recipient); err == nil && a.IsPhone() {
		r.Number = a.Phone()
	} else if err == nil {
		r.Address = a
	}
	return r
}

// messageJudged tells what the verdicts of a message rest on. The argument sum
// is the SHA-256 (hex) of a canonical mail that may be this one.
func (f *Flow) messageJudged(ctx context.Context, c Call) error {
	id, err := f.messageArg(ctx, c)
	if err != nil {
		return err
	}
	m, err := f.message(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return notFound("message")
	}
	if err != nil {
		return err
	}
	if len(m.Verdicts) == 0 {
		return &OperationError{Text: "that is no message that policy judged", Data: true}
	}
	k := Kept{ID: id.String(), Channel: m.Channel, Accepted: m.Accepted, Sender: m.Sender, HeaderID: m.HeaderID, Judged: m.Judged}
	if m.Ends != nil {
		k.SMPP = smppOf(m.Peer.Account, m.Ends)
	}
	if k.Octets, err = f.octets(m, c.Args.Get("sum")); err != nil {
		return err
	}
	if k.Verdicts, err = f.verdicts(ctx, m); err != nil {
		return err
	}
	copies, _, err := f.copies(ctx, id)
	if err != nil {
		return err
	}
	for i := range copies {
		e := &copies[i]
		if verdictOf(m, e) == nil {
			continue
		}
		p, err := f.person(ctx, e.Recipient)
		if err != nil {
			return err
		}
		now := factsOf(e.Recipient, p)
		k.Copies = append(k.Copies, KeptCopy{e.Judged, shownTo(e.Recipient), now.Known, now.Patient, now.Language, now.Consents})
	}
	return c.line(k)
}

// octets says whether a mail with this SHA-256 is the one that was judged.
func (f *Flow) octets(m *gateway.Message, sum string) (string, error) {
	if sum == "" || m.Judged == nil || len(m.Judged.Sum) == 0 {
		return "unknown", nil
	}
	raw, err := hex.DecodeString(sum)
	if err != nil || len(raw) != sha256.Size {
		return "", usage("sum is a SHA-256 in hexadecimal digits")
	}
	if subtle.ConstantTimeCompare(f.octetsSum([sha256.Size]byte(raw)), m.Judged.Sum) == 1 {
		return "same", nil
	}
	return "other", nil
}

// Verified is what came of judging a mail again.
type Verified struct {
	ID      string `json:"id"`
	Channel string `json:"channel"`
	Octets  string `json:"octets"` // of the file: same, other or unknown
	// Aside is in how many other ways the octets of a short message may be read,
	// which its text does not tell.
	Aside int `json:"aside,omitempty"`
	// SameID says that the file has the Message-ID of the record.
	SameID   bool `json:"same_message_id"`
	Size     int  `json:"size"` // of the file, octets; a mail is canonical
	Verified bool `json:"verified"`
	Verdicts int  `json:"verdicts"`
	Rules    int  `json:"rules"`    // that are equal, in all verdicts together
	Findings int  `json:"findings"` // of the message
	// Deviations are the different ones, verdict by verdict.
	Deviations []Deviation `json:"deviations"`
}

// Deviation is one of a verdict.
type Deviation struct {
	Verdict int `json:"verdict"` // its place in the record, from 1
	policy.Deviation
}

// ErrOtherPolicy: the verdicts were made by another policy file. ErrOtherWords:
// by this one, with other files of words.
var (
	ErrOtherPolicy = errors.New("the verdict was made by another policy file")
	ErrOtherWords  = errors.New("the verdict was made with other files of words")
)

// Verify judges raw, a canonical mail or the text of a short message, as the
// message of k was judged, and compares what comes of it with what was kept.
// zone is the organization's. It returns ErrOtherPolicy or ErrOtherWords when the
// policy is not the one of k.
func (j *Judge) Verify(k *Kept, raw []byte, zone *time.Location) (*Verified, error) {
	for _, v := range k.Verdicts {
		switch {
		case v.Digest != j.policy.Digest():
			return nil, ErrOtherPolicy
		case v.Words != j.policy.WordsDigest():
			return nil, ErrOtherWords
		}
	}
	was, unsure := k.basis(len(raw))
	r := k.read(was.Short, raw)
	v := &Verified{
		ID: k.ID, Channel: k.Channel.String(), Octets: k.Octets, SameID: k.HeaderID != "" && r.MessageID == k.HeaderID,
		Size: len(raw), Verdicts: len(k.Verdicts), Deviations: []Deviation{},
	}
	at, declared := k.Accepted, []string(nil)
	if short := was.Short; short != nil {
		v.Octets, v.Aside, declared = sameLength(short, r), short.Aside, short.Declared
		if !short.At.IsZero() {
			at = short.At
		}
	}
	facts := j.facts(r, k.Sender, was.Size, at.In(zone), was.Staff)
	facts.SMPP, facts.Sender.Group, facts.Declared = k.SMPP, was.Group, declared
	prepared, talk := j.policy.Prepare(facts), policy.Thread{Exists: was.Thread, Secured: was.Secured}
	for i, kept := range k.Verdicts {
		v.compare(j.policy, i+1, kept, k.again(prepared, i+1, talk), unsure)
	}
	v.Verified = true
	for _, d := range v.Deviations {
		v.Verified = v.Verified && d.Unknown
	}
	return v, nil
}

// basis is what the message was judged by, as far as it is known, and the words
// of the vocabulary for what is not.
func (k *Kept) basis(size int) (was gateway.Judged, unsure []string) {
	unsure = []string{"recipient.known", "recipient.patient", "recipient.language", "recipient.consents", "recipient.sent_today"}
	if k.Judged != nil {
		was = *k.Judged
	} else { // as far as can be guessed
		was = gateway.Judged{Size: int64(size), Staff: true}
		unsure = append(unsure, "thread.exists", "thread.secured", "sender.group", "size", "tag.secure", "tag.pin", "tag.urgent", "declared")
	}
	if k.Channel == gateway.SMS && was.Short == nil {
		was.Short = &gateway.JudgedShort{Length: -1}
		unsure = append(unsure, "local_time", "weekend")
	}
	if was.Short != nil && was.Short.Aside > 0 {
		unsure = append(unsure, "found", "count", "topic", "kind", "addressed_to_reader")
	}
	return was, unsure
}

// read reads the file as the message was read.
func (k *Kept) read(short *gateway.JudgedShort, raw []byte) *gateway.Reading {
	if short == nil {
		return mailmsg.Read(raw)
	}
	return &gateway.Reading{
		Channel: gateway.SMS, Uncertain: short.Uncertain, Unreadable: short.Unreadable,
		Parts: []gateway.Part{{Kind: gateway.PartText, Path: "1", Text: gateway.Sensitive(textOf(string(raw), short.Length))}},
	}
}

// textOf is the text of a short message in a file. Who saves one ends it with a
// line break, or writes those inside as two characters: the length that is kept
// tells, else one at the end goes.
func textOf(file string, length int) string {
	without := func(s string) string { return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r") }
	unix := strings.ReplaceAll(file, "\r\n", "\n")
	for _, text := range []string{file, without(file), unix, without(unix)} {
		if utf8.RuneCountInString(text) == length {
			return text
		}
	}
	return without(file)
}

// sameLength is all that can be said of a file with a text.
func sameLength(short *gateway.JudgedShort, r *gateway.Reading) string {
	if short.Length >= 0 && utf8.RuneCountInString(spoken(r)) != short.Length {
		return "other"
	}
	return "unknown"
}

// again is what every recipient of verdict n gets now; who is forgotten is
// nobody.
func (k *Kept) again(prepared *policy.Judge, n int, talk policy.Thread) (all []again) {
	for _, c := range k.Copies {
		if c.Verdict == n {
			all = append(all, again{prepared.For(c.to(), talk), c.Recipient == ""})
		}
	}
	if len(all) == 0 {
		all = []again{{prepared.For(policy.Recipient{}, talk), true}}
	}
	return all
}

// again is a verdict made again.
type again struct {
	gateway.Verdict
	nobody bool // not even the address of its recipient is known any more
}

func (v *Verified) compare(p *policy.Policy, n int, kept gateway.Verdict, all []again, unsure []string) {
	seen := map[Deviation]bool{}
	rules := len(kept.Results)
	for _, now := range all {
		words := unsure
		if now.nobody {
			words = append([]string{"recipient.address", "recipient.domain"}, unsure...)
		}
		c := p.Verify(kept, now.Verdict, words)
		rules = min(rules, c.Rules)
		v.Findings = c.Findings // the same for every verdict of the message
		for _, d := range c.Deviations {
			d.Unknown = d.Unknown || v.Aside > 0 && slices.Contains([]string{"finding", "topic", "kinds"}, d.What)
			if d := (Deviation{n, d}); !seen[d] {
				seen[d] = true
				v.Deviations = append(v.Deviations, d)
			}
		}
	}
	v.Rules += rules
}
