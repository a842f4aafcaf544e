package people

import (
	"context"
	"errors"

	"gatepost/gateway"
	"gatepost/store"
)

// StageErase stages that everything known of a person goes: the record, and
// the way from the ref in evidence to it. Whoever writes to the address later
// makes another person. It fails the batch when the record changed since p was
// read.
func (d *Directory) StageErase(b *store.Batch, p Person, v store.Version) {
	key := d.key(p.Address)
	b.RequireVersion(key, v)
	b.Delete(key)
	b.Delete(store.Key(store.PersonRefs, p.Ref[:]))
	b.After(func() { d.forget(p.Address) })
}

// forget drops a person from memory, and keeps those who read the record before
// it went from remembering it again.
func (d *Directory) forget(a gateway.Address) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.cache, a.Key())
	delete(d.decoded, a.Key())
	d.erasures++
}

// erased is how many persons were erased since the start.
func (d *Directory) erased() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.erasures
}

// OthersSecond reports whether a is the second address of anybody but owner.
// It reads all persons.
func (d *Directory) OthersSecond(ctx context.Context, a gateway.Address, owner gateway.PersonRef) (is bool, err error) {
	var bad error
	err = d.store.Scan(ctx, store.Prefix(store.People), func(it store.Item) bool {
		var p Person
		if bad = store.Decode(it.Value, &p); bad != nil {
			return false
		}
		is = p.Ref != owner && !p.Second.IsNull() && p.Second.Key() == a.Key()
		return !is
	})
	return is, errors.Join(err, bad)
}
