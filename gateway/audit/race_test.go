//go:build race

package audit

// stride is how many cases a test that goes through hundreds takes at once:
// the race detector makes each several times as slow, and finds what it finds
// in a part of them.
const stride = 4
