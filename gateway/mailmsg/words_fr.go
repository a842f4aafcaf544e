package mailmsg

func french() words {
	return words{
		language: "fr",
		subject:  "Message confidentiel de %s",
		intro:    "%s vous a envoyé un message confidentiel.",
		lead:     "Lisez-le ici :",
		button:   "Lire le message",
		proof:    "La page demande un code ou un PIN avant d'afficher le message. Aucun compte n'est nécessaire.",
		mark:     "Référence : %s. La page affiche la même référence.",
		expires:  "Le lien est valable jusqu'au %s.",
		doubt:    "Si vous n'attendiez pas ce message, ne saisissez aucun code.",
		help:     "Questions : %s",

		reminderSubject: "Rappel : message confidentiel de %s",
		reminderIntro:   "%s vous a envoyé un message confidentiel. Vous ne l'avez pas encore lu.",
		elsewhere:       "Le lien se trouve dans notre premier courriel du %s. Ouvrez ce courriel, puis le lien qu'il contient.",
		expiringSubject: "Expire bientôt : message confidentiel de %s",
		expiringIntro:   "Vous ne pourrez plus lire longtemps un message confidentiel de %s.",

		codeSubject: "Code pour la référence %s",
		codeIntro:   "Votre code pour le message confidentiel portant la référence %s :",
		thawIntro:   "Votre code pour débloquer le lien bloqué portant la référence %s :",
		renewIntro:  "Votre code pour prolonger le lien expiré portant la référence %s :",
		codeRules:   "Il ne sert qu'une fois et pendant quelques minutes seulement. Ne le donnez à personne. Si vous ne l'avez pas demandé, ignorez ce courriel.",
		months:      "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
		date:        "%d %s %d, %s",

		staff: frenchStaff(),
		report: reportWords{
			failedSubject:  "Courriel non distribué : votre message n'a pas pu être remis",
			delayedSubject: "Courriel retardé : votre message attend encore",
			failed:         "Votre message du %s n'a pas pu être remis aux destinataires ci-dessous. Il n'y aura pas d'autre tentative.",
			delayed:        "Votre message du %s n'a pas encore été remis aux destinataires ci-dessous. Les tentatives continuent ; il est inutile de l'envoyer à nouveau.",
			said:           "%s a répondu : %s",
			until:          "tentatives jusqu'au %s",
			application:    "C'est un message court de l'application %s : identifiant %s, accepté à %s.",
		},
	}
}

func frenchStaff() staffWords {
	return staffWords{
		staffFacts: frenchFacts(),
		folders:    frenchFolders(),
		waiting:    frenchWaiting(),

		answer:       "Quelqu'un a répondu à votre message confidentiel. La réponse n'a pas pu être mise dans un courriel pour vous.",
		answerRead:   "Lisez-la ici, avec votre nom d'utilisateur et votre mot de passe :",
		held:         "Un courriel qui répond peut-être à votre message confidentiel a été retenu.",
		heldNext:     "Il n'est distribué que si une personne chargée de la vérification dans votre organisation le libère. Si vous attendez une réponse, donnez-lui ce numéro :",
		opened:       "Votre message confidentiel a été ouvert.",
		openedByTool: "La preuve était juste, mais un programme semble avoir ouvert le message. Ne le considérez pas comme lu par une personne.",
		unread:       "Votre message confidentiel n'a pas encore été ouvert.",
		unreadNext:   "Le destinataire a reçu un rappel. Essayez de le joindre autrement ; l'avis se trouve peut-être dans ses courriels indésirables.",
		expiring:     "Le lien vers votre message confidentiel expire bientôt, et personne n'a encore ouvert le message.",
		expiringNext: "Si le destinataire a encore besoin du message, joignez-le autrement, ou envoyez-le à nouveau.",
		notForMe:     "La personne qui a reçu le lien vers votre message confidentiel dit qu'il ne lui est pas destiné. Le lien est bloqué.",
		notForMeNext: "Vérifiez l'adresse. Si elle est fausse, retirez le message et envoyez-le à la bonne.",
		suspicious:   "Le destinataire doute que l'avis de votre message confidentiel soit authentique, et l'a signalé.",
		suspectNext:  "Joignez-le autrement et dites-lui si le message vient de vous.",
		undelivered:  "Une réponse à votre message confidentiel n'a pas pu être distribuée dans votre boîte. Elle n'est pas perdue.",
		undelivNext:  "Les personnes chargées de la vérification dans votre organisation la trouvent sous ce numéro :",
		unopenable:   "Votre message confidentiel est arrivé, mais son destinataire ne peut pas encore l'ouvrir : une règle exige un code par une seconde voie, et aucune n'est connue.",
		unopenNext:   "Demandez une seconde adresse du destinataire et faites-la enregistrer (gatepost contact import) ; le même lien fonctionnera alors. Ou renvoyez le message avec [secure pin:…], avec vos propres chiffres, dans l'objet, et communiquez le PIN au destinataire par téléphone.",
		stopped:      "Gatepost : ce téléphone ne reçoit plus de SMS de %s. Aucun n'est envoyé tant qu'il n'envoie pas START ; ceux qui attendaient sont retirés.",
		resumed:      "Gatepost : ce téléphone reçoit de nouveau les SMS de %s.",
	}
}

