package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// recordJSON is the version octet of records that are JSON. A later format
// gets another octet and both stay readable.
const recordJSON = 1

// ErrBadRecord is returned for a value that no known format explains.
var ErrBadRecord = errors.New("store: unknown record format")

// Encode turns a record into a value. It fails only for types that JSON
// cannot express, which is a mistake in the program.
func Encode(record any) ([]byte, error) {
	e, ok := encoders.Get().(*encoder)
	if !ok {
		e = new(encoder)
		e.json = json.NewEncoder(&e.buf)
	}
	e.buf.Reset()
	e.buf.WriteByte(recordJSON)
	if err := e.json.Encode(record); err != nil {
		return nil, fmt.Errorf("encoding a record: %w", err)
	}
	value := bytes.Clone(e.buf.Bytes()[:e.buf.Len()-1]) // the line ends behind it
	if e.buf.Cap() <= maxEncoder {
		encoders.Put(e)
	}
	return value, nil
}

// encoder writes records into memory that is used again.
type encoder struct {
	buf  bytes.Buffer
	json *json.Encoder
}

// maxEncoder (octets) is the memory that one encoder keeps.
const maxEncoder = 64 << 10

var encoders sync.Pool

// JSON returns the JSON of a value, which shares its memory.
func JSON(value []byte) ([]byte, error) {
	if len(value) == 0 || value[0] != recordJSON {
		return nil, ErrBadRecord
	}
	return value[1:], nil
}

// Decode reads what Encode wrote.
func Decode(value []byte, record any) error {
	raw, err := JSON(value)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, record); err != nil {
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
