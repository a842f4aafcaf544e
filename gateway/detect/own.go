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
	name    string
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
		d.patterns = append(d.patterns, pattern{o.Name, []byte(d.folds.text(o.Literal)), re})
		return nil
	}
	b.own = append(b.own, o.Name)
	for n, w := range o.Words {
		id := b.add(term{list: listOwn, sub: uint16(len(b.own) - 1)})
		if !b.spell(w, id) {
			return fmt.Errorf("word number %d has no letter or digit, or more than %d words", n+1, maxPhrase)
		}
	}
	return nil
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
	if !strings.HasPrefix(strings.TrimSpace(text), "+") || !allDigits(v) || len(v) < 10 {
		return all
	}
	for code := 1; code <= 3; code++ {
		all = append(all, v[code:], append([]byte("0"), v[code:]...))
	}
	return append(all, append([]byte("00"), v...))
}

// ownWord reports a word or phrase of an own list.
func (s *scan) ownWord(list, start, end int) {
	if s.mine(start) {
		s.ownFound(s.words.own[list], start, end)
	}
}

func (s *scan) ownFound(name string, start, end int) {
	v := canonical(s.buf[:0], s.b[start:end])
	s.handOver(gateway.Finding{
		Type: name, Part: s.index, Kind: s.kind, Path: s.path,
		Start: s.start(start), End: s.end(end), Level: gateway.High,
		Masked: "****", Value: sipHash(s.d.key, v),
		Steps: []gateway.Step{{Name: "the organization's own", Weight: highSum}},
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
				s.ownFound(p.name, m[0], m[1])
			}
		}
	}
}
