package viewer

import (
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"gatepost/gateway"
)

// ownLooks are the pages of those who come again, who answer, and of staff.
func ownLooks() []look {
	opened := read(letter())
	return []look{
		{name: "40-known-device", set: func(c *clinic, w *window) {
			opened(c, w)
			w.press(`form:has([name=remember]) button`, `.note.good`)
			c.advance(time.Hour)
		}},
		{name: "41-remembered", path: stays, set: func(c *clinic, w *window) {
			opened(c, w)
			w.press(`form:has([name=remember]) button`, `.note.good`)
		}},
		{name: "42-public", path: stays, set: func(c *clinic, w *window) {
			opened(c, w)
			w.press(`form:has([name=public]) button`, `.note.good`)
		}},
		{name: "43-gate-with-pin", set: func(c *clinic, _ *window) { c.pin = "471193" }},
		{name: "44-wrong-pin", path: stays, set: func(c *clinic, w *window) {
			c.pin = "471193"
			asked(c, w)
			w.write(`#pin`, wrong(c))
			w.press(`form:has(#pin) button`, `.note.bad`)
		}},
		{name: "45-contact-pin-alone", set: func(c *clinic, _ *window) { c.page.PIN, c.page.CodeAllowed = gateway.PINContact, false }},
		{name: "46-no-way-in", set: func(c *clinic, _ *window) { c.page.CodeAllowed = false }},
		{name: "47-expired-renewable", set: func(c *clinic, _ *window) { c.state, c.page.Renewable = gateway.LinkExpired, true }},
		{name: "48-frozen-thawable", set: func(c *clinic, _ *window) { c.state, c.page.SelfThaw = gateway.LinkFrozen, true }},
		{name: "49-report", path: "/report"},
		{name: "50-reported", path: stays, set: func(c *clinic, w *window) {
			w.open(c.path() + "/report")
			w.press(`form:has([value=not_for_me]) button`, `.card`)
		}},
		{name: "51-conversation", set: func(c *clinic, w *window) { talked(c); opened(c, w) }},
		{name: "52-turn", path: stays, set: func(c *clinic, w *window) {
			talked(c)
			opened(c, w)
			w.do("unfolding", chromedp.Click(chromedp.CSS(`details.turns summary`)))
			w.press(`ol.turns .mine a`, `.letter`)
		}},
		{name: "53-answered", path: stays, set: func(c *clinic, w *window) {
			opened(c, w)
			w.write(`#reply`, "Thank you, I shall come.")
			w.press(`form.answer button[type=submit]`, `.note.good`)
		}},
		{name: "54-answer-refused", path: stays, set: func(c *clinic, w *window) {
			opened(c, w)
			c.refuse = gateway.ErrAnswerTooLarge
			w.write(`#reply`, "Thank you, I shall come.")
			w.press(`form.answer button[type=submit]`, `.note.bad`)
		}},
		{name: "55-answer-of-an-ended-session", path: stays, set: func(c *clinic, w *window) {
			opened(c, w)
			w.write(`#reply`, "Thank you, I shall come.")
			c.advance(time.Hour)
			w.press(`form.answer button[type=submit]`, `.note.bad`)
		}},
		{name: "56-nothing-to-send", path: stays, set: func(c *clinic, w *window) {
			opened(c, w)
			w.do("sending nothing", chromedp.Click(chromedp.CSS(`form.answer button[type=submit]`)), chromedp.WaitVisible(chromedp.CSS(`.trouble`)))
		}},
		{name: "57-new", path: "/new", set: opened},
		{name: "58-devices", path: "/devices", set: func(c *clinic, w *window) {
			opened(c, w)
			c.devices["another"] = gateway.Device{ID: "9", Label: "Safari, iPhone", Created: c.time().Add(-500 * time.Hour), Used: c.time().Add(-30 * time.Hour)}
			w.press(`form:has([name=remember]) button`, `.note.good`)
		}},
		{name: "59-no-devices", path: "/devices", set: opened},
		{name: "60-pin", path: "/pin", set: opened},
		{name: "61-pin-guessable", path: stays, set: func(c *clinic, w *window) {
			opened(c, w)
			c.pin = "471193"
			w.open(c.path() + "/pin")
			w.write(`#chosen`, "123456")
			w.write(`#again`, "123456")
			w.press(`form:has(#chosen) button`, `.note.bad`)
		}},
		{name: "62-idle-warning", path: stays, set: func(c *clinic, w *window) {
			opened(c, w)
			// Without the clock, which would hide it again.
			ask[bool](w, `[...Array(1000).keys()].forEach(clearInterval), document.querySelector("#idle p").textContent = document.querySelector("#idle").dataset.text, document.querySelector("#idle").hidden = false, true`)
		}},
		{name: "63-was-idle", path: "?idle", set: opened},
		{name: "64-keys", path: "!/keys"},
		{name: "65-keys-over-a-message", path: stays, set: func(c *clinic, w *window) {
			opened(c, w)
			w.do("pressing Ctrl and /", chromedp.KeyEvent("/", chromedp.KeyModifiers(kb.ModifierCtrl)), chromedp.WaitVisible(chromedp.CSS(`#keys[open]`)))
		}},
		{name: "66-print", path: "/print", set: opened},
		{name: "67-staff-login", path: stays, set: func(c *clinic, w *window) {
			_, path := c.staffAnswer()
			w.open(path)
		}},
		{name: "68-staff-wrong", path: stays, set: func(c *clinic, w *window) { staffTries(c, w, "nonsense", `.note.bad`) }},
		{name: "69-staff-answer", path: stays, set: func(c *clinic, w *window) { staffTries(c, w, staffPassword, `.letter`) }},
		{name: "70-sending", path: stays, set: func(c *clinic, w *window) {
			opened(c, w)
			w.write(`#reply`, "Here is my X-ray.")
			ask[bool](w, `document.querySelector(".progress").hidden = false, document.querySelector("form.answer [type=submit]").hidden = true, document.querySelector("progress").value = 37, document.querySelector(".progress p").textContent = document.querySelector(".progress p").dataset.sending, true`)
		}},
		{name: "71-turn-taken-back", path: stays, set: func(c *clinic, w *window) {
			id := c.says(gateway.Turn{At: c.time(), From: ann.Address}, nil)
			opened(c, w)
			c.closed = gateway.TurnRecalled
			w.open(c.path() + "/turn/" + id.String())
		}},
	}
}

