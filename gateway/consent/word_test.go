package consent

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestKeyword: whole messages, whatever stands around the word.
func TestKeyword(t *testing.T) {
	for text, want := range map[string]Word{
		"STOP": {Stop, "STOP", ""}, "stop": {Stop, "STOP", ""}, "Stop.": {Stop, "STOP", ""}, " sToP !!\r\n": {Stop, "STOP", ""},
		`"STOP"`: {Stop, "STOP", ""}, "“stop”": {Stop, "STOP", ""}, "«Stop»": {Stop, "STOP", ""}, "'stop'": {Stop, "STOP", ""},
		"(stop)": {Stop, "STOP", ""}, "*STOP*": {Stop, "STOP", ""}, "<STOP>": {Stop, "STOP", ""}, "...stop...": {Stop, "STOP", ""},
		"STOP 🛑": {Stop, "STOP", ""}, "🙏🏽 stop 👍": {Stop, "STOP", ""}, "❤️stop❤️": {Stop, "STOP", ""}, "👨‍👩‍👧 stop": {Stop, "STOP", ""},
		"ＳＴＯＰ": {Stop, "STOP", ""}, "ｓｔｏｐ！": {Stop, "STOP", ""}, "\u00a0stop\u3000": {Stop, "STOP", ""}, "\u200bst\u200bop\ufeff": {Stop, "STOP", ""},
		"S T O P": {Stop, "STOP", ""}, "s.t.o.p.": {Stop, "STOP", ""}, "STOP STOP stop": {Stop, "STOP", ""}, "stop\nstop": {Stop, "STOP", ""},
		"STOPALL": {Stop, "STOPALL", ""}, "stop all": {Stop, "STOP ALL", ""}, "stop-all": {Stop, "STOP ALL", ""},
		"quit": {Stop, "QUIT", "en"}, "qu\u0131t": {Stop, "QUIT", "en"}, "End": {Stop, "END", "en"}, "revoke": {Stop, "REVOKE", "en"},
		"Opt out": {Stop, "OPT OUT", "en"}, "OPT-OUT": {Stop, "OPT OUT", "en"}, "opt–out!": {Stop, "OPT OUT", "en"}, "optout": {Stop, "OPTOUT", "en"},
		"opt out opt out": {Stop, "OPT OUT", "en"}, "CANCEL": {Stop, "CANCEL", "en"}, "Unsubscribe.": {Stop, "UNSUBSCRIBE", "en"},
		"Stopp!": {Stop, "STOPP", "de"}, "abmelden": {Stop, "ABMELDEN", "de"}, "Abbestellen": {Stop, "ABBESTELLEN", "de"},
		"Baja": {Stop, "BAJA", "es"}, "¡ALTO!": {Stop, "ALTO", "es"}, "Párar": {Stop, "PARAR", "es"}, "darme de baja": {Stop, "DARME DE BAJA", "es"},
		"Cancelar suscripción": {Stop, "CANCELAR SUSCRIPCION", "es"},
		"arrêt":                {Stop, "ARRET", "fr"}, "Arre\u0302t": {Stop, "ARRET", "fr"}, "ARRET": {Stop, "ARRET", "fr"}, "Désabonner": {Stop, "DESABONNER", "fr"},
		"Ferma": {Stop, "FERMA", "it"}, "disiscrivi": {Stop, "DISISCRIVI", "it"},
		"إيقاف": {Stop, "ايقاف", "ar"}, "ايقاف": {Stop, "ايقاف", "ar"}, "توقَّف": {Stop, "توقف", "ar"}, "«إلغاء»": {Stop, "الغاء", "ar"},
		"إيقـــاف": {Stop, "ايقاف", "ar"}, "\u200fإيقاف\u200f": {Stop, "ايقاف", "ar"}, "إلغاء الاشتراك": {Stop, "الغاء الاشتراك", "ar"}, "ﺇﻳﻘﺎﻑ": {Stop, "ايقاف", "ar"},

		"help": {Help, "HELP", "en"}, "HELP?": {Help, "HELP", "en"}, "Info": {Help, "INFO", ""}, "Aide": {Help, "AIDE", "fr"},
		"¿Ayuda?": {Help, "AYUDA", "es"}, "Hilfe!": {Help, "HILFE", "de"}, "aiuto": {Help, "AIUTO", "it"}, "مساعدة؟": {Help, "مساعدة", "ar"},

		"Start": {Start, "START", ""}, "UNSTOP": {Start, "UNSTOP", "en"}, "Démarrer": {Start, "DEMARRER", "fr"}, "anmelden": {Start, "ANMELDEN", "de"},
		"ابدأ": {Start, "ابدا", "ar"}, "استئناف": {Start, "استيناف", "ar"},

		"Yes": {Yes, "YES", "en"}, "yes, yes!": {Yes, "YES", "en"}, "Sí": {Yes, "SI", ""}, "sì": {Yes, "SI", ""}, "Oui": {Yes, "OUI", "fr"},
		"ja": {Yes, "JA", "de"}, "نعم": {Yes, "نعم", "ar"},
	} {
		if got := Keyword(text); got != want {
			t.Errorf("%q: %+v, not %+v", text, got, want)
		}
	}
}

