package mailmsg_test

import (
	"strings"
	"testing"

	"gatepost/gateway/mailmsg"
)

// TestMistypedTagsProtect: a tag with a mistake in it secures the message, and
// its PIN does not leave with the subject.
func TestMistypedTagsProtect(t *testing.T) {
	for subject, left := range map[string]string{
		"[secure pin:987654 hi":                        "hi",
		"hi [secure pin:987654":                        "hi",
		"[secure pn:987654] hi":                        "hi",
		"[secure pin 987654] hi":                       "hi",
		"[secure pin=987654] hi":                       "hi",
		"[secure pin987654] hi":                        "hi",
		"[secure 987654] hi":                           "hi",
		"[secure: hi] hi":                              "hi",
		"[secure pin] hi":                              "hi",
		"[secure!] hi":                                 "hi",
		"[secure hi":                                   "hi",
		"[secure":                                      "",
		"[secure) hi":                                  "hi",
		"[secure pin:987654) hi":                       "hi",
		"(secure pin:987654] hi":                       "hi",
		"[secrue] hi":                                  "hi",
		"[Secur] hi":                                   "hi",
		"[secue pin:987654] hi":                        "hi",
		"[sceure pin:987654 hi":                        "hi",
		"[securepin:987654] hi":                        "hi",
		"[secure-pin:987654] hi":                       "hi",
		"[secure/urgent] hi":                           "hi",
		"[pin 987654] hi":                              "hi",
		"[pin:987654 hi":                               "hi",
		"[please pin:987654] hi":                       "hi",
		"[secure [pin:987654] hi":                      "hi",
		"[secure pin:987654 [urgent] hi":               "hi",
		"[secure +1 555 123 4567 hi":                   "hi",
		"［secure pin：987654］ hi":                       "hi",
		"【secure】 hi":                                  "hi",
		"[secure\r\n pin:987654 hi":                    "hi",
		"=?utf-8?q?[secure_pin:987654_hi?=":            "hi",
		"[secure pin:987654 hi] you":                   "you",
		"[urgent secure pn:987654] hi":                 "hi",
		"[urgent secrue] hi":                           "hi",
		"[urgent, secure 987654] hi":                   "hi",
		"[urgent secure hi":                            "hi",
		"[urgent secure":                               "",
		"[urgent secrue pin:987654 hi":                 "hi",
		"[expire:3d urgent secure code:987654] hi":     "hi",
		"[secure " + strings.Repeat("x ", 60) + "] hi": strings.Repeat("x ", 60) + "] hi",
	} {
		raw := "From: <a@b>\r\nSubject: " + subject + "\r\n\r\nx\r\n"
		if !mailmsg.Read([]byte(raw)).Tags.Secure {
			t.Errorf("%s: does not secure", subject)
		}
		if got := string(mailmsg.Read([]byte(edited(t, raw, true))).Subject); got != left {
			t.Errorf("%s: leaves %q, not %q", subject, got, left)
		}
	}
}

