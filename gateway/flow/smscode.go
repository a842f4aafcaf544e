package flow

import (
	"context"

	"gatepost/gateway"
	"gatepost/gateway/smsmsg"
	"gatepost/store"
)

// phoneCodes carries codes to telephones by way of the queue.
type phoneCodes struct{ flow *Flow }

// Carries implements CodeChannel: there is a carrier, a line to send from, and
// the number is one that every carrier understands.
func (c phoneCodes) Carries(phone gateway.Sensitive) bool {
	set := c.flow.set()
	a, err := gateway.PhoneAddress(phone.Reveal())
	return err == nil && a.Local()[0] == '+' && c.flow.SMS != nil && set.SMS != nil && !set.SMS.Sender.IsZero()
}

// StageCode implements CodeChannel.
func (c phoneCodes) StageCode(ctx context.Context, b *store.Batch, code PhoneCode) error {
	to, err := gateway.PhoneAddress(code.To.Reveal())
	if err != nil {
		return err
	}
	text, err := smsmsg.Code(smsmsg.CodeData{
		Kind: code.Use, Brand: code.Organization, Reference: code.Reference, Language: code.Language, Code: code.Code,
	})
	if err != nil {
		return err
	}
	return c.flow.stageText(ctx, b, ownText{to: to, text: text, asked: true})
}
