// Package text knows what a short message says: the alphabets of 3GPP TS
// 23.038 and of SMPP's data_coding, user data headers and the other ways in
// which a long text is cut into segments (3GPP TS 23.040 section 9.2.3.24,
// SMPP v3.4 sections 5.3.2.22 to 5.3.2.24), and delivery receipts (SMPP v3.4
// Appendix B). It keeps no state: who reassembles hands it the segments in
// order.
//
// GSM 7-bit text travels over SMPP as one octet per septet, with bit 8 zero;
// carriers that pack septets exist, so packed text is one of the readings.
//
// Invariants:
//
//   - Reading fails towards protection: the first part of a reading is what a
//     telephone most likely shows, every other text that some receiver could
//     take out of the same octets follows as a hidden part, and what no
//     reading settles is uncertain or unreadable. What data_coding says never
//     hides a text.
//   - A cut never falls into an escape or a surrogate pair.
//   - The work is linear in the octets, whatever a header claims.
package text

import "errors"

// Texts reads and writes the texts of short messages. The zero value is ready,
// and may be used by several goroutines.
type Texts struct{}

// ErrTooLong is returned for a text of more than 255 segments.
var ErrTooLong = errors.New("text is longer than 255 segments")
