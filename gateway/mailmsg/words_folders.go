package mailmsg

// folderWords are what staff are told of the folders in their mail client. The
// names of folders are the same in every language.
type folderWords struct {
	askSubject            string // reference
	askRelease, askRefuse string
	askNext               string
	bulkSubject           string // how many
	bulk, bulkNext        string
	backSubject           string // how many
	back                  string
	backUntil             string // date
	count, limit          string // labels
}

func englishFolders() folderWords {
	return folderWords{
		askSubject:  "Reason needed: held message %s",
		askRelease:  "You have moved held mail to Quarantine/Release. A rule demands a reason before it leaves, so nothing is decided yet.",
		askRefuse:   "You have moved held mail to Quarantine/Refuse. A rule demands a reason before it is refused, so nothing is decided yet.",
		askNext:     "Answer this mail from your own address, and write the reason above the quoted text. It is kept with the message, and what you decided is done. To take the decision back, move the mail to Quarantine again.",
		bulkSubject: "Not taken back: %s messages",
		bulk:        "You have moved more messages to Recall than are taken back in an hour from a mail client. Nothing was taken back, and all of them are where they were: a whole folder is moved more often by mistake than on purpose.",
		bulkNext:    "If you mean it, move fewer at once, now or later, or ask who runs Gatepost to take them back (gatepost message recall).",
		backSubject: "Taken back: %s messages",
		back:        "The messages that you moved to Recall are taken back. No link of them opens any more.",
		backUntil:   "To give them back, move them out of Recall before %s. After that they are destroyed.",
		count:       "Messages:",
		limit:       "At most in an hour:",
	}
}

func germanFolders() folderWords {
	return folderWords{
		askSubject:  "Grund erforderlich: zurückgehaltene Nachricht %s",
		askRelease:  "Sie haben zurückgehaltene Mail nach Quarantine/Release verschoben. Eine Regel verlangt einen Grund, bevor sie das Haus verlässt; entschieden ist noch nichts.",
		askRefuse:   "Sie haben zurückgehaltene Mail nach Quarantine/Refuse verschoben. Eine Regel verlangt einen Grund, bevor sie abgelehnt wird; entschieden ist noch nichts.",
		askNext:     "Antworten Sie auf diese Mail von Ihrer eigenen Adresse aus und schreiben Sie den Grund über den zitierten Text. Er wird bei der Nachricht verwahrt, und Ihre Entscheidung wird ausgeführt. Um sie zurückzunehmen, verschieben Sie die Mail wieder nach Quarantine.",
		bulkSubject: "Nicht zurückgerufen: %s Nachrichten",
		bulk:        "Sie haben mehr Nachrichten nach Recall verschoben, als in einer Stunde aus einem Mailprogramm zurückgerufen werden. Nichts wurde zurückgerufen, und alle sind, wo sie waren: Ein ganzer Ordner wird eher aus Versehen verschoben als mit Absicht.",
		bulkNext:    "War es so gemeint, verschieben Sie weniger auf einmal, jetzt oder später, oder bitten Sie, wer Gatepost betreibt, sie zurückzurufen (gatepost message recall).",
		backSubject: "Zurückgerufen: %s Nachrichten",
		back:        "Die Nachrichten, die Sie nach Recall verschoben haben, sind zurückgerufen. Keiner ihrer Links öffnet sie mehr.",
		backUntil:   "Um den Rückruf aufzuheben, verschieben Sie sie vor %s aus Recall heraus. Danach sind sie vernichtet.",
		count:       "Nachrichten:",
		limit:       "Höchstens in einer Stunde:",
	}
}

func frenchFolders() folderWords {
	return folderWords{
		askSubject:  "Motif requis : message retenu %s",
		askRelease:  "Vous avez déplacé du courrier retenu vers Quarantine/Release. Une règle exige un motif avant qu'il parte ; rien n'est encore décidé.",
		askRefuse:   "Vous avez déplacé du courrier retenu vers Quarantine/Refuse. Une règle exige un motif avant qu'il soit refusé ; rien n'est encore décidé.",
		askNext:     "Répondez à ce courriel depuis votre propre adresse et écrivez le motif au-dessus du texte cité. Il est conservé avec le message, et votre décision est exécutée. Pour revenir sur la décision, déplacez le courrier de nouveau vers Quarantine.",
		bulkSubject: "Non rappelés : %s messages",
		bulk:        "Vous avez déplacé vers Recall plus de messages qu'il n'en est rappelé en une heure depuis un logiciel de messagerie. Rien n'a été rappelé, et tous sont où ils étaient : un dossier entier est plus souvent déplacé par erreur qu'exprès.",
		bulkNext:    "Si c'est voulu, déplacez-en moins à la fois, maintenant ou plus tard, ou demandez à qui exploite Gatepost de les rappeler (gatepost message recall).",
		backSubject: "Rappelés : %s messages",
		back:        "Les messages que vous avez déplacés vers Recall sont rappelés. Aucun de leurs liens ne les ouvre plus.",
		backUntil:   "Pour annuler le rappel, sortez-les de Recall avant %s. Ensuite ils sont détruits.",
		count:       "Messages :",
		limit:       "Au plus en une heure :",
	}
}

