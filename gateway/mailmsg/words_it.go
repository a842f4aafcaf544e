package mailmsg

func italian() words {
	return words{
		language: "it",
		subject:  "Messaggio riservato da %s",
		intro:    "%s le ha inviato un messaggio riservato.",
		lead:     "Lo legga qui:",
		button:   "Leggere il messaggio",
		proof:    "La pagina chiede un codice o un PIN prima di mostrare il messaggio. Non serve alcun account.",
		mark:     "Riferimento: %s. La pagina mostra lo stesso riferimento.",
		expires:  "Il link è valido fino al %s.",
		doubt:    "Se non aspettava questo messaggio, non inserisca alcun codice.",
		help:     "Domande: %s",

		reminderSubject: "Promemoria: messaggio riservato da %s",
		reminderIntro:   "%s le ha inviato un messaggio riservato. Non l'ha ancora letto.",
		elsewhere:       "Il link si trova nella nostra prima mail del %s. Apra quella mail e poi il link che contiene.",
		expiringSubject: "Scade presto: messaggio riservato da %s",
		expiringIntro:   "Un messaggio riservato da %s si può leggere ancora per poco tempo.",

		codeSubject: "Codice per il riferimento %s",
		codeIntro:   "Il suo codice per il messaggio riservato con il riferimento %s:",
		thawIntro:   "Il suo codice per sbloccare il link bloccato con il riferimento %s:",
		renewIntro:  "Il suo codice per rinnovare il link scaduto con il riferimento %s:",
		codeRules:   "Vale una sola volta e per pochi minuti. Non lo dia a nessuno. Se non l'ha chiesto, ignori questa mail.",
		months:      "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
		date:        "%d %s %d, %s",

		staff: italianStaff(),
		report: reportWords{
			failedSubject:  "Mail non consegnata: il suo messaggio non ha potuto essere consegnato",
			delayedSubject: "Mail in ritardo: il suo messaggio è ancora in attesa",
			failed:         "Il suo messaggio del %s non ha potuto essere consegnato ai destinatari seguenti. Non ci saranno altri tentativi.",
			delayed:        "Il suo messaggio del %s non è ancora stato consegnato ai destinatari seguenti. I tentativi continuano; non occorre inviarlo di nuovo.",
			said:           "%s ha risposto: %s",
			until:          "tentativi fino al %s",
			application:    "È un messaggio breve dell'applicazione %s: identificativo %s, accettato alle %s.",
		},
	}
}

func italianStaff() staffWords {
	return staffWords{
		staffFacts: italianFacts(),
		folders:    italianFolders(),
		waiting:    italianWaiting(),

		answer:       "Qualcuno ha risposto al suo messaggio riservato. Non è stato possibile metterla in una mail per lei.",
		answerRead:   "La legga qui, con il suo nome utente e la sua password:",
		held:         "Una mail che forse risponde al suo messaggio riservato è stata trattenuta.",
		heldNext:     "Viene consegnata solo se chi verifica i messaggi trattenuti nella sua organizzazione la rilascia. Se aspetta una risposta, indichi questo numero:",
		opened:       "Il suo messaggio riservato è stato aperto.",
		openedByTool: "La prova era giusta, ma sembra che un programma abbia aperto il messaggio. Non lo consideri letto da una persona.",
		unread:       "Il suo messaggio riservato non è ancora stato aperto.",
		unreadNext:   "Al destinatario è stato inviato un promemoria. Provi a raggiungerlo in un altro modo; l'avviso potrebbe essere nella posta indesiderata.",
		expiring:     "Il link al suo messaggio riservato scade presto e nessuno ha ancora aperto il messaggio.",
		expiringNext: "Se il destinatario ha ancora bisogno del messaggio, lo raggiunga in un altro modo, oppure lo invii di nuovo.",
		notForMe:     "Chi ha ricevuto il link al suo messaggio riservato dice che non è destinato a lui. Il link è bloccato.",
		notForMeNext: "Controlli l'indirizzo. Se è sbagliato, ritiri il messaggio e lo invii a quello giusto.",
		suspicious:   "Il destinatario dubita che l'avviso del suo messaggio riservato sia autentico e lo ha segnalato.",
		suspectNext:  "Lo raggiunga in un altro modo e gli dica se il messaggio viene da lei.",
		undelivered:  "Non è stato possibile consegnare nella sua casella una risposta al suo messaggio riservato. Non è andata persa.",
		undelivNext:  "Chi verifica i messaggi trattenuti nella sua organizzazione la trova con questo numero:",
		unopenable:   "Il suo messaggio riservato è arrivato, ma il destinatario non può ancora aprirlo: una regola richiede un codice per una seconda via e non ne è nota alcuna.",
		unopenNext:   "Chieda un secondo indirizzo del destinatario e lo faccia registrare (gatepost contact import); lo stesso link funzionerà. Oppure invii di nuovo il messaggio con [secure pin:…], con cifre Sue, nell'oggetto e comunichi il PIN al destinatario per telefono.",
		stopped:      "Gatepost: questo telefono non riceve più SMS da %s. Non ne viene inviato nessuno finché non manda START; quelli in attesa sono ritirati.",
		resumed:      "Gatepost: questo telefono riceve di nuovo gli SMS da %s.",
	}
}

