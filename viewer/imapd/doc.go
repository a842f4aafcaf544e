// Package imapd lets staff see their secured mail, the answers and held mail
// in the mail client that they have (RFC 9051, RFC 3501).
//
// go-imap parses commands and keeps their sequence. Around it, conn is the
// connection as go-imap sees it: it hands over one whole command at a time,
// without literals, and owns limits, deadlines, TLS, capabilities and what
// leaves. Behind it, session says what a folder holds and asks Mail for
// everything that is kept or changed.
//
// It decides nothing about rights beyond the names of folders, which are a
// closed set, and holds no key: octets of a message come from Bodies, for a
// grant that Mail gave after the evidence of the read was durable.
//
// Invariants:
//
//   - No octet of a literal is ever read as a command, whatever became of the
//     command that it belongs to.
//   - Sequence numbers are those that the client knows: what is gone keeps its
//     number until the client was told (RFC 9051 section 7.5.1).
//   - A literal that cannot be completed ends the connection; what is said to
//     be a message's octets is that.
//   - A folder that was opened with EXAMINE is not changed.
//   - What a client makes wait is its own connection.
package imapd
