package audit

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"gatepost/store"
)

// Verify recomputes the whole log in s from its records and compares it with
// everything that was signed: the stored heads, and the checkpoints that were
// kept elsewhere. Of what the store says it believes nothing that key did not
// sign. It may run beside a folder. An error means that it could not be
// finished; what is wrong with the log stands in the report. It reads the log in
// pieces, so its memory does not grow with the log.
func Verify(ctx context.Context, s store.Store, key note.Verifier, checkpoints ...[]byte) (Report, error) {
	v := &verification{store: s, key: key, seed: maphash.MakeSeed()}
	v.addCheckpoints(checkpoints)
	for _, step := range []func(context.Context) error{
		v.readState, v.walk, v.headsBeyond, v.finish, v.compareIndex, v.countStaged,
	} {
		if err := step(ctx); err != nil {
			return v.report, fmt.Errorf("verifying evidence: %w", err)
		}
	}
	return v.report, nil
}

// source says where a signed root comes from.
type source uint8

const (
	fromHead source = iota
	fromState
	fromOutside
)

// signedRoot is a root that the key has signed for a number of records.
type signedRoot struct {
	Head
	source source
}

// verification is one run of Verify or VerifyExport.
type verification struct {
	store  store.Store
	key    note.Verifier
	report Report

	state   state        // as the store has it, zero when unreadable
	kept    bool         // the head was met that state says is kept
	signed  []signedRoot // by size; those that walk has passed are gone
	beyond  uint64       // size of the largest head in the store
	end     uint64       // the log must have so many records
	records tree         // of the records themselves, of stored hashes where one is lost
	stored  tree         // of the stored leaf hashes, of the records' where one is lost
	broken  bool         // a leaf was lost altogether: no root after it can be known

	seed    maphash.Seed
	indexed uint64 // keyed sum over (message, number) of the records
}

func (v *verification) readState(ctx context.Context) error {
	item, err := v.store.Get(ctx, stateKey())
	if errors.Is(err, store.ErrNotFound) {
		return nil // finish says whether there should be one
	}
	if gone(ctx, err) {
		return err
	}
	var st state
	if err != nil || store.Decode(item.Value, &st) != nil {
		v.report.add(ProblemState, 0, "position cannot be read")
		return nil
	}
	// JSON can say the same in many ways; ours is one.
	if again, err := store.Encode(st); err != nil || !bytes.Equal(again, item.Value) {
		v.report.add(ProblemState, st.Size, "position is not what a fold writes")
	}
	head, err := ParseCheckpoint(st.Head, v.key)
	if err != nil || head.Size != st.Size {
		v.report.add(ProblemState, st.Size, "position is not signed by the key")
		return nil
	}
	v.state = st
	v.expect(signedRoot{head, fromState})
	return nil
}

// expect lets walk compare a signed root.
func (v *verification) expect(s signedRoot) {
	at, _ := slices.BinarySearchFunc(v.signed, s, func(a, b signedRoot) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), cmp.Compare(a.source, b.source))
	})
	v.signed = slices.Insert(v.signed, at, s)
	if s.source != fromOutside {
		v.end = max(v.end, s.Size)
	}
}

func (v *verification) addCheckpoints(checkpoints [][]byte) {
	for _, raw := range checkpoints {
		head, err := ParseCheckpoint(raw, v.key)
		if err != nil {
			v.report.add(ProblemCheckpoint, 0, "checkpoint is not signed by the key")
			continue
		}
		v.expect(signedRoot{head, fromOutside})
	}
}

// readHeads expects the heads of the records from up to, but not with, to.
func (v *verification) readHeads(ctx context.Context, from, to uint64) error {
	heads, err := rows(ctx, v.store, store.LogHeads, nil, from+1, to+1)
	for _, r := range heads {
		v.head(r)
	}
	return err
}

// head checks one stored head.
func (v *verification) head(r row) {
	head, bad := ParseCheckpoint(r.value, v.key)
	switch {
	case r.err != nil:
		v.report.add(ProblemHead, r.n, "head cannot be read")
	case bad != nil:
		v.report.add(ProblemHead, r.n, "head is not signed by the key")
	case head.Size != r.n:
		v.report.add(ProblemHead, r.n, "head of another size")
	default:
		v.expect(signedRoot{head, fromHead})
		v.kept = v.kept || head.Size == v.state.Kept && head.At.Equal(v.state.KeptAt)
	}
}

