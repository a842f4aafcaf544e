package detect

import (
	"cmp"
	"slices"

	"gatepost/gateway"
)

// Topics by number.
const (
	health = iota
	finance
	legal
	nTopics
)

// Kinds by number.
const (
	reminder = iota
	marketing
	receipt
	oneTimeCode
	nKinds
)

// What ties a topic to one person, by number: a record of somebody, a person
// who speaks of themselves, somebody's account; what unties it, public speech;
// and what tells too much for a mere reminder.
const (
	record = iota
	self
	holder
	public
	telling
	nLinks
)

var (
	linkNames  = [nLinks]string{"case", "self", "holder", "public", "telling"}
	topicNames = [nTopics]string{"health", "finance", "legal"}
	kindNames  = [nKinds]string{"reminder", "marketing", "receipt", "one_time_code"}
)

// topics counts terms: per part and over the whole message.
type topics struct {
	part, whole tally
	best        [nTopics]gateway.Level
}

// tally is what is counted of a text.
type tally struct {
	counts  []uint16 // by term
	touched []uint32 // terms with a count
	seen
}

// seen is what is counted besides terms.
type seen struct {
	words     int
	links     [nTopics]int // weights of terms right after "your", "my", or before
	spoken    int          // weights of health terms after "I"
	spoke     int32        // word number of the latest "I"
	turns     [2]int       // "Doctor:", "[patient]" before what they say
	latest    mention      // the latest term of a topic
	asks      int          // what, how, which
	questions int          // question marks
	atEnd     int          // parts whose last words are a question
	lastAsked int          // words before the latest question mark
	amounts   int          // "$" before a digit
}

// sums are the weights of a tally: each term counts fully once and half for
// up to two repetitions, so that one word said often is not a topic, and one
// that lifts protection once.
type sums struct {
	topic [nTopics]int
	kind  [nKinds]int
	link  [nLinks]int
}

// atEnd is how many words may follow a text's last question that ends it.
const atEnd = 8

// linkWords is how many words after "your" a term is still the reader's,
// spokenWords how many after "I" it is still the writer's, ownedWords how many
// before "your" it is still the reader's.
const (
	linkWords   = 5
	spokenWords = 8
	ownedWords  = 3
)

// mention is where a term of a topic ended.
type mention struct {
	end    int // octet of the view
	word   int32
	sub    uint16
	weight int8
}

func (t *topics) init(terms int) {
	t.part.counts, t.whole.counts = make([]uint16, terms), make([]uint16, terms)
}

func (t *topics) begin() {
	t.part.clear()
	t.whole.clear()
	t.best = [nTopics]gateway.Level{}
}

func (t *tally) clear() {
	for _, id := range t.touched {
		t.counts[id] = 0
	}
	t.touched, t.seen = t.touched[:0], seen{}
}

// add counts a term that ends at octet end with word number word, and ties it
// to a "your" or "my" at word pron or to an "I" before it.
func (t *tally) add(id uint32, m *term, end int, word, pron int32) {
	t.count(id, 1)
	if m.list != listTopic || m.weight <= 0 {
		return
	}
	if word-pron <= linkWords {
		t.links[m.sub] += int(m.weight)
	}
	if since := word - t.spoke; m.sub == health && t.spoke > 0 && since >= 0 && since <= spokenWords {
		t.spoken += int(m.weight)
	}
	t.latest = mention{end, word, m.sub, m.weight}
}

// owned ties the latest term to a "your" or "my" that begins at octet start
// with word number word: "the restraining order against your neighbour".
func (s *scan) owned(start int, word int32) {
	m := s.tops.part.latest
	since := word - m.word
	if m.weight == 0 || since < 1 || since > ownedWords || start <= m.end {
		return
	}
	for _, c := range s.b[m.end:start] {
		if class[c]&(hard|newline) != 0 {
			return
		}
	}
	s.tops.part.links[m.sub] += int(m.weight)
	s.tops.part.latest = mention{}
}

func (t *tally) count(id uint32, n uint16) {
	if t.counts[id] == 0 {
		t.touched = append(t.touched, id)
	}
	if t.counts[id] < 1<<14 {
		t.counts[id] += n
	}
}

// remove takes a count back.
func (t *tally) remove(id uint32) {
	if t.counts[id] > 0 {
		t.counts[id]--
	}
}

