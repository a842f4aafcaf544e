package flow

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/people"
	"gatepost/store"
)

// A reviewer who was asked for a reason answers the mail that asked. Who they are
// is proven as for a recall by mail: their own account, or a server that is
// trusted and hands on no mail from the world. The address alone decides nothing.

// Refusals of reasons by mail. The reviewer's own server tells them.
var (
	faultNoQuestion  = gateway.NewFault(550, "5.1.1", "No question is open at this address: the mail was decided about, or moved back, or never asked about")
	faultNotAsked    = gateway.NewFault(550, "5.7.1", "Only the reviewer who was asked can give the reason, from their own address")
	faultAnswered    = gateway.NewFault(550, "5.7.1", "This question was answered by another mail")
	faultNoReason    = gateway.NewFault(550, "5.7.0", "The answer holds no reason: write it above the quoted text, as text")
	faultOneQuestion = gateway.NewFault(550, "5.5.3", "A mail answers one question: answer each by a mail of its own")
	faultNoPerson    = gateway.NewFault(550, "5.7.1", "An automatic reply is no reason")
)

// maxWhy (octets) bounds a reason.
const maxWhy = 1000

// questionRecipient decides about RCPT to an address that takes a reason: for
// outsiders it does not exist.
func (f *Flow) questionRecipient(ctx context.Context, s *gateway.Submission, to gateway.Address) error {
	if !inside(s.Peer) {
		return faultDead
	}
	_, err := f.Store.Get(ctx, f.questionKey(to))
	if errors.Is(err, store.ErrNotFound) {
		return faultNoQuestion
	}
	return storage(err)
}

// reasonByMail decides about held mail, if the arrival gives the reason for it.
// It is done before the mail is taken over: one that is sent again finds it done.
func (f *Flow) reasonByMail(ctx context.Context, a *arrival) error {
	i := slices.IndexFunc(a.sub.Recipients, func(r gateway.Recipient) bool { return a.set.isQuestion(r.Address) })
	if i < 0 {
		return nil
	}
	to := a.sub.Recipients[i].Address
	if slices.ContainsFunc(a.sub.Recipients[i+1:], func(r gateway.Recipient) bool { return a.set.isQuestion(r.Address) && r.Address.Key() != to.Key() }) {
		return faultOneQuestion
	}
	q, reason, err := f.answeredBy(ctx, a, f.questionKey(to))
	if err != nil {
		return storage(err)
	}
	return storage(f.decideAsked(ctx, actor(a.sub.Peer), f.questionKey(to), q, reason))
}

// answeredBy is the question that the arrival answers, which from now on no
// other mail does, nor the same one with other words, and the reason it gives.
func (f *Flow) answeredBy(ctx context.Context, a *arrival, key []byte) (*question, string, error) {
	q, version, err := store.GetRecord[question](ctx, f.Store, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, "", faultNoQuestion
	}
	if err == nil {
		err = f.mayAnswer(ctx, a, &q)
	}
	if err != nil {
		return nil, "", err
	}
	reason := f.reasonOf(a.taken.raw, &q)
	if reason == "" {
		return nil, "", faultNoReason
	}
	h := f.MAC("review answer", []byte(a.reading.MessageID), []byte(reason))
	if q.Answer != nil {
		if subtle.ConstantTimeCompare(q.Answer, h[:]) == 0 {
			return nil, "", faultAnswered
		}
		return &q, reason, nil // sent again: it goes on where it ended
	}
	if open, err := f.anyOpen(ctx, &q, key); err != nil || !open {
		return nil, "", orFault(err, faultNoQuestion)
	}
	q.Answer, q.Reason, q.Actor = h[:], gateway.Sensitive(reason), actor(a.sub.Peer)
	var b store.Batch
	b.RequireVersion(key, version)
	if err := b.PutRecord(key, q); err != nil {
		return nil, "", err
	}
	return &q, reason, store.Write(ctx, f.Store, &b)
}

func orFault(err error, fault *gateway.Fault) error {
	if err != nil {
		return err
	}
	return fault
}

// mayAnswer fails unless the arrival is what the reviewer themselves wrote, and
// they review still.
func (f *Flow) mayAnswer(ctx context.Context, a *arrival, q *question) error {
	switch {
	case inside(a.sub.Peer) && a.sub.Peer.Account == "" && !a.vouched(),
		!inside(a.sub.Peer) || !(a.fromAccount() || a.speaksForStaff()) || len(a.reading.From) != 1,
		a.reading.From[0].Key() != q.By.Key():
		return faultNotAsked
	case a.sub.From.IsNull() || mailmsg.Automatic(a.reading):
		return faultNoPerson
	}
	u, err := f.People.FindUser(ctx, q.By)
	if errors.Is(err, people.ErrUnknown) || err == nil && (u.Disabled || !reviews(u.Role)) {
		return faultNotAsked
	}
	return err
}

