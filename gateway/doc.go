// Package gateway holds the nouns of the product and nothing else: it does no
// I/O, starts no goroutine and imports only the standard library, so that
// every other package can speak about messages without depending on the
// machinery that moves them.
//
// One word means one thing, here and in every interface:
//
//	message         what came in once: an octet-exact mail, or the text of an SMS
//	envelope        one message for one recipient; what the queue delivers
//	staff           a person inside the organization
//	correspondent   a person outside
//	verdict         what policy decided for one envelope
//	notice          what leaves instead of a secured message
//	link            a 128-bit capability in a URL path; opens nothing without the PIN
//	code, PIN       the second proof
//	thread          one conversation between staff and correspondents
//	evidence        audit records, committed in the batch of the act they describe
//	upstream        where traffic goes next
//
// Types that can hold a person's words, name, number or address redact
// themselves under every fmt verb and under log/slog. They do encode to JSON
// in the clear, because records are stored as JSON below a layer that seals
// every value.
package gateway
