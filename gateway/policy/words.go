package policy

import (
	"fmt"
	"io"
	"strings"
	"time"

	"gatepost/gateway"
)

// Words writes the policy in plain words, for a person to read and sign.
func (p *Policy) Words(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Policy %q\nFile %s\nSHA-256 %s\n", p.name, p.file, p.digest)
	for _, f := range p.files {
		fmt.Fprintf(&b, "with %s\nSHA-256 %s\n", f.Name, f.Digest)
	}
	if p.words != "" {
		fmt.Fprintf(&b, "all files of words\nSHA-256 %s\n", p.words)
	}
	fmt.Fprintf(&b, "\nWhat no rule claims %s.\n", outcomeWords(p.otherwise))
	fmt.Fprintf(&b, "What cannot be judged %s.\n", outcomeWords(p.onError))
	b.WriteString("Of the rules that apply, the strictest acts: refused, then held, then secured, then verified TLS, then passed.\n")
	p.termWords(&b)
	b.WriteString("\nRules\n")
	for i := range p.rules {
		p.ruleWords(&b, i)
	}
	examples := fmt.Sprintf("%d examples are", len(p.cases))
	if len(p.cases) == 1 {
		examples = "1 example is"
	}
	fmt.Fprintf(&b, "\n%s tested whenever this policy is loaded for use.\n", examples)
	b.WriteString("\nName                                  Date                    Signature\n\n______________________________________________________________________\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// termWords explains what the rules refer to.
func (p *Policy) termWords(b *strings.Builder) {
	if len(p.defines)+len(p.lists)+len(p.detectors)+len(p.own) > 0 {
		b.WriteString("\nTerms\n")
	}
	for _, d := range p.defines {
		s := &p.slots[p.byIdent[d.name]]
		if s.define != nil {
			fmt.Fprintf(b, "  %s: %s.\n", d.name, p.spell(s.define))
		} else {
			fmt.Fprintf(b, "  %s: %s.\n", d.name, s.stands)
		}
	}
	for _, name := range sortedKeys(p.lists) {
		fmt.Fprintf(b, "  lists.%s: %s.\n", name, listWords(p.lists[name].words))
	}
	for _, d := range p.detectors {
		if d.Pattern != "" {
			fmt.Fprintf(b, "  %s: text of the form %s.\n", d.Name, d.Pattern)
		} else {
			fmt.Fprintf(b, "  %s: the words %s.\n", d.Name, listWords(d.Words))
		}
	}
	if len(p.own) > 0 {
		fmt.Fprintf(b, "  Our own numbers, which are no findings: %s.\n", listWords(p.own))
	}
}

// listWords shows a list as far as a person would read it.
func listWords(words []string) string {
	const most = 20
	switch {
	case len(words) == 0:
		return "(empty)"
	case len(words) > most:
		return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), len(words)-most)
	}
	return strings.Join(words, ", ")
}

func (p *Policy) ruleWords(b *strings.Builder, i int) {
	r := &p.rules[i]
	fmt.Fprintf(b, "\n%3d. %s: %s.\n", i+1, r.id, strings.TrimSuffix(r.reason, "."))
	outcome := outcomeWords(r.action)
	switch {
	case r.waits:
		outcome = "waits until " + clock(*r.until)
	case r.until != nil:
		outcome += ", not before " + clock(*r.until)
	}
	fmt.Fprintf(b, "     When %s,\n     the message %s.\n", p.spell(r.met), outcome)
	if words := optionWords(r.options); words != "" {
		fmt.Fprintf(b, "     %s\n", words)
	}
	if len(r.satisfies) > 0 {
		fmt.Fprintf(b, "     This is enough for what these rules demand: %s.\n", idWords(r.satisfies))
	}
	if len(r.exempts) > 0 {
		fmt.Fprintf(b, "     These rules are then lifted, and that is recorded: %s.\n", idWords(r.exempts))
	}
	if r.shadow {
		b.WriteString("     Only recorded, not acted upon (shadow).\n")
	}
}

func idWords(refs []reference) string {
	ids := make([]string, len(refs))
	for i := range refs {
		ids[i] = refs[i].id
	}
	return strings.Join(ids, ", ")
}

func outcomeWords(a gateway.Action) string {
	switch a {
	case gateway.Pass:
		return "passes as it is"
	case gateway.TLS:
		return "leaves only over a verified TLS connection, else it is secured"
	case gateway.Hold:
		return "is held for review"
	case gateway.Reject:
		return "is refused"
	}
	return "is secured: a link leaves instead of its text"
}

func optionWords(o gateway.Options) string {
	var words []string
	switch o.PIN {
	case "other_channel":
		words = append(words, "The code goes over another channel than the link.")
	case "same_channel":
		words = append(words, "The code may go over the channel of the link.")
	case "standing":
		words = append(words, "The reader's standing PIN opens it.")
	case "contact":
		words = append(words, "A fact known of the reader opens it.")
	case "sender":
		words = append(words, "The PIN that the sender chose opens it.")
	}
	if o.Expires > 0 {
		words = append(words, "The link ends after "+spanWords(o.Expires)+".")
	}
	if o.StaffCopy == "none" {
		words = append(words, "No copy that staff could open is kept.")
	}
	if o.Status == "opened" {
		words = append(words, "The sender is told when it is first read.")
	}
	if o.Notify == "sender" {
		words = append(words, "The sender is told that it waits.")
	}
	if o.Reason == "required" {
		words = append(words, "Who lets it go or refuses it must say why.")
	}
	return strings.Join(words, " ")
}

func spanWords(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "days"}, {time.Hour, "hours"}} {
		if d%u.unit == 0 {
			return fmt.Sprintf("%d %s", d/u.unit, u.name)
		}
	}
	return fmt.Sprintf("%d minutes", d/time.Minute)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
