package mailmsg_test

import (
	"errors"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

func languages() []string { return []string{"en", "de", "fr", "it", "es", "ar"} }

func staffKinds() []mailmsg.StaffKind {
	return []mailmsg.StaffKind{
		mailmsg.StaffAnswer, mailmsg.StaffHeld, mailmsg.StaffOpened, mailmsg.StaffUnread, mailmsg.StaffExpiring, mailmsg.StaffReported,
		mailmsg.StaffRecalled, mailmsg.StaffUndelivered, mailmsg.StaffUnopenable,
		mailmsg.StaffReason, mailmsg.StaffBulk, mailmsg.StaffBack, mailmsg.StaffWaiting,
	}
}

func staffNoticeData(kind mailmsg.StaffKind) mailmsg.StaffNoticeData {
	d := mailmsg.StaffNoticeData{
		Kind: kind, HeaderID: "abcdefghabcdefgh@clinic.example", From: gateway.MustAddress("notices@clinic.example"), To: gateway.MustAddress("ann@clinic.example"),
		Organization: "Example Clinic", Language: "en", Reference: "ABCD-2345", Person: "p•••@o•••.example",
		Sent: noon.AddDate(0, 0, -4), InReplyTo: "original.1@client.example", References: []string{"first@client.example"}, Now: noon,
	}
	switch kind {
	case mailmsg.StaffAnswer:
		d.URL = "https://secure.clinic.example/staff/01abcdefghijklmnopqrstuvwx"
	case mailmsg.StaffHeld:
		d.Reason, d.Held = "unsigned", "01abcdefghijklmnopqrstuvwx.1"
	case mailmsg.StaffOpened:
		d.When, d.Assurance = noon.Add(-time.Hour), gateway.OtherChannel
	case mailmsg.StaffExpiring:
		d.Until = noon.AddDate(0, 0, 2)
	case mailmsg.StaffReported:
		d.Concern = gateway.NotForMe
	case mailmsg.StaffRecalled:
		d.UndoUntil = noon.Add(time.Minute)
		d.Copies = []mailmsg.RecalledCopy{
			{Person: "p•••@o•••.example", State: mailmsg.RecallLocked}, {Person: "k•••@o•••.example", State: mailmsg.RecallDestroyed, Opened: noon},
			{Person: "j•••@o•••.example", State: mailmsg.RecallPassed},
		}
	case mailmsg.StaffReason:
		d.Messages = []string{"01abcdefghijklmnopqrstuvwx", "02abcdefghijklmnopqrstuvwx", "03abcdefghijklmnopqrstuvwx"}
		d.Count, d.ReplyTo = 3, gateway.MustAddress("q.abcdefghijklmnopqrstuvwxyz@reply.clinic.example")
	case mailmsg.StaffBulk:
		d.Count, d.Limit, d.Reference, d.Person = 61, 50, "", ""
	case mailmsg.StaffBack:
		d.Count, d.UndoUntil, d.Reference, d.Person = 7, noon.Add(time.Minute), "", ""
	case mailmsg.StaffUndelivered:
		d.Held, d.URL = "01abcdefghijklmnopqrstuvwx.1", "https://secure.clinic.example/staff/01abcdefghijklmnopqrstuvwx"
	}
	return d
}

func TestStaffNotices(t *testing.T) {
	seen := map[string]string{}
	for _, kind := range staffKinds() {
		for _, language := range languages() {
			d := staffNoticeData(kind)
			d.Language = language
			name := string(kind) + " " + language
			raw, err := mailmsg.StaffNotice(d)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			sound(t, raw)
			m, parts := parse(t, raw)
			text := parts["text/plain"]
			if len(parts) != 1 || seen[text] != "" {
				t.Errorf("%s: %d parts, or the text of %s", name, len(parts), seen[text])
			}
			seen[text] = name
			named := d.Reference
			if named == "" {
				named = strconv.Itoa(d.Count)
			}
			for _, want := range []string{named, d.Person.Reveal(), "2026", "\r\n\r\n-- \r\nExample Clinic\r\n"} {
				if !strings.Contains(text, want) {
					t.Errorf("%s: %q is missing", name, want)
				}
			}
			for _, line := range []string{d.URL.Reveal(), d.Held} {
				if line != "" && !strings.Contains(text, "\r\n"+line+"\r\n") {
					t.Errorf("%s: %q does not stand alone on its line", name, line)
				}
			}
			for field, want := range map[string]string{
				"In-Reply-To": "<original.1@client.example>", "References": "<first@client.example> <original.1@client.example>",
				"Auto-Submitted": "auto-generated", "Message-Id": "<" + d.HeaderID + ">", "Content-Language": language,
			} {
				if got := m.Header.Get(field); got != want {
					t.Errorf("%s: %s is %q", name, field, got)
				}
			}
			if subject := mailmsg.Read(raw).Subject.Reveal(); !strings.Contains(subject, named) || strings.HasSuffix(subject, "%s") {
				t.Errorf("%s: subject %q", name, subject)
			}
		}
	}
}

// TestStaffNoticeVariants: what a fact changes in the text.
func TestStaffNoticeVariants(t *testing.T) {
	text := func(kind mailmsg.StaffKind, change func(*mailmsg.StaffNoticeData)) string {
		d := staffNoticeData(kind)
		change(&d)
		raw, err := mailmsg.StaffNotice(d)
		if err != nil {
			t.Fatal(err)
		}
		_, parts := parse(t, raw)
		return strings.Join(strings.Fields(parts["text/plain"]), " ")
	}
	for name, c := range map[string]struct {
		got            string
		holds, without string
	}{
		"a person":   {text(mailmsg.StaffOpened, func(*mailmsg.StaffNoticeData) {}), "Proof: code over another channel Opened by: a person", "program"},
		"a machine":  {text(mailmsg.StaffOpened, func(d *mailmsg.StaffNoticeData) { d.Machine = true }), "Opened by: probably a program The proof was right", "a person Example"},
		"odd proof":  {text(mailmsg.StaffOpened, func(d *mailmsg.StaffNoticeData) { d.Assurance = "x" }), "Proof: not recorded", "Proof: x"},
		"not for me": {text(mailmsg.StaffReported, func(*mailmsg.StaffNoticeData) {}), "not meant for them. The link is locked.", "genuine"},
		"suspicious": {text(mailmsg.StaffReported, func(d *mailmsg.StaffNoticeData) { d.Concern = gateway.Suspicious }), "genuine", "locked"},
		"forged":     {text(mailmsg.StaffHeld, func(d *mailmsg.StaffNoticeData) { d.Reason = "invalid" }), "its signature does not hold", "invalid"},
		"odd reason": {text(mailmsg.StaffHeld, func(d *mailmsg.StaffNoticeData) { d.Reason = "Results of Pat" }), "its form is doubtful", "Results"},
		"to release": {text(mailmsg.StaffReason, func(*mailmsg.StaffNoticeData) {}), "Quarantine/Release. A rule demands a reason", "Quarantine/Refuse"},
		"to refuse":  {text(mailmsg.StaffReason, func(d *mailmsg.StaffNoticeData) { d.Refuse = true }), "Quarantine/Refuse. A rule demands a reason", "Quarantine/Release"},
		"several": {text(mailmsg.StaffReason, func(d *mailmsg.StaffNoticeData) {
			d.Messages = slices.Repeat([]string{"id"}, 32)
		}), "Messages: 3" + strings.Repeat(" - id", 30) + " - (+2) Answer", "- id - id - id - (+3)"},
		"receipt": {text(mailmsg.StaffRecalled, func(*mailmsg.StaffNoticeData) {}),
			"p•••@o•••.example locked: nobody can open it It had not been opened. k•••@o•••.example destroyed: its keys are gone, and nobody can bring it back It had been opened on 4 March 2026, 12:30 UTC. j•••@o•••.example out of reach: it left as an ordinary mail An administrator can undo the recall until 4 March 2026, 12:31 UTC.", "works"},
		"limits":      {text(mailmsg.StaffRecalled, func(*mailmsg.StaffNoticeData) {}), "seen, printed, copied or downloaded. A backup of the keys", "undone"},
		"only locked": {text(mailmsg.StaffRecalled, func(d *mailmsg.StaffNoticeData) { d.Copies = d.Copies[:1] }), "cannot reach", "backup"},
		"undone": {text(mailmsg.StaffRecalled, func(d *mailmsg.StaffNoticeData) {
			d.Undone, d.Copies = true, []mailmsg.RecalledCopy{{State: mailmsg.RecallWorks}}
		}), "The recall was undone. Reference: ABCD-2345 Person: p•••@o•••.example Sent: 28 February 2026, 12:30 UTC the link works", "cannot reach"},
	} {
		if !strings.Contains(c.got, c.holds) || strings.Contains(c.got, c.without) {
			t.Errorf("%s: %s", name, c.got)
		}
	}
}

func TestStaffNoticeRefuses(t *testing.T) {
	for name, change := range map[string]func(*mailmsg.StaffNoticeData){
		"no kind":   func(d *mailmsg.StaffNoticeData) { d.Kind = "" },
		"no page":   func(d *mailmsg.StaffNoticeData) { d.URL = "" },
		"no id":     func(d *mailmsg.StaffNoticeData) { d.HeaderID = "a b" },
		"no sender": func(d *mailmsg.StaffNoticeData) { d.From = gateway.Address{} },
		"nobody":    func(d *mailmsg.StaffNoticeData) { d.To = gateway.Address{} },
	} {
		d := staffNoticeData(mailmsg.StaffAnswer)
		change(&d)
		if _, err := mailmsg.StaffNotice(d); !errors.Is(err, mailmsg.ErrBadStaffNotice) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStaffNoticeWithHostileValues(t *testing.T) {
	const evil = "x\r\nBcc: eve@evil.example\r\n\r\n\u202e=?utf-8?q?Bcc?= \"<>"
	for _, kind := range staffKinds() {
		for _, language := range languages() {
			d := staffNoticeData(kind)
			d.Language, d.Organization, d.Reference, d.Person, d.Reason, d.Held, d.InReplyTo, d.References = language, evil, evil, evil, evil, evil, evil, []string{evil}
			d.Copies = []mailmsg.RecalledCopy{{Person: evil, State: evil}}
			raw, err := mailmsg.StaffNotice(d)
			if err != nil {
				t.Fatal(err)
			}
			sound(t, raw)
			m, parts := parse(t, raw)
			if m.Header.Get("Bcc") != "" || m.Header.Get("In-Reply-To") != "" || strings.Contains(parts["text/plain"], "\u202e") || strings.Contains(parts["text/plain"], "\r\nBcc") {
				t.Errorf("%s %s: a value left its place", kind, language)
			}
			if list, err := m.Header.AddressList("From"); err != nil || len(list) != 1 || list[0].Address != d.From.Wire() {
				t.Errorf("%s %s: From reads as %v, %v", kind, language, list, err)
			}
		}
	}
}

func noticeKinds() []gateway.NoticeKind {
	return []gateway.NoticeKind{gateway.NoticeFirst, gateway.NoticeReminder, gateway.NoticeExpiring}
}

func TestNoticeKinds(t *testing.T) {
	seen := map[string]string{}
	for _, kind := range noticeKinds() {
		for _, language := range languages() {
			for _, linked := range []bool{true, false} {
				d := noticeData()
				d.Kind, d.Language, d.First, d.Sent = kind, language, "first@clinic.example", noon.AddDate(0, -1, 0)
				name := string(kind) + " " + language
				if !linked {
					d.URL = ""
					name += " without link"
				}
				raw, err := mailmsg.Notice(d)
				if kind == gateway.NoticeFirst && !linked {
					if !errors.Is(err, mailmsg.ErrNoLink) {
						t.Errorf("%s: %v", name, err)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				sound(t, raw)
				m, parts := parse(t, raw)
				checkNotice(t, name, d, m, parts)
				if seen[parts["text/plain"]] != "" {
					t.Errorf("%s says what %s says", name, seen[parts["text/plain"]])
				}
				seen[parts["text/plain"]] = name
			}
		}
	}
	d := noticeData()
	d.Kind, d.URL = gateway.NoticeReminder, ""
	if _, err := mailmsg.Notice(d); !errors.Is(err, mailmsg.ErrNoLink) {
		t.Errorf("a reminder of nothing: %v", err)
	}
}

// checkNotice checks one notice as its reader sees it.
func checkNotice(t *testing.T, name string, d mailmsg.NoticeData, m *mail.Message, parts map[string]string) {
	t.Helper()
	links := 1
	if d.URL == "" {
		links = 0
	}
	for media, text := range parts {
		text = strings.Join(strings.Fields(text), " ")
		if strings.Count(text, "https://") != links || !strings.Contains(text, "ABCD-2345") || !strings.Contains(text, "Example Clinic") {
			t.Errorf("%s %s: %d links, or reference or organization are missing", name, media, strings.Count(text, "https://"))
		}
		if rtl := d.Language == "ar"; strings.Contains(text, `dir="rtl"`) != (rtl && media == "text/html") {
			t.Errorf("%s %s runs the wrong way", name, media)
		}
		if strings.Contains(text, "April") != strings.Contains(text, "2026") && d.Language == "en" && links > 0 {
			t.Errorf("%s %s: the expiry is missing", name, media)
		}
	}
	if plain := parts["text/plain"]; links == 1 && !strings.Contains(plain, "\r\n"+d.URL.Reveal()+"\r\n") {
		t.Errorf("%s: the link does not stand alone on its line", name)
	}
	if m.Header.Get("Auto-Submitted") != "auto-generated" || m.Header.Get("In-Reply-To") != "<first@clinic.example>" {
		t.Errorf("%s: not automatic, or not threaded", name)
	}
}

// TestArabicKeepsRunsApart: what is written from left to right within Arabic
// stands in isolates, in the text as characters and in HTML as elements.
func TestArabicKeepsRunsApart(t *testing.T) {
	d := noticeData()
	d.Language = "ar-EG"
	raw, err := mailmsg.Notice(d)
	if err != nil {
		t.Fatal(err)
	}
	_, parts := parse(t, raw)
	for _, value := range []string{"ABCD-2345", "Example Clinic", "help@clinic.example", "12:30 UTC"} {
		if !strings.Contains(parts["text/plain"], "\u2068"+value+"\u2069") {
			t.Errorf("%s is not isolated in the text", value)
		}
		if !strings.Contains(parts["text/html"], "<bdi>"+value+"</bdi>") {
			t.Errorf("%s is not isolated in HTML", value)
		}
	}
	for media, text := range parts {
		if strings.Count(text, "\u2068") != strings.Count(text, "\u2069") || strings.Count(text, "<bdi>") != strings.Count(text, "</bdi>") {
			t.Errorf("%s: an isolate stays open", media)
		}
	}
	if strings.Contains(parts["text/plain"], d.URL.Reveal()+"\u2069") {
		t.Error("programs would take the isolate for a part of the link")
	}
}

func TestCodeKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, language := range languages() {
		for _, kind := range []gateway.CodeKind{gateway.CodeOpen, gateway.CodeThaw, gateway.CodeRenew} {
			raw, err := mailmsg.Code(mailmsg.CodeData{
				Kind: kind, From: gateway.MustAddress("notices@clinic.example"), To: gateway.MustAddress("pat@out.example"), Language: language,
				Reference: "ABCD-2345", Code: "042137", Now: noon, Random: random(),
			})
			if err != nil {
				t.Fatal(err)
			}
			sound(t, raw)
			_, parts := parse(t, raw)
			text := parts["text/plain"]
			if !strings.Contains(text, "\r\n042137\r\n") || !strings.Contains(text, "ABCD-2345") || seen[text] {
				t.Errorf("%s %q: the code does not stand alone, or the text is another's", language, kind)
			}
			seen[text] = true
		}
	}
}
