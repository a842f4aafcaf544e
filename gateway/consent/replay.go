package consent

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// mark is the data of a journal entry.
type mark struct {
	Out    bool
	Word   string
	At     time.Time
	Person gateway.PersonRef `json:",omitzero"`
}

// note puts what was said into the journal: a STOP before it is committed, so
// that none is lost, a START after, so that none counts that never was. A STOP
// that follows at once may stand before its START; their times tell.
func (l *Ledger) note(phone []byte, person gateway.PersonRef, s said) error {
	data, err := json.Marshal(mark{Out: s.Out, Word: s.Word, At: s.At, Person: person})
	if err != nil {
		return err
	}
	return l.journal(hex.EncodeToString(phone)+":"+hex.EncodeToString(s.ID), data)
}

// Journalled is what a journal says last about each telephone and line.
type Journalled map[string]map[string]mark

// Note takes an entry of the journal, in its order.
func (j Journalled) Note(id string, data []byte) error {
	p, n, ok := strings.Cut(id, ":")
	phone, err1 := hex.DecodeString(p)
	line, err2 := hex.DecodeString(n)
	var m mark
	if !ok || err1 != nil || err2 != nil || len(phone) != 16 || len(line) != 16 || json.Unmarshal(data, &m) != nil {
		return errors.New("journal: a consent cannot be read")
	}
	if j[string(phone)] == nil {
		j[string(phone)] = make(map[string]mark)
	}
	if old := j[string(phone)][string(line)]; old.Out && !m.Out && !m.At.After(old.At) {
		return nil
	}
	j[string(phone)][string(line)] = m
	return nil
}

// Replay tells a restored store what telephones said after its backup, and
// returns how many words that were. It may be repeated.
func (l *Ledger) Replay(ctx context.Context, j Journalled) (changed int, err error) {
	for phone, lines := range j {
		n, err := l.replay(ctx, []byte(phone), lines)
		for errors.Is(err, store.ErrConflict) && ctx.Err() == nil {
			n, err = l.replay(ctx, []byte(phone), lines)
		}
		if err != nil {
			return changed, fmt.Errorf("restoring a consent: %w", err)
		}
		changed += n
	}
	return changed, nil
}

func (l *Ledger) replay(ctx context.Context, phone []byte, lines map[string]mark) (n int, err error) {
	r, v, err := l.get(ctx, phone)
	if err != nil {
		return 0, err
	}
	b := new(store.Batch)
	b.RequireVersion(key(phone), v)
	for line, m := range lines {
		i := r.find([]byte(line))
		if i < 0 && !m.Out || i >= 0 && r.Lines[i].Out == m.Out {
			continue
		}
		s := said{ID: []byte(line), Out: m.Out, Word: m.Word, At: m.At}
		if i >= 0 {
			s.Line = r.Lines[i].Line
		}
		r.set(s)
		if v == 0 {
			r.Person = m.Person
		}
		if err := l.restored(b, r.Person, m); err != nil {
			return 0, err
		}
		n++
	}
	if n == 0 {
		return 0, nil
	}
	if err := b.PutRecord(key(phone), r); err != nil {
		return 0, err
	}
	return n, store.Write(ctx, l.store, b)
}

func (l *Ledger) restored(b *store.Batch, person gateway.PersonRef, m mark) error {
	state := "consent resumed"
	if m.Out {
		state = "consent stopped"
	}
	return l.evidence.Stage(b, gateway.Record{
		At: l.now(), Event: gateway.EventRestored, Actor: "system", Persons: []gateway.PersonRef{person},
		Detail: map[string]string{"state": state, "word": m.Word},
	})
}
