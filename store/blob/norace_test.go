//go:build !race

package blob_test

// stride is 1: tests that place a fault at every operation do.
const stride = 1
