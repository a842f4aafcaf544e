package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// recordJSON is the version octet of records that are JSON. A later format
// gets another octet and both stay readable.
const recordJSON = 1

// ErrBadRecord is returned for a value that no known format explains.
var ErrBadRecord = errors.New("store: unknown record format")

// Encode turns a record into a value. It fails only for types that JSON
// cannot express, which is a mistake in the program.
func Encode(record any) ([]byte, error) {
	raw, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("encoding a record: %w", err)
	}
	return append([]byte{recordJSON}, raw...), nil
}

// Decode reads what Encode wrote.
func Decode(value []byte, record any) error {
	if len(value) == 0 || value[0] != recordJSON {
		return ErrBadRecord
	}
	if err := json.Unmarshal(value[1:], record); err != nil {
		return fmt.Errorf("decoding a record: %w", ErrBadRecord)
	}
	return nil
}

// PutRecord encodes record and adds it to b under key.
func (b *Batch) PutRecord(key []byte, record any) error {
	value, err := Encode(record)
	if err != nil {
		return err
	}
	b.Put(key, value)
	return nil
}

// GetRecord reads the record of key and the version to require when it is
// written back.
func GetRecord[T any](ctx context.Context, s Store, key []byte) (T, Version, error) {
	var record T
	item, err := s.Get(ctx, key)
	if err != nil {
		return record, 0, err
	}
	return record, item.Version, Decode(item.Value, &record)
}
