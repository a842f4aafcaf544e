package policy

import (
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

const quietHours = `policy: p
rules:
  - {id: all, reason: R, when: channel == "sms", then: pass}
  - {id: quiet, reason: Quiet hours, when: 'channel == "sms" && (local_time >= 20 || local_time < 8) && !tag.urgent && !kind("one_time_code")', then: {until: 8}}
  - {id: campaign, reason: Campaigns by day, when: 'declared("campaign")', then: {until: 10}}
  - {id: rate, reason: Three a day, when: 'recipient.sent_today >= 3 && !kind("one_time_code")', then: reject}
  - {id: friend, reason: Knows us, when: recipient.known, then: {action: pass, exempts: [quiet]}}
  - {id: late, reason: Results by day, when: 'topic("health") == HIGH', then: {action: secure, until: 7}}
`

// texting is a short message at an hour of a day in spring.
func texting(day, hour int) Facts {
	f := quiet()
	f.Channel, f.Recipient.Known = gateway.SMS, false
	f.Now = time.Date(2026, 3, day, hour, 30, 0, 0, time.UTC)
	return f
}

// TestQuietHours: a rule that only waits decides nothing, the latest time
// counts, and what lifts the rule lifts the wait.
func TestQuietHours(t *testing.T) {
	p := mustLoad(t, quietHours)
	at := func(day, hour int) time.Time { return time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		hour   int
		fact   func(*Facts)
		want   time.Time
		action gateway.Action
	}{
		"by day":             {12, func(*Facts) {}, time.Time{}, gateway.Pass},
		"in the evening":     {20, func(*Facts) {}, at(11, 8), gateway.Pass},
		"after midnight":     {3, func(*Facts) {}, at(10, 8), gateway.Pass},
		"just before":        {7, func(*Facts) {}, at(10, 8), gateway.Pass},
		"just after":         {8, func(*Facts) {}, time.Time{}, gateway.Pass},
		"urgent":             {23, func(f *Facts) { f.Reading.Tags.Urgent = true }, time.Time{}, gateway.Pass},
		"a code":             {23, func(f *Facts) { f.Detections.Kinds = []string{"one_time_code"} }, time.Time{}, gateway.Pass},
		"a campaign":         {23, func(f *Facts) { f.Declared = []string{"campaign"} }, at(11, 10), gateway.Pass},
		"a campaign, day":    {12, func(f *Facts) { f.Declared = []string{"campaign"} }, at(11, 10), gateway.Pass},
		"exempted":           {23, func(f *Facts) { f.Recipient.Known = true }, time.Time{}, gateway.Pass},
		"secured":            {23, func(f *Facts) { f.Detections.Topics = topic("health", gateway.High) }, at(11, 8), gateway.Secure},
		"secured, day":       {12, func(f *Facts) { f.Detections.Topics = topic("health", gateway.High) }, at(11, 7), gateway.Secure},
		"too many":           {12, func(f *Facts) { f.Recipient.SentToday = 3 }, time.Time{}, gateway.Reject},
		"too many, but code": {12, func(f *Facts) { f.Recipient.SentToday, f.Detections.Kinds = 9, []string{"one_time_code"} }, time.Time{}, gateway.Pass},
		"mail":               {23, func(f *Facts) { f.Channel = gateway.Email }, time.Time{}, gateway.Secure},
	} {
		f := texting(10, c.hour)
		c.fact(&f)
		v := p.Judge(f)
		if v.Action != c.action || !v.Options.NotBefore.Equal(c.want) || v.Failed {
			t.Errorf("%s: %s, not before %v: %+v", name, v.Action, v.Options.NotBefore, v.Results)
		}
		for _, id := range v.Rules {
			if id == "quiet" || id == "campaign" {
				t.Errorf("%s: %s demands %s", name, id, v.Action)
			}
		}
	}
}

// TestWaitingClaimsNothing: a rule that only waits leaves the default to what
// no rule claims.
func TestWaitingClaimsNothing(t *testing.T) {
	p := mustLoad(t, "policy: p\ndefault: hold\nrules:\n  - {id: r, reason: R, when: true, then: {until: 0}}\n")
	v := p.Judge(quiet())
	if v.Action != gateway.Hold || v.Shadow != gateway.Hold || len(v.Rules) != 0 || v.Options.NotBefore.Hour() != 0 || v.Options.NotBefore.IsZero() || v.Results[0].Until != "00:00" {
		t.Errorf("%+v", v)
	}
	p = mustLoad(t, "policy: p\ndefault: pass\nrules:\n  - {id: r, reason: R, mode: shadow, when: true, then: {until: 0}}\n")
	if v := p.Judge(quiet()); !v.Options.NotBefore.IsZero() {
		t.Errorf("a shadow rule waits: %+v", v)
	}
}

// TestTheNightWhenClocksChange: the hour is that of the organization's clock.
func TestTheNightWhenClocksChange(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here")
	}
	for _, c := range []struct {
		now, want time.Time
		hour      int
	}{
		{time.Date(2026, 3, 28, 22, 0, 0, 0, berlin), time.Date(2026, 3, 29, 8, 0, 0, 0, berlin), 8},
		{time.Date(2026, 10, 24, 22, 0, 0, 0, berlin), time.Date(2026, 10, 25, 8, 0, 0, 0, berlin), 8},
		{time.Date(2026, 3, 28, 22, 0, 0, 0, berlin), time.Date(2026, 3, 29, 3, 0, 0, 0, berlin), 2}, // that hour is left out
		{time.Date(2026, 12, 31, 22, 0, 0, 0, berlin), time.Date(2027, 1, 1, 8, 0, 0, 0, berlin), 8},
	} {
		if got := nextHour(c.now, c.hour); !got.Equal(c.want) || !got.After(c.now) {
			t.Errorf("%v: %v, not %v", c.now, got, c.want)
		}
	}
	if d := nextHour(time.Date(2026, 3, 28, 22, 0, 0, 0, berlin), 8).Sub(time.Date(2026, 3, 28, 22, 0, 0, 0, berlin)); d != 9*time.Hour {
		t.Errorf("the short night has %v", d)
	}
}

