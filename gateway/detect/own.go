package detect

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gatepost/gateway"
)

// pattern is an own detector with a regular expression.
type pattern struct {
	typ     uint16
	literal []byte // normalised; nil when none is known
	re      *regexp.Regexp
}

var errOwn = errors.New("needs words or a pattern, not both")

// addOwn enters one of the organization's detectors.
func (d *Detector) addOwn(b *builder, o gateway.OwnDetector) error {
	if o.Name == "" || slices.Contains(d.types.names, o.Name) {
		return errors.New("name is empty or one of the built-in types")
	}
	if (len(o.Words) == 0) == (o.Pattern == "") {
		return errOwn
	}
	if o.Pattern != "" {
		re, err := regexp.Compile(o.Pattern)
		if err != nil {
			return fmt.Errorf("pattern: %w", err)
		}
		if re.MatchString("") {
			return errors.New("pattern matches the empty text")
		}
		d.patterns = append(d.patterns, pattern{d.nameOf(o.Name), []byte(d.folds.text(o.Literal)), re})
		return nil
	}
	typ := d.nameOf(o.Name)
	for n, w := range o.Words {
		id := b.add(term{list: listOwn, sub: typ})
		if !b.spellOwn(w, id) {
			return fmt.Errorf("word number %d has no letter or digit, more than %d words, one of more than %d octets, or an empty line", n+1, maxPhrase, maxWord)
		}
	}
	return nil
}

// nameOf numbers the name of an own detector.
func (d *Detector) nameOf(name string) uint16 {
	i := slices.Index(d.names, name)
	if i < 0 {
		i = len(d.names)
		d.names = append(d.names, name)
	}
	return uint16(i)
}

// ownValue is a hashed value of the organization's own and the type as which
// it is no finding. A number that is ours as a telephone number may be somebody's
// social security number.
type ownValue struct {
	hash uint64
	typ  uint16
}

// anyType is the type of an own identifier that may be of several.
const anyType = 1<<16 - 1

// isOwn reports whether a value found as typ is the organization's own.
func (d *Detector) isOwn(hash uint64, typ uint16) bool {
	return len(d.own) > 0 && (d.own[ownValue{hash, typ}] || d.own[ownValue{hash, anyType}])
}

// addIdentifier enters an own identifier.
func (d *Detector) addIdentifier(text string) {
	typ := d.types.ownType(text)
	for _, v := range spellings(text) {
		d.own[ownValue{sipHash(d.key, v), typ}] = true
	}
}

// ownType is the type that an own identifier is by its form, anyType when that
// does not tell.
func (t *typeTable) ownType(text string) uint16 {
	v := canonical(nil, []byte(text))
	switch {
	case international(text, v):
		return t.kinds[t.phone].id
	case len(v) >= 15 && len(v) <= 34 && isUpper(v[0]) && isUpper(v[1]) && allDigits(v[2:4]) && mod97(v):
		return t.kinds[t.iban].id
	}
	return anyType
}

// international reports whether text, v without separators, is a telephone
// number with the code of its country.
func international(text string, v []byte) bool {
	return strings.HasPrefix(strings.TrimSpace(text), "+") && len(v) >= 10 && allDigits(v)
}

// spellings are the canonical forms under which an own identifier may be
// found. An international telephone number is also written from inside its
// country, whose code has one to three digits.
func spellings(text string) (all [][]byte) {
	v := canonical(nil, []byte(text))
	if len(v) == 0 {
		return nil
	}
	all = append(all, v)
	if !international(text, v) {
		return all
	}
	for code := 1; code <= 3; code++ {
		all = append(all, v[code:], append([]byte("0"), v[code:]...))
	}
	return append(all, append([]byte("00"), v...))
}

// ownWord reports a word or phrase of an own list.
func (s *scan) ownWord(typ uint16, start, end int) {
	if s.mine(start) {
		s.ownFound(typ, start, end)
	}
}

func (s *scan) ownFound(typ uint16, start, end int) {
	v := canonical(s.buf[:0], s.b[start:end])
	s.keep(&spot{
		value: sipHash(s.d.key, v), start: int32(start), end: int32(end), typ: typ, level: gateway.High,
		steps: s.steps.of([]gateway.Step{{Name: "the organization's own", Weight: highSum}}),
	})
}

// ownPatterns runs the regular expressions over the view, each only when its
// literal is there. RE2 takes linear time.
func (s *scan) ownPatterns() {
	for i := range s.d.patterns {
		p := &s.d.patterns[i]
		if !bytes.Contains(s.b[:s.n], p.literal) {
			continue
		}
		for _, m := range p.re.FindAllIndex(s.b[:s.n], maxFindings) {
			if m[1] > m[0] && s.mine(m[0]) {
				s.ownFound(p.typ, m[0], m[1])
			}
		}
	}
}
