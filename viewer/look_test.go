package viewer

import (
	"fmt"
	"strings"
	"time"

	"gatepost/gateway"
)

// look is one page or state that a reader can get to see.
type look struct {
	name string
	path string // after the link's path
	set  func(c *clinic, w *window)
}

func (l look) of(c *clinic) string {
	if strings.HasPrefix(l.path, "!") {
		return l.path[1:]
	}
	if l.path == "/" || l.path == "/nothing" {
		return l.path
	}
	return c.path() + l.path
}

func asked(c *clinic, w *window) {
	w.open(c.path())
	w.press(`form:has(input[name="code"]) button`, `.note.good`)
}

func tried(pin func(*clinic) string) func(*clinic, *window) {
	return func(c *clinic, w *window) {
		asked(c, w)
		w.write(`#pin`, pin(c))
		w.press(`form:has(#pin) button`, `main`)
	}
}

func read(mail *gateway.Mail) func(*clinic, *window) {
	return func(c *clinic, w *window) {
		c.mail = mail
		asked(c, w)
		w.write(`#pin`, c.lastCode())
		w.press(`form:has(#pin) button`, `.letter`)
	}
}

func inState(s gateway.LinkState) func(*clinic, *window) {
	return func(c *clinic, _ *window) { c.state = s }
}

// stays as the path of a look: the page that set led to.
const stays = "\x00"

// looks is every page and state of the viewer. All that is asked of pages is
// asked of these, and a page with a title that none of them shows is missed
// (checkAllTitles).
func looks() []look {
	long := &gateway.Mail{Subject: "Ihre Unterlagen zur Donaudampfschifffahrtsgesellschaftskapit\u00e4nsversorgungswerkzusatzrente und weitere wichtige Hinweise",
		From: "Rechtsanwaltskanzlei Dr. M\u00fcller-L\u00fcdenscheidt & Partner <kanzlei.mueller-luedenscheidt@a-very-long-name-of-a-law-firm.example>", To: "pat@out.example",
		Text: gateway.Sensitive(strings.Repeat("Please read this paragraph with care. It says what you have signed, and until when you may take it back without giving a reason. ", 6) + "\n\nhttps://clinic.example/" + strings.Repeat("very-long-path/", 9) + "\n\nKind regards")}
	for n, name := range []string{strings.Repeat("Very_long_file_name_without_a_blank_", 4) + ".docx", "Rechnung.pdf", "\u05d7\u05e9\u05d1\u05d5\u05df.pdf", "walk.mp4"} {
		kind := []string{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/pdf", "application/pdf", "video/mp4"}[n]
		long.Files = append(long.Files, file(name, kind, "", make([]byte, 1000*(n+1)*(n+1))))
	}
	return append([]look{
		{name: "01-gate"},
		{name: "02-code-sent", path: stays, set: asked},
		{name: "03-wrong", path: stays, set: tried(wrong)},
		{name: "04-malformed", path: stays, set: tried(func(*clinic) string { return "12ab" })},
		{name: "05-no-code", path: stays, set: func(c *clinic, w *window) {
			w.open(c.path())
			w.write(`#pin`, "123456")
			w.press(`form:has(#pin) button`, `.note.bad`)
		}},
		{name: "06-too-soon", path: stays, set: func(c *clinic, w *window) {
			w.open(c.path())
			other := c.window(w.parent, w.base)
			asked(c, other)
			w.press(`form:has(input[name="code"]) button`, `.note.bad`)
		}},
		{name: "07-new-code-possible", set: func(c *clinic, w *window) { asked(c, w); c.advance(2 * time.Minute) }},
		{name: "08-same-mailbox", set: func(c *clinic, w *window) {
			c.page.CodeTo, c.page.CodeSame = "p\u2022\u2022\u2022@o\u2022\u2022\u2022.example", true
			asked(c, w)
		}},
		{name: "09-no-cookies", path: "?sent"},
		{name: "10-paused", set: func(c *clinic, w *window) {
			asked(c, w)
			for range 5 {
				w.write(`#pin`, wrong(c))
				w.press(`form:has(#pin) button`, `h1`)
			}
		}},
		{name: "11-frozen", set: inState(gateway.LinkFrozen)},
		{name: "12-frozen-without-help", set: func(c *clinic, w *window) { c.state, c.page.Help = gateway.LinkFrozen, "" }},
		{name: "13-expired", set: inState(gateway.LinkExpired)},
		{name: "14-recalled", set: inState(gateway.LinkRecalled)},
		{name: "15-unknown", set: inState(gateway.LinkUnknown)},
		{name: "16-message", path: stays, set: read(letter())},
		{name: "17-message-alone", path: "/mail", set: read(letter())},
		{name: "18-text-and-long-names", path: stays, set: read(long)},
		{name: "19-empty", path: stays, set: read(&gateway.Mail{From: "ann@clinic.example"})},
		{name: "20-closed", path: stays, set: func(c *clinic, w *window) {
			read(letter())(c, w)
			w.press(`form[action$="/leave"] button`, `a.button.first`)
		}},
		{name: "21-root", path: "/"},
		{name: "22-nothing-here", path: "/nothing"},
		{name: "23-broken", set: func(c *clinic, w *window) { c.fail = fmt.Errorf("disk") }},
		{name: "24-refused", path: stays, set: func(c *clinic, w *window) {
			w.open(c.path())
			ask[bool](w, `document.querySelectorAll("[name=token]").forEach(e => e.value = "x"), true`)
			w.press(`form:has(input[name="code"]) button`, `.card`)
		}},
		{name: "25-german", path: stays, set: func(c *clinic, w *window) { c.page.Language = "de"; tried(wrong)(c, w) }},
		{name: "26-french-message", path: stays, set: func(c *clinic, w *window) { c.page.Language = "fr"; read(letter())(c, w) }},
		{name: "27-spanish-gate", set: func(c *clinic, w *window) { c.page.Language = "es" }},
		{name: "28-italian-frozen", set: func(c *clinic, w *window) { c.page.Language = "it"; c.state = gateway.LinkFrozen }},
		{name: "29-arabic-wrong", path: stays, set: func(c *clinic, w *window) { c.page.Language = "ar"; tried(wrong)(c, w) }},
		{name: "30-arabic-gate", set: func(c *clinic, w *window) { c.page.Language = "ar" }},
		{name: "31-arabic-message", path: stays, set: func(c *clinic, w *window) { c.page.Language = "ar"; read(arabicLetter())(c, w) }},
		{name: "32-arabic-paused", path: stays, set: func(c *clinic, w *window) {
			c.page.Language = "ar"
			asked(c, w)
			for range 5 {
				w.write(`#pin`, wrong(c))
				w.press(`form:has(#pin) button`, `h1`)
			}
		}},
		{name: "33-branded-gate", set: func(c *clinic, _ *window) { c.page.Brand = "paed.example" }},
		{name: "34-branded-message", path: stays, set: func(c *clinic, w *window) { c.page.Brand = "paed.example"; read(letter())(c, w) }},
	}, ownLooks()...)
}
