package gateway

// Finding is one thing that detection found in a part. It holds no value in
// the clear: Masked is for people, Value only tells equal values from
// different ones.
type Finding struct {
	Type   string // "ssn", "card", "es.nif", or the name of an own detector
	Part   int    // index into the parts that were scanned
	Kind   PartKind
	Path   string
	Start  int // code points into Part.Text; End is exclusive
	End    int
	Level  Level
	Masked string
	Value  uint64 // hash of the canonical value under a key of the process
	Steps  []Step // how Level came about, in order
}

// Step is one named step of a confidence.
type Step struct {
	Name   string // constant word: "checksum", "label near", "order word near"
	Weight int
}

// TopicScore is how much a message speaks of health, finance or legal matters.
type TopicScore struct {
	Name  string
	Level Level
	Score int
	Terms []string // the lexicon's terms that were met; ours, not the message's words
}

// Detections is everything that detection says of one message.
type Detections struct {
	Findings          []Finding
	Topics            []TopicScore
	Kinds             []string // reminder, marketing, receipt, one_time_code
	AddressedToReader bool
	// Truncated says that a limit cut the scan short: judged at its worst.
	Truncated bool
}

// OwnDetector is a detector of the organization, as its policy file defines it.
type OwnDetector struct {
	Name    string
	Words   []string // matched like our lexicons
	Pattern string   // RE2; "" when Words is used
	Literal string   // a literal that every match of Pattern contains; "" when unknown
}