func TestBadHours(t *testing.T) {
	for then, want := range map[string]string{
		"{until: 24}":                   "until must be an hour from 0 to 23",
		"{until: -1}":                   "is no number",
		"{until: evening}":              "is no number",
		"{until: 8:30}":                 "is no number",
		"{until: [8]}":                  "until must be a text",
		"{until: 8, satisfies: [q]}":    "then has no action",
		"{until: 8, pin: contact}":      "then has no action",
		"{pin: contact, expires: 1d}":   "then has no action",
		"{untl: 8}":                     "unknown key",
		"{action: wait, until: 8}":      "unknown action",
		"{until: 99999999999999999999}": "is no number",
	} {
		_, err := Load("p.yaml", []byte("policy: p\nrules:\n  - {id: q, reason: R, when: false, then: pass}\n  - {id: r, reason: R, when: true, then: "+then+"}\n"))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%s: %v", then, err)
		}
	}
}

// TestUses: a word counts wherever a rule reaches it, also through defines.
func TestUses(t *testing.T) {
	const word = "recipient.sent_today"
	for src, want := range map[string]bool{
		quietHours: true,
		"policy: p\ndefine: {many: recipient.sent_today > 3, much: many || size > 5}\nrules:\n  - {id: r, reason: R, when: '!much', then: hold}\n": true,
		"policy: p\ndefine: {n: recipient.sent_today + 1}\nrules:\n  - {id: r, reason: R, when: n > 3, then: hold}\n":                              true,
		"policy: p\ndefine: {many: recipient.sent_today > 3}\nrules:\n  - {id: r, reason: R, when: size > 5, then: hold}\n":                        false,
		"policy: p\nrules:\n  - {id: r, reason: R, mode: shadow, when: '[1, 2].exists(n, n == recipient.sent_today)', then: hold}\n":               true,
		string(DefaultSource()): false,
	} {
		if got := mustLoad(t, src).Uses(word); got != want {
			t.Errorf("%t for\n%s", got, src)
		}
	}
}

// TestSMSFacts: what only short messages have is judged for them.
func TestSMSFacts(t *testing.T) {
	p := mustLoad(t, rulesOf(
		`{id: account, reason: R, when: 'channel == "sms" && system_id == "ehr"', then: hold}`,
		`{id: kind, reason: R, when: 'service_type in ["OTP"] && source_address.matches("^[A-Z]+$")', then: reject}`,
		`{id: campaign, reason: R, when: 'declared("campaign") && !recipient.consents("marketing")', then: secure}`,
	))
	for name, c := range map[string]struct {
		fact func(*Facts)
		want gateway.Action
	}{
		"none":              {func(*Facts) {}, gateway.Pass},
		"system_id":         {func(f *Facts) { f.SMPP.SystemID = "ehr" }, gateway.Hold},
		"both":              {func(f *Facts) { f.SMPP.ServiceType, f.SMPP.SourceAddress = "OTP", "CLINIC" }, gateway.Reject},
		"a number":          {func(f *Facts) { f.SMPP.ServiceType, f.SMPP.SourceAddress = "OTP", "+15550001111" }, gateway.Pass},
		"declared":          {func(f *Facts) { f.SMPP.ServiceType, f.Declared = "CAMP", []string{"campaign"} }, gateway.Secure},
		"declared, consent": {func(f *Facts) { f.Declared, f.Recipient.Consents = []string{"campaign"}, []string{"marketing"} }, gateway.Pass},
	} {
		f := texting(10, 12)
		f.Recipient.Address, f.TagsBind = gateway.MustAddress("+15551234567@phone.invalid"), false
		c.fact(&f)
		if v := p.Judge(f); v.Action != c.want || v.Failed {
			t.Errorf("%s: %s %+v", name, v.Action, v.Results)
		}
	}
}
