// Package smsmsg writes the short messages that Gatepost itself sends: the
// notice of a secured message, a code, and the answers to STOP, START and HELP.
//
// It is not a codec: it returns text, which fits one segment wherever the
// alphabet of 3GPP TS 23.038 section 6.2.1 spells the language.
//
// Invariants: nothing that people wrote enters, only fixed words, the
// organization's name and help, a reference, and a link or a code. Where a text
// would not fit, the organization's name gives way; a link, a code and a
// reference are never cut.
package smsmsg

import (
	"errors"
	"strings"

	"gatepost/gateway"
)

// NoticeData is everything that a notice says. There is no place in it for
// words of the original.
type NoticeData struct {
	Kind      gateway.NoticeKind
	Brand     string // the organization
	Language  string // BCP 47 of the recipient; "" is English
	Reference string
	// URL is the link. NoticeReminder and NoticeExpiring may go without: they
	// point at the first notice then.
	URL gateway.Sensitive
}

// ErrNoLink is returned for a first notice without a link.
var ErrNoLink = errors.New("notice without link")

// Notice writes what leaves to a telephone instead of a secured message: one
// segment with a link of up to 60 characters; two in Arabic, and for a name
// beyond the default alphabet.
func Notice(d NoticeData) (string, error) {
	if d.URL == "" && d.Kind == gateway.NoticeFirst {
		return "", ErrNoLink
	}
	w := wordsFor(d.Language)
	text, end := w.notice, w.here+"\n"+d.URL.Reveal()
	switch d.Kind {
	case gateway.NoticeReminder:
		text = w.reminder
	case gateway.NoticeExpiring:
		text = w.expiring
	}
	if d.URL == "" {
		end = w.elsewhere
	}
	return w.fit(d.Brand, say(text, d.Reference)+" "+end, 2), nil
}

// CodeData is everything that a text with a one-time code says.
type CodeData struct {
	Kind      gateway.CodeKind
	Brand     string
	Language  string // BCP 47; "" is English
	Reference string // of the link that the code is for
	Code      gateway.Sensitive
}

// ErrBadCode is returned for a code that is not 4 to 12 digits.
var ErrBadCode = errors.New("code is not digits")

// Code writes the text with a one-time code. The code stands alone on its
// line; the text holds no link and no other run of six digits, so that neither
// people nor telephones take something else for it.
func Code(d CodeData) (string, error) {
	code := d.Code.Reveal()
	if len(code) < 4 || len(code) > 12 || strings.Trim(code, "0123456789") != "" {
		return "", ErrBadCode
	}
	w := wordsFor(d.Language)
	text := w.code
	switch d.Kind {
	case gateway.CodeThaw:
		text = w.thaw
	case gateway.CodeRenew:
		text = w.renew
	}
	brand := d.Brand
	if digits(brand) >= 6 || strings.Contains(brand, "/") {
		brand = ""
	}
	return w.fit(brand, say(text, d.Reference)+"\n"+code+"\n"+w.secret, 1), nil
}

// Reply is what an answer to STOP, START or HELP says.
type Reply struct {
	Brand    string
	Help     string // whom to ask; "" says nothing
	Language string // BCP 47; "" is English
}

// Stopped confirms that no more messages come: the one text that is allowed
// after a STOP.
func Stopped(r Reply) string {
	w := wordsFor(r.Language)
	return w.reply(r, w.stopped)
}

// Started confirms that messages come again.
func Started(r Reply) string {
	w := wordsFor(r.Language)
	return w.reply(r, w.started)
}

// Help answers HELP: who it is, whom to ask and how it ends. It is longer than
// a segment where the words about whom to ask are.
func Help(r Reply) string {
	w := wordsFor(r.Language)
	text := w.help
	if r.Help != "" {
		text += " " + w.ask + clean(r.Help)
	}
	return w.fit(r.Brand, text, 1)
}

// Tidings tells an application that a telephone wrote something that it does
// not get itself.
func Tidings(language string) string { return wordsFor(language).tidings }

// reply leaves out whom to ask before it leaves a name too short to be known.
func (w *words) reply(r Reply, text string) string {
	if r.Help != "" {
		asked := w.fit(r.Brand, text+" "+w.ask+clean(r.Help), 1)
		if one(asked) && strings.Contains(asked, shorten(clean(r.Brand), shortest)) {
			return asked
		}
	}
	return w.fit(r.Brand, text, 1)
}

// shortest is how much of a name is kept before all of it is left out, in
// characters.
const shortest = 4
