package smsmsg

import "strings"

// words are the fixed texts in one language, spelled in the default alphabet
// where the language can be: without the accents of Spanish and the
// circumflexes of French. In those with a gap, %s is what the comment says.
type words struct {
	language string
	from     string // organization; before all other texts

	notice    string // reference
	reminder  string // reference
	expiring  string // reference
	here      string // before the link
	elsewhere string // instead of the link

	code   string // reference; the code follows
	thaw   string // reference; the code follows
	renew  string // reference; the code follows
	secret string // behind the code

	stopped string
	started string
	help    string
	ask     string // before whom to ask

	tidings string // to the application
}

// wordsFor returns the texts of a BCP 47 language, English when there are none.
func wordsFor(language string) *words {
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

func english() *words {
	return &words{
		language: "en", from: "%s: ",
		notice:    "You have a confidential message (%s).",
		reminder:  "Your confidential message (%s) still waits.",
		expiring:  "The link to your confidential message (%s) ends soon.",
		here:      "Read it here:",
		elsewhere: "Please open the link in our first SMS.",
		code:      "Your code to read the message %s:",
		thaw:      "Your code to unlock the link %s:",
		renew:     "Your code to renew the link %s:",
		secret:    "Give it to nobody.",
		stopped:   "You will get no more SMS from this number. To resume, reply START.",
		started:   "You get SMS from this number again. To stop, reply STOP.",
		help:      "You get SMS from this number. To stop, reply STOP.",
		ask:       "Help: ",
		tidings:   "A new message from this number is in the mailbox.",
	}
}

func german() *words {
	return &words{
		language: "de", from: "%s: ",
		notice:    "Sie haben eine vertrauliche Nachricht (%s).",
		reminder:  "Ihre vertrauliche Nachricht (%s) wartet noch.",
		expiring:  "Der Link zu Ihrer Nachricht (%s) läuft bald ab.",
		here:      "Hier lesen:",
		elsewhere: "Bitte öffnen Sie den Link in unserer ersten SMS.",
		code:      "Ihr Code für die Nachricht %s:",
		thaw:      "Ihr Code, um den Link %s zu entsperren:",
		renew:     "Ihr Code, um den Link %s zu verlängern:",
		secret:    "Geben Sie ihn niemandem.",
		stopped:   "Von dieser Nummer kommen keine SMS mehr. Mit START wieder.",
		started:   "Von dieser Nummer kommen wieder SMS. Ende mit STOP.",
		help:      "Von dieser Nummer bekommen Sie SMS. Ende mit STOP.",
		ask:       "Hilfe: ",
		tidings:   "Eine neue Nachricht von dieser Nummer liegt im Postfach.",
	}
}

func french() *words {
	return &words{
		language: "fr", from: "%s : ",
		notice:    "Vous avez un message confidentiel (%s).",
		reminder:  "Votre message confidentiel (%s) attend.",
		expiring:  "Le lien vers votre message (%s) expire sous peu.",
		here:      "Lisez-le ici :",
		elsewhere: "Ouvrez le lien de notre premier SMS.",
		code:      "Votre code pour le message %s :",
		thaw:      "Votre code pour débloquer le lien %s :",
		renew:     "Votre code pour prolonger le lien %s :",
		secret:    "Ne le donnez à personne.",
		stopped:   "Vous ne recevrez plus de SMS de ce numéro. Pour reprendre : START.",
		started:   "Vous recevez à nouveau les SMS de ce numéro. Fin : STOP.",
		help:      "Vous recevez des SMS de ce numéro. Fin : STOP.",
		ask:       "Aide : ",
		tidings:   "Un nouveau message de ce numéro est dans la messagerie.",
	}
}

func italian() *words {
	return &words{
		language: "it", from: "%s: ",
		notice:    "Ha un messaggio riservato (%s).",
		reminder:  "Il Suo messaggio riservato (%s) attende.",
		expiring:  "Il link al Suo messaggio (%s) scade tra poco.",
		here:      "Lo legga qui:",
		elsewhere: "Apra il link nel nostro primo SMS.",
		code:      "Il Suo codice per il messaggio %s:",
		thaw:      "Il Suo codice per sbloccare il link %s:",
		renew:     "Il Suo codice per prolungare il link %s:",
		secret:    "Non lo dia a nessuno.",
		stopped:   "Non riceverà più SMS da questo numero. Per riprendere: START.",
		started:   "Riceve di nuovo gli SMS da questo numero. Per fermarli: STOP.",
		help:      "Riceve SMS da questo numero. Per fermarli: STOP.",
		ask:       "Aiuto: ",
		tidings:   "Un nuovo messaggio da questo numero è nella casella.",
	}
}

func spanish() *words {
	return &words{
		language: "es", from: "%s: ",
		notice:    "Tiene un mensaje confidencial (%s).",
		reminder:  "Su mensaje confidencial (%s) le espera.",
		expiring:  "El enlace a su mensaje (%s) caduca pronto.",
		here:      "Puede leerlo en:",
		elsewhere: "Abra el enlace de nuestro primer SMS.",
		code:      "Clave para leer el mensaje %s:",
		thaw:      "Clave para desbloquear el enlace %s:",
		renew:     "Clave para prolongar el enlace %s:",
		secret:    "No la comparta con nadie.",
		stopped:   "Baja confirmada: no le enviaremos otros SMS. Para volver: START.",
		started:   "Vuelve a recibir nuestros SMS. Para no recibirlos: STOP.",
		help:      "Recibe nuestros SMS. Para no recibirlos: STOP.",
		ask:       "Ayuda: ",
		tidings:   "Hay un nuevo mensaje de este numero en el buzon.",
	}
}

// arabic begins with Arabic letters, so that a text with a Latin name in it is
// shown from right to left.
func arabic() *words {
	return &words{
		language: "ar", from: "من %s: ",
		notice:    "لديكم رسالة سرية (%s).",
		reminder:  "رسالتكم السرية (%s) بانتظاركم.",
		expiring:  "رابط رسالتكم (%s) ينتهي قريبا.",
		here:      "للقراءة:",
		elsewhere: "افتحوا رابط رسالتنا الأولى.",
		code:      "رمز قراءة الرسالة %s:",
		thaw:      "رمز فتح الرابط %s:",
		renew:     "رمز تمديد الرابط %s:",
		secret:    "لا تعطوه لأحد.",
		stopped:   "أوقفنا الرسائل. لإعادتها: START",
		started:   "عادت رسائلنا إليكم. لإيقافها: STOP",
		help:      "لإيقاف الرسائل: STOP",
		ask:       "مساعدة: ",
		tidings:   "رسالة جديدة من هذا الرقم في صندوق البريد.",
	}
}
