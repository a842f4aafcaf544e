package mailmsg

func spanish() words {
	return words{
		language: "es",
		subject:  "Mensaje confidencial de %s",
		intro:    "%s le ha enviado un mensaje confidencial.",
		lead:     "Léalo aquí:",
		button:   "Leer el mensaje",
		proof:    "La página pide un código o un PIN antes de mostrar el mensaje. No necesita ninguna cuenta.",
		mark:     "Referencia: %s. La página muestra la misma referencia.",
		expires:  "El enlace es válido hasta el %s.",
		doubt:    "Si no esperaba este mensaje, no introduzca ningún código.",
		help:     "Preguntas: %s",

		reminderSubject: "Recordatorio: mensaje confidencial de %s",
		reminderIntro:   "%s le ha enviado un mensaje confidencial. Todavía no lo ha leído.",
		elsewhere:       "El enlace está en nuestro primer correo del %s. Abra ese correo y después el enlace que contiene.",
		expiringSubject: "Caduca pronto: mensaje confidencial de %s",
		expiringIntro:   "Solo podrá leer un mensaje confidencial de %s durante poco tiempo más.",

		codeSubject: "Código para la referencia %s",
		codeIntro:   "Su código para el mensaje confidencial con la referencia %s:",
		thawIntro:   "Su código para desbloquear el enlace bloqueado con la referencia %s:",
		renewIntro:  "Su código para renovar el enlace caducado con la referencia %s:",
		codeRules:   "Sirve una sola vez y durante pocos minutos. No se lo dé a nadie. Si no lo ha pedido, ignore este correo.",
		months:      "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
		date:        "%d de %s de %d, %s",

		staff: spanishStaff(),
		report: reportWords{
			failedSubject:  "Correo no entregado: su mensaje no se pudo entregar",
			delayedSubject: "Correo retrasado: su mensaje sigue esperando",
			failed:         "Su mensaje del %s no se pudo entregar a los destinatarios siguientes. No habrá más intentos.",
			delayed:        "Su mensaje del %s aún no se ha entregado a los destinatarios siguientes. Se seguirá intentando; no hace falta enviarlo de nuevo.",
			said:           "%s respondió: %s",
			until:          "se intenta hasta el %s",
			application:    "Es un mensaje corto de la aplicación %s: identificador %s, aceptado a las %s.",
		},
	}
}

func spanishStaff() staffWords {
	return staffWords{
		staffFacts: spanishFacts(),
		folders:    spanishFolders(),
		waiting:    spanishWaiting(),

		answer:       "Alguien ha respondido a su mensaje confidencial. No se pudo poner en un correo para usted.",
		answerRead:   "Léala aquí, con su nombre de usuario y su contraseña:",
		held:         "Se ha retenido un correo que quizá responde a su mensaje confidencial.",
		heldNext:     "Solo se entrega si quien revisa los mensajes retenidos en su organización lo libera. Si espera una respuesta, indique este número:",
		opened:       "Su mensaje confidencial se ha abierto.",
		openedByTool: "La prueba era correcta, pero parece que un programa abrió el mensaje. No lo dé por leído por una persona.",
		unread:       "Su mensaje confidencial aún no se ha abierto.",
		unreadNext:   "Se ha enviado un recordatorio al destinatario. Intente contactarlo por otra vía; el aviso puede estar en su correo no deseado.",
		expiring:     "El enlace a su mensaje confidencial caduca pronto y nadie ha abierto aún el mensaje.",
		expiringNext: "Si el destinatario todavía necesita el mensaje, contacte con él por otra vía o envíelo de nuevo.",
		notForMe:     "Quien recibió el enlace a su mensaje confidencial dice que no es para él. El enlace está bloqueado.",
		notForMeNext: "Compruebe la dirección. Si es errónea, retire el mensaje y envíelo a la correcta.",
		suspicious:   "El destinatario duda de que el aviso de su mensaje confidencial sea auténtico y lo ha notificado.",
		suspectNext:  "Contacte con él por otra vía y dígale si el mensaje es suyo.",
		undelivered:  "No se pudo entregar en su buzón una respuesta a su mensaje confidencial. No se ha perdido.",
		undelivNext:  "Quienes revisan los mensajes retenidos en su organización la encuentran con este número:",
		unopenable:   "Su mensaje confidencial ha llegado, pero el destinatario aún no puede abrirlo: una regla exige un código por una segunda vía y no se conoce ninguna.",
		unopenNext:   "Pida una segunda dirección del destinatario y hágala registrar (gatepost contact import); el mismo enlace funcionará entonces. O envíe de nuevo el mensaje con [secure pin:…], con cifras propias, en el asunto y diga el PIN al destinatario por teléfono.",
		stopped:      "Gatepost: este teléfono ya no recibe SMS de %s. No se envía ninguno hasta que mande START; los que esperaban se han retirado.",
		resumed:      "Gatepost: este teléfono vuelve a recibir los SMS de %s.",
	}
}

