package document_test

import (
	"strings"
	"testing"

	"gatepost/gateway/mailmsg/internal/document"
)

func TestWordsInDisguise(t *testing.T) {
	for text, want := range map[string]string{
		"You have c4nc3r now":                "cancer",
		"your d1abetes":                      "your diabetes",
		"c*ncer":                             "cancer",
		"H#patitis":                          "Hepatitis",
		"She has c a n c e r.":               "She has cancer",
		"d-i-a-b-e-t-e-s":                    "diabetes",
		"c.a.n.c.e.r.":                       "cancer",
		"c\t\ta\t\tn\t\tc\t\te\t\tr":         "cancer",
		"c\na\nn\nc\ne\nr\n":                 "cancer",
		"a can-\ncer of the skin":            "cancer",
		"p$ych0s!s":                          "psychosis",
		"\u00e9t\u00e9 \u00e9 c4ncer \u00e9": "\u00e9 cancer",
	} {
		if got, _ := document.Respelled(text); !strings.Contains(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
	for _, text := range []string{"", "Call 555-0143 at 3pm on the 4th, room B12.", "I, a U.S. person, read x@y.example and a b c", "SGVsbG8gV29ybGQsIHRoaXMgaXMgYmFzZTY0", "Hello! Really?! *bold* **x** $5", "a1b2c3d4e5"} {
		if got, whole := document.Respelled(text); got != "" || !whole {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got, whole := document.Respelled(strings.Repeat("c*ncer ", 1<<20)); whole || len(got) > 1<<19 {
		t.Errorf("%d octets, whole: %v", len(got), whole)
	}
}
