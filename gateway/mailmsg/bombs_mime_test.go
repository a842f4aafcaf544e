package mailmsg_test

import (
	"fmt"
	"strings"
	"testing"
)

func mimeBombs() []bomb {
	repeat := strings.Repeat
	text := func(s string) func(*testing.T) []byte { return func(*testing.T) []byte { return crlf(s) } }
	return []bomb{
		{"MIME: 10,000 multiparts in multiparts", "", false, text(nest(10_000, "\n\nx"))},
		{"MIME: 100,000 parts", limit, false, text(mixed(repeat("--b\n\nHe has x.\n", 100_000) + "--b--\n"))},
		{"MIME: 100,000 parts of no use", limit, false, text(mixed(repeat("--b\n", 2_000_000)))},
		{"MIME: 10,000 messages in messages", "", false, text(repeat("Content-Type: message/rfc822\n\n", 10_000) + "x")},
		{"MIME: messages in messages in base64", "", true, func(*testing.T) []byte {
			inner := "Subject: x\r\n\r\nx"
			for range 24 {
				inner = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(inner)
			}
			return []byte(inner)
		}},
		{"MIME: boundaries that begin alike", "", false, func(*testing.T) []byte {
			var head, tail strings.Builder
			for i := range 400 {
				fmt.Fprintf(&head, "Content-Type: multipart/mixed; boundary=\"%s\"\n\n--%s\n", repeat("b", i+1), repeat("b", i+1))
			}
			for i := range 60_000 {
				fmt.Fprintf(&tail, "--%s\n", repeat("b", i%60))
			}
			return crlf(head.String() + "\nx\n" + tail.String())
		}},
		{"MIME: one boundary on all levels", "", false, text(repeat("Content-Type: multipart/mixed; boundary=b\n\n--b\n", 50_000) + "\nx")},
		{"MIME: lines that could be boundaries", "", true, text(mixed("--b\n\n" + repeat("--c\nContent-Type: text/plain\n", 200_000) + "--b--\n"))},
		{"MIME: lines of dashes on 48 levels", "", false, text(nest(48, "\n\n"+repeat("--\n", 3_000_000)))},
		{"MIME: lines of dashes in many texts", "", true, text(mixed(repeat("--b\n\n"+repeat("--\n--x\nContent-X: y\n", 400)+"\n", 300) + "--b--\n"))},
		{"MIME: types in doubt", "", false, text(repeat("Content-Type: multipart/mixed; boundary=a; boundary=b\nContent-Type: multipart/mixed; boundary=c\nContent-Type: message/rfc822\n"+
			"Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: quoted-printable\n\n--a\n--b\n--c\n", 20_000))},
		{"RFC 2231: 100,000 pieces", "", true, func(*testing.T) []byte {
			var b strings.Builder
			for i := range 100_000 {
				fmt.Fprintf(&b, ";\n name*%d=x", i)
			}
			return crlf("Content-Type: text/plain" + b.String() + "\n\nx")
		}},
		{"RFC 2231: pieces in all headers", "", true, func(*testing.T) []byte {
			var b strings.Builder
			for i := range 3000 {
				fmt.Fprintf(&b, ";name*%d*=x%%41", i)
			}
			return crlf(mixed(repeat("--b\nContent-Type: text/plain"+b.String()+"\nContent-Disposition: x"+b.String()+"\n\nx\n", 200) + "--b--\n"))
		}},
		{"RFC 2231: the same piece again", "", true, text("Content-Type: text/plain" + repeat("; name*0=\"x", 400_000) + "\n\nx")},
		{"header: folding", "", false, text("Subject: x" + repeat("\n x", 2_000_000) + "\n\nx")},
		{"header: folding in encoded words", "", false, text("Subject: " + repeat("=?utf-8?q?=41?=\n ", 400_000) + "\n\nx")},
		{"header: encoded words that do not end", "", true, text("Subject: " + repeat("=?utf-8?q?", 20_000) + "\n\nx")},
		{"header: fields", "", false, text(repeat("X: y\n", 1_000_000) + "\nx")},
		{"header: addresses", "", true, text("To: " + repeat("\"a\\\"<", 40_000) + "\n\nx")},
		{"header: groups and comments", "", true, text("To: " + repeat("a:(b(", 40_000) + "\n\nx")},
		{"header: 1,000 fields in 1,000 parts", "", true, text(mixed(repeat("--b\n"+repeat("Content-Description: =?utf-8?b?SGU=?=\n", 990)+"\nx\n", 300) + "--b--\n"))},
		{"uuencode: files", "", true, text("\n" + repeat("begin 644 a\n#86)C\n`\nend\n", 300_000))},
		{"uuencode: beginnings", "", true, text("\n" + repeat("begin 644 a\n", 500_000))},
		{"yEnc: beginnings", "", true, text("\n" + repeat("=ybegin line=128 size=9 name=a\n", 200_000))},
		{"PGP: beginnings", "", false, text("\n" + repeat("-----BEGIN PGP MESSAGE-----\n\n", 200_000))},
		{"mbox: messages in a folder", "", false, func(*testing.T) []byte {
			return packed("a.mbox", []byte(repeat("From x\nFrom: <a@b>\nSubject: x\n\nFrom x\n", 150_000)))
		}},
		{"quoted lines", "", true, text("\n" + repeat(">\n>>> > x\n", 800_000))},
		{"quoted-printable soft breaks", "", true, text("Content-Transfer-Encoding: quoted-printable\n\n" + repeat("=\n=41", 1_500_000))},
		{"calendar that folds", "", true, text("Content-Type: text/calendar\n\nBEGIN:VCALENDAR\n" + repeat("X;ENCODING=QUOTED-PRINTABLE:=41\n =42\n", 200_000))},
	}
}
