package policy_test

import (
	"fmt"
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

// whole judges a text as a message is judged: it is normalised, searched and
// weighed by the default policy.
type whole struct {
	d *detect.Detector
	p *policy.Policy
}

func newWhole(b *testing.B, own ...gateway.OwnDetector) whole {
	d, err := detect.New(detect.Config{Own: own, Counts: policy.Default().Counts(), Key: [16]byte{1, 2, 3}})
	if err != nil {
		b.Fatal(err)
	}
	return whole{d, policy.Default()}
}

func (w whole) judge(text string) gateway.Verdict { return w.judgeParts(onePart(text)) }

func onePart(text string) []gateway.Part {
	return []gateway.Part{{Kind: gateway.PartText, Path: "1", Text: gateway.Sensitive(text)}}
}

func (w whole) judgeParts(parts []gateway.Part) gateway.Verdict {
	r := &gateway.Reading{Channel: gateway.Email, Parts: parts}
	return w.p.Judge(policy.Facts{
		Message: policy.Message{
			Channel: gateway.Email, Sender: policy.Sender{Address: gateway.MustAddress("pat@clinic.example")}, Reading: r, Detections: w.d.Scan(r.Parts),
			Size: int64(sizeOf(parts)), Now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC),
		},
		Recipient: policy.Recipient{Address: gateway.MustAddress("someone@outside.example")},
	})
}

// sizeOf is how many octets of text there are.
func sizeOf(parts []gateway.Part) (n int) {
	for _, p := range parts {
		n += len(p.Text.Reveal())
	}
	return n
}

// took is what work costs: time on the clock, and of the processor. The second
// stays what it is while other programs run besides.
type took struct{ clock, core time.Duration }

// time judges a text and says what that took.
func (w whole) time(b *testing.B, parts []gateway.Part) took {
	start, used := time.Now(), policy.Processor(b)
	w.judgeParts(parts)
	return took{time.Since(start), policy.Processor(b) - used}
}

// benchmark judges texts of equal size in turn. Times of the processor are
// median-µs, least-µs and MB/s by the median; clock-µs is the median by the
// clock, which is the same on a machine that does nothing else.
func (w whole) benchmark(b *testing.B, texts []string) {
	b.ReportAllocs()
	w.judge(texts[0])
	var clock, core []time.Duration
	for b.Loop() {
		t := w.time(b, onePart(texts[len(core)%len(texts)]))
		clock, core = append(clock, t.clock), append(core, t.core)
	}
	slices.Sort(clock)
	slices.Sort(core)
	median, size := core[len(core)/2], float64(len(texts[0]))/1e6
	b.ReportMetric(float64(median.Nanoseconds())/1e3, "median-µs")
	b.ReportMetric(float64(core[0].Nanoseconds())/1e3, "least-µs")
	b.ReportMetric(float64(clock[len(clock)/2].Nanoseconds())/1e3, "clock-µs")
	b.ReportMetric(size/median.Seconds(), "median-MB/s")
	b.ReportMetric(0, "ns/op") // a mean, which one interruption spoils
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
//
// For figures that another person gets too, take of five runs the least median,
// on one core, so that the work of the collector is counted:
//
//	go test -run xxx -bench 'Whole|FiftyRules' -cpu 1 -count 5 ./gateway/policy
func BenchmarkWhole(b *testing.B) {
	own := gateway.OwnDetector{Name: "terms", Words: append(terms(99_999), "front desk")}
	plain, listed := newWhole(b), newWhole(b, own)
	b.Run("mail", func(b *testing.B) { plain.benchmark(b, mails(10_000)) })
	b.Run("text", func(b *testing.B) { plain.benchmark(b, mails(10_000_000)) })
	b.Run("mail and 100000 terms", func(b *testing.B) { listed.benchmark(b, mails(10_000)) })
	b.Run("text and 100000 terms", func(b *testing.B) { listed.benchmark(b, mails(10_000_000)) })
}
