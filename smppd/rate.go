package smppd

import (
	"time"

	"gatepost/gateway"
)

// maxTexts is the number of long texts of an account that may be under way at
// once while it has a rate.
const maxTexts = 10000

// maxParts is the highest number of parts of a text, which a user data header
// counts in one octet.
const maxParts = 255

// throttle is the rate of an account: a bucket that holds the submissions of
// one second. It never cuts a text in two: when one part of a text was
// admitted, each of the others is admitted once, if need be on credit. Its
// owner guards it.
type throttle struct {
	rate   float64 // a second; 0: no limit
	keep   time.Duration
	tokens float64
	at     time.Time
	texts  map[textKey]*textParts
	swept  time.Time
}

// textKey names a text of several parts.
type textKey struct {
	source, dest gateway.Line
	kind         string
	ref          uint16
	total        int
}

// textParts says which parts of a text were admitted.
type textParts struct {
	seen [4]uint64 // a bit for each part
	left int       // parts that were not
	// again counts parts that the Gateway refused. Each may come again on
	// credit, once on average.
	again int
	at    time.Time // of the last one
}

func newThrottle(rate int, keep time.Duration, now time.Time) *throttle {
	return &throttle{rate: float64(rate), keep: keep, tokens: float64(rate), at: now, texts: make(map[textKey]*textParts), swept: now}
}

// admit reports whether n submissions may pass now. Any that finds a whole
// token passes; what it costs beyond that is owed.
func (t *throttle) admit(now time.Time, n int) bool {
	if t.rate == 0 {
		return true
	}
	t.fill(now)
	if t.tokens < 1 {
		return false
	}
	t.tokens -= float64(n)
	return true
}

func (t *throttle) fill(now time.Time) {
	if d := now.Sub(t.at); d > 0 {
		t.tokens = min(t.rate, t.tokens+d.Seconds()*t.rate)
		t.at = now
	}
}

// admitPart reports whether a part of a text may pass now.
func (t *throttle) admitPart(now time.Time, key textKey, seq int) bool {
	if t.rate == 0 || seq < 1 || seq > maxParts {
		return t.admit(now, 1)
	}
	text := t.texts[key]
	if text != nil && now.Sub(text.at) < t.keep && !text.has(seq) && text.again <= key.total {
		t.fill(now)
		t.tokens--
		t.take(now, key, text, seq)
		return true
	}
	if text == nil && !t.roomForText(now) || !t.admit(now, 1) {
		return false
	}
	if text == nil || now.Sub(text.at) >= t.keep || text.has(seq) { // a new text under an old reference
		text = &textParts{left: key.total}
		t.texts[key] = text
	}
	t.take(now, key, text, seq)
	return true
}

// take notes that a part was admitted.
func (t *throttle) take(now time.Time, key textKey, text *textParts, seq int) {
	text.seen[seq/64] |= 1 << (seq % 64)
	text.at = now
	if text.left--; text.left <= 0 {
		delete(t.texts, key)
	}
}

// giveBack lets a part that was admitted, and then refused by the Gateway,
// come again: it has cost nothing. Who repeats what is refused more often than
// a text has parts keeps to the rate.
func (t *throttle) giveBack(key textKey, seq int) {
	text := t.texts[key]
	if text == nil || seq < 1 || seq > maxParts || !text.has(seq) {
		return
	}
	text.seen[seq/64] &^= 1 << (seq % 64)
	text.left++
	if text.again++; text.again <= key.total {
		t.tokens = min(t.rate, t.tokens+1)
	}
}

func (p *textParts) has(seq int) bool { return p.seen[seq/64]&(1<<(seq%64)) != 0 }

// roomForText makes room for one more text. A text that finds none is
// refused as a whole: dropping another one would cut that in two.
func (t *throttle) roomForText(now time.Time) bool {
	if len(t.texts) >= maxTexts || now.Sub(t.swept) >= t.keep {
		t.swept = now
		for key, text := range t.texts {
			if now.Sub(text.at) >= t.keep {
				delete(t.texts, key)
			}
		}
	}
	return len(t.texts) < maxTexts
}
