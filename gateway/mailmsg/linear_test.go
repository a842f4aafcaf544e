package mailmsg_test

import (
	"bytes"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatepost/gateway/mailmsg"
)

// TestHostileRepetitionEnds: each of these once took minutes for a megabyte, because some
// step looked at the rest of the message again and again. None may take as long
// as maxTimes the same octets of plain text, which a quadratic step passes by far.
func TestHostileRepetitionEnds(t *testing.T) {
	const maxTimes = 200 // the slowest of them takes thirty times as long
	repeat := func(s string) string { return strings.Repeat(s, (1<<19)/len(s)) }
	plain := everyReading(t, "plain", crlf("Subject: x\n\n"+repeat("The quick brown fox jumps over the lazy dog. It does so each day.\n")))
	for name, raw := range map[string]string{
		"tags in a subject":       "Subject: " + repeat("[secure]") + "\n\nx",
		"tags that do not end":    "Subject: " + repeat("[secure pin:1 ") + "\n\nx",
		"pieces of a PIN":         "Subject: " + repeat("[secure pin:1[x ") + "\n\nx",
		"pieces without digits":   "Subject: " + repeat("[secure pin: [x ") + "\n\nx",
		"brackets":                "Subject: " + repeat("[({secure ") + "\n\nx",
		"turns of HTML":           "Content-Type: text/html\n\n" + repeat("<bdo dir=rtl>a<bdo dir=ltr>b<br>"),
		"styles of HTML":          "Content-Type: text/html\n\n" + repeat("<style>content:/*\\41 "),
		"titles of HTML":          "Content-Type: text/html\n\n" + repeat("<title></tit"),
		"percents":                "\n" + repeat("%41\\u"),
		"shifts of UTF-7":         "\n" + repeat("+AG"),
		"boundaries":              "Content-Type: multipart/mixed; boundary=b\n\n" + repeat("--b\n"),
		"space behind a tag":      "Subject: [secure] x" + repeat(" ") + "\n\nx",
		"comments that never end": "From: " + repeat("(") + "\n\nx",
		"cells of HTML":           "Content-Type: text/html\n\n" + repeat("<td><p>"),
		"paragraphs of cells":     "Content-Type: text/html\n\n" + repeat("<p><td> </p></td>"),
		"tags of HTML":            "Content-Type: text/html\n\n" + repeat("<!--<p title='<"),
	} {
		b := crlf(raw)
		if len(mailmsg.Read(b).Fields) == 0 && strings.Contains(name, "subject") {
			t.Errorf("%s: nothing was read", name)
		}
		took := everyReading(t, name, b)
		t.Logf("%-24s %5.1f", name, float64(took)/float64(plain))
		if took > maxTimes*plain {
			t.Errorf("%s: takes %v, plain text %v", name, took, plain)
		}
	}
}

// everyReading reads b in every way and is the time of the processor that it took.
func everyReading(t *testing.T, name string, b []byte) time.Duration {
	t.Helper()
	start := processor(t)
	mailmsg.Read(b)
	if _, err := mailmsg.View(bytes.NewReader(b)); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	mailmsg.Edits(b, true)
	layout(b, func(int) int { return 1000 })
	return processor(t) - start
}

// processor is how long this process has used processors.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestTagsBehindALongListName(t *testing.T) {
	subject := "[" + strings.Repeat("x", 200) + "] Re: [secure] Hello"
	if r := mailmsg.Read([]byte("Subject: " + subject + "\r\n\r\n")); r.Tags.Secure {
		t.Error("other people's tag binds")
	}
}
