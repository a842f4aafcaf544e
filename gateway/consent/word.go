package consent

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Meaning of a word.
type Meaning uint8

// The meanings.
const (
	None  Meaning = iota
	Stop          // no more messages
	Help          // who is it, and how does it end
	Start         // messages again
	Yes           // Start, from somebody who stopped; else an ordinary answer
)

// Word is a word that people send to a line, as the closed list spells it.
type Word struct {
	Means    Meaning
	Text     string // in capitals without accents
	Language string // that the word belongs to; "" when it is used everywhere
}

// ByOperator is the word of an operator who stops or resumes a telephone's
// messages in its place.
func ByOperator(m Meaning) Word { return Word{Means: m, Text: "operator"} }

// maxKeyword bounds what is looked at, in octets: a word with generous
// decoration. Longer texts are messages.
const maxKeyword = 400

// Keyword reads a message that consists of such a word, in any case, with or
// without accents, in full-width letters, and with any punctuation, symbols and
// spaces around it; said several times is said. The zero Word for every other
// text: "please stop by at 3" is a message.
func Keyword(text string) Word {
	if len(text) > maxKeyword || !utf8.ValidString(text) {
		return Word{}
	}
	tokens := strings.Fields(plain(text))
	for n := 1; n <= len(tokens); n++ {
		if !repeats(tokens, n) {
			continue
		}
		if w := find(together(tokens[:n])); w.Means != None {
			return w
		}
	}
	return Word{}
}

// plain makes capitals without accents out of letters, keeps digits, drops what
// has no width, and makes spaces out of all else.
func plain(text string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(text) {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Cf) || r == tatweel:
		case unicode.IsLetter(r), unicode.IsDigit(r):
			b.WriteRune(unicode.ToUpper(r))
		default:
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// tatweel stretches Arabic words and says nothing.
const tatweel = 'ـ'

// together joins tokens by spaces; those of "S.T.O.P." without.
func together(tokens []string) string {
	for _, t := range tokens {
		if utf8.RuneCountInString(t) != 1 {
			return strings.Join(tokens, " ")
		}
	}
	return strings.Join(tokens, "")
}

// repeats reports whether tokens are their first n, again and again.
func repeats(tokens []string, n int) bool {
	if len(tokens)%n != 0 {
		return false
	}
	for i := n; i < len(tokens); i++ {
		if tokens[i] != tokens[i-n] {
			return false
		}
	}
	return true
}

func find(text string) Word {
	for _, l := range words() {
		for _, w := range strings.Split(l.words, ",") {
			if w == text {
				return Word{Means: l.means, Text: text, Language: l.language}
			}
		}
	}
	return Word{}
}

type wordLine struct {
	means    Meaning
	language string
	words    string
}

// words is the closed list, spelled as plain makes it.
//
// It holds what carriers and regulators name for opting out, and the words by
// which one ends a subscription in the languages that Gatepost speaks. It does
// not hold everyday answers to a clinic, a bank or a lawyer: "no", "fin",
// "basta", "ende", "genug"; nor the words for calling off an appointment in
// languages where they are no standard for opting out ("annuler", "anular",
// "annulla", "absagen", "cancelar"): those go to people, who understand them.
// CANCEL and the Arabic for it are standard, and stay.
func words() []wordLine {
	return []wordLine{
		{Stop, "", "STOP,STOPALL,STOP ALL"},
		{Stop, "en", "QUIT,END,REVOKE,OPT OUT,OPTOUT,CANCEL,UNSUBSCRIBE,UNSUB"},
		{Stop, "de", "STOPP,ABMELDEN,ABBESTELLEN,AUSTRAGEN"},
		{Stop, "es", "BAJA,DAR DE BAJA,DARME DE BAJA,DARSE DE BAJA,ALTO,PARAR,PARE,DESUSCRIBIR,DESUSCRIBIRME,CANCELAR SUSCRIPCION"},
		{Stop, "fr", "ARRET,ARRETER,ARRETEZ,DESABONNER,DESABONNEMENT,DESINSCRIRE,DESINSCRIPTION"},
		{Stop, "it", "FERMA,FERMARE,DISISCRIVI,DISISCRIVIMI,DISISCRIZIONE,DISDICI ISCRIZIONE"},
		{Stop, "ar", "ايقاف,اوقف,توقف,الغاء,الغاء الاشتراك,الغاء اشتراك"},

		{Help, "", "INFO"},
		{Help, "en", "HELP"},
		{Help, "de", "HILFE"},
		{Help, "es", "AYUDA"},
		{Help, "fr", "AIDE"},
		{Help, "it", "AIUTO"},
		{Help, "ar", "مساعدة,مساعده"},

		{Start, "", "START"},
		{Start, "en", "UNSTOP,RESUME"},
		{Start, "de", "STARTEN,ANMELDEN"},
		{Start, "es", "ALTA,INICIAR,COMENZAR,EMPEZAR,REANUDAR"},
		{Start, "fr", "DEMARRER,REPRENDRE,REABONNER"},
		{Start, "it", "INIZIA,RIPRENDI,RIATTIVA,ISCRIVIMI"},
		{Start, "ar", "ابدا,ابدء,بدء,استيناف,اشتراك"},

		{Yes, "", "SI"}, // Spanish and Italian
		{Yes, "en", "YES"},
		{Yes, "de", "JA"},
		{Yes, "fr", "OUI"},
		{Yes, "ar", "نعم"},
	}
}
