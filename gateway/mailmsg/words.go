package mailmsg

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// words are the fixed texts of what Gatepost itself sends, in one language.
// In each, %s is what its comment says.
type words struct {
	language string
	rtl      bool   // written from right to left
	subject  string // organization
	intro    string // organization
	lead     string
	button   string
	proof    string
	mark     string // reference
	expires  string // date
	doubt    string
	help     string // whom to ask

	reminderSubject string // organization
	reminderIntro   string // organization
	elsewhere       string // date of the first notice
	expiringSubject string // organization
	expiringIntro   string // organization

	codeSubject string // reference
	codeIntro   string // reference
	thawIntro   string // reference
	renewIntro  string // reference
	codeRules   string
	months      string
	date        string // verbs: day, month, year, time

	staff  staffWords
	report reportWords
}

// reportWords are the texts of delivery reports.
type reportWords struct {
	failedSubject, delayedSubject string
	failed, delayed               string // date
	said                          string // verbs: a host, its reply
	until                         string // date
	application                   string // system_id, id, time
}

// staffWords are the texts of what staff get.
type staffWords struct {
	staffFacts
	folders folderWords
	waiting waitingWords

	answer       string
	answerRead   string // stands above the link
	held         string
	heldNext     string
	opened       string
	openedByTool string
	unread       string
	unreadNext   string
	expiring     string
	expiringNext string
	notForMe     string
	notForMeNext string
	suspicious   string
	suspectNext  string
	undelivered  string
	undelivNext  string
	unopenable   string
	unopenNext   string
	stopped      string // line
	resumed      string // line
}

// staffFacts are subjects, the label before each fact, and what may stand
// behind it.
type staffFacts struct {
	subjects  staffSubjects
	labels    staffLabels
	assurance staffAssurance
	reasons   staffReasons
	recall    staffRecall
}

// staffSubjects are subjects; %s is the reference.
type staffSubjects struct {
	answer, held, opened, unread, expiring, reported, recalled, undelivered, unopenable string
}

// staffLabels stand before facts, and name what opened a message.
type staffLabels struct {
	reference, person, sent, when, proof, reader, byPerson, byTool, until, reason, held string
}

// staffAssurance says how a reader was proven.
type staffAssurance struct {
	sameChannel, otherChannel, senderPIN, contactPIN, standingPIN, unknown string
}

// staffReasons say why an answer was held.
type staffReasons struct {
	unsigned, invalid, otherDomain, stranger, repeated, dated, weak, odd string
}

// staffRecall are the texts of the receipt for a recall.
type staffRecall struct {
	intro, undone, undoUntil         string // undoUntil: date
	locked, destroyed, works, passed string
	read                             string // date
	unread                           string
	reach, backups                   string
}

// wordsFor returns the texts of a BCP 47 language, English when there are
// none.
func wordsFor(language string) words {
	base, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(language, "_", "-")), "-")
	switch base {
	case "ar":
		return arabic()
	case "de":
		return german()
	case "fr":
		return french()
	case "it":
		return italian()
	case "es":
		return spanish()
	}
	return english()
}

// day writes a moment for people, in the zone that t carries.
func (w words) day(t time.Time) string {
	month := strings.Fields(w.months)[t.Month()-1]
	return fmt.Sprintf(w.date, t.Day(), month, t.Year(), w.apart(t.Format("15:04 MST")))
}

// The marks around what is written in another direction than the text around
// it (UAX #9: first strong isolate).
const (
	isolateOpen  = "\u2068"
	isolateClose = "\u2069"
)

// apart keeps a name, a number or a reference in one piece within a text that
// is written from right to left.
func (w words) apart(value string) string {
	if value = oneLine(value); !w.rtl || value == "" {
		return value
	}
	return isolateOpen + value + isolateClose
}

// say fills the one gap of a text.
func (w words) say(text, value string) string { return fmt.Sprintf(text, w.apart(value)) }

// sayDay fills the one gap of a text with a moment.
func (w words) sayDay(text string, t time.Time) string { return fmt.Sprintf(text, w.day(t)) }

// wrap breaks the lines of a text at 76 characters where it can, and never
// within an isolate, which ends with its line.
func wrap(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = wrapLine(line)
	}
	return strings.Join(lines, "\n")
}

func wrapLine(line string) string {
	var b strings.Builder
	used, within := 0, 0
	for i, word := range strings.Split(line, " ") {
		size := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case used+1+size > 76 && word != "" && within == 0:
			b.WriteByte('\n')
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += size
		within += strings.Count(word, isolateOpen) - strings.Count(word, isolateClose)
	}
	return b.String()
}
