// Package smppd is the SMPP v3.4 server, to which the organization's
// applications (ESMEs) bind: the listeners smpp and smpps. It hands each
// submitted segment to a Gateway and answers what the Gateway says, and it
// brings the receipts and messages that the Gateway keeps to the applications
// that bound to receive. It judges nothing, stores nothing and holds no key.
//
// Invariants:
//
//   - A response with status 0 to a submission is written after
//     Gateway.SubmitSMS has returned nil, never before.
//   - A delivery is settled after each of its segments was answered with
//     status 0, never before. It may come twice, it is never lost.
//   - What one peer can make the server hold is bounded: connections, octets
//     of a PDU before and after the bind, PDUs under way, octets that wait to
//     be written. A peer that does not read is not read from.
//   - Sessions share nothing but their account: what one does, or leaves
//     undone, delays no session of another account.
//   - Rates never cut a text in two: when one part of it was admitted, the
//     others are.
//   - No number, name, text or password in a log line, a metric or an error.
package smppd