// headsBeyond looks at what walk has not met: keys that name no number, and
// the head of the most records, which finish compares with what there is.
func (v *verification) headsBeyond(ctx context.Context) error {
	return v.keys(ctx, store.LogHeads, ProblemHead, func(key, _ []byte) {
		if len(key) != 1+8 || binary.BigEndian.Uint64(key[1:]) == 0 {
			v.report.add(ProblemHead, 0, "head under a key that is none")
			return
		}
		v.beyond = max(v.beyond, binary.BigEndian.Uint64(key[1:]))
	})
}

// walk reads every record and stored hash and compares each signed root when
// its size is reached.
func (v *verification) walk(ctx context.Context) error {
	v.compareRoots()
	for from := uint64(0); ; from += chunk {
		// Heads first: a fold that ends in between adds records, not the other way.
		if err := v.readHeads(ctx, from, from+chunk); err != nil {
			return err
		}
		logged, err := rows(ctx, v.store, store.Log, nil, from, from+chunk)
		if err != nil {
			return err
		}
		hashes, err := hashRows(ctx, v.store, from, from+chunk)
		if err != nil {
			return err
		}
		for seq := from; seq < from+chunk && (seq < v.end || len(logged) > 0); seq++ {
			v.step(seq, pop(&logged, seq), pop(&hashes, seq))
		}
		if v.records.size < from+chunk { // what a folder adds meanwhile is for the next time
			return nil
		}
	}
}

// pop takes the first row when it has number n.
func pop(rows *[]row, n uint64) *row {
	if len(*rows) == 0 || (*rows)[0].n != n {
		return nil
	}
	first := &(*rows)[0]
	*rows = (*rows)[1:]
	return first
}

// step takes one number of the log: its record and the hashes stored for it,
// nil for what is not there.
func (v *verification) step(seq uint64, logged, hashes *row) {
	leaf, haveLeaf := v.leaf(seq, logged)
	var have []tlog.Hash
	if hashes != nil && hashes.err == nil {
		have = splitHashes(hashes.value)
	}
	storedLeaf := leaf
	if len(have) > 0 {
		storedLeaf = have[0]
	} else {
		v.report.add(ProblemHashes, seq, "stored hashes cannot be read")
	}
	if !haveLeaf {
		leaf = storedLeaf
		v.broken = v.broken || len(have) == 0
	}
	if leaf != storedLeaf {
		v.report.add(ProblemRecord, seq, "record is not what was hashed")
	}
	v.records.push(leaf)
	if want := v.stored.push(storedLeaf); len(have) > 0 && !slices.Equal(have, want) {
		v.report.add(ProblemHashes, seq, "stored hashes contradict each other")
	}
	v.compareRoots()
}

// leaf is the hash of a record that is there and in its place.
func (v *verification) leaf(seq uint64, logged *row) (tlog.Hash, bool) {
	if logged == nil {
		v.report.add(ProblemMissing, seq, "record is missing")
		return tlog.Hash{}, false
	}
	var raw json.RawMessage
	if logged.err != nil || store.Decode(logged.value, &raw) != nil {
		v.report.add(ProblemRecord, seq, "record cannot be read")
		return tlog.Hash{}, false
	}
	v.report.Records++
	e, err := parseLeaf(raw, seq)
	if err != nil {
		v.report.add(ProblemRecord, seq, "record of another number")
	}
	if !e.Message.IsZero() {
		v.indexed += v.mix(indexKey(e.Message, seq))
	}
	return tlog.RecordHash(raw), true
}

// compareRoots compares the signed roots of the present size.
func (v *verification) compareRoots() {
	for len(v.signed) > 0 && v.signed[0].Size == v.records.size {
		s := v.signed[0]
		v.signed = v.signed[1:]
		switch {
		case !v.broken && v.records.root() == s.Root:
			v.agrees(s)
		case !v.broken && v.stored.root() == s.Root:
			// The records that do not match their stored hashes are the whole
			// trouble, and are reported already.
		default:
			v.disagrees(s)
		}
	}
}

