package consent

import (
	"bytes"
	"context"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// Entry is what a telephone said last to one line.
type Entry struct {
	// Person is the telephone's; zero once it was erased.
	Person gateway.PersonRef
	// Line is zero when every line is meant, or when it is not known any more:
	// Every tells which.
	Line     gateway.Line
	Every    bool
	State    State
	Word     string // of the closed list of words
	Language string // of the word; "" when it is used everywhere
	At       time.Time
	Message  gateway.MessageID // that the word came in; zero: an operator's
}

// listPage bounds what a list holds in memory, in records.
const listPage = 500

// Each visits all entries, in no order that means anything, until visit fails.
// visit may call the store. Lines that were restored from the journal are told
// by known, the lines that the organization has.
func (l *Ledger) Each(ctx context.Context, known []gateway.Line, visit func(Entry) error) error {
	names := make(map[string]gateway.Line, len(known))
	for _, n := range known {
		names[string(l.line(n))] = n
	}
	rest := store.Prefix(store.Consents)
	for {
		page, last, err := l.page(ctx, rest)
		if err != nil {
			return err
		}
		for _, r := range page {
			for _, s := range r.Lines {
				if err := visit(l.entry(&r, s, names)); err != nil {
					return err
				}
			}
		}
		if len(page) < listPage {
			return nil
		}
		rest.From = append(last, 0) // the smallest key behind the last one
	}
}

func (l *Ledger) page(ctx context.Context, rest store.Range) (page []record, last []byte, err error) {
	var bad error
	err = l.store.Scan(ctx, rest, func(it store.Item) bool {
		var r record
		if bad = store.Decode(it.Value, &r); bad != nil {
			return false
		}
		page, last = append(page, r), bytes.Clone(it.Key)
		return len(page) < listPage
	})
	if err == nil {
		err = bad
	}
	return page, last, err
}

func (l *Ledger) entry(r *record, s said, names map[string]gateway.Line) Entry {
	e := Entry{Person: r.Person, Line: s.Line, State: Resumed, Word: s.Word, Language: s.Language, At: s.At, Message: s.Message}
	if s.Out {
		e.State = Stopped
	}
	if e.Line.IsZero() {
		e.Line = names[string(s.ID)]
		e.Every = bytes.Equal(s.ID, l.line(gateway.Line{}))
	}
	return e
}
