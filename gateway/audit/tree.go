package audit

import (
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// tree is a Merkle tree of which only the right edge is kept: the roots of the
// complete subtrees, largest first. That is enough to grow it and to know its
// root.
type tree struct {
	size  uint64
	peaks []tlog.Hash
}

// push adds a leaf and returns the hashes that it completes: its own, then of
// each subtree that it is the last leaf of, smallest first. They are what
// tlog.StoredHashes wants stored for this record.
func (t *tree) push(leaf tlog.Hash) []tlog.Hash {
	done := []tlog.Hash{leaf}
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.peaks) - 1
		leaf = tlog.NodeHash(t.peaks[last], leaf)
		t.peaks = t.peaks[:last]
		done = append(done, leaf)
	}
	t.peaks = append(t.peaks, leaf)
	t.size++
	return done
}

// root is the root hash; that of the empty tree is the hash of nothing.
func (t *tree) root() tlog.Hash {
	if len(t.peaks) == 0 {
		empty, _ := tlog.TreeHash(0, nil)
		return empty
	}
	h := t.peaks[len(t.peaks)-1]
	for _, left := range slices.Backward(t.peaks[:len(t.peaks)-1]) {
		h = tlog.NodeHash(left, h)
	}
	return h
}
