package seal

import (
	"fmt"

	"gatepost/gateway"
)

// WrapAlone wraps d for couriers under a spool key of its own, so that
// DestroySpool of Wrap.Group ends this one wrap at once, in every backup too.
// It costs a key file and is for notices whose message nobody here may
// open: as long as such a notice can be read, so can the message.
func (s *Sealer) WrapAlone(d Key, id gateway.MessageID) (gateway.Wrap, error) {
	k := s.k
	if err := k.writable(); err != nil {
		return gateway.Wrap{}, fmt.Errorf("wrapping for the spool: %w", err)
	}
	if !d.alive() {
		return gateway.Wrap{}, fmt.Errorf("wrapping for the spool: %w", ErrUnknownKey)
	}
	k.rotating.Lock()
	defer k.rotating.Unlock()
	e, err := k.lone()
	if err != nil {
		return gateway.Wrap{}, err
	}
	sealed, err := sealSmall(k.o.Rand, e.aead, d.k.secret[:], bound(labelSpool, id))
	if err != nil {
		return gateway.Wrap{}, fmt.Errorf("wrapping for the spool: %w", err)
	}
	return gateway.Wrap{Group: epochID(kindSpool, e.n), Sealed: append([]byte{wrapVersion}, sealed...)}, nil
}

// lone makes a spool key that never becomes the current one. The caller holds
// rotating.
func (k *Keyring) lone() (*epoch, error) {
	id, err := k.nextEpoch(&k.spool)
	if err != nil {
		return nil, err
	}
	if err := k.record(gateway.EventKeyCreated, id); err != nil {
		return nil, err
	}
	file, err := k.epochFile(keyFile{Kind: kindSpool, ID: id, Alone: true})
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil, ErrClosed
	}
	if err := k.spool.add(file); err != nil {
		return nil, err
	}
	_, n, _ := parseEpochID(id)
	return k.spool.all[n], nil
}
