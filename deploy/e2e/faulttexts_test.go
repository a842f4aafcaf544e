package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// outage is from when the disk had no power until the process was gone.
type outage struct{ from, to time.Time }

// atRisk is how long before a cut an answer of the carrier may have been written
// whose record is not on the disk: a commit under way on a slow machine.
const atRisk = 5 * time.Second

// textCopies counts the texts that came to the carrier again, by cause.
type textCopies struct {
	submitted int // the application got no answer to its submit, and submitted again
	hungUp    int // the carrier ended the connection as soon as it had written its answer
	recorded  int // the power was cut before the carrier's answer was recorded
	faults    []string
}

// arrivals are the submits that the carrier answered with 0, by text and
// number: the application uses a number for one submit only.
func arrivals(byText map[string][]smsEvent) map[string]map[string][]smsEvent {
	all := map[string]map[string][]smsEvent{}
	for text, events := range byText {
		all[text] = map[string][]smsEvent{}
		for _, e := range events {
			all[text][e.To] = append(all[text][e.To], e)
		}
	}
	return all
}

// copies looks for the cause of each text that the carrier answered twice.
func (c *smsCarrier) copies(byText map[string][]smsEvent, powerless []outage) (found textCopies) {
	answered, bound, closed := map[string]time.Time{}, map[int]time.Time{}, map[int]time.Time{}
	for _, e := range c.told("answered", nil) {
		answered[e.id()] = time.UnixMilli(e.At)
	}
	for _, e := range c.told("bind", nil) {
		bound[e.Link] = time.UnixMilli(e.At)
	}
	for _, e := range c.told("closed", nil) {
		closed[e.Link] = time.UnixMilli(e.At)
	}
	for text, submits := range arrivals(byText) {
		found.submitted += len(submits) - 1
		for _, events := range submits {
			slices.SortFunc(events, func(a, b smsEvent) int { return cmp.Compare(a.Number, b.Number) })
			for i, again := range events[1:] {
				first := events[i]
				at, end := answered[fmt.Sprint(first.Number)], closed[first.Link]
				switch came := time.UnixMilli(again.At); {
				case again.Link != first.Link && end.Before(at.Add(time.Second)) && !endedBy(powerless, bound[first.Link], end):
					found.hungUp++
				case cutBetween(powerless, at, came):
					found.recorded++
				default:
					found.faults = append(found.faults, fmt.Sprintf("%q was answered at %v on connection %d, which ended at %v, and came again at %v on connection %d", text, at, first.Link, end, came, again.Link))
				}
			}
		}
	}
	return found
}

// endedBy reports whether a connection ended with a power cut: it lived when the
// power went.
func endedBy(powerless []outage, bound, end time.Time) bool {
	return slices.ContainsFunc(powerless, func(o outage) bool { return bound.Before(o.from) && !end.Before(o.from.Truncate(time.Millisecond)) })
}

// cutBetween reports whether the power was cut so shortly after an answer that
// its record was lost, before the text came again.
func cutBetween(powerless []outage, answered, again time.Time) bool {
	return slices.ContainsFunc(powerless, func(o outage) bool {
		return answered.Before(o.to) && answered.After(o.from.Add(-atRisk)) && again.After(o.from)
	})
}

// textsArrived: every text that was answered with 0 reached the carrier, and
// what came twice has a cause that is no fault: the application had no answer, the
// carrier hung up, or the power was cut before the carrier's answer was recorded,
// which may be two for each place of a window and cut: one under way, one answered.
func textsArrived(t *testing.T, carrier *smsCarrier, texts *windowApp, powerless []outage) {
	t.Helper()
	carrier.set(object{"drop": 0, "drops": false, "count": 0, "late": 0})
	texts.settle(t)
	taken := texts.soFar()
	found := carrier.copies(carrier.arrived(taken, 2*time.Minute), powerless)
	t.Logf("MEASURED %d power cuts: %d texts accepted, 0 lost, %d again because the application got no answer and submitted them again, %d again because the carrier hung up behind its answer, %d again because its answer was not recorded before the cut (windows of %d), %d for no such reason",
		len(powerless), len(taken), found.submitted, found.hungUp, found.recorded, windowSize, len(found.faults))
	for _, why := range found.faults[:min(10, len(found.faults))] {
		t.Error(why)
	}
	if most := windowSize * len(powerless); found.submitted > most || found.recorded > 2*most {
		t.Errorf("%d and %d texts arrived again over %d cuts and windows of %d", found.submitted, found.recorded, len(powerless), windowSize)
	}
}

// deliveredOnce: what was recorded as delivered is never sent again, so that no
// envelope has two records of it.
func (g *gate) deliveredOnce() {
	g.t.Helper()
	delivered := map[string]int{}
	for line := range strings.Lines(g.must("audit", "export")) {
		var record struct{ Event, Envelope string }
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			g.t.Fatal(err)
		}
		if record.Event == "envelope.delivered" {
			delivered[record.Envelope]++
		}
	}
	if len(delivered) == 0 {
		g.t.Error("no delivery is recorded")
	}
	for envelope, n := range delivered {
		if n > 1 {
			g.t.Errorf("envelope %s was delivered %d times by the evidence", envelope, n)
		}
	}
}