func (v *verification) agrees(s signedRoot) {
	r := &v.report
	if s.source == fromOutside {
		r.Checkpoints++
	} else if s.source == fromHead {
		r.Heads++
	}
	if (s.source != fromOutside || v.store == nil) && s.Size >= r.Signed {
		r.Signed, r.Root, r.SignedAt = s.Size, s.Root.String(), s.At
	}
	if s.source == fromState && !slices.Equal(v.state.Peaks, v.records.peaks) {
		r.add(ProblemState, s.Size, "position holds other tree hashes")
	}
}

func (v *verification) disagrees(s signedRoot) {
	if s.source == fromOutside {
		v.report.add(ProblemRewritten, s.Size, "records are not those of a checkpoint from outside")
		return
	}
	v.report.add(ProblemRoot, s.Size, "records do not add up to the signed root")
}

// finish looks at the end of the log: what lies behind the newest signed head,
// and what should be there and is not.
func (v *verification) finish(ctx context.Context) error {
	for _, s := range v.signed { // only those from outside can lie behind the end
		v.report.add(ProblemRolledBack, s.Size, "log ends before a checkpoint from outside")
	}
	// A fold may have added records, with their head, since the walk began.
	st, _, err := readState(ctx, v.store)
	if gone(ctx, err) {
		return err
	}
	end := v.end
	head, bad := ParseCheckpoint(st.Head, v.key)
	if err == nil && bad == nil {
		end = max(end, head.Size)
	}
	if v.beyond > max(end, v.records.size) {
		v.report.add(ProblemHead, v.beyond, "head of records that do not exist")
	}
	for seq := end; seq < v.records.size; seq++ {
		v.report.add(ProblemUnsigned, seq, "record behind the newest signed head")
	}
	if err == nil && st.Size < v.end {
		v.report.add(ProblemState, st.Size, "position lies before the newest head")
	}
	if v.state.Size > 0 && !v.kept {
		v.report.add(ProblemState, v.state.Size, "position names a head that was not kept")
	}
	return nil
}

// mix is one term of a sum that is the same for the same set of keys, and that
// nobody can steer without knowing the seed.
func (v *verification) mix(key []byte) uint64 { return maphash.Bytes(v.seed, key) }

// compareIndex compares the index of messages with the records as sets.
func (v *verification) compareIndex(ctx context.Context) error {
	var sum uint64
	err := v.keys(ctx, store.LogIndex, ProblemIndex, func(key, value []byte) {
		id, seqs, bad := indexedIn(key, value)
		if bad != nil {
			sum += v.mix(append(slices.Clone(key), value...))
		}
		for _, seq := range seqs {
			if seq < v.records.size {
				sum += v.mix(indexKey(id, seq))
			}
		}
	})
	if err == nil && sum != v.indexed {
		v.report.add(ProblemIndex, 0, "index of messages does not match the records")
	}
	return err
}

func (v *verification) countStaged(ctx context.Context) error {
	return v.keys(ctx, store.Staged, ProblemStaged, func(_, value []byte) {
		all, err := unpack(value)
		if v.report.Staged += max(1, len(all)); isPack(value) && err != nil {
			v.report.add(ProblemStaged, 0, "staged records cannot be read")
		}
	})
}

// keys calls visit with the rows of a table. A value that cannot be read ends
// a scan of the store; then that is reported as kind, and the table is read
// once more from its end, up to the last such value.
func (v *verification) keys(ctx context.Context, t store.Table, kind ProblemKind, visit func(key, value []byte)) error {
	r := store.Prefix(t)
	var last []byte
	err := v.store.Scan(ctx, r, func(item store.Item) bool {
		last = slices.Clone(item.Key)
		visit(item.Key, item.Value)
		return true
	})
	if err == nil || gone(ctx, err) {
		return err
	}
	v.report.add(kind, 0, "table holds a value that cannot be read")
	if last != nil {
		r.From = append(last, 0)
	}
	r.Reverse = true
	err = v.store.Scan(ctx, r, func(item store.Item) bool {
		visit(item.Key, item.Value)
		return true
	})
	if gone(ctx, err) {
		return err
	}
	return nil
}
