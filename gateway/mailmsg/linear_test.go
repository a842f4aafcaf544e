package mailmsg_test

import (
	"bytes"
	"strings"
	"testing"

	"gatepost/gateway/mailmsg"
)

// TestHostileRepetitionEnds: each of these once took minutes for a megabyte, because some
// step looked at the rest of the message again and again. Nothing is timed;
// a step that is quadratic again meets the time limit of the test run.
func TestHostileRepetitionEnds(t *testing.T) {
	repeat := func(s string) string { return strings.Repeat(s, (1<<19)/len(s)) }
	for name, raw := range map[string]string{
		"tags in a subject":       "Subject: " + repeat("[secure]") + "\n\nx",
		"tags that do not end":    "Subject: " + repeat("[secure pin:1 ") + "\n\nx",
		"brackets":                "Subject: " + repeat("[({secure ") + "\n\nx",
		"turns of HTML":           "Content-Type: text/html\n\n" + repeat("<bdo dir=rtl>a<bdo dir=ltr>b<br>"),
		"styles of HTML":          "Content-Type: text/html\n\n" + repeat("<style>content:/*\\41 "),
		"titles of HTML":          "Content-Type: text/html\n\n" + repeat("<title></tit"),
		"percents":                "\n" + repeat("%41\\u"),
		"shifts of UTF-7":         "\n" + repeat("+AG"),
		"boundaries":              "Content-Type: multipart/mixed; boundary=b\n\n" + repeat("--b\n"),
		"space behind a tag":      "Subject: [secure] x" + repeat(" ") + "\n\nx",
		"comments that never end": "From: " + repeat("(") + "\n\nx",
		"tags of HTML":            "Content-Type: text/html\n\n" + repeat("<!--<p title='<"),
	} {
		b := crlf(raw)
		if len(mailmsg.Read(b).Fields) == 0 && strings.Contains(name, "subject") {
			t.Errorf("%s: nothing was read", name)
		}
		if _, err := mailmsg.View(bytes.NewReader(b)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		mailmsg.Edits(b, true)
	}
}

func TestTagsBehindALongListName(t *testing.T) {
	subject := "[" + strings.Repeat("x", 200) + "] Re: [secure] Hello"
	if r := mailmsg.Read([]byte("Subject: " + subject + "\r\n\r\n")); r.Tags.Secure {
		t.Error("other people's tag binds")
	}
}
