//go:build race

package blob_test

// stride is how many faults a test that places each of hundreds takes at once:
// the race detector makes each several times as slow, and finds what it finds
// in a part of them.
const stride = 4
