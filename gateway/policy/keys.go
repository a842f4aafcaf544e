package policy

// The keys of a policy file, section by section.

func policyKeys() []string {
	return []string{"policy", "default", "on_error", "own_identifiers", "lists", "detectors", "define", "rules", "tests"}
}

func listKeys() []string { return []string{"file"} }

func detectorKeys() []string { return []string{"words", "words_file", "pattern", "literal"} }

func ruleKeys() []string { return []string{"id", "reason", "mode", "when", "then"} }

func thenKeys() []string {
	return []string{"action", "pin", "expires", "staff_copy", "status", "reason", "notify", "until", "satisfies", "exempts"}
}

func caseKeys() []string {
	return []string{"text", "subject", "channel", "headers", "from", "to", "patient", "consents", "thread_secured",
		"at", "sent_today", "system_id", "service_type", "source_address", "declared", "expect", "until", "rules"}
}
