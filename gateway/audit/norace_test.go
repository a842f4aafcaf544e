//go:build !race

package audit

// stride is 1: tests that go through every case do.
const stride = 1
