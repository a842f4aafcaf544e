package policy

import (
	"fmt"
	"slices"
	"strings"

	"gatepost/gateway"
)

// textProblem says why a name never equals a text; "" when it can.
func textProblem(name, text string) string {
	problem := listedProblem(name, text)
	if lower := strings.ToLower(text); problem == "" && lower != text && written(name) {
		return fmt.Sprintf("%s is compared in lower case: write %q", name, lower)
	}
	return problem
}

// written reports whether the values of a name are in lower case.
func written(name string) bool {
	return slices.Contains([]string{"sender.address", "sender.domain", "recipient.address", "recipient.domain"}, name)
}

// pieceProblem says why a text is no part of what a name can be.
func pieceProblem(name, text string) string {
	switch {
	case !written(name):
		return ""
	case strings.ToLower(text) != text:
		return fmt.Sprintf("%s is in lower case: write %q", name, strings.ToLower(text))
	case strings.HasSuffix(name, ".domain") && strings.Contains(text, "@"):
		return fmt.Sprintf("%s is what stands behind the @: write %q", name, text[strings.LastIndexByte(text, '@')+1:])
	}
	return ""
}

// listedProblem says why a name never equals a word, whatever its case.
func listedProblem(name, word string) string {
	switch name {
	case "channel":
		return oneOfValues(name, word, []string{"email", "sms"})
	case "sender.group":
		return oneOfValues(name, word, append(groupNames(), ""))
	case "recipient.language":
		if first, _, _ := strings.Cut(word, "-"); first != strings.ToLower(first) || strings.Contains(word, "_") {
			return fmt.Sprintf(`recipient.language is written as in "de" or "pt-BR": %s never is`, quote(word))
		}
	case "sender.domain", "recipient.domain":
		return domainProblem(name, word)
	case "sender.address", "recipient.address":
		return addressProblem(name, word)
	}
	return ""
}

func oneOfValues(name, word string, known []string) string {
	if slices.Contains(known, word) {
		return ""
	}
	known = slices.DeleteFunc(known, func(s string) bool { return s == "" })
	hint := ""
	if best := nearest(word, known); best != "" {
		hint = fmt.Sprintf("; did you mean %q?", best)
	}
	return fmt.Sprintf("%s is never %s, only %s%s", name, quote(word), strings.Join(known, ", "), hint)
}

func domainProblem(name, word string) string {
	switch at := strings.LastIndexByte(word, '@'); {
	case word == "":
		return "" // of an SMS, and of the null sender
	case at >= 0:
		return fmt.Sprintf("%s is what stands behind the @: write %q", name, word[at+1:])
	case strings.HasPrefix(word, "*."), strings.HasPrefix(word, "."):
		return fmt.Sprintf("%s is compared whole; what is below a domain: %s.endsWith(%q)", name, name, strings.TrimPrefix(word, "*"))
	}
	a, err := gateway.ParseAddress("x@" + word)
	if err != nil || a.IsPhone() {
		return fmt.Sprintf("%s is never %s: that is no domain", name, quote(word))
	}
	if !strings.EqualFold(a.Domain(), word) {
		return fmt.Sprintf("%s is written %q", name, a.Domain())
	}
	return ""
}

func addressProblem(name, word string) string {
	if _, err := gateway.PhoneAddress(word); err == nil || word == "" {
		return ""
	}
	local, domain, at := strings.Cut(word, "@")
	switch {
	case strings.HasPrefix(word, "+"):
		return fmt.Sprintf("%s is never %s: a telephone is written as +15550001111", name, quote(word))
	case !at && strings.Contains(word, "."), at && (local == "" || local == "*"):
		if !at {
			domain = word
		}
		of := strings.TrimSuffix(name, "address") + "domain"
		return fmt.Sprintf("%s is a whole address, never %s; for all of a domain write %q and ask for %s", name, quote(word), domain, of)
	}
	a, err := gateway.ParseAddress(word)
	if err != nil || a.IsNull() {
		return fmt.Sprintf("%s is never %s: that is no address", name, quote(word))
	}
	if key := a.Key(); !strings.EqualFold(key, word) {
		return fmt.Sprintf("%s is written %q", name, key)
	}
	return ""
}

// groupNames are the roles that an account can have.
func groupNames() []string { return []string{"staff", "compliance", "admin"} }

// checkList refuses the words of a list that a name never equals, each at its
// place in the list.
func (c *compiler) checkList(name, list string) {
	words := c.lists[strings.TrimPrefix(list, "lists.")].words
	if !strings.HasPrefix(list, "lists.") || c.looked[name+" "+list] {
		return
	}
	c.looked[name+" "+list] = true
	for i, w := range words {
		spots := c.spots[strings.TrimPrefix(list, "lists.")]
		problem := listedProblem(name, w)
		if problem == "" || i >= len(spots.at) {
			continue
		}
		at := Problem{File: spots.file, Line: spots.at[i].line, Column: spots.at[i].column, Text: list + ": " + problem}
		if odd(name) {
			c.warnings = append(c.warnings, at)
		} else if len(c.problems) < maxProblems {
			c.problems = append(c.problems, at)
		}
	}
}

// odd reports whether what a name never is, is only warned of: the roles of
// accounts may become more.
func odd(name string) bool { return name == "sender.group" }

// spots are the places of the words of a list.
type spots struct {
	file string
	at   []place
}
