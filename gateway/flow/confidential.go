package flow

import (
	"context"

	"gatepost/gateway"
)

// faultUnprotected delays what has no protected way now.
var faultUnprotected = gateway.NewFault(451, "4.7.10", "The next hop is neither on loopback nor verified by TLS")

// deliverConfidential makes one attempt with an answer for staff. Its words
// leave over verified TLS or to a loopback address only.
func (f *Flow) deliverConfidential(ctx context.Context, m *gateway.Message, e gateway.Envelope) []gateway.Outcome {
	return f.Carrier.Deliver(ctx, e.Recipient.Domain(), SafeHop, func(_ gateway.TLSState, met bool) (*Outgoing, error) {
		if !met {
			return nil, faultUnprotected
		}
		return f.outgoing(ctx, m, []gateway.Envelope{e})
	})
}
