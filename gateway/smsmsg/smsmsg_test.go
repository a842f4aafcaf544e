package smsmsg

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"

	"gatepost/gateway"
)

func languages() []string { return []string{"en", "de", "es", "fr", "it", "ar"} }

const (
	link      = gateway.Sensitive("https://secure.clinic-of-hamburg.example/m/AbCdEf0123456789x")
	reference = "WXYZ-2345"
	brand40   = "Universitätsklinikum Hamburg Eppendorf 1"
	help40    = "https://www.klinikum-hamburg.example/sms"
)

// segments counts by the tables of 3GPP TS 23.038, apart from the package.
func segments(text string) (n int, gsm bool) {
	units, gsm := 0, true
	for _, r := range text {
		switch {
		case r == '\n', r >= ' ' && r <= '~' && !strings.ContainsRune("`[]{}\\^|~", r), strings.ContainsRune("£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà", r):
			units++
		case strings.ContainsRune("[]{}\\^|~€", r):
			units += 2
		default:
			gsm = false
		}
	}
	one, part := 160, 153
	if !gsm {
		units, one, part = len(utf16.Encode([]rune(text))), 70, 67
	}
	if units <= one {
		return 1, gsm
	}
	return (units + part - 1) / part, gsm
}

// all composes every text of a language.
func all(t *testing.T, language, brand, help string, url gateway.Sensitive) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, k := range []gateway.NoticeKind{gateway.NoticeFirst, gateway.NoticeReminder, gateway.NoticeExpiring} {
		for _, u := range []gateway.Sensitive{url, ""} {
			if k == gateway.NoticeFirst && u == "" {
				continue
			}
			text, err := Notice(NoticeData{Kind: k, Brand: brand, Language: language, Reference: reference, URL: u})
			if err != nil {
				t.Fatal(err)
			}
			texts[fmt.Sprintf("notice %s link=%t", k, u != "")] = text
		}
	}
	for _, k := range []gateway.CodeKind{gateway.CodeOpen, gateway.CodeThaw, gateway.CodeRenew} {
		text, err := Code(CodeData{Kind: k, Brand: brand, Language: language, Reference: reference, Code: "482915"})
		if err != nil {
			t.Fatal(err)
		}
		texts["code "+string(k)] = text
	}
	r := Reply{Brand: brand, Help: help, Language: language}
	texts["stopped"], texts["started"], texts["help"] = Stopped(r), Started(r), Help(r)
	texts["tidings"] = Tidings(language)
	return texts
}

// TestOneSegment: every text is one segment with a name and help of 40
// characters and a link of 60; a notice in Arabic is two.
func TestOneSegment(t *testing.T) {
	if len(link) != 60 || len([]rune(brand40)) != 40 || len(help40) != 40 {
		t.Fatal(len(link), len([]rune(brand40)), len(help40))
	}
	for _, language := range languages() {
		for name, text := range all(t, language, brand40, help40, link) {
			n, gsm := segments(text)
			most := 1
			if language == "ar" && strings.HasPrefix(name, "notice") {
				most = 2
			}
			if n > most || gsm != (language != "ar") {
				t.Errorf("%s %s: %d segments, default alphabet %t:\n%s", language, name, n, gsm, text)
			}
			if name == "tidings" {
				continue // it goes to the organization itself
			}
			if !strings.Contains(text, "Univ") && !(language == "ar" && name == "help") {
				t.Errorf("%s %s does not say who it is:\n%s", language, name, text)
			}
			full := language != "ar" && !strings.HasPrefix(name, "notice")
			if full && !strings.Contains(text, brand40) {
				t.Errorf("%s %s shortens a name that fits:\n%s", language, name, text)
			}
			if full && (name == "stopped" || name == "started" || name == "help") && !strings.HasSuffix(text, help40) {
				t.Errorf("%s %s does not say whom to ask:\n%s", language, name, text)
			}
		}
	}
}

// TestLongNames give way; links, references and codes never do.
func TestLongNames(t *testing.T) {
	for _, brand := range []string{
		strings.Repeat("Klinik ", 40), strings.Repeat("[€]", 60), strings.Repeat("Клиника ", 30), strings.Repeat("😀", 90), "", "A", strings.Repeat("é̂", 99),
	} {
		for _, language := range languages() {
			for name, text := range all(t, language, brand, strings.Repeat("h", 200), link) {
				n, gsm := segments(text)
				if wide := name == "help" || strings.HasPrefix(name, "notice") && !gsm; n > 1 && !wide || n > 4 {
					t.Errorf("%s %s with %.10s: %d segments:\n%s", language, name, brand, n, text)
				}
				switch {
				case strings.HasSuffix(name, "link=true") && !strings.HasSuffix(text, "\n"+link.Reveal()),
					strings.HasPrefix(name, "notice") && strings.Count(text, reference) != 1,
					strings.HasPrefix(name, "code") && !strings.Contains(text, "\n482915\n"),
					name == "help" && !strings.Contains(text, strings.Repeat("h", 200)):
					t.Errorf("%s %s with %.10s is cut:\n%s", language, name, brand, text)
				}
			}
		}
	}
	// Both words and link fit the default alphabet: a long name costs nothing.
	for _, language := range languages()[:5] {
		text, err := Notice(NoticeData{Brand: strings.Repeat("Klinik ", 40), Language: language, Reference: reference, URL: link})
		if n, gsm := segments(text); err != nil || n != 1 || !gsm || !strings.HasPrefix(text, "Klinik Klinik") {
			t.Errorf("%s: %v %d\n%s", language, err, n, text)
		}
	}
}

