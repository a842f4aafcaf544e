package mailmsg_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

// outsideCase is one mail of a set that this project did not write.
type outsideCase struct {
	ID      string
	Message string `json:"message_b64"`
	Text    string
	Expect  struct {
		MustSee []string `json:"must_see"`
		Leaves  []struct {
			B64  string
			Kind string
		}
		MaxSeconds float64 `json:"max_seconds"`
	}
}

// outside reads a set, or skips loudly.
func outside(t testing.TB, set string) []outsideCase {
	t.Helper()
	dir := os.Getenv("GATEPOST_TESTDATA")
	if dir == "" {
		t.Skip("GATEPOST_TESTDATA is unset: the outside cases of " + set + " are NOT tested")
	}
	f, err := os.Open(filepath.Join(dir, set, "data", "cases.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []outsideCase
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var c outsideCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if len(cases) == 0 {
		t.Fatalf("%s holds no case", set)
	}
	return cases
}

func (c outsideCase) raw(t testing.TB) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(c.Message)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// everything is all that detection would see of a reading.
func everything(r *gateway.Reading) string {
	var b strings.Builder
	for _, p := range r.Parts {
		b.WriteString(p.Text.Reveal())
		b.WriteByte('\n')
	}
	for _, f := range r.Fields {
		b.WriteString(f.Value.Reveal())
		b.WriteByte('\n')
	}
	return b.String()
}

// markup are expected words that no reader shows: names of elements, values of
// attributes, a field name of a part.
func markup(id, word string) bool {
	switch id {
	case "malformed/011.eml":
		return word == "Content"
	case "mimetools-testmsgs/bluedot-postcard.msg":
		return word == "graphic"
	case "mimetools-testmsgs/lennie.msg":
		return word == "REFRESH" || word == "CONTENT"
	}
	return false
}

func TestOutsideMailIsSeen(t *testing.T) {
	for _, set := range []string{"mime-mail-parser", "mime-mime4j"} {
		for _, c := range outside(t, set) {
			r := mailmsg.Read(c.raw(t))
			all := everything(r)
			for _, word := range c.Expect.MustSee {
				if !strings.Contains(all, word) && !markup(c.ID, word) {
					t.Errorf("%s/%s: %q is not seen", set, c.ID, word)
				}
			}
		}
	}
}

func TestOutsideMailIsSurvived(t *testing.T) {
	for _, set := range []string{"mime-robust", "mime-mime4j", "mime-mail-parser"} {
		for _, c := range outside(t, set) {
			raw := c.raw(t)
			start := time.Now()
			r := mailmsg.Read(raw)
			if d := time.Since(start); d > 2*time.Second {
				t.Errorf("%s/%s took %v", set, c.ID, d)
			}
			for _, f := range view(t, raw).Files {
				content(t, f)
			}
			for _, u := range r.Uncertain {
				if u == "reader failed" {
					t.Errorf("%s/%s: the reader failed", set, c.ID)
				}
			}
		}
	}
}

// unshown are words that one decided reading rightly leaves out: alternatives
// and what no decoder can make octets of. A boundary that ends with a space
// (RFC 2046 section 5.1.1 forbids it) is matched without it.
func unshown(id string) bool {
	switch id {
	case "thirdparty/002.eml", "malformed/011.eml", "mimetools-testmsgs/double-semicolon2.msg", "testmsgs/very-very-long-boundary.msg":
		return true
	}
	return false
}

func TestOutsideMailIsShown(t *testing.T) {
	for _, set := range []string{"mime-mail-parser", "mime-mime4j"} {
		for _, c := range outside(t, set) {
			m := view(t, c.raw(t))
			all := m.Text.Reveal() + m.HTML.Reveal() + m.Subject.Reveal() + m.From.Reveal() + m.To.Reveal()
			for _, f := range m.Files {
				all += f.Name.Reveal() + content(t, f)
			}
			for _, word := range c.Expect.MustSee {
				if !strings.Contains(all, word) && !unshown(c.ID) {
					t.Errorf("%s/%s: %q is not shown", set, c.ID, word)
				}
			}
		}
	}
}
