// Package mailauth signs what Gatepost itself composes with the DKIM keys (RFC
// 6376) of the organization's domains, and keeps these keys.
//
// It never touches the original of a message: what passes keeps the sender's
// own signatures.
//
// Invariants:
//   - A signature covers the whole body (no l=), and each field that people
//     read or answer to is signed once more than it occurs, so that adding one
//     breaks the signature.
//   - Private keys lie in files of mode 0600 and never in an error text.
package mailauth