func italianFolders() folderWords {
	return folderWords{
		askSubject:  "Motivo richiesto: messaggio trattenuto %s",
		askRelease:  "Ha spostato posta trattenuta in Quarantine/Release. Una regola richiede un motivo prima che parta; nulla è ancora deciso.",
		askRefuse:   "Ha spostato posta trattenuta in Quarantine/Refuse. Una regola richiede un motivo prima che sia rifiutata; nulla è ancora deciso.",
		askNext:     "Risponda a questa mail dal proprio indirizzo e scriva il motivo sopra il testo citato. Viene conservato con il messaggio e la Sua decisione è eseguita. Per ritirarla, sposti di nuovo la posta in Quarantine.",
		bulkSubject: "Non richiamati: %s messaggi",
		bulk:        "Ha spostato in Recall più messaggi di quanti ne siano richiamati in un'ora da un programma di posta. Nulla è stato richiamato e tutti sono dov'erano: una cartella intera si sposta più spesso per errore che apposta.",
		bulkNext:    "Se è voluto, ne sposti meno alla volta, ora o più tardi, o chieda a chi gestisce Gatepost di richiamarli (gatepost message recall).",
		backSubject: "Richiamati: %s messaggi",
		back:        "I messaggi che ha spostato in Recall sono richiamati. Nessun loro link li apre più.",
		backUntil:   "Per annullare il richiamo, li sposti fuori da Recall prima di %s. Poi sono distrutti.",
		count:       "Messaggi:",
		limit:       "Al massimo in un'ora:",
	}
}

func spanishFolders() folderWords {
	return folderWords{
		askSubject:  "Se necesita un motivo: mensaje retenido %s",
		askRelease:  "Ha movido correo retenido a Quarantine/Release. Una regla exige un motivo antes de que salga; aún no se ha decidido nada.",
		askRefuse:   "Ha movido correo retenido a Quarantine/Refuse. Una regla exige un motivo antes de rechazarlo; aún no se ha decidido nada.",
		askNext:     "Responda a este correo desde su propia dirección y escriba el motivo encima del texto citado. Se guarda con el mensaje y su decisión se cumple. Para retirarla, mueva el correo otra vez a Quarantine.",
		bulkSubject: "No recuperados: %s mensajes",
		bulk:        "Ha movido a Recall más mensajes de los que se recuperan en una hora desde un programa de correo. No se ha recuperado nada y todos están donde estaban: una carpeta entera se mueve más veces por error que a propósito.",
		bulkNext:    "Si es lo que quiere, mueva menos de una vez, ahora o más tarde, o pida a quien gestiona Gatepost que los recupere (gatepost message recall).",
		backSubject: "Recuperados: %s mensajes",
		back:        "Los mensajes que movió a Recall están recuperados. Ningún enlace suyo los abre ya.",
		backUntil:   "Para deshacerlo, sáquelos de Recall antes de %s. Después quedan destruidos.",
		count:       "Mensajes:",
		limit:       "Como máximo en una hora:",
	}
}

func arabicFolders() folderWords {
	return folderWords{
		askSubject:  "مطلوب سبب: رسالة محتجزة %s",
		askRelease:  "نقلتَ بريدًا محتجزًا إلى Quarantine/Release. تتطلب إحدى القواعد سببًا قبل خروجه، ولم يُقرَّر شيء بعد.",
		askRefuse:   "نقلتَ بريدًا محتجزًا إلى Quarantine/Refuse. تتطلب إحدى القواعد سببًا قبل رفضه، ولم يُقرَّر شيء بعد.",
		askNext:     "أجب عن هذا البريد من عنوانك أنت واكتب السبب فوق النص المقتبس. يُحفظ السبب مع الرسالة ويُنفَّذ قرارك. وللرجوع عن القرار أعد البريد إلى Quarantine.",
		bulkSubject: "لم تُسترجع: %s رسالة",
		bulk:        "نقلتَ إلى Recall رسائل أكثر مما يُسترجع في ساعة واحدة من برنامج بريد. لم يُسترجع شيء، وبقيت كلها في أماكنها: فنقل مجلد كامل يقع خطأً أكثر مما يقع قصدًا.",
		bulkNext:    "إن كنت تقصد ذلك فانقل عددًا أقل في كل مرة، الآن أو لاحقًا، أو اطلب ممن يدير Gatepost استرجاعها (gatepost message recall).",
		backSubject: "استُرجعت: %s رسالة",
		back:        "استُرجعت الرسائل التي نقلتها إلى Recall. لم يعد أي رابط من روابطها يفتحها.",
		backUntil:   "للتراجع عن الاسترجاع انقلها من Recall قبل %s. وبعد ذلك تُتلف.",
		count:       "عدد الرسائل:",
		limit:       "الحد الأقصى في الساعة:",
	}
}
