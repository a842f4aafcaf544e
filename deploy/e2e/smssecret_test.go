package e2e

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// smsSecrets are words of which nothing may reach the carrier.
var smsSecrets = []string{"biopsy", "positive", "tumour", "kestrel"}

// secretTexts are the ways to send words that must not leave; cut says that
// the segments are so long that a word is divided between two.
func secretTexts() map[string]object {
	const secret = "Your biopsy result is positive: the kestrel shows a tumour. Call us."
	// Parts of 152, 153 and 67 characters end within a word.
	split := strings.Repeat("Hello. ", 20) + "Dear: " + secret + strings.Repeat(" Call us soon.", 12)
	wide := strings.Repeat("Вы. ", 15) + "My bio" + "psy is positive, kestrel and tumour. " + strings.Repeat("Звоните. ", 12)
	ascii := hex.EncodeToString([]byte(secret))
	return map[string]object{
		"one segment":             {"text": secret},
		"Latin-1":                 {"text": secret + " é", "coding": "latin1"},
		"UCS-2":                   {"text": secret[:60] + " ы", "coding": "ucs2"},
		"split":                   {"text": split},
		"split, 16 bit":           {"text": split, "how": "udh16"},
		"split, SAR":              {"text": split, "how": "sar"},
		"split, backwards":        {"text": split, "order": []int{3, 2, 1}},
		"split in UCS-2":          {"text": wide, "coding": "ucs2"},
		"message_payload":         {"text": split, "how": "payload"},
		"UCS-2 payload":           {"text": wide, "coding": "ucs2", "how": "payload"},
		"flash":                   {"octets": ascii, "data_coding": 0xF0},
		"eight bit":               {"octets": ascii, "data_coding": 4},
		"unknown coding":          {"octets": ascii, "data_coding": 0x0D},
		"packed septets":          {"octets": hex.EncodeToString(packed(secret)), "data_coding": 0},
		"UTF-16 called default":   {"octets": hex.EncodeToString(wideOctets(secret)), "data_coding": 0},
		"foreign header":          {"octets": "0470020102" + ascii, "esm_class": 0x40},
		"port addressed":          {"octets": "06050415811581" + ascii, "esm_class": 0x40},
		"part 0":                  {"octets": "050003070200" + ascii, "esm_class": 0x40},
		"part above total":        {"octets": "050003070203" + ascii, "esm_class": 0x40},
		"total 0":                 {"octets": "050003070001" + ascii, "esm_class": 0x40},
		"header of 255":           {"octets": "ff0003070201" + ascii, "esm_class": 0x40},
		"element past the header": {"octets": "0500ff070201" + ascii, "esm_class": 0x40},
		"two places":              {"octets": "0a000307010100030802" + "01" + ascii, "esm_class": 0x40},
		"header without the bit":  {"octets": "050003070101" + ascii},
		"one part of one":         {"octets": "050003070101" + ascii, "esm_class": 0x40},
		"one part of two":         {"octets": "050003090201" + ascii, "esm_class": 0x40},
	}
}

// refusable are the texts that may be refused, or wait for a part or for
// staff; all others are secured.
var refusable = regexp.MustCompile(`^(flash|eight bit|unknown coding|packed|UTF-16 called|foreign|port|part |total|header of|element|two places|header without|one part)`)

// packed are septets without gaps, as a handset has them.
func packed(text string) []byte {
	var out []byte
	for i := range len(text) * 7 / 8 {
		at := i * 8
		v := uint16(text[at/7])
		if at/7+1 < len(text) {
			v |= uint16(text[at/7+1]) << 7
		}
		out = append(out, byte(v>>(at%7)))
	}
	return out
}

func wideOctets(text string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(text)) {
		out = append(out, byte(u>>8), byte(u))
	}
	return out
}

// TestSMSSecuredLeaksNothing: a sensitive text reaches the carrier as one
// segment with a link and nothing of the text, whatever it is wrapped in; what
// cannot be read with certainty does not leave either.
func TestSMSSecuredLeaksNothing(t *testing.T) {
	t.Parallel()
	s := newSMSSite(t, "", nil)
	a := s.app()
	telephones := 0
	for name, command := range secretTexts() {
		t.Run(name, func(t *testing.T) {
			// What may be refused may also leave much later, as a notice: every
			// text has a telephone of its own, so that none is taken for another's.
			telephones++
			to := fmt.Sprintf("+1555020%04d", telephones)
			own := func() []smsEvent {
				return slices.DeleteFunc(s.carrier.submits(), func(e smsEvent) bool { return "+"+e.To != to })
			}
			command["do"], command["tag"], command["from"], command["to"], command["receipt"] = "submit", name, clinicNumber, to, 1
			a.do(command)
			mine := func(e smsEvent) bool { return e.Tag == name }
			first := a.wait(1, answerPatience, "resp", mine)[0]
			answers := a.wait(first.Parts, answerPatience, "resp", mine)
			ok := !slices.ContainsFunc(answers, func(e smsEvent) bool { return e.Status != 0 })
			if refusable.MatchString(name) {
				time.Sleep(time.Second)
			} else {
				if !ok {
					t.Fatalf("answered %v", answers)
				}
				eventually(t, answerPatience, func() string {
					if len(own()) == 0 {
						return "no notice has left"
					}
					return ""
				})
				time.Sleep(300 * time.Millisecond) // a second one would come now
				secured(t, own())
			}
		})
	}
	noSecrets(t, s.carrier.submits(), smsSecrets)
	s.must("audit", "verify")
}

var smsLink = regexp.MustCompile(`https?://[^\s]+/m/[A-Za-z0-9_-]{22}`)

// secured expects one segment with the organization's name and one link, and
// returns the link.
func secured(t *testing.T, submits []smsEvent) string {
	t.Helper()
	if len(submits) != 1 {
		t.Fatalf("%d segments left: %v", len(submits), submits)
	}
	e := submits[0]
	links := smsLink.FindAllString(e.Text, -1)
	if len(links) != 1 || !strings.Contains(e.Text, "Example Clinic") || e.ESMClass&0x40 != 0 {
		t.Fatalf("the notice is %+v", e.smsFields)
	}
	return links[0]
}

// noSecrets looks for the words in the octets, read in every way that a
// carrier could.
func noSecrets(t *testing.T, submits []smsEvent, words []string) {
	t.Helper()
	for _, e := range submits {
		octets, err := hex.DecodeString(e.Octets)
		if err != nil {
			t.Fatal(err)
		}
		readings := []string{e.raw, e.Text, string(octets), strings.ReplaceAll(string(octets), "\x00", "")}
		for shift := range 7 {
			readings = append(readings, unpacked(octets, shift))
		}
		for _, r := range readings {
			for _, w := range words {
				if strings.Contains(strings.ToLower(r), w) {
					t.Errorf("the carrier could read %q in %+v", w, e.smsFields)
				}
			}
		}
	}
}

// unpacked are the septets that begin at a bit.
func unpacked(octets []byte, shift int) string {
	var b strings.Builder
	for at := shift; at+7 <= 8*len(octets); at += 7 {
		v := uint16(octets[at/8])
		if at/8+1 < len(octets) {
			v |= uint16(octets[at/8+1]) << 8
		}
		b.WriteByte(byte(v>>(at%8)) & 0x7F)
	}
	return b.String()
}