// TestNoPieceOfAPINIsLeft: brackets within a tag, or one too early, tear its PIN
// apart. No piece of it leaves, and none is taken for the PIN.
func TestNoPieceOfAPINIsLeft(t *testing.T) {
	for subject, left := range map[string]string{
		"[secure pin:98[urgent]7654] hi":               "hi",
		"[secure pin:98 [urgent] 7654] hi":             "hi",
		"[secure pin:98[urgent]7654 hi":                "hi",
		"[secure pin:98 [urgent] 7654 hi":              "hi",
		"[secure pin:[987654]] hi":                     "hi",
		"[secure pin:98[7654] hi":                      "hi",
		"[secure pin:98[7654]":                         "",
		"[secure pin:98]7654] hi":                      "hi",
		"[secure pin:98] 7654] hi":                     "hi",
		"[secure pin:98]7654 hi":                       "hi",
		"[secure pin:98[a word or two]7654] hi":        "hi",
		"[secure pin:98[a word or two] 7654 hi":        "hi",
		"[secure pin:98[[x]76]54] hi":                  "hi",
		"(secure pin:98(urgent)7654) hi":               "hi",
		"[secure pn:98[urgent]7654] hi":                "hi",
		"[secure pin:] 987654 hi":                      "hi",
		"[secure pin:98]- 7654] hi":                    "hi",
		"[secure pin:98] - . 7654] hi":                 "hi",
		"[secure pin:98]\u200b 7654 hi":                "hi",
		"[secure pin:98] - hi":                         "- hi",
		"hi [pin:98[urgent]7654] you":                  "hi you",
		"【secure pin：98【urgent】7654】 hi":               "hi",
		"=?utf-8?q?[secure_pin:98[urgent]7654]_hi?=":   "hi",
		"[secure pin:98[urgent]\r\n 7654] hi":          "hi",
		"[secure pin:98[urgent]7654] Re: [pin:98[x]76": "Re:",
		"[secure pin:98" + strings.Repeat("[", 200):    strings.Repeat("[", 200),
	} {
		raw := "From: <a@b>\r\nSubject: " + subject + "\r\n\r\nx\r\n"
		if tags := mailmsg.Read([]byte(raw)).Tags; !tags.Secure || tags.PIN != "" {
			t.Errorf("%s: %v, PIN %q", subject, tags.Secure, tags.PIN.Reveal())
		}
		if got := string(mailmsg.Read([]byte(edited(t, raw, true))).Subject); got != left {
			t.Errorf("%s: leaves %q, not %q", subject, got, left)
		}
		again := "From: <a@b>\r\nSubject: Re: " + subject + "\r\n\r\nx\r\n"
		if got := edited(t, again, true); strings.Contains(got, "98") || strings.Contains(got, "76") {
			t.Errorf("Re: %s: leaves %q", subject, got)
		}
	}
	for subject, left := range map[string]string{
		"[secure pin:987654] 2026 report": "2026 report", "[secure pin:987654]2026 report": "2026 report", "[urgent] [ticket 5] 2026": "[ticket 5] 2026",
		"[secure [ticket 55] please] hi": "[ticket 55] please] hi", "[secure +15551234567] 42": "42", "[expire:3d] 2026": "2026",
	} {
		raw := "From: <a@b>\r\nSubject: " + subject + "\r\n\r\nx\r\n"
		if got := string(mailmsg.Read([]byte(edited(t, raw, true))).Subject); got != left {
			t.Errorf("%s: leaves %q, not %q", subject, got, left)
		}
	}
	if tags := mailmsg.Read([]byte("Subject: [secure [urgent] pin:987654] hi\r\n\r\n")).Tags; tags.PIN != "987654" || !tags.Urgent {
		t.Errorf("a PIN in one piece: %q, urgent %v", tags.PIN.Reveal(), tags.Urgent)
	}
}

func TestMistypedTagsSayWhatTheyCan(t *testing.T) {
	tags := mailmsg.Read([]byte("Subject: [secure pin:987654 expire:3d +15551234567 hi\r\n\r\n")).Tags
	if tags.PIN != "987654" || tags.Expires != 3 || tags.Phone != "+15551234567" {
		t.Errorf("%v %v %v", tags.PIN.Reveal(), tags.Expires, tags.Phone.Reveal())
	}
}

// TestProseIsNoTag: words about security stay, and bind nothing.
func TestProseIsNoTag(t *testing.T) {
	for _, subject := range []string{
		"[secure shell] hi", "(secure web-gateway) hi", "[Secure/Email] hi", "[secured loan] hi", "[obscure 1] hi", "[security: 3 alerts] hi", "[SecureMail #123] hi",
		"hi (secure in transit)", "[urgent call 5] hi", "[x pin] hi", "[opinion 2024] hi", "secure pin", "Re: [secure hi", "[x] Re: [secrue] hi", "[spin 3] hi", "[hi secure 3",
		"[urgent secure shell] hi", "[urgent: secure your account] hi", "[urgent hi", "[expire:3d", "[urgent",
		"[] hi", "[", "(", "【",
	} {
		raw := "From: <a@b>\r\nSubject: " + subject + "\r\n\r\nx\r\n"
		if mailmsg.Read([]byte(raw)).Tags.Secure || edited(t, raw, true) != raw {
			t.Errorf("%s: is a tag", subject)
		}
	}
}

// TestMistypedFieldProtects: what is not a clear no to protection is a yes.
func TestMistypedFieldProtects(t *testing.T) {
	for value, want := range map[string]bool{"yes": true, "yse": true, "on": true, "": true, "ja": true, "no": false, "0": false, "False": false, " off ": false} {
		if got := mailmsg.Read([]byte("X-Gatepost-Secure: " + value + "\r\n\r\n")).Tags.Secure; got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}
