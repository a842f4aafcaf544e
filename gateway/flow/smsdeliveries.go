package flow

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"

	"gatepost/gateway"
	"gatepost/store"
)

// The kinds of what waits for an application: the first character of its key.
const (
	kindReceipt = 'r'
	kindMessage = 'm'
)

// deliveryKey names what waits: its kind and its number.
func deliveryKey(kind byte, n uint64) string { return string(kind) + strconv.FormatUint(n, 16) }

// parseDelivery reads a key; "" is the beginning.
func parseDelivery(key string) (kind byte, n uint64, err error) {
	if key == "" {
		return 0, 0, nil
	}
	n, err = strconv.ParseUint(key[1:], 16, 64)
	if kind = key[0]; err != nil || kind != kindReceipt && kind != kindMessage || deliveryKey(kind, n) != key {
		return 0, 0, errors.New("flow: not the key of a delivery")
	}
	return kind, n, nil
}

const accountHash = 16

func (f *Flow) outboxPrefix(account string) []byte {
	h := f.MAC("outbox", []byte(account))
	return h[:accountHash]
}

func (f *Flow) outboxKey(account string, n uint64) []byte {
	return store.Key(store.Outbox, f.outboxPrefix(account), store.Uint64(n))
}

// stageDelivery stages that d waits for an application, behind what was staged
// for it before. Message and Person of d are for the evidence that the
// application took a message from outside.
func (f *Flow) stageDelivery(b *store.Batch, account string, d gateway.Delivery) error {
	n := f.outbox.next(account, f.Now())
	key := f.outboxKey(account, n)
	b.RequireAbsent(key) // another process may have had the same moment
	b.After(func() { f.outbox.durable(account, n) })
	d.Key = ""
	return b.PutRecord(key, d)
}

// Deliveries returns at most limit of what waits for an account, oldest first,
// after the key of one returned before, which may be settled by now; "" is the
// beginning. An account has one reader at a time.
func (f *Flow) Deliveries(ctx context.Context, account, after string, limit int) (list []gateway.Delivery, err error) {
	_, last, err := parseDelivery(after)
	if err != nil {
		return nil, err
	}
	from, late := f.outbox.enter(account, last, limit)
	var seen []uint64
	if list, err = f.lateDeliveries(ctx, account, late); err == nil {
		seen, list, err = f.scanDeliveries(ctx, account, from, limit, list)
	}
	if err != nil {
		f.outbox.failed(account, late)
		return nil, err
	}
	f.outbox.leave(account, seen)
	return list, nil
}

func (f *Flow) lateDeliveries(ctx context.Context, account string, late []uint64) (list []gateway.Delivery, err error) {
	for _, n := range late {
		d, _, err := store.GetRecord[gateway.Delivery](ctx, f.Store, f.outboxKey(account, n))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, named(d, n))
	}
	return list, nil
}

// scanDeliveries adds what comes after from, up to limit.
func (f *Flow) scanDeliveries(ctx context.Context, account string, from uint64, limit int, list []gateway.Delivery) ([]uint64, []gateway.Delivery, error) {
	r := store.Prefix(store.Outbox, f.outboxPrefix(account))
	r.From = f.outboxKey(account, from+1)
	if r.Limit = limit - len(list); r.Limit <= 0 {
		return nil, list, nil
	}
	var seen []uint64
	var bad error
	err := f.Store.Scan(ctx, r, func(it store.Item) bool {
		var d gateway.Delivery
		n := numberOf(it.Key)
		if bad = store.Decode(it.Value, &d); bad != nil {
			return false
		}
		seen, list = append(seen, n), append(list, named(d, n))
		return true
	})
	return seen, list, errors.Join(err, bad)
}

func numberOf(key []byte) uint64 {
	if len(key) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(key[len(key)-8:])
}

func named(d gateway.Delivery, n uint64) gateway.Delivery {
	kind := byte(kindMessage)
	if d.Receipt != nil {
		kind = kindReceipt
	}
	d.Key = deliveryKey(kind, n)
	return d
}

// DeliveriesWait returns a channel that is closed when something new waits for
// the account after this call.
func (f *Flow) DeliveriesWait(account string) <-chan struct{} { return f.outbox.wait(account) }

// DeliveriesDone settles what the application has acknowledged; nil means that
// it is durable. A key that was settled before is no error.
func (f *Flow) DeliveriesDone(ctx context.Context, account string, keys []string) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	err := store.ErrConflict
	for try := 0; try < commitTries && errors.Is(err, store.ErrConflict); try++ {
		err = f.deliveriesDone(ctx, account, keys)
	}
	return err
}

func (f *Flow) deliveriesDone(ctx context.Context, account string, keys []string) error {
	b := new(store.Batch)
	for _, key := range slices.Compact(slices.Sorted(slices.Values(keys))) {
		kind, n, err := parseDelivery(key)
		if err != nil || key == "" {
			return errors.Join(errors.New("flow: no delivery to settle"), err)
		}
		row := f.outboxKey(account, n)
		if kind == kindMessage {
			if err := f.stageTaken(ctx, b, row, gateway.EventAppDelivered, "account", nil); err != nil {
				return err
			}
		}
		b.Delete(row)
	}
	if len(b.Ops) == 0 {
		return nil
	}
	return store.Write(ctx, f.Store, b)
}

// stageTaken stages the evidence of the end of a row with a message from
// outside; the commit fails when somebody else ends it first.
func (f *Flow) stageTaken(ctx context.Context, b *store.Batch, row []byte, event gateway.Event, actor string, detail map[string]string) error {
	d, version, err := store.GetRecord[gateway.Delivery](ctx, f.Store, row)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	b.RequireVersion(row, version)
	return f.Audit.Stage(b, gateway.Record{
		At: f.Now(), Event: event, Actor: actor, Message: d.Message, Persons: []gateway.PersonRef{d.Person}, Detail: detail,
	})
}
