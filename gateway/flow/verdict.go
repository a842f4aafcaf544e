package flow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"gatepost/gateway"
	"gatepost/gateway/policy"
	"gatepost/store"
)

// A proof names every rule, and nearly all of it is the same for nearly all
// messages: three quarters of the record of a short one. So the record of a
// message keeps what differs from what the policy says of an empty message,
// and that is kept once.

// base is what the policy in force says of an empty message.
type base struct {
	results []gateway.RuleResult
	id      string // hex of the first half of the SHA-256 of value
	value   []byte
}

func newBase(p *policy.Policy) *base {
	b := &base{results: p.Base()}
	value, err := store.Encode(b.results)
	if err != nil {
		return nil // verdicts are kept whole
	}
	sum := sha256.Sum256(value)
	b.id, b.value = hex.EncodeToString(sum[:sha256.Size/2]), value
	return b
}

func baseKey(id string) ([]byte, error) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != sha256.Size/2 {
		return nil, fmt.Errorf("explanation of a verdict: %w", store.ErrBadRecord)
	}
	return store.Key(store.VerdictBases, raw), nil
}

// pack returns verdicts as the record of a message keeps them.
func (b *base) pack(verdicts []gateway.Verdict) []gateway.Verdict {
	if b == nil || len(verdicts) == 0 {
		return verdicts
	}
	packed := make([]gateway.Verdict, len(verdicts))
	for i, v := range verdicts {
		packed[i] = policy.Pack(v, b.results, b.id)
	}
	return packed
}

// stageBase adds the record that packed verdicts need, unless it is there.
func (f *Flow) stageBase(b *store.Batch, of *base) error {
	if of == nil {
		return nil
	}
	if _, kept := f.bases.Load(of.id); kept {
		return nil
	}
	key, err := baseKey(of.id)
	if err != nil {
		return err
	}
	b.Put(key, of.value)
	b.After(func() { f.bases.Store(of.id, nil) })
	return nil
}

// verdicts are those of a message with every rule of their proof.
func (f *Flow) verdicts(ctx context.Context, m *gateway.Message) ([]gateway.Verdict, error) {
	all := make([]gateway.Verdict, len(m.Verdicts))
	for i, v := range m.Verdicts {
		if all[i] = v; v.Like == "" {
			continue
		}
		key, err := baseKey(v.Like)
		if err != nil {
			return nil, err
		}
		results, _, err := store.GetRecord[[]gateway.RuleResult](ctx, f.Store, key)
		if err != nil {
			return nil, fmt.Errorf("explanation of a verdict: %w", err)
		}
		all[i] = policy.Unpack(v, results)
	}
	return all, nil
}

// verdictsOnce returns a function that gives the verdict which a record of the
// message tells of, each of them once: nil for other records, and when the
// message is not kept.
func (f *Flow) verdictsOnce(ctx context.Context, id gateway.MessageID) func(gateway.Record) (*gateway.Verdict, error) {
	var whole []gateway.Verdict
	var m *gateway.Message
	shown := map[int]bool{}
	return func(r gateway.Record) (*gateway.Verdict, error) {
		if r.Event != gateway.EventJudged || r.Message != id {
			return nil, nil
		}
		envelope, err := gateway.ParseEnvelopeID(r.Envelope)
		if err != nil {
			return nil, nil
		}
		if m == nil {
			if m, err = f.message(ctx, id); errors.Is(err, store.ErrNotFound) {
				m, err = &gateway.Message{}, nil
			}
			if err == nil {
				whole, err = f.verdicts(ctx, m)
			}
		}
		var e gateway.Envelope
		if err == nil && len(whole) > 0 {
			e, _, err = store.GetRecord[gateway.Envelope](ctx, f.Store, envelopeKey(envelope))
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		if err != nil || e.Judged < 1 || e.Judged > len(whole) || shown[e.Judged] {
			return nil, err
		}
		shown[e.Judged] = true
		return &whole[e.Judged-1], nil
	}
}
