// Package audit keeps the evidence: what happened, in an order that nobody can
// change unnoticed afterwards. It records what others tell it; it does not
// decide what is worth recording, holds no address and resolves no person.
//
// Evidence is staged in the batch of the act it describes, so neither exists
// without the other. Folding moves staged records into the log: each gets the
// next sequence number, becomes a leaf of a Merkle tree (RFC 6962 section 2.1,
// by golang.org/x/mod/sumdb/tlog), and the new root is signed, all in one
// commit.
//
// A leaf is the JSON object of its Entry: the field "seq", then the fields of
// gateway.Record in their order, empty ones left out, the time in UTC as in
// RFC 3339, the keys of Detail sorted, and "<", ">", "&", U+2028 and U+2029
// escaped as encoding/json does. Its octets are stored as they were hashed,
// and exported unchanged, so an export can be verified without Gatepost: the
// leaf hash of a line is SHA-256(0x00 || line without its line feed).
// VerifyExport does it without store and keyring.
//
// A checkpoint is a signed note (golang.org/x/mod/sumdb/note) whose text is
// the origin line, the number of records, the root in base64 and the time of
// signing:
//
//	gatepost evidence
//	4711
//	xGl7…=
//	2026-03-01T10:00:00Z
//
// Invariants:
//
//   - Sequence numbers are dense, and every record in the log is covered by a
//     signed root that was committed with it.
//   - A fold is all or nothing, and of two folders of one store one wins and
//     the other starts again: no record is lost, doubled or reordered.
//   - The signing key and the newest checkpoint lie outside the store. Whoever
//     holds the store alone can change nothing that a verifier does not see,
//     and cannot go back behind the newest checkpoint that was kept elsewhere.
//
// What stands in the log after the newest such checkpoint could be rolled
// back unseen; what is staged could be removed unseen until it is folded,
// within a fraction of a second.
package audit
