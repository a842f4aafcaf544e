package gateway

import "time"

// Verdict is what policy decided for one envelope. The zero Verdict secures.
type Verdict struct {
	Action Action   `json:"action"` // strictest outcome of the rules that are enforced
	Rules  []string `json:"rules"`  // ids of the rules that demanded Action, in order of the file
	// Failed says that judging itself failed and Action is the policy's on_error.
	Failed  bool    `json:"failed"`
	Options Options `json:"options"`
	Explanation
}

// Options of a message that is not refused, most of them of a secured one; the
// zero value is the default.
type Options struct {
	PIN       string        `json:"pin,omitempty"`        // "", other_channel, same_channel, standing, contact, sender
	Expires   time.Duration `json:"expires,omitempty"`    // of the link; 0: the configuration's
	StaffCopy string        `json:"staff_copy,omitempty"` // "none" forbids the staff wrap
	Status    string        `json:"status,omitempty"`     // "opened": the sender is told of the first reading
	Reason    string        `json:"reason,omitempty"`     // "required": whoever reviews what is held says why
	Notify    string        `json:"notify,omitempty"`     // "sender": who sent what is held is told that it waits
	// NotBefore is when it may leave, whatever the action; zero: at once.
	NotBefore time.Time `json:"not_before,omitzero"`
}

// Explanation proves a verdict: each rule, met or not and why. It holds no
// text of the message, only masked values.
type Explanation struct {
	Policy string `json:"policy"` // name of the policy
	Digest string `json:"digest"` // SHA-256 of the policy file, hex
	// Words is the SHA-256 (hex) over those of the files of words that the policy
	// names, in its order; "" when it names none.
	Words   string       `json:"words,omitempty"`
	Results []RuleResult `json:"results"` // every rule, in order of the file
	// Like is set in a kept verdict: it names the results that stand for those
	// which Results leaves out.
	Like     string       `json:"like,omitempty"`
	Shadow   Action       `json:"shadow"`          // what would act if shadow rules were enforced
	Error    string       `json:"error,omitempty"` // constant phrase: what failed
	Findings []Finding    `json:"findings,omitempty"`
	Topics   []TopicScore `json:"topics,omitempty"`
	Kinds    []string     `json:"kinds,omitempty"`
}

// RuleResult is one rule's line of the proof.
type RuleResult struct {
	ID       string `json:"id"`
	Reason   string `json:"reason"`
	Action   Action `json:"action"`
	Met      bool   `json:"met"`
	Shadow   bool   `json:"shadow,omitempty"`
	LiftedBy string `json:"lifted_by,omitempty"` // id of the rule that satisfied or exempted it
	Until    string `json:"until,omitempty"`     // hour before which the message does not leave: "08:00"
	Why      string `json:"why,omitempty"`       // the condition's atoms and what each was
	Error    string `json:"error,omitempty"`
}
