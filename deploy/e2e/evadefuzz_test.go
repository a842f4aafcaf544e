package e2e

import (
	"math/rand"
	"strings"
	"testing"

	"gatepost/deploy/e2e/evasion"
	"gatepost/gateway"
	"gatepost/gateway/detect"
	"gatepost/gateway/mailmsg"
)

// seesWord reports whether a mail is protected from leaving: the word is found,
// or something in the mail is in doubt or cannot be read.
func seesWord(d *detect.Detector, raw []byte) bool {
	r := mailmsg.Read(raw)
	if len(r.Uncertain) > 0 || len(r.Unreadable) > 0 {
		return true
	}
	for _, f := range d.Scan(r.Parts).Findings {
		if f.Type == "codeword" {
			return true
		}
	}
	return false
}

func wordDetector(t testing.TB) *detect.Detector {
	t.Helper()
	d, err := detect.New(detect.Config{Own: []gateway.OwnDetector{{Name: "codeword", Words: []string{evasion.Word}}}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestEvasionsCombined puts tricks of several families together at random.
func TestEvasionsCombined(t *testing.T) {
	t.Parallel()
	d, r := wordDetector(t), rand.New(rand.NewSource(7))
	choices := make([]byte, 24)
	for range 3000 {
		for i := range choices {
			choices[i] = byte(r.Intn(256))
		}
		if raw := evasion.Combined(choices); !seesWord(d, raw) {
			t.Fatalf("%v hides the word:\n%s", choices, raw[:min(len(raw), 4000)])
		}
	}
	if raw := []byte(strings.ReplaceAll(string(evasion.Combined(nil)), evasion.Word, "tea")); evasion.Shows(raw) || !seesWord(d, evasion.Combined(nil)) {
		t.Error("the test looks at nothing")
	}
	if seesWord(d, mailText("ann@clinic.example", "sam@out.example", "Tea", "the garden\n")) {
		t.Error("the word is seen where it is not")
	}
}

// FuzzEvasions: no combination of tricks hides the word.
func FuzzEvasions(f *testing.F) {
	f.Add([]byte("tea and cake"))
	f.Add([]byte{1, 1, 2, 3, 4, 2, 0, 1, 2, 3, 4, 5, 6})
	d := wordDetector(f)
	f.Fuzz(func(t *testing.T, choices []byte) {
		if len(choices) > 64 {
			return
		}
		if raw := evasion.Combined(choices); !seesWord(d, raw) {
			t.Errorf("%v hides the word:\n%s", choices, raw[:min(len(raw), 4000)])
		}
	})
}