// TestNothingElseEnters: what is left without name, help, link, reference and
// code is the same for everybody.
func TestNothingElseEnters(t *testing.T) {
	const brand, help = "Zorro", "+15550001111"
	for _, language := range languages() {
		theirs, ours := all(t, language, brand, help, link), all(t, language, "", "", link)
		for name, text := range theirs {
			w := wordsFor(language)
			rest := strings.Replace(text, say(w.from, brand), "", 1)
			rest = strings.TrimSuffix(rest, " "+w.ask+help)
			if rest != ours[name] {
				t.Errorf("%s %s:\n%s\n%s", language, name, text, ours[name])
			}
			bare := strings.NewReplacer(link.Reveal(), "", reference, "", "482915", "").Replace(rest)
			if regexp.MustCompile(`[0-9]|://|www`).MatchString(bare) {
				t.Errorf("%s %s holds a number or a link of its own:\n%s", language, name, bare)
			}
		}
	}
}

// TestCodeStandsAlone: no link, and no other number that could be the code.
func TestCodeStandsAlone(t *testing.T) {
	for _, language := range languages() {
		for _, brand := range []string{"Clinic", "Clinic 123456", "https://clinic.example/", "24 h", "Clinic\n999999\n", "١٢٣٤٥٦", "a\u202eb\x00\x1bc"} {
			text, err := Code(CodeData{Brand: brand, Language: language, Reference: reference, Code: "482915"})
			if err != nil {
				t.Fatal(err)
			}
			if got := regexp.MustCompile(`\p{Nd}{6,}`).FindAllString(text, -1); len(got) != 1 || got[0] != "482915" {
				t.Errorf("%s %q: %q", language, brand, text)
			}
			lines := strings.Split(text, "\n")
			if len(lines) != 3 || lines[1] != "482915" || strings.Contains(text, "/") || strings.ContainsAny(text, "\u202e\x00\x1b") {
				t.Errorf("%s %q: %q", language, brand, text)
			}
		}
	}
	for _, code := range []gateway.Sensitive{"", "12a456", "123", "1234567890123", "١٢٣٤٥٦"} {
		if _, err := Code(CodeData{Code: code}); err == nil {
			t.Errorf("%q is a code", code.Reveal())
		}
	}
}

// TestReplyKeywords: what a text tells people to send is what is understood
// everywhere.
func TestReplyKeywords(t *testing.T) {
	for _, language := range languages() {
		r := Reply{Brand: "Clinic", Help: "+15550001111", Language: language}
		for text, word := range map[string]string{Stopped(r): "START", Started(r): "STOP", Help(r): "STOP"} {
			if !strings.Contains(text, word) || !strings.Contains(text, "Clinic") || !strings.HasSuffix(text, r.Help) {
				t.Errorf("%s: %q", language, text)
			}
		}
	}
}

func TestLanguages(t *testing.T) {
	for tag, want := range map[string]string{"": "en", "xx": "en", "de-AT": "de", "ES_mx": "es", "fr-CA": "fr", "it": "it", "ar-EG": "ar"} {
		if got := wordsFor(tag).language; got != want {
			t.Errorf("%q: %s", tag, got)
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"  St.\tMary’s\n": "St. Mary's", "Szpital Łódź": "Szpital Lodz", "Hôpital Saint-Cœur": "Hopital Saint-Coeur", "Clínica São João": "Clinica Sao Joao",
		"Ärzte & Söhne": "Ärzte & Söhne", "“A” – B…": `"A" - B...`, "Клиника": "Клиника", "a\u200bb": "ab", "Praxis [Nord] €": "Praxis [Nord] €", "": "",
	} {
		if got := clean(name); got != want {
			t.Errorf("%q: %q, not %q", name, got, want)
		}
	}
}

func TestFirstNoticeNeedsItsLink(t *testing.T) {
	if _, err := Notice(NoticeData{Brand: "Clinic", Reference: reference}); err == nil {
		t.Error("a notice without a link")
	}
}
