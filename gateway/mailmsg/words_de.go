package mailmsg

func german() words {
	return words{
		language: "de",
		subject:  "Vertrauliche Nachricht von %s",
		intro:    "%s hat Ihnen eine vertrauliche Nachricht gesendet.",
		lead:     "Hier lesen Sie sie:",
		button:   "Nachricht lesen",
		proof:    "Die Seite fragt nach einem Code oder einer PIN, bevor sie die Nachricht zeigt. Ein Konto brauchen Sie nicht.",
		mark:     "Kennzeichen: %s. Die Seite zeigt dasselbe Kennzeichen.",
		expires:  "Der Link gilt bis %s.",
		doubt:    "Wenn Sie diese Nachricht nicht erwartet haben, geben Sie keinen Code ein.",
		help:     "Fragen: %s",

		reminderSubject: "Erinnerung: vertrauliche Nachricht von %s",
		reminderIntro:   "%s hat Ihnen eine vertrauliche Nachricht gesendet. Sie haben sie noch nicht gelesen.",
		elsewhere:       "Der Link steht in unserer ersten Mail vom %s. Bitte öffnen Sie diese Mail und dort den Link.",
		expiringSubject: "Läuft bald ab: vertrauliche Nachricht von %s",
		expiringIntro:   "Eine vertrauliche Nachricht von %s können Sie nur noch kurze Zeit lesen.",

		codeSubject: "Code zum Kennzeichen %s",
		codeIntro:   "Ihr Code für die vertrauliche Nachricht mit dem Kennzeichen %s:",
		thawIntro:   "Ihr Code, um den gesperrten Link mit dem Kennzeichen %s zu entsperren:",
		renewIntro:  "Ihr Code, um den abgelaufenen Link mit dem Kennzeichen %s zu verlängern:",
		codeRules:   "Er gilt einmal und nur wenige Minuten. Geben Sie ihn niemandem weiter. Haben Sie keinen Code verlangt, können Sie diese Mail ignorieren.",
		months:      "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
		date:        "%d. %s %d, %s",

		staff: germanStaff(),
		report: reportWords{
			failedSubject:  "Nicht zugestellt: Ihre Nachricht konnte nicht zugestellt werden",
			delayedSubject: "Verzögert: Ihre Nachricht wartet noch",
			failed:         "Ihre Nachricht vom %s konnte den folgenden Empfängern nicht zugestellt werden. Es wird nicht noch einmal versucht.",
			delayed:        "Ihre Nachricht vom %s ist den folgenden Empfängern noch nicht zugestellt. Es wird weiter versucht; Sie müssen sie nicht noch einmal senden.",
			said:           "%s antwortete: %s",
			until:          "versucht bis %s",
			application:    "Es ist eine Kurznachricht der Anwendung %s: Kennung %s, angenommen um %s.",
		},
	}
}

func germanStaff() staffWords {
	return staffWords{
		staffFacts: germanFacts(),
		folders:    germanFolders(),
		waiting:    germanWaiting(),

		answer:       "Jemand hat auf Ihre vertrauliche Nachricht geantwortet. Die Antwort konnte nicht in eine Mail an Sie gesetzt werden.",
		answerRead:   "Hier lesen Sie sie, mit Ihrem Benutzernamen und Passwort:",
		held:         "Eine Mail, die eine Antwort auf Ihre vertrauliche Nachricht sein kann, wurde zurückgehalten.",
		heldNext:     "Sie wird erst zugestellt, wenn jemand, der in Ihrem Haus zurückgehaltene Nachrichten prüft, sie freigibt. Erwarten Sie eine Antwort, nennen Sie dort diese Nummer:",
		opened:       "Ihre vertrauliche Nachricht wurde geöffnet.",
		openedByTool: "Der Nachweis stimmte, aber vermutlich hat ein Programm die Nachricht geöffnet. Betrachten Sie sie nicht als von einem Menschen gelesen.",
		unread:       "Ihre vertrauliche Nachricht wurde noch nicht geöffnet.",
		unreadNext:   "Der Empfänger wurde erinnert. Bitte versuchen Sie, ihn auf einem anderen Weg zu erreichen; die Benachrichtigung liegt vielleicht im Spam-Ordner.",
		expiring:     "Der Link zu Ihrer vertraulichen Nachricht läuft bald ab, und noch niemand hat sie geöffnet.",
		expiringNext: "Braucht der Empfänger die Nachricht noch, erreichen Sie ihn bitte auf einem anderen Weg, oder senden Sie sie noch einmal.",
		notForMe:     "Wer den Link zu Ihrer vertraulichen Nachricht bekam, sagt, dass sie nicht für ihn bestimmt ist. Der Link ist gesperrt.",
		notForMeNext: "Bitte prüfen Sie die Adresse. Ist sie falsch, nehmen Sie die Nachricht zurück und senden Sie sie an die richtige.",
		suspicious:   "Der Empfänger zweifelt, dass die Benachrichtigung über Ihre vertrauliche Nachricht echt ist, und hat sie gemeldet.",
		suspectNext:  "Bitte erreichen Sie ihn auf einem anderen Weg und sagen Sie ihm, ob die Nachricht von Ihnen ist.",
		undelivered:  "Eine Antwort auf Ihre vertrauliche Nachricht konnte nicht in Ihr Postfach zugestellt werden. Sie ist nicht verloren.",
		undelivNext:  "Wer in Ihrem Haus zurückgehaltene Nachrichten prüft, findet sie unter dieser Nummer:",
		unopenable:   "Ihre vertrauliche Nachricht ist angekommen, kann aber noch nicht geöffnet werden: Eine Regel verlangt einen Code über einen zweiten Weg, und es ist keiner bekannt.",
		unopenNext:   "Erfragen Sie eine zweite Mailadresse des Empfängers und lassen Sie sie eintragen (gatepost contact import); derselbe Link funktioniert dann. Oder senden Sie die Nachricht noch einmal mit [secure pin:…], mit eigenen Ziffern, im Betreff und nennen Sie dem Empfänger die PIN am Telefon.",
		stopped:      "Gatepost: Dieses Telefon bekommt keine SMS von %s mehr. Es wird keine gesendet, bis es START schickt; was noch wartete, ist zurückgenommen.",
		resumed:      "Gatepost: Dieses Telefon bekommt wieder SMS von %s.",
	}
}