func spanishFacts() staffFacts {
	return staffFacts{
		subjects: staffSubjects{
			answer:      "Una respuesta le espera: mensaje confidencial %s",
			held:        "Respuesta retenida: mensaje confidencial %s",
			opened:      "Abierto: mensaje confidencial %s",
			unread:      "Aún sin leer: mensaje confidencial %s",
			expiring:    "El enlace caduca pronto: mensaje confidencial %s",
			reported:    "Notificado por el lector: mensaje confidencial %s",
			recalled:    "Retirada: mensaje confidencial %s",
			undelivered: "Respuesta no entregada: mensaje confidencial %s",
			unopenable:  "Aún no se puede abrir: mensaje confidencial %s",
		},
		labels: staffLabels{
			reference: "Referencia:",
			person:    "Interlocutor:",
			sent:      "Enviado:",
			when:      "Cuándo:",
			proof:     "Prueba:",
			reader:    "Abierto por:",
			byPerson:  "una persona",
			byTool:    "probablemente un programa",
			until:     "Enlace válido hasta el:",
			reason:    "Motivo:",
			held:      "Número para la revisión:",
		},
		assurance: staffAssurance{
			sameChannel:  "código enviado a la dirección que recibió el enlace",
			otherChannel: "código enviado por otra vía",
			senderPIN:    "PIN fijado por el remitente",
			contactPIN:   "PIN conocido por ambas partes",
			standingPIN:  "PIN elegido por el lector",
			unknown:      "no registrada",
		},
		reasons: staffReasons{
			unsigned:    "nada prueba su remitente: no lleva firma",
			invalid:     "su firma no es válida: fue modificado por el camino, o falsificado",
			otherDomain: "lo firma otro dominio que el de su remitente",
			stranger:    "su remitente no participa en la conversación",
			repeated:    "repite un correo que ya había llegado",
			dated:       "su fecha no es reciente",
			weak:        "su firma es demasiado débil, o deja fuera una parte del correo",
			odd:         "su forma es dudosa",
		},
		recall: staffRecall{
			intro:     "Su mensaje ha sido retirado.",
			undone:    "La retirada se ha anulado.",
			undoUntil: "La administración puede anular la retirada hasta el %s. Después el mensaje se destruye.",
			locked:    "bloqueada: nadie puede abrirla",
			destroyed: "destruida: sus claves ya no existen y nadie puede recuperarla",
			works:     "el enlace funciona",
			passed:    "fuera de alcance: salió como correo corriente",
			read:      "Se había abierto el %s.",
			unread:    "No se había abierto.",
			reach:     "Una retirada no alcanza lo que alguien ya ha visto, impreso, copiado o descargado.",
			backups:   "Una copia de seguridad anterior de las claves todavía abre los mensajes destruidos, hasta que se sustituya.",
		},
	}
}
