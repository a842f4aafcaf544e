package library

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails where a goroutine is left when all tests are through.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
