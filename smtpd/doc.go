// Package smtpd is the SMTP server: the listeners relay, inbound, submission
// and submissions. It speaks RFC 5321 with STARTTLS, AUTH, PIPELINING, SIZE,
// 8BITMIME, SMTPUTF8, CHUNKING, DSN and ENHANCEDSTATUSCODES, hands each mail
// as a stream to a Backend and answers what the Backend says. It judges
// nothing, stores nothing, holds no key that opens a body and knows no policy:
// who may relay is the Backend's to decide.
//
// emersion/go-smtp keeps the sequence of commands. It never sees an octet
// that could be mistaken: each connection is wrapped in a conn, which
// validates one command line at a time, hands go-smtp a harmless canonical
// form of it, and reads the octets of DATA and BDAT itself (body.go,
// scanner.go).
//
// Invariants:
//
//   - A reply 250 to a message is written after Backend.Accept has returned
//     nil, never before.
//   - Only CRLF.CRLF ends DATA, and no octet of a body is ever run as a
//     command: a read error is final for its connection.
//   - The Backend reads canonical octets: lines end with CRLF, there is no
//     other CR or LF and no NUL. Of anything else it reads a Fault.
//   - What one peer can make the server hold is bounded: connections, lines,
//     recipients, one 64 KiB buffer while a body arrives. A body is never in
//     memory as a whole, and a slow Backend slows the sender down.
//   - A Fault is told word by word; any other error is 451 4.3.0.
package smtpd
