package smtpd

import (
	"strconv"
	"strings"

	"github.com/emersion/go-smtp"

	"gatepost/gateway"
)

// maxReplyText keeps a reply line below the 512 octets of RFC 5321 section
// 4.5.3.1.5.
const maxReplyText = 450

// oneLine makes text fit to stand in a reply: printable ASCII on one line.
// The words of a Fault come from elsewhere; a line break in them would be a
// second reply.
func oneLine(text string) string {
	if len(text) > maxReplyText {
		text = text[:maxReplyText]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}

// sound returns f, or FaultInternal when f is no refusal: a Fault that was
// made with a code of success must not become a 250.
func sound(f *gateway.Fault) *gateway.Fault {
	if f.Code < 400 || f.Code > 599 {
		return gateway.FaultInternal.Because(f)
	}
	return f
}

// enhanced reads an RFC 3463 status whose class agrees with code; anything
// else is X.0.0.
func enhanced(code int, status string) smtp.EnhancedCode {
	fallback := smtp.EnhancedCode{code / 100, 0, 0}
	parts := strings.Split(status, ".")
	if len(parts) != 3 {
		return fallback
	}
	var e smtp.EnhancedCode
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 10)
		if err != nil || n > 999 {
			return fallback
		}
		e[i] = int(n)
	}
	if e[0] != code/100 {
		return fallback
	}
	return e
}

// smtpError is the form in which go-smtp writes f exactly.
func smtpError(f *gateway.Fault) *smtp.SMTPError {
	f = sound(f)
	return &smtp.SMTPError{Code: f.Code, EnhancedCode: enhanced(f.Code, f.Status), Message: oneLine(f.Text)}
}

// replyLine is f as a line of text without CRLF.
func replyLine(f *gateway.Fault) string {
	f = sound(f)
	e := enhanced(f.Code, f.Status)
	return strconv.Itoa(f.Code) + " " + strconv.Itoa(e[0]) + "." + strconv.Itoa(e[1]) + "." + strconv.Itoa(e[2]) +
		" " + oneLine(f.Text)
}
