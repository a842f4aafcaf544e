package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// The version octet of records: those that are JSON, and those that write
// themselves. A later format gets another octet and all stay readable.
const (
	recordJSON = 1
	recordOwn  = 3 // 2 is that of package mailbox
)

// ownWriter is a record that has a form of its own, because it is read often. As
// JSON it is read still. A type that embeds one would be one, too, and lose its
// other fields: a law forbids it.
type ownWriter interface {
	AppendRecord(b []byte) ([]byte, error)
}

type ownReader interface{ ReadRecord(value []byte) error }

// ErrBadRecord is returned for a value that no known format explains.
var ErrBadRecord = errors.New("store: unknown record format")

// Encode turns a record into a value. It fails only for what JSON cannot
// express, which is a mistake in the program.
func Encode(record any) ([]byte, error) {
	e := takeEncoder()
	if own, ok := record.(ownWriter); ok {
		return e.appended(own.AppendRecord(append(e.buf.AvailableBuffer(), recordOwn)))
	}
	e.buf.WriteByte(recordJSON)
	if err := e.json.Encode(record); err != nil {
		return nil, fmt.Errorf("encoding a record: %w", err)
	}
	value := bytes.Clone(e.buf.Bytes()[:e.buf.Len()-1]) // the line ends behind it
	e.put()
	return value, nil
}

// Appender is a record that appends its own JSON, octet for octet what
// encoding/json would write.
type Appender interface {
	AppendJSON(b []byte) ([]byte, error)
}

// EncodeAppended is Encode for records that are JSON, and written so often that
// it shows: evidence. It is never chosen by itself: a type that embeds an Appender
// is one, too, and would lose its other fields.
func EncodeAppended(record Appender) ([]byte, error) {
	e := takeEncoder()
	return e.appended(record.AppendJSON(append(e.buf.AvailableBuffer(), recordJSON)))
}

// appended is the value of a record that appended itself.
func (e *encoder) appended(draft []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, fmt.Errorf("encoding a record: %w", err)
	}
	value := bytes.Clone(draft)
	e.buf.Write(draft) // where it grew, the next one finds room
	e.put()
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

func takeEncoder() *encoder {
	e, ok := encoders.Get().(*encoder)
	if !ok {
		e = new(encoder)
		e.json = json.NewEncoder(&e.buf)
	}
	e.buf.Reset()
	return e
}

func (e *encoder) put() {
	if e.buf.Cap() <= maxEncoder {
		encoders.Put(e)
	}
}

// JSON returns the JSON of a value, which shares its memory.
func JSON(value []byte) ([]byte, error) {
	if len(value) == 0 || value[0] != recordJSON {
		return nil, ErrBadRecord
	}
	return value[1:], nil
}

// Decode reads what Encode wrote.
func Decode(value []byte, record any) error {
	if own, ok := record.(ownReader); ok && len(value) > 0 && value[0] == recordOwn {
		if err := own.ReadRecord(value[1:]); err != nil {
			return fmt.Errorf("decoding a record: %w", ErrBadRecord)
		}
		return nil
	}
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

// PutAppended is PutRecord by EncodeAppended.
func (b *Batch) PutAppended(key []byte, record Appender) error {
	value, err := EncodeAppended(record)
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
