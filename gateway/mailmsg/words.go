package mailmsg

import (
	"fmt"
	"strings"
	"time"
)

// words are the fixed texts of what Gatepost itself sends, in one language.
// In each, %s is what its comment says.
type words struct {
	language string
	subject  string // organization
	intro    string // organization
	lead     string
	button   string
	proof    string
	mark     string // reference
	expires  string // date
	doubt    string
	help     string // whom to ask

	codeSubject string // reference
	codeIntro   string // reference
	codeRules   string
	months      string
	date        string // verbs: day, month, year, time
}

// wordsFor returns the texts of a BCP 47 language, English when there are
// none.
func wordsFor(language string) words {
	base, _, _ := strings.Cut(strings.ToLower(language), "-")
	switch base {
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
	return fmt.Sprintf(w.date, t.Day(), month, t.Year(), t.Format("15:04 MST"))
}

func english() words {
	return words{
		language: "en",
		subject:  "Secure message from %s",
		intro:    "%s has sent you a secure message.",
		lead:     "Read it here:",
		button:   "Read the message",
		proof:    "The page asks for a code before it shows the message. You need no account.",
		mark:     "Reference: %s. The page shows the same reference.",
		expires:  "The link works until %s.",
		doubt:    "If you did not expect this message, do not enter a code.",
		help:     "Questions: %s",

		codeSubject: "Code for reference %s",
		codeIntro:   "Your code for the secure message with reference %s:",
		codeRules:   "It works once and for a few minutes only. Give it to nobody. If you did not ask for it, ignore this mail.",
		months:      "January February March April May June July August September October November December",
		date:        "%d %s %d, %s",
	}
}

func german() words {
	return words{
		language: "de",
		subject:  "Vertrauliche Nachricht von %s",
		intro:    "%s hat Ihnen eine vertrauliche Nachricht gesendet.",
		lead:     "Hier lesen Sie sie:",
		button:   "Nachricht lesen",
		proof:    "Die Seite fragt nach einem Code, bevor sie die Nachricht zeigt. Ein Konto brauchen Sie nicht.",
		mark:     "Kennzeichen: %s. Die Seite zeigt dasselbe Kennzeichen.",
		expires:  "Der Link gilt bis %s.",
		doubt:    "Wenn Sie diese Nachricht nicht erwartet haben, geben Sie keinen Code ein.",
		help:     "Fragen: %s",

		codeSubject: "Code zum Kennzeichen %s",
		codeIntro:   "Ihr Code für die vertrauliche Nachricht mit dem Kennzeichen %s:",
		codeRules:   "Er gilt einmal und nur wenige Minuten. Geben Sie ihn niemandem weiter. Haben Sie keinen Code verlangt, können Sie diese Mail ignorieren.",
		months:      "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
		date:        "%d. %s %d, %s",
	}
}

func french() words {
	return words{
		language: "fr",
		subject:  "Message confidentiel de %s",
		intro:    "%s vous a envoyé un message confidentiel.",
		lead:     "Lisez-le ici :",
		button:   "Lire le message",
		proof:    "La page demande un code avant d'afficher le message. Aucun compte n'est nécessaire.",
		mark:     "Référence : %s. La page affiche la même référence.",
		expires:  "Le lien est valable jusqu'au %s.",
		doubt:    "Si vous n'attendiez pas ce message, ne saisissez aucun code.",
		help:     "Questions : %s",

		codeSubject: "Code pour la référence %s",
		codeIntro:   "Votre code pour le message confidentiel portant la référence %s :",
		codeRules:   "Il ne sert qu'une fois et pendant quelques minutes seulement. Ne le donnez à personne. Si vous ne l'avez pas demandé, ignorez ce courriel.",
		months:      "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
		date:        "%d %s %d, %s",
	}
}

func italian() words {
	return words{
		language: "it",
		subject:  "Messaggio riservato da %s",
		intro:    "%s le ha inviato un messaggio riservato.",
		lead:     "Lo legga qui:",
		button:   "Leggere il messaggio",
		proof:    "La pagina chiede un codice prima di mostrare il messaggio. Non serve alcun account.",
		mark:     "Riferimento: %s. La pagina mostra lo stesso riferimento.",
		expires:  "Il link è valido fino al %s.",
		doubt:    "Se non aspettava questo messaggio, non inserisca alcun codice.",
		help:     "Domande: %s",

		codeSubject: "Codice per il riferimento %s",
		codeIntro:   "Il suo codice per il messaggio riservato con il riferimento %s:",
		codeRules:   "Vale una sola volta e per pochi minuti. Non lo dia a nessuno. Se non l'ha chiesto, ignori questa mail.",
		months:      "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
		date:        "%d %s %d, %s",
	}
}

func spanish() words {
	return words{
		language: "es",
		subject:  "Mensaje confidencial de %s",
		intro:    "%s le ha enviado un mensaje confidencial.",
		lead:     "Léalo aquí:",
		button:   "Leer el mensaje",
		proof:    "La página pide un código antes de mostrar el mensaje. No necesita ninguna cuenta.",
		mark:     "Referencia: %s. La página muestra la misma referencia.",
		expires:  "El enlace es válido hasta el %s.",
		doubt:    "Si no esperaba este mensaje, no introduzca ningún código.",
		help:     "Preguntas: %s",

		codeSubject: "Código para la referencia %s",
		codeIntro:   "Su código para el mensaje confidencial con la referencia %s:",
		codeRules:   "Sirve una sola vez y durante pocos minutos. No se lo dé a nadie. Si no lo ha pedido, ignore este correo.",
		months:      "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
		date:        "%d de %s de %d, %s",
	}
}
