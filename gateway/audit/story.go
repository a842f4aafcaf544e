package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"gatepost/gateway"
	"gatepost/store"
)

// Told is an entry of a story. An entry that waits to be folded has no
// sequence number yet.
type Told struct {
	Entry
	Staged bool `json:"staged,omitempty"`
}

// Story returns everything that was recorded of a message, in order, what is
// staged last.
func (l *Log) Story(ctx context.Context, id gateway.MessageID) ([]Told, error) {
	const tries = 5
	for try := 1; ; try++ {
		_, before, err := readState(ctx, l.store)
		if err != nil {
			return nil, err
		}
		story, err := l.story(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("telling a message's story: %w", err)
		}
		_, after, err := readState(ctx, l.store)
		if err != nil {
			return nil, err
		}
		// A fold in between could have moved a record from where we had not
		// looked yet to where we had.
		if before == after || try == tries {
			return story, nil
		}
	}
}

func (l *Log) story(ctx context.Context, id gateway.MessageID) ([]Told, error) {
	var seqs []uint64
	var bad error
	prefix := store.Prefix(store.LogIndex, id[:])
	err := l.store.Scan(ctx, prefix, func(item store.Item) bool {
		var more []uint64
		_, more, bad = indexedIn(item.Key, item.Value)
		seqs = append(seqs, more...)
		return bad == nil
	})
	if err := errors.Join(err, bad); err != nil {
		return nil, err
	}
	slices.Sort(seqs) // of two rows one may begin inside the other
	var story []Told
	for _, seq := range seqs {
		entry, err := l.Entry(ctx, seq)
		if err != nil {
			return nil, err
		}
		story = append(story, Told{Entry: entry})
	}
	staged, err := readStaged(ctx, l.store, 0)
	for _, s := range staged {
		if s.message != id {
			continue
		}
		told := Told{Staged: true}
		if bad := store.Decode(s.value, &told.Record); bad != nil {
			return nil, bad
		}
		story = append(story, told)
	}
	return story, err
}

// Entry returns one entry of the log; store.ErrNotFound when there is none.
func (l *Log) Entry(ctx context.Context, seq uint64) (Entry, error) {
	leaf, _, err := store.GetRecord[json.RawMessage](ctx, l.store, recordKey(seq))
	if err != nil {
		return Entry{}, fmt.Errorf("reading evidence: %w", err)
	}
	return parseLeaf(leaf, seq)
}

// errLeaf: octets that are no leaf, or another one's.
var errLeaf = errors.New("audit: not the entry of this number")

// parseLeaf reads a leaf and insists on its number.
func parseLeaf(leaf []byte, seq uint64) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(leaf, &e); err != nil || e.Seq != seq || e.Event == "" {
		return Entry{}, errLeaf
	}
	return e, nil
}
