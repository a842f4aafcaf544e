package imapd

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"gatepost/gateway"
)

// Search implements imapserver.Session (RFC 9051 section 6.4.4, RFC 4731, RFC
// 5182). The text of a message is looked into when this user has opened it
// before: a search opens nothing new.
func (s *session) Search(kind imapserver.NumKind, criteria *imap.SearchCriteria, o *imap.SearchOptions) (*imap.SearchData, error) {
	b := s.selected()
	if depth(criteria, maxSearch) < 0 {
		return nil, bad("Too deep a search")
	}
	if countKeys(criteria) > maxKeys {
		return nil, no(imap.ResponseCodeLimit, "A search has at most %d keys", maxKeys)
	}
	q := &search{s: s, b: b, criteria: criteria, sets: make(map[*imap.SearchCriteria][]run)}
	q.prepare(criteria)
	places, err := q.run()
	if err != nil {
		b.saved = nil
		return nil, s.answer(err)
	}
	if o.ReturnSave {
		b.saved = b.saves(places, o)
		if onlySaves(s.c.now.rest) {
			o.ReturnAll = false // go-imap takes it for asked
			s.c.unsaid = "* ESEARCH "
		}
	}
	return b.searchData(kind, places), nil
}

// onlySaves reports whether the options behind the verb are SAVE and nothing
// else: then nothing is answered but the status (RFC 9051 section 6.4.4).
func onlySaves(rest string) bool {
	_, options, _ := strings.Cut(rest, "(")
	options, _, _ = strings.Cut(options, ")")
	return !slices.ContainsFunc(strings.Fields(options), func(name string) bool { return !strings.EqualFold(name, "SAVE") })
}

// saves is what SAVE keeps of what was found (RFC 5182 section 2.4).
func (b *box) saves(places []int, o *imap.SearchOptions) []gateway.UID {
	uids := b.uids(places)
	if len(uids) < 2 || o.ReturnCount || o.ReturnAll {
		return uids
	}
	switch last := uids[len(uids)-1]; {
	case o.ReturnMin && o.ReturnMax:
		return []gateway.UID{uids[0], last}
	case o.ReturnMax:
		return []gateway.UID{last}
	}
	return uids[:1]
}

// searchData is the answer in numbers or UIDs.
func (b *box) searchData(kind imapserver.NumKind, places []int) *imap.SearchData {
	data := &imap.SearchData{Count: uint32(len(places))}
	number := func(i int) uint32 { return uint32(i + 1) }
	if kind == imapserver.NumKindUID {
		number = func(i int) uint32 { return uint32(b.view.UIDs[i]) }
	}
	var runs []imap.SeqRange
	for _, i := range places {
		n := number(i)
		if last := len(runs) - 1; last >= 0 && runs[last].Stop+1 == n {
			runs[last].Stop = n
		} else {
			runs = append(runs, imap.SeqRange{Start: n, Stop: n})
		}
	}
	if len(places) > 0 {
		data.Min, data.Max = number(places[0]), number(places[len(places)-1])
	}
	if kind != imapserver.NumKindUID {
		data.All = imap.SeqSet(runs)
		return data
	}
	set := make(imap.UIDSet, len(runs))
	for i, r := range runs {
		set[i] = imap.UIDRange{Start: imap.UID(r.Start), Stop: imap.UID(r.Stop)}
	}
	data.All = set
	return data
}

// depth is how deep the keys stand in each other; -1 when that is over limit.
func depth(c *imap.SearchCriteria, limit int) int {
	if limit < 0 {
		return -1
	}
	for i := range c.Not {
		if depth(&c.Not[i], limit-1) < 0 {
			return -1
		}
	}
	for i := range c.Or {
		if depth(&c.Or[i][0], limit-1) < 0 || depth(&c.Or[i][1], limit-1) < 0 {
			return -1
		}
	}
	return limit
}

// countKeys is how many things every message is compared with.
func countKeys(c *imap.SearchCriteria) int {
	n := 1 + len(c.SeqNum) + len(c.UID) + len(c.Flag) + len(c.NotFlag) + len(c.Header) + len(c.Body) + len(c.Text)
	for i := range c.Not {
		n += countKeys(&c.Not[i])
	}
	for i := range c.Or {
		n += countKeys(&c.Or[i][0]) + countKeys(&c.Or[i][1])
	}
	return n
}

// truth of a key, of a message of which not everything was looked at.
type truth int8

const (
	unknown truth = iota
	yes
	not
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return not
}

// search looks at messages in four steps, each costlier than the one before:
// their marks and numbers, their rows, their headers, their text. A message
// goes only as far as it has to.
type search struct {
	s        *session
	b        *box
	criteria *imap.SearchCriteria
	sets     map[*imap.SearchCriteria][]run // places that the sets of numbers of a key leave
	texts    atomic.Int64                   // looked into
	octets   atomic.Int64                   // of them
}