// endPart judges the part alone and adds it to the whole, so that neither a
// long attachment hides a short body nor a subject is read without its body.
func (t *topics) endPart(terms []term) {
	s := t.part.sums(terms)
	for i := range t.best {
		t.best[i] = max(t.best[i], topicLevel(s.topic[i], t.part.words))
	}
	for _, id := range t.part.touched {
		if n := t.part.counts[id]; n > 0 {
			t.whole.count(id, n)
		}
	}
	p, w := &t.part.seen, &t.whole.seen
	w.words += p.words
	w.asks += p.asks
	w.questions += p.questions
	if p.questions > 0 && p.words-p.lastAsked < atEnd {
		w.atEnd++
	}
	w.amounts += p.amounts
	w.spoken += p.spoken
	w.turns[0] += p.turns[0]
	w.turns[1] += p.turns[1]
	for i := range w.links {
		w.links[i] += p.links[i]
	}
	t.part.clear()
}

// sums adds the weights up, in halves.
func (t *tally) sums(terms []term) (s sums) {
	for _, id := range t.touched {
		n := int(t.counts[id])
		if n == 0 {
			continue
		}
		m := &terms[id]
		w := int(m.weight) * (2 + min(n-1, 2))
		if m.lifts() {
			w = int(m.weight) * 2
		}
		switch m.list {
		case listTopic:
			s.topic[m.sub] += w
		case listKind:
			s.kind[m.sub] += w
		case listLink:
			s.link[m.sub] += w
		case listTelling:
			s.link[m.sub] += max(w, 0) // one that tells nothing makes no other tell less
		}
	}
	return s
}

// lifts reports whether a term speaks against protection: of public speech or
// of an advertisement. It counts once, so that no single word that is said again
// and again takes a text out of what is protected.
func (m *term) lifts() bool {
	return m.weight > 0 && (m.list == listLink && m.sub == public || m.list == listKind && m.sub == marketing)
}

// topicLevel is the level of a sum (in halves) in a text of so many words.
func topicLevel(sum, words int) gateway.Level {
	need := 2 * topicNeed(words)
	switch {
	case sum >= 3*need:
		return gateway.High
	case sum >= need:
		return gateway.Medium
	case sum >= 4:
		return gateway.Low
	}
	return gateway.None
}

// topicNeed is the sum that makes a text of so many words speak of a topic:
// one strong term in a short message, a few per hundred words in a letter, and
// no more than a page of them in a book.
func topicNeed(words int) int {
	return min(5+max(words-40, 0)/15, 40)
}

// scores are the topics of the message that were met at all, with the terms
// that count most.
func (t *topics) scores(terms []term, s sums) []gateway.TopicScore {
	var out []gateway.TopicScore
	for i, name := range topicNames {
		level := max(t.best[i], topicLevel(s.topic[i], t.whole.words))
		if i != health && level == gateway.Medium && advertises(s, i) {
			level = gateway.Low
		}
		if level == gateway.Medium && published(s, i) {
			level = gateway.Low
		}
		if i == health && level > gateway.None && t.tells(s) {
			level = gateway.High
		}
		t.best[i] = level
		if level == gateway.None {
			continue
		}
		out = append(out, gateway.TopicScore{Name: name, Level: level, Score: s.topic[i] / 2, Terms: t.whole.top(terms, i)})
	}
	return out
}

// tells reports whether a text is a reminder that names a condition which
// nobody wants known, "your HIV clinic appointment", or a result or diagnosis,
// "you have been diagnosed with hepatitis". That a reminder stands beside it
// makes it no less telling.
func (t *topics) tells(s sums) bool {
	return s.kind[reminder] >= kindNeed[reminder] && s.link[telling] >= tellingNeed && t.whole.words < longReminder
}

// longReminder is how many words a reminder has at most, with the way there, what
// to bring and how to cancel. What is longer is a newsletter.
const longReminder = 300

// tellingNeed is the sum (in halves) of terms that makes a reminder telling.
const tellingNeed = 10

// advertises reports whether a text offers a topic's services to everybody
// more than it speaks of the topic. Of health that is never assumed: an offer
// to a patient tells what they suffer from.
func advertises(s sums, topic int) bool {
	return s.kind[marketing] >= kindNeed[marketing] && 2*s.kind[marketing] >= s.topic[topic]
}

// publicNeed is the sum (in halves) that makes a text public speech: news, a
// study, a debate. What such a text says of a topic is about no person here.
const publicNeed = 10

// published reports whether a text is public speech more than it speaks of a
// topic.
func published(s sums, topic int) bool {
	return s.link[public] >= publicNeed && 2*s.link[public] >= s.topic[topic]
}

// maxTerms is how many terms of a topic are shown.
const maxTerms = 12

// top are the terms of a topic that weigh most.
func (t *tally) top(terms []term, topic int) []string {
	var ids []uint32
	for _, id := range t.touched {
		if m := &terms[id]; m.list == listTopic && int(m.sub) == topic && t.counts[id] > 0 {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uint32) int {
		if d := cmp.Compare(abs(terms[b].weight), abs(terms[a].weight)); d != 0 {
			return d
		}
		return cmp.Compare(a, b)
	})
	ids = ids[:min(len(ids), maxTerms)]
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = terms[id].text
	}
	return words
}

