package detect

import (
	"fmt"
	"math/rand"
	"reflect"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"gatepost/gateway"
)

// mail is a message of about 10 KB as an office writes it.
func mail() string {
	const page = "Dear Mary Miller,\n\nthank you for coming in on Tuesday. Your biopsy result is back and Dr. Ann Lee would like to " +
		"discuss the treatment with you. Please bring your insurance card (member ID: XYZ482193765) and the list of medicines " +
		"that you take; in the meantime continue with metformin, twice daily. Our office at 1206 North Elm Avenue is open " +
		"from 9 to 5, call (415) 555-0134 or write to desk@clinic.example, see https://clinic.example/hours for holidays.\n\n"
	const plain = "The minutes of the meeting follow below. We agreed that the new room will be painted before the end of the month, " +
		"that Peter orders 24 chairs and 6 tables, and that the budget of $12,400 stays as it was. The next meeting is on March 14 " +
		"at 10:30; whoever cannot come tells the front desk until Friday, so that there is time to find somebody else.\n"
	return page + strings.Repeat(plain, 29)
}

func randomText(r *rand.Rand, n int) string {
	pieces := []string{"536-22-8145", "4532 0158 0736 2949", "DE44500105175407324931", "SSN", "MRN:", "your", "biopsy", "Mary Miller", "Dr.", " ", "\n", "\n\n",
		"1", "22", "333", "-", ".", "@", "a.b@c.de", "://", "http://x.yz/?q=1", "&#48;", "&amp;", "=\r\n", "\u200b", "０", "é", "中文", "\xff", "password: aB3$xy", "ghp_", "AKIA", "::1",
		"$5", "?", "March 14, 1975", "42 Maple Street", "-----BEGIN PRIVATE KEY-----", "O", "l", "x89", "\x1e", "\x1f", "\x00"}
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(pieces[r.Intn(len(pieces))])
		if r.Intn(3) > 0 {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// TestSameAnswerEverywhere: scans in any order, also at once, answer alike.
func TestSameAnswerEverywhere(t *testing.T) {
	d, r := newTest(t), rand.New(rand.NewSource(1))
	texts := []string{mail(), ""}
	for range 30 {
		texts = append(texts, randomText(r, 200+r.Intn(5000)))
	}
	var want []*gateway.Detections
	for i, first := 0, newTest(t); i < len(texts); i++ {
		want = append(want, first.Scan(text(texts[i])))
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2 * len(texts) {
				k := (i*7 + g) % len(texts)
				if got := d.Scan(text(texts[k])); !reflect.DeepEqual(got, want[k]) {
					t.Errorf("text %d: another answer", k)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestKeySeparates: the same value has another hash under another key.
func TestKeySeparates(t *testing.T) {
	other, err := New(Config{Key: [16]byte{9}})
	if err != nil {
		t.Fatal(err)
	}
	a, b := newTest(t).Scan(text("SSN 536-22-8145")), other.Scan(text("SSN 536-22-8145"))
	if a.Findings[0].Value == b.Findings[0].Value {
		t.Error("the hash does not depend on the key")
	}
}

// TestSipHash uses the vector of the paper's appendix A.
func TestSipHash(t *testing.T) {
	var key [16]byte
	v := make([]byte, 15)
	for i := range key {
		key[i] = byte(i)
	}
	for i := range v {
		v[i] = byte(i)
	}
	if got := sipHash(key, v); got != 0xa129ca6149be45e5 {
		t.Errorf("%x", got)
	}
}

// TestViewBorders: a value is found once and at its place wherever the border
// of two views falls.
func TestViewBorders(t *testing.T) {
	d := newTest(t)
	const value = "SSN: 536-22-8145"
	for _, fill := range []string{"word ", "wörd ", "x"} {
		for at := viewSize - 3*margin; at < viewSize+3*margin; at += 149 {
			before := strings.Repeat(fill, at/len(fill)) + " "
			out := d.Scan(text(before + value + strings.Repeat(" "+fill, 2000)))
			if len(out.Findings) != 1 || out.Findings[0].Start != utf8.RuneCountInString(before)+5 {
				t.Fatalf("%q, %d octets before: %+v", fill, len(before), out.Findings)
			}
		}
	}
}

// TestPartsApart: labels and values in different parts have nothing to do
// with each other; findings name their part.
func TestPartsApart(t *testing.T) {
	out := newTest(t).Scan([]gateway.Part{
		{Kind: gateway.PartSubject, Text: "SSN"},
		{Kind: gateway.PartHTML, Path: "1.2", Text: "536228145"},
		{Kind: gateway.PartAttachment, Path: "2!a.txt", Text: "SSN 536228145"},
	})
	if len(out.Findings) < 1 || types(out, gateway.Medium) != "ssn" {
		t.Fatalf("%+v", out.Findings)
	}
	f := out.Findings[len(out.Findings)-1]
	if f.Part != 2 || f.Kind != gateway.PartAttachment || f.Path != "2!a.txt" {
		t.Errorf("%+v", f)
	}
}

// TestTruncated: what is longer than the limit is said to be.
func TestTruncated(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 64 MiB")
	}
	long := strings.Repeat(strings.Repeat("a", 1023)+" ", maxText/1024)
	d := newTest(t)
	if d.Scan(text(long)).Truncated {
		t.Error("exactly the limit is truncated")
	}
	if out := d.Scan(append(text(long), text("SSN 536-22-8145")...)); !out.Truncated || len(out.Findings) > 0 {
		t.Errorf("over the limit: %v, %d findings", out.Truncated, len(out.Findings))
	}
}

// TestManyFindings: a list of many values is cut, not dropped.
func TestManyFindings(t *testing.T) {
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, "SSN 536-22-%04d\n", 1+i)
	}
	for counts, want := range map[int]int{0: maxFindings, 5: enough, 300: 300, 5000: maxFindings} {
		d, err := New(Config{Counts: counts, Key: [16]byte{1}})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(d.Scan(text(b.String())).Findings); n != want {
			t.Errorf("%d findings where rules tell %d apart, want %d", n, counts, want)
		}
	}
}

// TestManyHideNothing: however many findings of some types come first, one of another
// type, or one of these at a higher level, is found. The organization's own values
// count as none.
func TestManyHideNothing(t *testing.T) {
	d, err := New(Config{Counts: 10, Key: [16]byte{1}, OwnIdentifiers: []string{"536-22-8145"}})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(strings.Repeat("SSN 536-22-8145\n", 500)) // our own
	for i := range 500 {
		fmt.Fprintf(&b, "536-22-%04d, card 4532 0158 0736 2949, order number 536-23-%04d\n", 1+i, 1+i)
	}
	b.WriteString("Her social security number: 536-22-9145. NHS no: 943 476 5919. IBAN DE44500105175407324931\n")
	highest := map[string]gateway.Level{}
	for _, f := range d.Scan(text(b.String())).Findings {
		highest[f.Type] = max(highest[f.Type], f.Level)
	}
	for typ, want := range map[string]gateway.Level{"ssn": gateway.High, "card": gateway.High, "nhs": gateway.Medium, "iban": gateway.High} {
		if highest[typ] != want {
			t.Errorf("%s: %v", typ, highest[typ])
		}
	}
}

// TestManyOfOneValue: a value that is said again and again does not hide others
// of its type, so that counts of different values stay right.
func TestManyOfOneValue(t *testing.T) {
	s := strings.Repeat("SSN 536-22-8145\n", 3*enough) + "SSN 536-22-8146\nSSN 536-22-8147\nSSN 536-22-8146\n"
	values := map[uint64]bool{}
	out := newTest(t).Scan(text(s))
	for _, f := range out.Findings {
		values[f.Value] = true
	}
	if len(values) != 3 || len(out.Findings) != enough+2 {
		t.Errorf("%d different values in %d findings", len(values), len(out.Findings))
	}
}

// TestNothingStays: a Detector that rests holds nothing of a text.
func TestNothingStays(t *testing.T) {
	d := newTest(t)
	s := newScan(d)
	s.begin()
	for i, p := range text(mail() + "&notit; 536-22-8145@clinic.example " + strings.Repeat("4532 0158 0736 2949, ", 2_000)) {
		s.part(i, p.Text.Reveal())
	}
	s.wipe()
	held := fmt.Sprint(s.b[:cap(s.b)], s.cands[:cap(s.cands)], s.seq.value[:cap(s.seq.value)], s.spotValues[:cap(s.spotValues)], s.buf, s.references, s.hashed)
	if strings.Trim(held, "[]{} 0false") != "" {
		t.Error("text stays behind")
	}
}

// TestNothingStaysWhereArraysGrow: what held a part of the text before it grew holds
// nothing of it either.
func TestNothingStaysWhereArraysGrow(t *testing.T) {
	d := newTest(t)
	s := newScan(d)
	s.begin()
	moves := 0
	for _, unit := range []string{"word, ", "\u33af", "SSN 536-22-8145, ", "4532 0158 0736 2949, "} { // the second, of three octets, stands for "rad/s2"
		for _, n := range []int{1, 20, 400, 4_000} {
			if unit == "word, " {
				n = 200
			}
			b, cands, values := s.b, s.cands, s.spotValues
			s.part(0, strings.Repeat(unit, n))
			for what, grew := range map[string]bool{
				"the text":       cap(s.b) != cap(b) && left(b),
				"candidates":     cap(s.cands) != cap(cands) && left(cands),
				"values of them": cap(s.spotValues) != cap(values) && left(values),
			} {
				if grew {
					t.Errorf("%d times %q: %s stay behind", n, unit, what)
				}
			}
			if cap(s.b) != cap(b) || cap(s.cands) != cap(cands) || cap(s.spotValues) != cap(values) {
				moves++
			}
		}
	}
	if moves < 4 {
		t.Errorf("arrays grew %d times", moves)
	}
}

// left reports whether anything stands in an array.
func left[T any](s []T) bool {
	return strings.Trim(fmt.Sprint(s[:cap(s)]), "[]{} 0false") != ""
}

// hostile texts try to make work out of proportion to their size.
var hostile = map[string]string{
	"digits": "1", "digit groups": "12 ", "dotted": "1.", "dates": "12/12/", "SSNs": "536-22-8145 ", "cards": "4532 0158 0736 2949 ",
	"IBANs": "DE44500105175407324931 ", "near IBANs": "DE44500105175407324932 ", "countries": "DE4 ", "labels": "ssn ", "labels and digits": "ssn 1 ",
	"your": "your ", "biopsy": "biopsy ", "names": "Mary Miller ", "Mary": "Mary ", "initials": "J. ", "Dear": "Dear ", "at": "@", "addresses": "a@b.cd ",
	"local parts": "a.", "URLs": "http://a.b/ ", "slashes": "://", "colons": ":", "hex": "a:", "tokens": "ghp_", "AKIA": "AKIA", "eyJ": "eyJ.", "keys": "-----BEGIN PRIVATE KEY-----",
	"dashes": "-----BEGIN ", "passwords": "password: ", "secrets": "password is aB3$xy ", "entities": "&#48;", "ampersands": "&", "soft breaks": "=\n", "equals": "=",
	"zero width": "\u200b", "accents": "é", "Cyrillic": "а", "mixed": "аa", "ideographs": "中", "invalid": "\xff", "ligatures": "ﷺ", "full width": "０", "March": "March 1 ",
	"streets": "1 A Street ", "street": "street ", "one word": "a", "questions": "?", "dollars": "$1", "overrides": "\u202e1", "turns": "\u202e1\u202d", "runs": "\u202e1\u202c", "run": "\u202e1\u202c \u202e1", "x": "x1", "OIl": "0OIl",
}

// TestHostileTexts: none of them fails; BenchmarkScanHostile measures them.
func TestHostileTexts(t *testing.T) {
	d := newTest(t, gateway.OwnDetector{Name: "p", Pattern: `(a+)+b`})
	for name, unit := range hostile {
		out := d.Scan(text(strings.Repeat(unit, 50_000/len(unit)+1)))
		if len(out.Findings) > 4*maxFindings {
			t.Errorf("%s: %d findings", name, len(out.Findings))
		}
	}
}

func BenchmarkScanMail(b *testing.B) {
	d, parts := newTest(b), text(mail())
	b.SetBytes(int64(len(parts[0].Text)))
	b.ReportAllocs()
	for b.Loop() {
		d.Scan(parts)
	}
}

// BenchmarkScanLong shows that the time is linear in the text.
func BenchmarkScanLong(b *testing.B) {
	d := newTest(b)
	for _, size := range []int{64 << 10, 1 << 20, 8 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			parts := text(strings.Repeat(mail(), size/len(mail())+1)[:size])
			b.SetBytes(int64(size))
			for b.Loop() {
				d.Scan(parts)
			}
		})
	}
}

// BenchmarkScanHostile: no text of equal size should take three times as long
// as a mail.
func BenchmarkScanHostile(b *testing.B) {
	d := newTest(b)
	for name, unit := range hostile {
		b.Run(name, func(b *testing.B) {
			parts := text(strings.Repeat(unit, 64<<10/len(unit)))
			b.SetBytes(int64(len(parts[0].Text)))
			for b.Loop() {
				d.Scan(parts)
			}
		})
	}
}
