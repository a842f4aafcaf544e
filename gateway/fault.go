package gateway

import (
	"errors"
	"fmt"
)

// Fault is an error that a peer will hear of. Only Code, Status and Text may
// be told; Cause is for our own log and is not part of what Error says to
// strangers.
//
// An error that is no Fault is ours, and what is ours is temporary: a bug
// delays mail and never bounces it.
type Fault struct {
	Code   int    // SMTP reply code, RFC 5321 section 4.2.1: 4xx temporary, 5xx permanent
	Status string // enhanced status, RFC 3463: "4.3.0"
	Text   string // words for the peer: ASCII, one line, nothing about other people's data
	Cause  error  // private; may be nil
	// SMPP is the command_status for a peer that speaks SMPP (v3.4 section
	// 5.1.3); 0 leaves it to the class of Code.
	SMPP uint32
}

// Error is for our log: the words for the peer and the cause.
func (f *Fault) Error() string {
	if f.Cause == nil {
		return fmt.Sprintf("%d %s %s", f.Code, f.Status, f.Text)
	}
	return fmt.Sprintf("%d %s %s: %v", f.Code, f.Status, f.Text, f.Cause)
}

// Unwrap returns the private cause.
func (f *Fault) Unwrap() error { return f.Cause }

// Temporary reports whether trying again may help.
func (f *Fault) Temporary() bool { return f.Code < 500 }

// NewFault makes a Fault without a cause.
func NewFault(code int, status, text string) *Fault {
	return &Fault{Code: code, Status: status, Text: text}
}

// Because returns a copy of f with a private cause.
func (f *Fault) Because(cause error) *Fault {
	g := *f
	g.Cause = cause
	return &g
}

// Faults that several packages answer with.
var (
	FaultInternal   = &Fault{Code: 451, Status: "4.3.0", Text: "Temporary internal fault, try again later"}
	FaultStorage    = &Fault{Code: 452, Status: "4.3.1", Text: "Insufficient system storage, try again later"}
	FaultTooLarge   = &Fault{Code: 552, Status: "5.3.4", Text: "Message exceeds the size limit"}
	FaultNoRelay    = &Fault{Code: 550, Status: "5.7.1", Text: "Relaying denied"}
	FaultShutdown   = &Fault{Code: 421, Status: "4.3.2", Text: "Service shutting down, try again later"}
	FaultNoSuchUser = &Fault{Code: 550, Status: "5.1.1", Text: "No such address here"}
)

// FaultOf returns the Fault inside err; for any other error a temporary
// FaultInternal with err as its cause, for nil nil.
func FaultOf(err error) *Fault {
	if err == nil {
		return nil
	}
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return FaultInternal.Because(err)
}
