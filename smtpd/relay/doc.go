// Package relay is the SMTP client that hands mail to the next hop.
//
// It is a protocol engine: it finds the next hop, decides what its TLS is
// worth, sends one transaction and says exactly what came of it for every
// recipient. It is not a queue (it never waits to try again), it knows no
// policy and opens no sealed body: the caller passes an open reader.
//
// What always holds:
//
//   - No error is permanent unless the next hop itself said 5yz to MAIL, RCPT,
//     DATA or the final dot, or the domain provably takes no mail, or the next
//     hop lacks what the message needs. Everything else is Deferred.
//   - Once the octets of the final dot may have left, nothing is sent again
//     within the attempt unless the next hop refused; a missing answer is
//     Outcome.Unknown (RFC 5321 section 4.5.3.2.6).
//   - A body whose reader fails is never ended with a dot: no next hop ever
//     takes half a message for a whole one.
//   - Certificates count as verified only when chain and name were both
//     checked on TLS 1.2 or later; the name of an MX comes from DNS, which is
//     trusted here as far as the configured resolver is.
package relay