func italianFacts() staffFacts {
	return staffFacts{
		subjects: staffSubjects{
			answer:      "Una risposta attende: messaggio riservato %s",
			held:        "Risposta trattenuta: messaggio riservato %s",
			opened:      "Aperto: messaggio riservato %s",
			unread:      "Non ancora letto: messaggio riservato %s",
			expiring:    "Il link scade presto: messaggio riservato %s",
			reported:    "Segnalato dal lettore: messaggio riservato %s",
			recalled:    "Richiamo: messaggio riservato %s",
			undelivered: "Risposta non consegnata: messaggio riservato %s",
			unopenable:  "Non ancora apribile: messaggio riservato %s",
		},
		labels: staffLabels{
			reference: "Riferimento:",
			person:    "Persona:",
			sent:      "Inviato:",
			when:      "Quando:",
			proof:     "Prova:",
			reader:    "Aperto da:",
			byPerson:  "una persona",
			byTool:    "probabilmente un programma",
			until:     "Link valido fino al:",
			reason:    "Motivo:",
			held:      "Numero per la verifica:",
		},
		assurance: staffAssurance{
			sameChannel:  "codice inviato all'indirizzo che ha ricevuto il link",
			otherChannel: "codice inviato per un'altra via",
			senderPIN:    "PIN impostato dal mittente",
			contactPIN:   "PIN noto a entrambe le parti",
			standingPIN:  "PIN scelto dal lettore",
			unknown:      "non registrata",
		},
		reasons: staffReasons{
			unsigned:    "nulla prova il mittente: la mail non è firmata",
			invalid:     "la firma non è valida: la mail è stata modificata lungo il percorso, o falsificata",
			otherDomain: "è firmata da un dominio diverso da quello del mittente",
			stranger:    "il mittente non partecipa alla conversazione",
			repeated:    "ripete una mail già arrivata",
			dated:       "la sua data non è recente",
			weak:        "la firma è troppo debole, o lascia fuori una parte della mail",
			odd:         "la sua forma è dubbia",
		},
		recall: staffRecall{
			intro:     "Il suo messaggio è stato ritirato.",
			undone:    "Il ritiro è stato annullato.",
			undoUntil: "L'amministrazione può annullare il ritiro fino al %s. Dopo il messaggio viene distrutto.",
			locked:    "bloccata: nessuno può aprirla",
			destroyed: "distrutta: le chiavi non esistono più e nessuno può recuperarla",
			works:     "il link funziona",
			passed:    "fuori portata: è partita come mail ordinaria",
			read:      "Era stata aperta il %s.",
			unread:    "Non era stata aperta.",
			reach:     "Un ritiro non raggiunge ciò che qualcuno ha già visto, stampato, copiato o scaricato.",
			backups:   "Un backup precedente delle chiavi apre ancora i messaggi distrutti, finché non viene sostituito.",
		},
	}
}
