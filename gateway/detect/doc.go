// Package detect finds identifiers, names, secrets and topics in text.
//
// It is pure: no network, no clock, no randomness, no goroutine; the same
// parts give the same Detections under the same Config. It is not a judge:
// what a finding means for an envelope is decided by policy.
//
// A part is read in views of at most 128 KiB, each with a margin of its
// neighbours. Per view:
//
//  1. normal.go undoes spelling tricks and keeps a map back to code points;
//  2. scan.go cuts words and number pieces, once, from left to right;
//  3. words are looked up in one automaton (words.go) that holds the lexicons,
//     the labels of identifiers, given names and the organization's own words;
//  4. pieces (sequence.go) are matched in windows (window.go) against layouts
//     (number.go) whose validators stand in tables, one file per region;
//  5. context.go weighs each candidate with the labels around it, in named steps,
//     as soon as those behind it are read.
//
// Invariants: time is linear in the text, whatever it holds; offsets point to
// the original code points; no clear value leaves the package, only masked
// ones and keyed hashes; every Level is the sum of the Steps shown beside it.
package detect
