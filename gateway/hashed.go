package gateway

import (
	"errors"
	"fmt"
	"log/slog"
)

// Hashed is a password or PIN as it is stored: argon2id (RFC 9106) over
// HMAC(pepper, secret), with the parameters beside the hash so that they can
// be raised later. Without the keyring no guess can be tried. It redacts
// itself.
type Hashed struct {
	Time    uint32 // passes
	Memory  uint32 // KiB
	Threads uint8
	Salt    []byte
	Hash    []byte
}

// Format implements fmt.Formatter: no verb shows a hash.
func (Hashed) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[password]")) }

// LogValue implements slog.LogValuer.
func (Hashed) LogValue() slog.Value { return slog.StringValue("[password]") }

// ErrBusy: too many passwords and PINs are being compared at once. No try was
// spent; trying again in some seconds may help.
var ErrBusy = errors.New("too many tries at once")
