package detect

import (
	"fmt"
	"slices"
	"sync"

	"gatepost/gateway"
)

// maxText is how many octets of text one Scan reads, over all parts. What is
// longer is Truncated.
const maxText = 64 << 20

// Config of a Detector.
type Config struct {
	// Own are the organization's detectors. A name may not be one of ours.
	Own []gateway.OwnDetector
	// OwnIdentifiers are the organization's account and telephone numbers and
	// addresses, in any spelling: they stand in every footer and are no findings.
	// An international telephone number ("+49 ...") is none only as a telephone
	// number, an IBAN only as an IBAN; others are none whatever they look like.
	OwnIdentifiers []string
	// Counts is how many different values of one type the rules tell from more.
	// 0 stands for 1,000, the most; fewer than 100 are 100.
	Counts int
	// Key hashes values, so that equal ones can be counted without being kept.
	Key [16]byte
}

// Detector scans texts. It is immutable and safe for concurrent use.
type Detector struct {
	folds    *folds
	words    *automaton
	patterns []pattern
	types    *typeTable
	names    []string // of the types, then of own detectors
	numbers  *layouts
	secrets  *secretTable
	own      map[ownValue]bool // own identifiers
	key      [16]byte
	counts   int
	pool     sync.Pool // *scan
}

// New builds a Detector: it reads the lexicons and the organization's own
// words into one automaton (100,000 terms take a fraction of a second).
func New(c Config) (*Detector, error) {
	if c.Counts <= 0 {
		c.Counts = maxFindings
	}
	d := &Detector{key: c.Key, counts: min(max(c.Counts, enough), maxFindings), folds: newFolds(), types: newTypeTable(), own: map[ownValue]bool{}}
	d.names = slices.Clone(d.types.names)
	b := newBuilder(d.types, d.folds)
	if err := b.addLexicons(); err != nil {
		return nil, err
	}
	for _, o := range c.Own {
		if err := d.addOwn(b, o); err != nil {
			return nil, fmt.Errorf("detector %q: %w", o.Name, err)
		}
	}
	d.numbers, d.secrets = newLayouts(d.types), newSecretTable()
	d.words = b.build()
	for _, s := range c.OwnIdentifiers {
		d.addIdentifier(d.folds.text(s))
	}
	d.pool.New = func() any { return newScan(d) }
	return d, nil
}

// hasOwn reports whether the organization has detectors of its own.
func (d *Detector) hasOwn() bool { return len(d.names) > len(d.types.names) }

// Scan reads all parts, once each, and says what they hold. It never fails;
// what it did not read it reports as Truncated.
func (d *Detector) Scan(parts []gateway.Part) *gateway.Detections {
	s := d.pool.Get().(*scan)
	s.begin()
	budget, truncated := maxText, false
	for i, p := range parts {
		text := p.Text.Reveal()
		if len(text) > budget {
			text = text[:budget]
			truncated = true
		}
		budget -= len(text)
		if s.alone = p.Kind == gateway.PartMachine; s.alone && !d.hasOwn() {
			continue
		}
		s.part(i, text)
		if shown, ok := turned(text); ok {
			s.again(i, shown)
		}
	}
	out := s.finish(parts)
	out.Truncated = truncated
	s.wipe()
	d.pool.Put(s)
	return out
}
