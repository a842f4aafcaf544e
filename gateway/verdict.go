package gateway

import "time"

// Verdict is what policy decided for one envelope. The zero Verdict secures.
type Verdict struct {
	Action Action   // strictest outcome of the rules that are enforced
	Rules  []string // ids of the rules that demanded Action, in order of the file
	// Failed says that judging itself failed and Action is the policy's on_error.
	Failed  bool
	Options Options
	Explanation
}

// Options of a secured message; the zero value is the default.
type Options struct {
	PIN       string        `json:",omitempty"` // "", other_channel, same_channel, standing, contact, sender
	Expires   time.Duration `json:",omitempty"` // of the link; 0: the configuration's
	StaffCopy string        `json:",omitempty"` // "none" forbids the staff wrap
}

// Explanation proves a verdict: each rule, met or not and why. It holds no
// text of the message, only masked values.
type Explanation struct {
	Policy   string       // name of the policy
	Digest   string       // SHA-256 of the policy file, hex
	Results  []RuleResult // every rule, in order of the file
	Shadow   Action       // what would act if shadow rules were enforced
	Error    string       `json:",omitempty"` // constant phrase: what failed
	Findings []Finding    `json:",omitempty"`
	Topics   []TopicScore `json:",omitempty"`
	Kinds    []string     `json:",omitempty"`
}

// RuleResult is one rule's line of the proof.
type RuleResult struct {
	ID       string
	Reason   string
	Action   Action
	Met      bool
	Shadow   bool   `json:",omitempty"`
	LiftedBy string `json:",omitempty"` // id of the rule that satisfied or exempted it
	Why      string `json:",omitempty"` // the condition's atoms and what each was
	Error    string `json:",omitempty"`
}