// TestOrdinaryAnswers are no keywords.
func TestOrdinaryAnswers(t *testing.T) {
	for _, text := range []string{
		"", " ", "!", "👍", "\xff\xfe", "STOP\xff", "Please stop by at 3", "stop by", "Stop by?", "cancel my appointment", "Cancel tomorrow", "end of story", "The end",
		"I can't help", "help me please", "no", "No.", "nein", "non", "fin", "basta", "ende", "annuler", "annulla", "absagen", "cancelar", "anular", "genug",
		"yes please", "yes but stop", "stop yes", "don't stop", "non stop", "nonstop", "stopped", "stops", "bus stop", "START tomorrow", "stop 2", "stop1",
		"opt", "out", "opt out of", "unsubscribed?", "baja presion", "presion alta", "llego a la parada", "ALTO riesgo", "arrêt de travail", "stop it", "full stop",
		"infos", "infoline", "Ja, gerne", "sinon", "لا", "موعد", "الغاء الموعد", "S", "st", "q", "s t", "stop stop it", strings.Repeat("stop ", 200),
	} {
		if got := Keyword(text); got != (Word{}) {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}

// TestWordsAreSpelledAsTheyAreLookedUp, each once.
func TestWordsAreSpelledAsTheyAreLookedUp(t *testing.T) {
	seen := map[string]bool{}
	languages := map[Meaning]map[string]bool{}
	for _, l := range words() {
		if languages[l.means] == nil {
			languages[l.means] = map[string]bool{}
		}
		languages[l.means][l.language] = true
		for _, w := range strings.Split(l.words, ",") {
			if plain(w) != w || seen[w] {
				t.Errorf("%q cannot be found, or stands twice: %q", w, plain(w))
			}
			seen[w] = true
			if got := Keyword(strings.ToLower(w)); got != (Word{l.means, w, l.language}) {
				t.Errorf("%q: %+v", w, got)
			}
		}
	}
	for _, language := range []string{"en", "de", "es", "fr", "it", "ar"} {
		if !languages[Stop][language] || !languages[Help][language] {
			t.Errorf("%s has no words", language)
		}
	}
}

// FuzzKeyword: what stands around a word changes nothing, and nothing else
// becomes a word.
func FuzzKeyword(f *testing.F) {
	for _, s := range []string{"STOP", "please stop by at 3", "إيقاف", "opt-out", "\u202estop", "S T O P", "ﷺ", "Ａ\u0300", "stop stop"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w := Keyword(text)
		if len(text) < maxKeyword/4 && utf8.ValidString(text) {
			if again := Keyword("« " + text + " »!"); again != w {
				t.Errorf("%q: %+v, in quotes %+v", text, w, again)
			}
			if twice := Keyword(text + " " + text); w.Means != None && twice != w {
				t.Errorf("%q: %+v, twice %+v", text, w, twice)
			}
		}
		if w.Means != None && !strings.Contains(strings.ReplaceAll(plain(text), " ", ""), strings.ReplaceAll(w.Text, " ", "")) {
			t.Errorf("%q does not hold %q", text, w.Text)
		}
	})
}
