package detect

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"gatepost/gateway"
	"gatepost/gateway/policy"
)

// bareDetectors makes detectors that know words of an organization and no
// lexicon: those take longer to read than a thousand files of words.
func bareDetectors() func(gateway.OwnDetector) (*Detector, error) {
	folds, types, secrets := newFolds(), newTypeTable(), newSecretTable()
	numbers := newLayouts(types)
	return func(o gateway.OwnDetector) (*Detector, error) {
		d := &Detector{folds: folds, types: types, names: slices.Clone(types.names), numbers: numbers, secrets: secrets, own: map[ownValue]bool{}}
		b := newBuilder(types, folds)
		if err := d.addOwn(b, o); err != nil {
			return nil, err
		}
		d.words = b.build()
		d.pool.New = func() any { return newScan(d) }
		return d, nil
	}
}

// FuzzTerms: a file of words is read, or its problems are told with their
// places in it. What is read as a detector's words the detector takes, or
// says which of them it does not. Each term is found in itself, and what is found
// lies within.
func FuzzTerms(f *testing.F) {
	for _, s := range []string{
		"zebraquartz\nblue heron\n", "\xef\xbb\xbfzebra # a comment\r\n# nothing\n\n  C#  \nward#3", "caf\xe9\n", "a\x00b", "---\n", "\u0130stanbul\nstra\u00dfe\n\uff21\uff22\n", "e\u0301\n\u0301x\n", "\u200b\u200bx\n1 2 3\n", "\u4e2d\u6587\n", strings.Repeat("a ", 17),
		"a-b\na.b@c.example\n12/34\n", "\U0001d400\U0001d401\n", "\u0660\u0661\n\u2460\n", "zebra!\n~ectomy\n", "M\u00fcller, Hans\nYahoo! Mail\nA. Muster: B; (C) | [D] {E} <F> a?b c@d.example\n", "St. Georg\ndesk@clinic.example, Room 4\nDE89 3704 0044 0532 0130 00\nfe80::1\n123e4567-e89b-12d3-a456-426614174000 x\nhttps://a.example/b?c=d\n", strings.Repeat("\u00e9", 33) + "\n",
	} {
		f.Add([]byte(s))
	}
	const source = "policy: p\nlists: {l: {file: words}}\ndetectors: {d: {words_file: words}}\n"
	bare := bareDetectors()
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := policy.LoadWith("/p.yaml", []byte(source), policy.Options{ReadFile: func(string) ([]byte, error) { return file, nil }})
		if err != nil {
			lines := strings.Count(string(file), "\n") + 1
			for _, x := range err.(policy.Problems) {
				if x.Text == "" || x.Column < 1 || x.Line < 1 || x.File == "/words" && x.Line > lines || x.File != "/words" && x.File != "/p.yaml" {
					t.Fatalf("a problem of no place: %+v", x)
				}
			}
			return
		}
		words := p.Detectors()[0].Words
		d, err := bare(p.Detectors()[0])
		if err != nil {
			if !strings.HasPrefix(err.Error(), "word number ") {
				t.Fatalf("the detector does not say which word it refuses: %v", err)
			}
			return
		}
		for _, w := range words {
			found := d.Scan([]gateway.Part{{Kind: gateway.PartText, Path: "1", Text: gateway.Sensitive(w)}})
			if !slices.ContainsFunc(found.Findings, func(x gateway.Finding) bool { return x.Type == "d" }) {
				t.Fatalf("%q is not found in itself", w)
			}
			for _, x := range found.Findings {
				if n := utf8.RuneCountInString(w); x.Start < 0 || x.Start >= x.End || x.End > n {
					t.Fatalf("%q: %s at %d to %d of %d", w, x.Type, x.Start, x.End, n)
				}
			}
		}
	})
}
