package mailmsg

func english() words {
	return words{
		language: "en",
		subject:  "Secure message from %s",
		intro:    "%s has sent you a secure message.",
		lead:     "Read it here:",
		button:   "Read the message",
		proof:    "The page asks for a code or PIN before it shows the message. You need no account.",
		mark:     "Reference: %s. The page shows the same reference.",
		expires:  "The link works until %s.",
		doubt:    "If you did not expect this message, do not enter a code.",
		help:     "Questions: %s",

		reminderSubject: "Reminder: secure message from %s",
		reminderIntro:   "%s has sent you a secure message. You have not read it yet.",
		elsewhere:       "The link is in our first mail of %s. Please open that mail, and the link in it.",
		expiringSubject: "Ends soon: secure message from %s",
		expiringIntro:   "You can read a secure message from %s for a short time only.",

		codeSubject: "Code for reference %s",
		codeIntro:   "Your code for the secure message with reference %s:",
		thawIntro:   "Your code to unlock the locked link with reference %s:",
		renewIntro:  "Your code to renew the expired link with reference %s:",
		codeRules:   "It works once and for a few minutes only. Give it to nobody. If you did not ask for it, ignore this mail.",
		months:      "January February March April May June July August September October November December",
		date:        "%d %s %d, %s",

		staff: englishStaff(),
		report: reportWords{
			failedSubject:  "Undelivered mail: your message could not be delivered",
			delayedSubject: "Delayed mail: your message is still waiting",
			failed:         "Your message of %s could not be delivered to the recipients below. It will not be tried again.",
			delayed:        "Your message of %s has not been delivered yet to the recipients below. Delivery will be tried further; you need not send it again.",
			said:           "%s said: %s",
			until:          "tried until %s",
			application:    "It is a short message of the application %s: id %s, accepted at %s.",
		},
	}
}

func englishStaff() staffWords {
	return staffWords{
		staffFacts: englishFacts(),
		folders:    englishFolders(),
		waiting:    englishWaiting(),

		answer:       "Someone has answered your secure message. It could not be put into a mail to you.",
		answerRead:   "Read it here, with your user name and password:",
		held:         "A mail that may answer your secure message was held back.",
		heldNext:     "It is not delivered until a reviewer of your organization releases it. If you expect an answer, give the reviewers this number:",
		opened:       "Your secure message was opened.",
		openedByTool: "The proof was right, but a program seems to have opened the message. Do not take it as read by a person.",
		unread:       "Your secure message has not been opened yet.",
		unreadNext:   "The recipient was reminded. Please try to reach them in another way; the notice may be in their spam folder.",
		expiring:     "The link to your secure message ends soon, and nobody has opened the message yet.",
		expiringNext: "If the recipient still needs the message, please reach them in another way, or send it again.",
		notForMe:     "Whoever got the link to your secure message says that it is not meant for them. The link is locked.",
		notForMeNext: "Please check the address. If it is wrong, take the message back and send it to the right one.",
		suspicious:   "The recipient doubts that the notice of your secure message is genuine, and has reported it.",
		suspectNext:  "Please reach them in another way and tell them whether the message is from you.",
		undelivered:  "An answer to your secure message could not be delivered to your mailbox. It is not lost.",
		undelivNext:  "The reviewers of your organization find it under this number:",
		unopenable:   "Your secure message has reached its recipient, who cannot open it yet: a rule demands a code over a second channel, and none is known.",
		unopenNext:   "Ask for a second mail address of the recipient and have it entered (gatepost contact import); the same link then works. Or send the message again with [secure pin:…], digits of your own, in the subject, and tell the recipient the PIN by telephone.",
		stopped:      "Gatepost: This telephone gets no more SMS from %s. None is sent until it sends START; what waited for it is taken back.",
		resumed:      "Gatepost: This telephone gets SMS from %s again.",
	}
}

func englishFacts() staffFacts {
	return staffFacts{
		subjects: staffSubjects{
			answer:      "An answer waits: secure message %s",
			held:        "Answer held back: secure message %s",
			opened:      "Opened: secure message %s",
			unread:      "Not read yet: secure message %s",
			expiring:    "Link ends soon: secure message %s",
			reported:    "Reported by the reader: secure message %s",
			recalled:    "Recall: secure message %s",
			undelivered: "Answer not delivered: secure message %s",
			unopenable:  "Cannot be opened yet: secure message %s",
		},
		labels: staffLabels{
			reference: "Reference:",
			person:    "Person:",
			sent:      "Sent:",
			when:      "When:",
			proof:     "Proof:",
			reader:    "Opened by:",
			byPerson:  "a person",
			byTool:    "probably a program",
			until:     "Link works until:",
			reason:    "Reason:",
			held:      "Number for reviewers:",
		},
		assurance: staffAssurance{
			sameChannel:  "code to the address that got the link",
			otherChannel: "code over another channel",
			senderPIN:    "PIN set by the sender",
			contactPIN:   "PIN known to both sides",
			standingPIN:  "PIN chosen by the reader",
			unknown:      "not recorded",
		},
		reasons: staffReasons{
			unsigned:    "nothing proves its sender: it bears no signature",
			invalid:     "its signature does not hold: it was changed on the way, or forged",
			otherDomain: "it is signed by another domain than its sender's",
			stranger:    "its sender does not take part in the conversation",
			repeated:    "it repeats a mail that came before",
			dated:       "its date is not recent",
			weak:        "its signature is too weak, or leaves out a part of the mail",
			odd:         "its form is doubtful",
		},
		recall: staffRecall{
			intro:     "Your message was taken back.",
			undone:    "The recall was undone.",
			undoUntil: "An administrator can undo the recall until %s. After that the message is destroyed.",
			locked:    "locked: nobody can open it",
			destroyed: "destroyed: its keys are gone, and nobody can bring it back",
			works:     "the link works",
			passed:    "out of reach: it left as an ordinary mail",
			read:      "It had been opened on %s.",
			unread:    "It had not been opened.",
			reach:     "A recall cannot reach what somebody has already seen, printed, copied or downloaded.",
			backups:   "A backup of the keys that was made earlier still opens destroyed messages until it is replaced.",
		},
	}
}
