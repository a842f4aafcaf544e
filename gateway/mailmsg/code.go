package mailmsg

import (
	"errors"
	"io"
	"regexp"
	"time"

	"gatepost/gateway"
)

// CodeData is everything that the mail with a one-time code says.
type CodeData struct {
	Kind         gateway.CodeKind
	From, To     gateway.Address
	Organization string
	Language     string // BCP 47; "" is English
	Reference    string // of the link that the code is for
	Code         gateway.Sensitive
	Now          time.Time
	Random       io.Reader
}

// ErrBadCode is returned for a code that is not digits.
var ErrBadCode = errors.New("code is not digits")

// Code composes the mail with a one-time code. The code stands alone on its
// line; the text holds no link and no other run of six digits, so that
// neither people nor programs take something else for it.
func Code(d CodeData) ([]byte, error) {
	if !regexp.MustCompile(`^[0-9]{4,12}$`).MatchString(d.Code.Reveal()) {
		return nil, ErrBadCode
	}
	id, err := HeaderID(d.From.Domain(), d.Random)
	if err != nil {
		return nil, err
	}
	w := wordsFor(d.Language)
	name := oneLine(d.Organization)
	if regexp.MustCompile(`[0-9]{6}`).MatchString(name) {
		name = ""
	}
	var l letter
	l.field("From", mailbox(name, d.From))
	l.field("To", mailbox("", d.To))
	l.field("Subject", encoded(w.say(w.codeSubject, d.Reference)))
	l.field("Date", formatDate(d.Now))
	l.field("Message-ID", "<"+id+">")
	l.field("Auto-Submitted", "auto-generated") // RFC 3834 section 5
	l.field("Content-Language", w.language)
	l.field("MIME-Version", "1.0")
	body := wrap(w.say(w.codeIntroOf(d.Kind), d.Reference) + "\n\n" + d.Code.Reveal() + "\n\n" + w.codeRules)
	if name != "" {
		body += "\n\n-- \n" + name
	}
	l.text("text/plain", body+"\n")
	return l.Bytes(), nil
}

func (w words) codeIntroOf(k gateway.CodeKind) string {
	switch k {
	case gateway.CodeThaw:
		return w.thawIntro
	case gateway.CodeRenew:
		return w.renewIntro
	}
	return w.codeIntro
}