func (q *search) run() ([]int, error) {
	var found []int
	var open []item
	for i := range q.b.view.UIDs {
		switch q.judge(q.criteria, &step{place: i}) {
		case yes:
			found = append(found, i)
		case unknown:
			open = append(open, item{place: i, uid: q.b.view.UIDs[i]})
		}
	}
	more, err := q.batches(open)
	found = append(found, more...)
	slices.Sort(found)
	return found, err
}

// batches judges messages of which more has to be known, on all processors that
// this user may have at once. What is held of messages is that of one batch a
// processor.
func (q *search) batches(open []item) (found []int, err error) {
	ctx, quit := context.WithCancel(q.s.c.ctx)
	defer quit()
	work := make(chan []item)
	var mu sync.Mutex // guards found and err
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (len(open)+searchBatch-1)/searchBatch) {
		wait.Go(func() {
			for items := range work {
				var some []int
				failed := q.s.guard(func() (err error) {
					some, err = q.batch(ctx, items)
					return err
				})
				mu.Lock()
				if found = append(found, some...); failed != nil {
					if err == nil { // what comes after it is that the others end
						err = failed
					}
					quit()
				}
				mu.Unlock()
			}
		})
	}
	for items := range slices.Chunk(open, searchBatch) {
		if ctx.Err() != nil {
			break
		}
		work <- items
	}
	close(work)
	wait.Wait()
	if err == nil {
		err = ctx.Err() // the client hung up
	}
	return found, err
}

// batch judges messages of which more has to be known.
func (q *search) batch(ctx context.Context, items []item) (found []int, err error) {
	ctx, cancel := context.WithTimeout(ctx, q.s.srv.cfg.Limits.Work)
	defer cancel()
	done, err := q.s.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := q.s.entriesOf(ctx, q.b, items); err != nil { // what a list keeps ready is not for every message once
		return nil, err
	}
	items = slices.DeleteFunc(items, func(it item) bool { return it.row == nil }) // gone
	found, items = q.sift(items, found, func(it *item) step { return step{place: it.place, row: it.row} })
	if err := q.s.layoutsOf(ctx, q.b, items); err != nil {
		return nil, err
	}
	found, items = q.sift(items, found, func(it *item) step { return step{place: it.place, row: it.row, layout: it.layout} })
	return q.bodies(ctx, items, found)
}

// sift adds those that are found and returns those still open.
func (q *search) sift(items []item, found []int, what func(*item) step) ([]int, []item) {
	var open []item
	for i := range items {
		p := what(&items[i])
		switch q.judge(q.criteria, &p) {
		case yes:
			found = append(found, p.place)
		case unknown:
			open = append(open, items[i])
		}
	}
	return found, open
}

// judge decides as far as p goes. All keys of c have to hold.
func (q *search) judge(c *imap.SearchCriteria, p *step) truth {
	result := yes
	and := func(t truth) bool {
		if t == not {
			result = not
		} else if t == unknown && result == yes {
			result = unknown
		}
		return result != not
	}
	if !and(truthOf(q.numbers(c, p.place))) || !and(q.marks(c, p)) || !and(rowKeys(c, p)) || !and(headerKeys(c, p)) || !and(textKeys(c, p)) {
		return not
	}
	for i := range c.Not {
		t := q.judge(&c.Not[i], p)
		if t != unknown {
			t = yes + not - t
		}
		if !and(t) {
			return not
		}
	}
	for i := range c.Or {
		one, other := q.judge(&c.Or[i][0], p), not
		if one != yes {
			other = q.judge(&c.Or[i][1], p)
		}
		t := unknown
		if one == yes || other == yes {
			t = yes
		} else if one == not && other == not {
			t = not
		}
		if !and(t) {
			return not
		}
	}
	return result
}

// prepare finds the places of the sets of numbers in c, and makes texts
// comparable, once for all messages.
func (q *search) prepare(c *imap.SearchCriteria) {
	sets := make([]imap.NumSet, 0, len(c.SeqNum)+len(c.UID))
	for _, set := range c.SeqNum {
		sets = append(sets, set)
	}
	for _, set := range c.UID {
		sets = append(sets, set)
	}
	for n, set := range sets {
		if runs := q.b.runs(set); n == 0 {
			q.sets[c] = runs
		} else {
			q.sets[c] = common(q.sets[c], runs)
		}
	}
	for i := range c.Header {
		c.Header[i].Value = strings.ToLower(c.Header[i].Value)
	}
	for _, texts := range [][]string{c.Body, c.Text} {
		for i := range texts {
			texts[i] = strings.ToLower(texts[i])
		}
	}
	for i := range c.Not {
		q.prepare(&c.Not[i])
	}
	for i := range c.Or {
		q.prepare(&c.Or[i][0])
		q.prepare(&c.Or[i][1])
	}
}

// numbers looks at sets of numbers and UIDs.
func (q *search) numbers(c *imap.SearchCriteria, place int) bool {
	left, limited := q.sets[c]
	if !limited {
		return true
	}
	_, in := slices.BinarySearchFunc(left, place, func(r run, place int) int {
		switch {
		case r.to <= place:
			return -1
		case r.from > place:
			return 1
		}
		return 0
	})
	return in
}
