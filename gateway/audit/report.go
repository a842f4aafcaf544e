package audit

import "time"

// ProblemKind is a way in which a log can be wrong.
type ProblemKind string

// The kinds of problems.
const (
	ProblemRecord     ProblemKind = "record"      // record is not what was hashed, or cannot be read
	ProblemMissing    ProblemKind = "missing"     // records are not there
	ProblemUnsigned   ProblemKind = "unsigned"    // records in the log behind its newest signed head
	ProblemHashes     ProblemKind = "hashes"      // stored hashes of the tree are not those of the records
	ProblemHead       ProblemKind = "head"        // stored head is unreadable, misplaced, or not signed by the key
	ProblemRoot       ProblemKind = "root"        // records do not add up to what a stored head signed
	ProblemState      ProblemKind = "state"       // folder's position contradicts the log
	ProblemIndex      ProblemKind = "index"       // index of messages does not match the records
	ProblemStaged     ProblemKind = "staged"      // staged records cannot be read
	ProblemCheckpoint ProblemKind = "checkpoint"  // checkpoint from outside is not signed by the key
	ProblemRolledBack ProblemKind = "rolled_back" // log ends before a checkpoint from outside
	ProblemRewritten  ProblemKind = "rewritten"   // log differs from what a checkpoint from outside signed
)

// Problem is one thing wrong.
type Problem struct {
	Kind ProblemKind `json:"kind"`
	// At is the sequence number; for heads, roots and checkpoints the number
	// of records that they cover.
	At    uint64 `json:"at"`
	Count uint64 `json:"count"` // how many in a row, from At on
	What  string `json:"what"`  // constant words
}

// Report is what a verification found.
type Report struct {
	Records     uint64    `json:"records"` // that were read
	Signed      uint64    `json:"signed"`  // that the newest good head covers
	Root        string    `json:"root"`    // of the signed records, base64; "" when there is no good head
	SignedAt    time.Time `json:"signed_at,omitzero"`
	Heads       int       `json:"heads"`       // stored heads that were verified
	Checkpoints int       `json:"checkpoints"` // from outside, that the log continues
	Staged      int       `json:"staged"`      // recorded but not folded: nothing protects them yet
	Problems    []Problem `json:"problems"`
	More        int       `json:"more,omitempty"` // problems beyond the hundred that are listed
}

// OK reports whether nothing is wrong.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

const maxProblems = 100

// add notes a problem; one that continues the problem before is merged into it.
func (r *Report) add(kind ProblemKind, at uint64, what string) { r.addSome(kind, at, 1, what) }

// addSome notes a problem of count numbers in a row.
func (r *Report) addSome(kind ProblemKind, at, count uint64, what string) {
	if n := len(r.Problems); n > 0 {
		last := &r.Problems[n-1]
		if last.Kind == kind && last.What == what && last.At+last.Count == at {
			last.Count += count
			return
		}
		if n == maxProblems {
			r.More++
			return
		}
	}
	r.Problems = append(r.Problems, Problem{Kind: kind, At: at, Count: count, What: what})
}
