package policy_test

import (
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/detect"
	"gatepost/gateway/policy"
)

// letter is a mail as an office writes it, with a few things to find.
const letter = `Dear Mary Miller,

thank you for coming in on Tuesday. Your biopsy result is back and Dr. Ann Lee would like to discuss the treatment with
you. Please bring your insurance card (member ID: XYZ482193765) and the list of medicines that you take; in the meantime
continue with metformin, twice daily. Our office at 1206 North Elm Avenue is open from 9 to 5, call (415) 555-0134 or
write to desk@clinic.example, see https://clinic.example/hours for holidays.

`

// sentences are what most mail is made of: people who arrange their work.
const sentences = `The minutes of Monday's meeting follow below.
We agreed that the waiting room on the second floor will be painted before the end of the month, that Peter orders 24 chairs and 6 tables, and that the budget of $12,400 stays as it was.
Whoever cannot come to the next one on March 14 at 10:30 tells the front desk until Friday, so that we find somebody else in time.
Susan asked why the printers in the north wing keep losing their network.
Our supplier looked at the switch, replaced two cables and thinks that the firmware from last autumn is to blame; they will send a technician on the 9th and have promised not to charge for the visit.
Until then please use the machine beside the kitchen, and remember that colour copies cost us 0.11 a page.
The contract (reference 2024/881-B) runs for another 18 months.
The parking garage closes for repairs between 6 pm on Friday and 7 am on Monday.
Badges will not open the gate, so move your cars in good time; the city offers places behind the library at a reduced rate.
If you ride a bicycle, the racks near the loading dock remain open.
Deliveries go through the yard, and drivers should ring twice because the bell is weak.
Harold has drafted the schedule for summer.
Three of us want the first two weeks of July, which cannot work while the new telephone system is being installed, so he suggests that we draw lots or agree among ourselves by Thursday evening.
He also wonders whether the students who helped us last year might come back; two of them wrote to him already, quite eager.
For the anniversary we expect about 140 guests.
The baker wants a deposit, the band asks for a microphone and an extra table, and the mayor's secretary has confirmed that a short speech is possible between the soup and the main course.
Could somebody with a steady hand write the place cards?
Ink and paper are in the second drawer, under the old brochures.
I am out of the office until 3 September and read mail only now and then.
Many thanks for your help with the inventory; the figures match what the warehouse reported, apart from eleven boxes of envelopes that nobody can find.
As discussed by phone, I attach the revised drawings (version 7) and would be glad to hear what the architects say.
Kind regards, and see you at the station.
Would Wednesday suit you better?
Our train leaves at 8.42 from platform 5 and arrives shortly after eleven.
On Tue, 5 Nov 2024 the caretaker wrote that the heating in building C had failed again.
> Could you tell me which of the invoices is still open?
The insurance pays for the window, but not for the carpet.
Nobody has seen the spare key since the cleaners changed; should we replace the lock?
The workshop on writing clearly was fully booked within an hour, which is why there will be a second one in spring.
Please sign the enclosed form on page 4 and return it with the next delivery.
`

// office is about n octets of such mail, another one for each number.
func office(n int, number int64) string {
	r, all, b := rand.New(rand.NewSource(number)), strings.Split(sentences, "\n"), strings.Builder{}
	b.WriteString(letter)
	for b.Len() < n {
		b.WriteString(all[r.Intn(len(all)-1)])
		b.WriteString([]string{" ", " ", " ", "\n", "\n\n"}[r.Intn(5)])
	}
	return b.String()[:n]
}

// mails are different texts, so that the processor cannot learn one by heart.
func mails(size int) []string {
	all := make([]string, max(1, 1_000_000/size))
	for i := range all {
		all[i] = office(size, int64(i))
	}
	return all
}

// hostile texts try to make work out of proportion to their size: long runs,
// values that are nearly right, values that are right and all have to be kept,
// things within things, one beginning after the other.
func hostile() map[string]string {
	return map[string]string{
		"digit run": "1", "digit groups": "12 ", "groups of three": "123 ", "dotted digits": "1.", "grouped oddly": "4 53-20.15/8 0 73 ",
		"near SSNs": "000-22-8145 ", "SSNs": "536-22-8145 ", "near cards": "4532 0158 0736 2948 ", "cards": "4532 0158 0736 2949 ",
		"IBANs": "DE44500105175407324931 ", "near IBANs": "DE44500105175407324932 ", "spaced IBANs": "DE44 5001 0517 5407 3249 31 ", "countries": "DE4 ",
		"dates": "12/12/1975 ", "telephones": "(415) 555-0134 ", "addresses of the net": "10.1.22.3 ", "addresses": "a@b.cd ", "near addresses": "a@b.c ",
		"at": "@", "local parts": "a.", "URLs": "http://a.b/ ", "slashes": "://", "colons": ":", "hex": "a:", "tokens": "ghp_", "AKIA": "AKIA",
		"eyJ": "eyJ.", "keys": "-----BEGIN PRIVATE KEY-----", "dashes": "-----BEGIN ", "passwords": "password: ", "secrets": "password is aB3$xy ",
		"labels": "ssn ", "labels and digits": "ssn 1 ", "labels and words": "passport number a ", "your": "your ", "biopsy": "biopsy ", "your biopsy": "your biopsy ",
		"names": "Mary Miller ", "Mary": "Mary ", "initials": "J. ", "Dear": "Dear ", "titles": "Mr Dr ", "patients": "patient Xy Ab ", "streets": "1 A Street ", "street": "street ",
		"March": "March 1 ", "questions": "?", "dollars": "$1", "brackets": "((((", "markup": "<<b>", "depth": "<b>[{(",
		"entities": "&#48;", "ampersands": "&", "soft breaks": "=\n", "equals": "=", "zero width": "\u200b", "accents": "é", "Cyrillic": "а", "mixed": "аa",
		"ideographs": "中", "invalid": "\xff", "ligatures": "ﷺ", "full width": "０", "overrides": "\u202e1", "turns": "\u202e1\u202d", "runs": "\u202e1\u202c \u202e1",
		"one word": "a", "one letter words": "a ", "x": "x1", "O for 0": "0OIl", "lines": "\n", "spaces": " ", "stems": "abcdectomy ", "phrases": "social security social ",
	}
}