// talked fills a conversation.
func talked(c *clinic) {
	c.talk.Turns[0].At = c.time().Add(-time.Hour)
	at := func(hours int) time.Time { return c.time().Add(time.Duration(hours) * time.Hour) }
	c.says(gateway.Turn{At: at(-90), From: ann.Address, Name: ann.Name, Opened: at(-80)}, &gateway.Mail{Text: "Please come on Monday."})
	c.says(gateway.Turn{At: at(-80), Mine: true}, &gateway.Mail{Subject: "Re: Your appointment", From: "pat@out.example", To: "Dr Ann Miller", Text: "Monday suits me.\n\nPat"})
	c.says(gateway.Turn{At: at(-70), From: ben.Address, Closed: gateway.TurnElsewhere}, nil)
	c.says(gateway.Turn{At: at(-60), From: ann.Address, Name: ann.Name}, &gateway.Mail{Text: "Please bring your card."})
	c.says(gateway.Turn{At: at(0), From: ben.Address, Name: "Ben of the reception desk with a rather long name"}, &gateway.Mail{Text: "See you."})
}

func staffTries(c *clinic, w *window, password, then string) {
	_, path := c.staffAnswer()
	w.open(path)
	w.write(`#name`, staffName)
	w.write(`#password`, password)
	w.press(`form:has(#password) button`, then)
}
