// Package mailmsg understands mail and writes mail. Read takes the union of
// what tolerant readers may see in a message, for judging it; View takes one
// decided reading apart for a person's eyes; Edits and Apply say what changes
// when an original leaves; Automatic says whether a program wrote one. Notice,
// Code, StaffNotice and Report compose what Gatepost itself sends, WriteAnswer
// the mail that carries a correspondent's words to staff.
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
//     header can end its line. (The entity of a mail that an answer carries stays
//     as it is.)
//   - What is composed quotes neither subject nor text of a secured message; only
//     an answer holds what its author wrote.
package mailmsg
