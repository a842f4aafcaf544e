// Package e2e holds the stories that only the whole program can tell: it
// builds the real binary once and drives it from outside, over SMTP, HTTP,
// signals and its own command line, with real peers around it (Postfix,
// Mail::DKIM, OpenDKIM; Kannel, node-smpp, Net::SMPP and go-smpp, whose programs
// are in the folder smspeers). It imports nothing of Gatepost.
//
// Every process runs in a directory of its own on loopback ports that were
// free, and is ended by the one who started it. A peer that is not installed
// skips its stories with the reason; with GATEPOST_PEERS=required it fails
// them. Under the race detector the binary is built with it too, and a race
// that it reports fails the story.
package e2e