func germanFacts() staffFacts {
	return staffFacts{
		subjects: staffSubjects{
			answer:      "Eine Antwort wartet: vertrauliche Nachricht %s",
			held:        "Antwort zurückgehalten: vertrauliche Nachricht %s",
			opened:      "Geöffnet: vertrauliche Nachricht %s",
			unread:      "Noch nicht gelesen: vertrauliche Nachricht %s",
			expiring:    "Link läuft bald ab: vertrauliche Nachricht %s",
			reported:    "Vom Empfänger gemeldet: vertrauliche Nachricht %s",
			recalled:    "Rückruf: vertrauliche Nachricht %s",
			undelivered: "Antwort nicht zugestellt: vertrauliche Nachricht %s",
			unopenable:  "Noch nicht zu öffnen: vertrauliche Nachricht %s",
		},
		labels: staffLabels{
			reference: "Kennzeichen:",
			person:    "Gegenüber:",
			sent:      "Gesendet:",
			when:      "Zeitpunkt:",
			proof:     "Nachweis:",
			reader:    "Geöffnet von:",
			byPerson:  "einem Menschen",
			byTool:    "vermutlich einem Programm",
			until:     "Link gilt bis:",
			reason:    "Grund:",
			held:      "Nummer für die Prüfung:",
		},
		assurance: staffAssurance{
			sameChannel:  "Code an die Adresse, die auch den Link bekam",
			otherChannel: "Code auf einem anderen Weg",
			senderPIN:    "PIN, die der Absender gesetzt hat",
			contactPIN:   "PIN, die beide Seiten kennen",
			standingPIN:  "selbst gewählte PIN",
			unknown:      "nicht festgehalten",
		},
		reasons: staffReasons{
			unsigned:    "Nichts belegt den Absender: Die Mail trägt keine Signatur.",
			invalid:     "Die Signatur stimmt nicht: Die Mail wurde unterwegs verändert oder gefälscht.",
			otherDomain: "Eine andere Domain als die des Absenders hat sie signiert.",
			stranger:    "Der Absender gehört nicht zu diesem Gespräch.",
			repeated:    "Sie wiederholt eine Mail, die schon einmal kam.",
			dated:       "Ihr Datum ist nicht aktuell.",
			weak:        "Die Signatur ist zu schwach oder lässt einen Teil der Mail aus.",
			odd:         "Ihre Form ist zweifelhaft.",
		},
		recall: staffRecall{
			intro:     "Ihre Nachricht wurde zurückgenommen.",
			undone:    "Der Rückruf wurde aufgehoben.",
			undoUntil: "Bis %s kann die Administration den Rückruf aufheben. Danach wird die Nachricht vernichtet.",
			locked:    "gesperrt: Niemand kann sie öffnen.",
			destroyed: "vernichtet: Die Schlüssel sind fort, niemand kann sie zurückholen.",
			works:     "Der Link gilt.",
			passed:    "nicht erreichbar: Sie ging als gewöhnliche Mail hinaus.",
			read:      "Sie war am %s geöffnet worden.",
			unread:    "Sie war nicht geöffnet worden.",
			reach:     "Ein Rückruf erreicht nicht, was jemand schon gesehen, gedruckt, kopiert oder heruntergeladen hat.",
			backups:   "Eine früher angefertigte Sicherung der Schlüssel öffnet auch vernichtete Nachrichten, bis sie ersetzt ist.",
		},
	}
}