// asksAbout reports whether a question is the open one about a message, and which
// version of the row says so.
func (f *Flow) asksAbout(ctx context.Context, id gateway.MessageID, key []byte) (bool, store.Version, error) {
	open, version, err := f.askedOf(ctx, id)
	return err == nil && open != nil && string(open.Question) == string(key), version, err
}

func (f *Flow) anyOpen(ctx context.Context, q *question, key []byte) (bool, error) {
	for _, id := range q.Messages {
		asks, _, err := f.asksAbout(ctx, id, key)
		if err != nil {
			return false, err
		}
		if !asks {
			continue
		}
		if s, err := f.subject(ctx, id); err != nil || s.held() {
			return err == nil, err
		}
	}
	return false, nil
}

// reasonOf is what a mail says by itself in its first text, without what it
// quotes of the question; "" for nothing.
func (f *Flow) reasonOf(raw []byte, q *question) string {
	mail, err := mailmsg.View(bytes.NewReader(raw))
	if err != nil {
		return ""
	}
	ours := q.marks(f.set().notices())
	if words := reasonIn(mail.Text.Reveal(), ours); words != "" {
		return words
	}
	for _, p := range mailmsg.Read(raw).Parts {
		if words := reasonIn(p.Text.Reveal(), ours); words != "" && p.Kind == gateway.PartHTML {
			return words
		}
	}
	return ""
}

// marks are what stands in the question and nowhere else, in every language: who
// asked, the messages that it names, and the folders of the first sentence.
func (q *question) marks(us gateway.Address) []string {
	marks := []string{us.Wire(), "Quarantine/Release", "Quarantine/Refuse"}
	for _, id := range q.Messages {
		marks = append(marks, id.String())
	}
	return marks
}

// reasonIn cuts a text where it begins to quote the question: every mail program
// names there who asked, or repeats its header or its first words, marked as
// quoted or not. What says nothing, without a letter or digit, is no reason.
func reasonIn(text string, ours []string) string {
	var own []string
	cut := false
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); strings.HasPrefix(line, "|") {
			line = ">" + line // quoted, as some programs mark it
		}
		if cut = !strings.HasPrefix(line, ">") && namesUs(line, ours); cut {
			break
		}
		if !fromDevice(line) {
			own = append(own, line)
		}
	}
	if cut {
		own = withoutHeader(own)
	}
	words := strings.TrimRight(ownWords(strings.Join(own, "\n")), "-_ \n")
	if !strings.ContainsFunc(words, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
		return ""
	}
	return clippedReason(words)
}

func namesUs(line string, ours []string) bool {
	line = strings.ToLower(line)
	return slices.ContainsFunc(ours, func(mark string) bool { return strings.Contains(line, strings.ToLower(mark)) })
}

// fromDevice reports whether a line is what mail programs of telephones add.
func fromDevice(line string) bool {
	line = strings.ToLower(strings.TrimSpace(line))
	return len(line) < 60 && slices.ContainsFunc([]string{
		"sent from my ", "sent from outlook", "get outlook for ", "von meinem ", "gesendet von ", "envoyé de ", "envoyé depuis ",
		"inviato da ", "enviado desde ", "enviado de ", "أُرسلت من ", "تم الإرسال من ",
	}, func(begin string) bool { return strings.HasPrefix(line, begin) })
}

// withoutHeader drops the lines "From: Clinic", "Sent: Monday" that stand right
// above where a text was cut: the begin of the question's header.
func withoutHeader(lines []string) []string {
	end := len(lines)
	for end > 0 && strings.TrimSpace(lines[end-1]) == "" {
		end--
	}
	begin := end
	for begin > 0 && headed(lines[begin-1]) {
		begin--
	}
	if end-begin < 2 {
		return lines
	}
	return lines[:begin]
}

// headed reports whether a line has the form of a header field that is shown.
func headed(line string) bool {
	name, _, ok := strings.Cut(line, ":")
	return ok && len(name) > 0 && len(name) <= 30 && !strings.ContainsAny(name, ".,;!?")
}

// clippedReason is the begin of a long text: what stands below are signatures and
// disclaimers.
func clippedReason(words string) string {
	if len(words) <= maxWhy {
		return words
	}
	cut := maxWhy
	for cut > 0 && !utf8.RuneStart(words[cut]) {
		cut--
	}
	return strings.TrimSpace(words[:cut])
}
