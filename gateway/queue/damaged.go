package queue

import (
	"context"
	"errors"

	"gatepost/gateway"
	"gatepost/store"
)

// What lies damaged on the disk keeps nothing from leaving that is sound: it is left
// out, the log names it once, and a metric counts the rows.

// namedDamage bounds the damaged records that the log names one by one.
const namedDamage = 1000

// damagedKey is the key of the value that err says is damaged, nil where it says
// something else.
func damagedKey(err error) []byte {
	var damaged interface {
		error
		DamagedKey() []byte
	}
	if errors.As(err, &damaged) && len(damaged.DamagedKey()) > 0 {
		return damaged.DamagedKey()
	}
	return nil
}

// unreadable reports whether a record stays as it is however often it is read.
func unreadable(err error) bool {
	return errors.Is(err, store.ErrBadRecord) || damagedKey(err) != nil
}

// scan is Scan of the store that goes past damaged values, and returns how many there
// were. Their keys are sound: they are visited without a value, so that what needs no
// more than the id of an envelope finds it, and an operator's act writes its row anew.
func (q *Queue) scan(ctx context.Context, r store.Range, visit func(store.Item) bool) (damaged int, err error) {
	for {
		n := 0
		err := q.store.Scan(ctx, r, func(it store.Item) bool { n++; return visit(it) })
		key := damagedKey(err)
		if key == nil {
			return damaged, err
		}
		damaged++
		q.nameDamage(key)
		if n++; !visit(store.Item{Key: key}) || n == r.Limit {
			return damaged, nil
		}
		if r.Limit > 0 {
			r.Limit -= n
		}
		r.From = behind(key)
	}
}

// nameDamage tells the log of a damaged record, once in the life of the process.
func (q *Queue) nameDamage(key []byte) {
	q.mu.Lock()
	named := q.damaged[string(key)] || len(q.damaged) >= namedDamage
	if !named {
		q.damaged[string(key)] = true
	}
	q.mu.Unlock()
	if id, ok := idOf(key); ok && !named {
		q.log.Error("a record is damaged and left out", "area", store.Table(key[0]).String(), "envelope", id)
	}
}

// damagedLocked reports whether the record of an envelope was found damaged.
func (q *Queue) damagedLocked(id gateway.EnvelopeID) bool { return q.damaged[string(envelopeKey(id))] }
