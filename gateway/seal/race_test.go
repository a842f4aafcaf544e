//go:build race

package seal

// stride is how many cases a test that goes through thousands takes at once:
// the race detector makes each several times as slow, and finds what it finds
// in a part of them.
const stride = 4
