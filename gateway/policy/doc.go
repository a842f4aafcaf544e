// Package policy reads the policy file and judges messages by it.
//
// A policy is a list of rules over what is known of a message: who sends it to
// whom, what detection found in it, what its sender asked for. Judge turns
// these Facts into a gateway.Verdict for one recipient. The package does no
// I/O after Load, finds nothing in texts itself (that is gateway/detect) and
// does not know how a verdict is carried out.
//
// Conditions are CEL. The functions and variables of the vocabulary are
// resolved when a file is loaded: their arguments must be written out, so that
// a misspelled type, topic or rule is an error with file, line and column, not
// a rule that never fires.
//
// Invariants:
//   - all rules are judged, in no order, and the strictest outcome wins; a
//     weaker rule acts only through the rules that it names;
//   - what fails (detection, reading, a condition, this package) is judged at
//     least at on_error, which is secure, hold or reject;
//   - a sender who does not belong to the organization cannot bind by tags;
//   - explanations hold no text of the message: conditions, names of types,
//     levels, numbers and truth values only, the same bytes for the same facts;
//   - a Policy is immutable and safe for concurrent use.
package policy