// whole judges a text as a message is judged: it is normalised, searched and
// weighed by the default policy.
type whole struct {
	d *detect.Detector
	p *policy.Policy
}

func newWhole(b *testing.B, own ...gateway.OwnDetector) whole {
	d, err := detect.New(detect.Config{Own: own, Key: [16]byte{1, 2, 3}})
	if err != nil {
		b.Fatal(err)
	}
	return whole{d, policy.Default()}
}

func (w whole) judge(text string) gateway.Verdict {
	r := &gateway.Reading{Channel: gateway.Email, Parts: []gateway.Part{{Kind: gateway.PartText, Path: "1", Text: gateway.Sensitive(text)}}}
	return w.p.Judge(policy.Facts{
		Message: policy.Message{
			Channel: gateway.Email, Sender: policy.Sender{Address: gateway.MustAddress("pat@clinic.example")}, Reading: r, Detections: w.d.Scan(r.Parts),
			Size: int64(len(text)), Now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC),
		},
		Recipient: policy.Recipient{Address: gateway.MustAddress("someone@outside.example")},
	})
}

// time judges a text and says how long that took.
func (w whole) time(text string) time.Duration {
	start := time.Now()
	w.judge(text)
	return time.Since(start)
}

// benchmark judges texts of equal size in turn. The median and the least of
// the times tell more than their mean where other programs run besides.
func (w whole) benchmark(b *testing.B, texts []string) {
	b.SetBytes(int64(len(texts[0])))
	b.ReportAllocs()
	w.judge(texts[0])
	var all []time.Duration
	for b.Loop() {
		all = append(all, w.time(texts[len(all)%len(texts)]))
	}
	slices.Sort(all)
	median, least, size := all[len(all)/2], all[0], float64(len(texts[0]))/1e6
	b.ReportMetric(float64(median.Nanoseconds())/1e3, "median-µs")
	b.ReportMetric(float64(least.Nanoseconds())/1e3, "least-µs")
	b.ReportMetric(size/median.Seconds(), "median-MB/s")
	b.ReportMetric(size/least.Seconds(), "best-MB/s")
}

// terms are n words and phrases of an organization.
func terms(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%c%c%c%cword", 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26, 'a'+i/17576%26)
		if i%3 == 0 {
			all[i] += " of the house"
		}
	}
	return all
}

// BenchmarkWhole is what one message costs on one core: a mail of 10 KB, 10 MB
// of text, and both with a list of 100,000 terms of the organization's own.
func BenchmarkWhole(b *testing.B) {
	own := gateway.OwnDetector{Name: "terms", Words: append(terms(99_999), "front desk")}
	plain, listed := newWhole(b), newWhole(b, own)
	b.Run("mail", func(b *testing.B) { plain.benchmark(b, mails(10_000)) })
	b.Run("text", func(b *testing.B) { plain.benchmark(b, mails(10_000_000)) })
	b.Run("mail and 100000 terms", func(b *testing.B) { listed.benchmark(b, mails(10_000)) })
	b.Run("text and 100000 terms", func(b *testing.B) { listed.benchmark(b, mails(10_000_000)) })
}

// BenchmarkHostile: x-normal is how many times as long as ordinary mail of the
// same size a text takes: the median of pairs that were judged one behind the
// other. None should take three times as long.
func BenchmarkHostile(b *testing.B) {
	w, units := newWhole(b), hostile()
	for _, size := range []int{10_000, 200_000} {
		normal := mails(size)
		for _, name := range slices.Sorted(maps.Keys(units)) {
			b.Run(fmt.Sprintf("%dKB/%s", size/1000, name), func(b *testing.B) {
				text := strings.Repeat(units[name], size/len(units[name])+1)[:size]
				b.SetBytes(int64(size))
				b.ReportAllocs()
				var ratios []float64
				for b.Loop() {
					took := w.time(text)
					b.StopTimer()
					ratios = append(ratios, float64(took)/float64(w.time(normal[len(ratios)%len(normal)])))
					b.StartTimer()
				}
				slices.Sort(ratios)
				b.ReportMetric(ratios[len(ratios)/2], "x-normal")
			})
		}
	}
}
