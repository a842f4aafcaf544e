package policy

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"sync"

	"gatepost/gateway"
)

// Policy is a policy file, ready to judge. What it decides never changes; it is
// safe for concurrent use.
type Policy struct {
	file      string
	name      string
	digest    string
	words     string // digest of the files
	otherwise gateway.Action
	onError   gateway.Action
	own       []string
	lists     map[string]wordList
	detectors []gateway.OwnDetector
	defines   []definition
	rules     []rule
	cases     []Case
	files     []File
	warnings  Problems
	slots     []slot
	byIdent   map[string]int
	counts    int                  // what Counts returns
	order     []int                // rules such that one comes before those that it lifts
	blank     []gateway.RuleResult // of rules that are not met
	said      []saying             // by rules
	idle      sync.Pool            // of *Judge
}

// File is a file that the policy file names.
type File struct {
	Name   string
	Digest string // SHA-256, hex
}

// Options of LoadWith; the zero value is what Load uses.
type Options struct {
	// Types lists all types of findings that detection knows. Nil: the
	// BuiltinTypes and the NationalTypes.
	Types []string
	// ReadFile reads the files that the policy names. Nil: os.ReadFile.
	ReadFile func(name string) ([]byte, error)
}

// Load reads a policy from src; file names it in messages and is where the
// names of other files start from. Its error is a Problems.
func Load(file string, src []byte) (*Policy, error) { return LoadWith(file, src, Options{}) }

// LoadWith is Load with Options.
func LoadWith(file string, src []byte, o Options) (*Policy, error) {
	if o.Types == nil {
		o.Types = append(BuiltinTypes(), NationalTypes()...)
	}
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	text := bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	for _, end := range []string{"\r\n", "\r"} { // line breaks of YAML 1.2 section 5.4
		text = bytes.ReplaceAll(text, []byte(end), []byte("\n"))
	}
	d := &document{
		reader: &reader{file: file}, readFile: o.ReadFile, builtin: o.Types,
		onError: gateway.Hold, lists: map[string]wordList{}, spots: map[string]spots{},
	}
	if root := d.root(text); root != nil {
		d.read(root)
	}
	if len(d.problems) > 0 {
		return nil, d.problems
	}
	p := &Policy{
		file: file, name: d.title, digest: digest(src), otherwise: d.otherwise, onError: d.onError,
		own: d.own, lists: d.lists, detectors: d.detectors, defines: d.defines, rules: d.rules,
		cases: d.cases, files: d.files,
	}
	if err := p.compile(d); err != nil {
		return nil, err
	}
	p.words, p.warnings = digestAll(p.files), d.warnings
	return p, nil
}

// digestAll is one digest for several files; "" for none.
func digestAll(files []File) string {
	if len(files) == 0 {
		return ""
	}
	var all strings.Builder
	for _, f := range files {
		all.WriteString(f.Digest + "\n")
	}
	return digest([]byte(all.String()))
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

//go:embed default.yaml
var defaultSource []byte

// DefaultSource returns the text of the built-in policy.
func DefaultSource() []byte { return bytes.Clone(defaultSource) }

// Default returns the built-in policy.
func Default() *Policy {
	p, err := Load("default.yaml", defaultSource)
	if err != nil {
		panic("policy: the built-in policy is refused: " + err.Error())
	}
	return p
}

// Name is what the file calls the policy.
func (p *Policy) Name() string { return p.name }

// Digest is the SHA-256 of the file, hex.
func (p *Policy) Digest() string { return p.digest }

// WordsDigest is the SHA-256 over the Digests of Files, hex, each with a line
// feed behind it; "" without files.
func (p *Policy) WordsDigest() string { return p.words }

// Uses reports whether a rule asks for a word of the vocabulary, such as
// "recipient.sent_today", so that a caller need not find out what nobody asks.
func (p *Policy) Uses(word string) bool {
	return slices.ContainsFunc(p.rules, func(r rule) bool { return p.reach(r.met.slots(nil), word) })
}

func (p *Policy) reach(slots []int, word string) bool {
	return slices.ContainsFunc(slots, func(i int) bool {
		s := &p.slots[i]
		return s.name == word || p.reach(s.inner, word) || s.define != nil && p.reach(s.define.slots(nil), word)
	})
}

// Rules lists the rules, as results of a message that none of them met.
func (p *Policy) Rules() []gateway.RuleResult { return slices.Clone(p.blank) }

// Files lists the files that the policy file names, with their digests.
func (p *Policy) Files() []File { return slices.Clone(p.files) }

// Warnings are what is odd in the file and does not keep it from being used,
// each with its place.
func (p *Policy) Warnings() []Problem { return slices.Clone(p.warnings) }

// OnError is what becomes of a message that could not be judged: secure, hold
// or reject.
func (p *Policy) OnError() gateway.Action { return p.onError }

// Detectors are the organization's own detectors.
func (p *Policy) Detectors() []gateway.OwnDetector { return slices.Clone(p.detectors) }

// Counts is how many different values of one type the rules tell from more, at least
// 100 and at most 1,000. What reaches it counts as more than any rule asks for.
func (p *Policy) Counts() int { return p.counts }

// OwnIdentifiers are the organization's own numbers, which are no findings.
func (p *Policy) OwnIdentifiers() []string { return slices.Clone(p.own) }

// Cases are the examples of `tests:`.
func (p *Policy) Cases() []Case { return slices.Clone(p.cases) }
