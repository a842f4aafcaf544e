package mailmsg

// waitingWords tell a sender that a message of theirs waits for a reviewer.
type waitingWords struct {
	subject    string // its number
	text, next string
}

func englishWaiting() waitingWords {
	return waitingWords{
		subject: "Held for review: message %s",
		text:    "A rule of your organization wants somebody to look at a message of yours before it leaves. It has not left yet.",
		next:    "You need not send it again. Once it is released it leaves as usual; if it is refused, you get a report. Whoever reviews held mail finds it by the number above.",
	}
}

func germanWaiting() waitingWords {
	return waitingWords{
		subject: "Zur Prüfung zurückgehalten: Nachricht %s",
		text:    "Eine Regel Ihres Hauses verlangt, dass jemand eine Nachricht von Ihnen ansieht, bevor sie hinausgeht. Sie ist noch nicht hinausgegangen.",
		next:    "Sie müssen sie nicht noch einmal senden. Wird sie freigegeben, geht sie wie gewohnt hinaus; wird sie abgelehnt, bekommen Sie einen Bericht. Wer zurückgehaltene Mail prüft, findet sie unter dem Kennzeichen oben.",
	}
}

func frenchWaiting() waitingWords {
	return waitingWords{
		subject: "Retenu pour examen : message %s",
		text:    "Une règle de votre organisation veut que quelqu'un regarde un message de vous avant qu'il parte. Il n'est pas encore parti.",
		next:    "Il n'est pas nécessaire de l'envoyer de nouveau. S'il est libéré, il part comme d'habitude ; s'il est refusé, vous recevez un rapport. Qui examine le courrier retenu le trouve sous la référence ci-dessus.",
	}
}

func italianWaiting() waitingWords {
	return waitingWords{
		subject: "Trattenuto per un controllo: messaggio %s",
		text:    "Una regola della Sua organizzazione vuole che qualcuno guardi un Suo messaggio prima che parta. Non è ancora partito.",
		next:    "Non occorre inviarlo di nuovo. Se viene rilasciato, parte come sempre; se viene rifiutato, riceve un rapporto. Chi controlla la posta trattenuta lo trova con il riferimento qui sopra.",
	}
}

func spanishWaiting() waitingWords {
	return waitingWords{
		subject: "Retenido para revisión: mensaje %s",
		text:    "Una regla de su organización quiere que alguien vea un mensaje suyo antes de que salga. Aún no ha salido.",
		next:    "No hace falta que lo envíe otra vez. Si se libera, sale como siempre; si se rechaza, recibe un informe. Quien revisa el correo retenido lo encuentra con la referencia de arriba.",
	}
}

func arabicWaiting() waitingWords {
	return waitingWords{
		subject: "محتجزة للمراجعة: رسالة %s",
		text:    "تتطلب إحدى قواعد مؤسستك أن يطّلع أحد على رسالة منك قبل خروجها. لم تخرج بعد.",
		next:    "لا حاجة إلى إرسالها مرة أخرى. إذا أُفرج عنها خرجت كالمعتاد، وإذا رُفضت وصلك تقرير. يجدها من يراجع البريد المحتجز بالمرجع أعلاه.",
	}
}
