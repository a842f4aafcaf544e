//go:build race

package mailmsg_test

// underRace: a document is read by one goroutine, so the race detector finds
// nothing in the hundredth of them and makes each several times slower.
const underRace = true