func abs(w int8) int8 {
	if w < 0 {
		return -w
	}
	return w
}

// kindNeed is the sum (in halves) that makes a message of a kind.
var kindNeed = [nKinds]int{reminder: 10, marketing: 16, receipt: 10, oneTimeCode: 10}

func kindsOf(s sums) []string {
	var out []string
	for i, name := range kindNames {
		if s.kind[i] >= kindNeed[i] {
			out = append(out, name)
		}
	}
	return out
}

// linkNeed is the sum (in halves) of terms that tie a topic to one person.
const linkNeed = 10

// addressed reports whether a topic that matters is tied to one person: the
// reader ("your result"), the writer ("I have had a rash"), whoever holds the
// account or the case, or the person whose record the text is. An advertisement
// speaks to everybody, and a question that merely describes a case is about nobody.
func (s *scan) addressed(sum sums) bool {
	t := &s.tops
	w := &t.whole
	if sum.kind[marketing] >= kindNeed[marketing] && sum.link[record]+sum.link[self] < sum.kind[marketing] {
		return false
	}
	for i, level := range t.best {
		if level >= gateway.Medium && w.links[i] >= personal {
			return true
		}
	}
	if t.best[finance] >= gateway.Medium && w.amounts > 0 && w.words < shortText && sum.link[holder] >= linkNeed {
		return true
	}
	if t.best[legal] >= gateway.Medium && s.has("case_number", gateway.Medium) {
		return true
	}
	if t.best[health] < gateway.Medium {
		return false
	}
	if sum.link[public] >= publicNeed && sum.link[record]+sum.link[self] < sum.link[public] {
		return false
	}
	if w.spoken >= spokenNeed || w.consults() {
		return true
	}
	if t.best[health] == gateway.High && w.words < noteWords && w.questions+w.asks == 0 && sum.link[record] >= 0 {
		return true
	}
	asks := w.questions > 0 && (w.words < shortText || w.atEnd > 0)
	enough := linkNeed
	if t.best[health] == gateway.High {
		enough = linkNeed / 2
	}
	return sum.link[self] >= enough || sum.link[record] >= enough && !asks
}

// personal is the weight of terms after "your" or "my" that makes a topic the
// reader's or the writer's own.
const personal = 3

// spokenNeed is the weight of health terms after "I" that makes them the writer's.
const spokenNeed = 5

// noteWords is how many words a note has at most that names nothing but what
// somebody suffers from, takes or had done: nobody writes that about nobody.
const noteWords = 60

// shortText is how many words a message has at most that says one thing.
const shortText = 120

// consultWeight (in halves) is what a conversation between clinician and patient
// adds to the health topic.
const consultWeight = 10

// consults reports whether a text is written as a conversation of a clinician
// and a patient, each with what they say behind their label.
func (t *tally) consults() bool { return t.turns[0] > 0 && t.turns[1] > 0 }

// turn counts the label "Doctor:" or "[patient]" at [start, end).
func (s *scan) turn(flags uint32, start, end int) {
	b := s.b
	if b[end] != ':' && (b[end] != ']' || start == 0 || b[start-1] != '[') || !s.mine(start) {
		return
	}
	side := 0
	if flags&patient != 0 {
		side = 1
	}
	s.tops.part.turns[side]++
}

// docketWeight (in halves) is what a court's case number adds to the legal topic.
const docketWeight = 10

// has reports whether a finding of type typ has at least level.
func (s *scan) has(typ string, level gateway.Level) bool {
	id := s.d.types.ids[typ]
	return slices.ContainsFunc(s.all, func(f found) bool { return f.typ == id && f.level >= level })
}

// finish adds what is said of the message as a whole.
func (s *scan) finish(parts []gateway.Part) *gateway.Detections {
	terms := s.words.terms
	sum := s.tops.whole.sums(terms)
	if s.has("case_number", gateway.High) {
		sum.topic[legal] += docketWeight
	}
	if s.tops.whole.consults() {
		sum.topic[health] += consultWeight
	}
	out := &gateway.Detections{Topics: s.tops.scores(terms, sum), Kinds: kindsOf(sum)}
	out.AddressedToReader = s.addressed(sum)
	s.accounts()
	out.Findings = s.detections(parts)
	return out
}

// accounts makes an account number a bank account in a text that speaks of
// money: clinics have account numbers too, and those are no secret by themselves.
func (s *scan) accounts() {
	if s.tops.best[finance] < gateway.Medium {
		return
	}
	t := s.d.types
	for i := range s.all {
		if f := &s.all[i]; f.typ == t.account {
			f.typ = t.bankAccount
			f.steps = s.steps.of(append(slices.Clip(s.steps.sets[f.steps]), gateway.Step{Name: "text about money"}))
		}
	}
}
