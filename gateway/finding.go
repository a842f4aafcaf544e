package gateway

// Finding is one thing that detection found in a part. It holds no value in
// the clear: Masked is for people, Value only tells equal values from
// different ones.
type Finding struct {
	Type   string   `json:"type"` // "ssn", "card", "es.nif", or the name of an own detector
	Part   int      `json:"part"` // index into the parts that were scanned
	Kind   PartKind `json:"kind"`
	Path   string   `json:"path"`
	Start  int      `json:"start"` // code points into Part.Text; End is exclusive
	End    int      `json:"end"`
	Level  Level    `json:"level"`
	Masked string   `json:"masked"`
	Value  uint64   `json:"-"`     // hash of the canonical value under a key of the process; of few possible values it tells which
	Steps  []Step   `json:"steps"` // how Level came about, in order
}

// Step is one named step of a confidence.
type Step struct {
	Name   string `json:"name"` // constant word: "checksum", "label near", "order word near"
	Weight int    `json:"weight"`
}

// TopicScore is how much a message speaks of health, finance or legal matters.
type TopicScore struct {
	Name  string   `json:"name"`
	Level Level    `json:"level"`
	Score int      `json:"score"`
	Terms []string `json:"terms"` // the lexicon's terms that were met; ours, not the message's words
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