func frenchFacts() staffFacts {
	return staffFacts{
		subjects: staffSubjects{
			answer:      "Une réponse vous attend : message confidentiel %s",
			held:        "Réponse retenue : message confidentiel %s",
			opened:      "Ouvert : message confidentiel %s",
			unread:      "Pas encore lu : message confidentiel %s",
			expiring:    "Lien bientôt expiré : message confidentiel %s",
			reported:    "Signalé par le lecteur : message confidentiel %s",
			recalled:    "Rappel du message : message confidentiel %s",
			undelivered: "Réponse non distribuée : message confidentiel %s",
			unopenable:  "Pas encore lisible : message confidentiel %s",
		},
		labels: staffLabels{
			reference: "Référence :",
			person:    "Personne :",
			sent:      "Envoyé :",
			when:      "Quand :",
			proof:     "Preuve :",
			reader:    "Ouvert par :",
			byPerson:  "une personne",
			byTool:    "probablement un programme",
			until:     "Lien valable jusqu'au :",
			reason:    "Motif :",
			held:      "Numéro pour la vérification :",
		},
		assurance: staffAssurance{
			sameChannel:  "code envoyé à l'adresse qui a reçu le lien",
			otherChannel: "code envoyé par une autre voie",
			senderPIN:    "code PIN fixé par l'expéditeur",
			contactPIN:   "code PIN connu des deux côtés",
			standingPIN:  "code PIN choisi par le lecteur",
			unknown:      "non consignée",
		},
		reasons: staffReasons{
			unsigned:    "rien ne prouve son expéditeur : il n'est pas signé",
			invalid:     "sa signature n'est pas valable : il a été modifié en route, ou falsifié",
			otherDomain: "il est signé par un autre domaine que celui de son expéditeur",
			stranger:    "son expéditeur ne fait pas partie de la conversation",
			repeated:    "il répète un courriel déjà arrivé",
			dated:       "sa date n'est pas récente",
			weak:        "sa signature est trop faible, ou laisse de côté une partie du courriel",
			odd:         "sa forme est douteuse",
		},
		recall: staffRecall{
			intro:     "Votre message a été retiré.",
			undone:    "Le retrait a été annulé.",
			undoUntil: "L'administration peut annuler le retrait jusqu'au %s. Ensuite, le message est détruit.",
			locked:    "bloquée : personne ne peut l'ouvrir",
			destroyed: "détruite : ses clés n'existent plus, personne ne peut la récupérer",
			works:     "le lien fonctionne",
			passed:    "hors d'atteinte : elle est partie comme courriel ordinaire",
			read:      "Elle avait été ouverte le %s.",
			unread:    "Elle n'avait pas été ouverte.",
			reach:     "Un retrait n'atteint pas ce que quelqu'un a déjà vu, imprimé, copié ou téléchargé.",
			backups:   "Une sauvegarde antérieure des clés ouvre encore les messages détruits, jusqu'à son remplacement.",
		},
	}
}
