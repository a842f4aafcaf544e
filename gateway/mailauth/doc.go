// Package mailauth says what can be believed of a mail from outside, by DKIM
// (RFC 6376, 8301, 8463), SPF (RFC 7208) and DMARC (RFC 7489), and signs what
// Gatepost itself composes with the DKIM keys of the organization's domains,
// which it keeps.
//
// It decides nothing about a mail, and never touches the original of a message:
// what passes keeps the sender's own signatures.
//
// Invariants of verifying:
//   - It looks at the octets as they came in, and at nothing else.
//   - Absence is what the DNS said. No answer is "temperror", never "none".
//   - "pass" is never more than what was signed: rsa-sha1, keys below 1024 bits
//     and keys in test never pass, l= is marked, a field counts as covered when
//     each field of its name is signed.
//   - A header in which readers may see different fields authenticates nobody.
//   - What one mail makes us ask, compute and wait for is bounded.
//
// Invariants of signing:
//   - A signature covers the whole body (no l=), and each field that people
//     read or answer to is signed once more than it occurs, so that adding one
//     breaks the signature.
//   - Private keys lie in files of mode 0600 and never in an error text.
package mailauth
