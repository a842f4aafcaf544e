// Package mailmsg understands mail and writes mail. Read takes the union of
// what tolerant readers may see in a message, for judging it; View takes one
// decided reading apart for a person's eyes; Edits and Apply say what changes
// when an original leaves; Notice, Code and Report compose what Gatepost
// itself sends.
//
// It judges nothing, opens no connection and holds no key. It is not a mail
// library: what it does not need for judging and showing is left out.
//
// Invariants:
//   - Read never fails, never panics and is linear in the size of the message;
//     its limits are checked before the work.
//   - Where two readers could see two texts, Read returns both, and where even
//     that may not be all, Uncertain says so.
//   - What is composed is CRLF and 7-bit clean, and no value that goes into a
//     header can end its line.
package mailmsg
