package flow

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"time"

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

// Kept is what a record says of the judgement of a mail: its verdicts, and what
// they were made of.
type Kept struct {
	ID       string            `json:"id"`
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

// messageJudged tells what the verdicts of a mail rest on. The argument sum is
// the SHA-256 (hex) of a canonical mail that may be this one.
func (f *Flow) messageJudged(ctx context.Context, c Call) error {
	id, err := gateway.ParseMessageID(c.Args.Get("id"))
	if err != nil {
		return usage("a message id is the 26 characters of the queue id")
	}
	m, err := f.message(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return notFound("message")
	}
	if err != nil {
		return err
	}
	if m.Channel != gateway.Email || len(m.Verdicts) == 0 {
		return &OperationError{Text: "that is no mail that policy judged", Data: true}
	}
	k := Kept{ID: id.String(), Accepted: m.Accepted, Sender: m.Sender, HeaderID: m.HeaderID, Judged: m.Judged}
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
		now, err := f.recipient(ctx, e.Recipient)
		if err != nil {
			return err
		}
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
	ID     string `json:"id"`
	Octets string `json:"octets"` // of the file: same, other or unknown
	// SameID says that the file has the Message-ID of the record.
	SameID   bool `json:"same_message_id"`
	Size     int  `json:"size"` // of the file, canonical
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

// ErrOtherPolicy: the verdicts were made by another policy file.
var ErrOtherPolicy = errors.New("the verdict was made by another policy file")

// Verify judges raw, a canonical mail, as the mail of k was judged, and compares
// what comes of it with what was kept. zone is the organization's. It returns
// ErrOtherPolicy when the policy is not the one of k.
func (j *Judge) Verify(k *Kept, raw []byte, zone *time.Location) (*Verified, error) {
	for _, v := range k.Verdicts {
		if v.Digest != j.policy.Digest() {
			return nil, ErrOtherPolicy
		}
	}
	r := mailmsg.Read(raw)
	v := &Verified{
		ID: k.ID, Octets: k.Octets, SameID: k.HeaderID != "" && r.MessageID == k.HeaderID, Size: len(raw), Verdicts: len(k.Verdicts), Deviations: []Deviation{},
	}
	unsure := []string{"recipient.known", "recipient.patient", "recipient.language", "recipient.consents", "recipient.sent_today"}
	was := k.Judged
	if was == nil { // as far as can be guessed
		was = &gateway.Judged{Size: int64(len(raw)), Staff: true}
		unsure = append(unsure, "thread.exists", "thread.secured", "sender.group", "size", "tag.secure", "tag.pin", "tag.urgent", "declared")
	}
	facts := j.facts(r, k.Sender, was.Size, k.Accepted.In(zone), was.Staff)
	facts.Sender.Group = was.Group
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
			if d := (Deviation{n, d}); !seen[d] {
				seen[d] = true
				v.Deviations = append(v.Deviations, d)
			}
		}
	}
	v.Rules += rules
}
