package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// typesMeant are words that people have for types of findings, where neither
// spelling nor a part of the word leads there.
func typesMeant() map[string]string {
	return map[string]string{
		"social_security_number": "ssn", "social_security": "ssn", "tin": "itin", "tax_id": "itin", "employer_id": "ein",
		"cvv": "card_security_code", "cvc": "card_security_code", "csc": "card_security_code", "pci": "card", "swift": "bic",
		"routing_number": "aba", "routing": "aba", "medical_record": "mrn", "medical_record_number": "mrn", "patient_id": "mrn",
		"medicare": "mbi", "insurance_id": "health_plan_id", "member_id": "health_plan_id", "health_insurance": "health_plan_id",
		"dob": "date_of_birth", "birth_date": "date_of_birth", "birthday": "date_of_birth", "driving_licence": "drivers_licence",
		"driver_license": "drivers_licence", "dl": "drivers_licence", "telephone": "phone", "mobile": "phone", "fax": "phone", "mail": "email",
		"street": "address", "person": "name", "link": "url", "website": "url", "api_key": "token", "secret": "token", "credential": "password",
		"ssh_key": "private_key", "pem": "private_key", "btc": "bitcoin", "eth": "ethereum", "steuer_id": "de.idnr", "curp": nationalID,
		"national_number": nationalID, "id_number": nationalID, "government_id": nationalID,
	}
}

// nameMeant says what there is instead of a name that people expect in a condition,
// and that no name of ours is a misspelling of.
func nameMeant(name string) string {
	first, _, _ := strings.Cut(strings.ToLower(name), ".")
	switch first {
	case "text", "body", "message", "content", "mail", "html", "words":
		return `; a condition asks what was found in the text, not for the text itself: give words or a pattern a name under "detectors:" and ask found(["name"], LOW)`
	case "attachment", "attachments", "file", "filename", "files":
		return `; attachments and their names are read as the text is: found([types], level) looks into them, and unreadable([kinds]) tells which nobody can read`
	case "sender", "from", "mail_from", "author":
		return "; there are sender.address, sender.domain and sender.group"
	case "recipient", "to", "cc", "rcpt", "receiver", "phone", "number", "patient", "language":
		return "; there are recipient.address, recipient.domain, recipient.patient, recipient.known, recipient.language and recipient.consents(name)"
	case "time", "hour", "date", "day", "now":
		return "; there are local_time, the hour from 0 to 23, and weekend"
	case "email", "sms", "mms":
		return `; write channel == "email" or channel == "sms"`
	case "lists":
		return `; the file has no such list under "lists:"`
	case "tag", "tags":
		return "; there are tag.secure, tag.pin and tag.urgent"
	case "thread", "conversation":
		return "; there are thread.secured and thread.exists"
	}
	return "; what there is stands under Vocabulary in deploy/docs/policy.md"
}

// suggestType is suggest for types of findings: "credit_card" is a card.
func suggestType(word string, known []string) string {
	plain := strings.Trim(strings.ToLower(strings.NewReplacer("-", "_", " ", "_").Replace(word)), "_")
	best := typesMeant()[strings.TrimSuffix(plain, "s")]
	if best == "" {
		best = typesMeant()[plain]
	}
	for _, k := range known {
		_, national, _ := strings.Cut(k, ".")
		if best == "" && (plain == national || plain == k || strings.ReplaceAll(plain, "_", "") == strings.ReplaceAll(k, "_", "")) {
			best = k
		}
	}
	if best == "" {
		best = nearest(plain, known)
	}
	for _, part := range append(strings.Split(plain, "_"), plain[max(0, len(plain)-4):]) {
		if best == "" && slices.Contains(known, part) {
			best = part
		}
	}
	if best == "" || !slices.Contains(known, best) {
		return suggest(word, known)
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// mismatch says why an operator does not take what it was given, as CEL names
// their types, and what to write.
func mismatch(operator, operands string) string {
	operator = strings.Trim(operator, "_@")
	target, args, member := strings.Cut(operands, ".(")
	types := strings.Split(strings.TrimSuffix(strings.TrimPrefix(operands, "("), ")"), ", ")
	if member {
		return fmt.Sprintf("%s of a %s does not take a %s", operator, typeWord(target), typeWord(strings.TrimSuffix(args, ")")))
	}
	if slices.Contains([]string{"contains", "startsWith", "endsWith", "matches"}, operator) && types[0] == "string" {
		return fmt.Sprintf(`%s stands behind what it looks into, as in subject.%s("...")`, operator, operator)
	}
	if len(types) != 2 {
		return operator + " cannot be applied to " + typeWord(types[0])
	}
	if operator == "in" {
		return fmt.Sprintf("a %s is not looked up in a %s", typeWord(types[0]), typeWord(types[1]))
	}
	if strings.ContainsAny(operator, "+-*/%") {
		return fmt.Sprintf("%s does not join a %s and a %s", operator, typeWord(types[0]), typeWord(types[1]))
	}
	return fmt.Sprintf("%s cannot compare a %s with a %s%s", operator, typeWord(types[0]), typeWord(types[1]), howTo(types[0], types[1]))
}

// howTo says how to compare what has these types.
func howTo(a, b string) string {
	is := func(x, y string) bool { return a == x && b == y || a == y && b == x }
	switch {
	case is("level", "string"):
		return ": write LOW, MEDIUM or HIGH without quotes"
	case is("level", "int"), is("level", "double"):
		return `: a level compares with LOW, MEDIUM or HIGH, as in topic("health") >= MEDIUM`
	case is("bool", "level"):
		return `: the level stands inside, found(["ssn"], MEDIUM), and the rest is true or false by itself`
	case a == "bool", b == "bool":
		return ": it is true or false by itself, and not so with ! in front"
	case a == "string" && b == "int":
		return ": write the text in quotes"
	case is("int", "string"):
		return ": write the number alone, without quotes, as in local_time >= 22"
	case is("int", "double"):
		return ": write a whole number"
	}
	return ""
}

var listOf = regexp.MustCompile(`^list\((\w+)\)?$`)

// typeWord is a word for a type of CEL.
func typeWord(t string) string {
	if m := listOf.FindStringSubmatch(t); m != nil {
		return "list of " + typeWord(m[1]) + "s"
	}
	switch t {
	case "string":
		return "text"
	case "int", "uint":
		return "number"
	case "double":
		return "fraction"
	case "bool":
		return "truth value"
	}
	return t
}
