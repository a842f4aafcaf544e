// Package document turns the octets of one document into the text that a
// person could read in it: HTML, RTF, office documents, PDF, archives. It
// knows nothing of mail.
//
// Everything here reads foreign octets. Invariants: linear time in what is
// read or inflated, hard limits before work, no panic on any input, no
// network, no files. What cannot be read with certainty is reported, never
// guessed to be harmless.
package document
