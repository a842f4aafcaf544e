package detect

import (
	"slices"

	"gatepost/gateway"
)

// Of one type and level the first findings are kept, enough of them, whatever their
// values; from then on only new values are, up to as many as rules tell from more
// (Config.Counts), at least enough and at most maxFindings. More say nothing new to
// a reader or to a rule: that the type was found at this level is known, and that
// its values are at least so many. No finding of another type or level, and none of
// the organization's own values, takes the place of one.
const (
	maxFindings = 1000
	enough      = 100
)

// spot is where a finding stands in the view.
type spot struct {
	value           uint64 // its hash, where size is 0
	at              int32  // where its value stands in spotValues
	start, end, sum int32
	typ, steps      uint16
	size            uint8
	level           gateway.Level
}

// found is a finding that is kept: a gateway.Finding without pointers.
type found struct {
	value            uint64
	part, start, end int32 // start and end in code points
	mask, maskEnd    int32 // in masks
	typ, steps       uint16
	level            gateway.Level
}

// findings are those of one Scan.
type findings struct {
	spots      []spot   // of the view, before overlaps are settled
	spotValues []byte   // values of spots that are hashed once they are kept
	order      []uint64 // scratch of settle
	later      []uint64 // and of inOrder
	all        []found
	masks      []byte   // of all
	limits     []int32  // by limitOf: how many are kept, and once that is enough, behind it how many values
	values     valueSet // of what has reached its limit
	steps      stepSets
}

// noMask is what masks begins with: the mask of what shows nothing.
const noMask = "****"

func (f *findings) begin(types int) {
	f.all, f.masks = f.all[:0], append(f.masks[:0], noMask...)
	if len(f.limits) != types*nLevels {
		f.limits = make([]int32, types*nLevels)
	}
	clear(f.limits)
	f.values.clear()
	f.steps.begin()
}

const nLevels = int(gateway.High) + 1

func limitOf(typ uint16, level gateway.Level) int { return int(typ)*nLevels + int(level) }

// hashed is the value of a type that was hashed last: many texts say one again and
// again.
type hashed struct {
	value [40]byte
	n     uint8 // 0: none
	typ   uint16
	hash  uint64
}

// hash is the hash of a value of type typ.
func (s *scan) hash(typ uint16, value []byte) uint64 {
	h := &s.hashed[typ%uint16(len(s.hashed))]
	if h.typ == typ && int(h.n) == len(value) && h.n > 0 && string(h.value[:h.n]) == string(value) {
		return h.hash
	}
	hash := sipHash(s.d.key, value)
	if len(value) <= len(h.value) {
		h.n, h.typ, h.hash = uint8(copy(h.value[:], value)), typ, hash
	}
	return hash
}

// find enters a finding of the view. value is its canonical form.
func (s *scan) find(typ uint16, start, end int, value []byte, steps ...gateway.Step) {
	if p := s.enter(typ, start, end, value, sumOf(steps)); p != nil {
		p.steps = s.steps.of(steps)
	}
}

func sumOf(steps []gateway.Step) (sum int) {
	for i := range steps {
		sum += steps[i].Weight
	}
	return sum
}

// enter is find with the sum of the steps. It returns the finding where its steps are
// to be noted: most are not shown.
func (s *scan) enter(typ uint16, start, end int, value []byte, sum int) *spot {
	level := levelOf(sum)
	if level == gateway.None || !s.mine(start) {
		return nil
	}
	p := spot{start: int32(start), end: int32(end), sum: int32(sum), typ: typ, level: level}
	limit := limitOf(typ, level)
	n := int(s.limits[limit])
	switch {
	case n <= enough && len(s.d.own) == 0 && len(value) > 0 && len(value) < 1<<8:
		p.at, p.size = int32(len(s.spotValues)), uint8(len(value))
		s.spotValues = append(grown(s.spotValues, len(value)), value...)
	case n <= enough+s.d.counts || len(s.d.own) > 0:
		p.value = s.hash(typ, value)
	}
	if len(s.d.own) > 0 && s.d.isOwn(p.value, typ) {
		return nil
	}
	s.spots = append(s.spots, p)
	if n <= enough || n <= enough+s.d.counts && !s.values.has(limit, p.value) {
		return &s.spots[len(s.spots)-1]
	}
	return nil // it only weighs against what it overlaps
}

// settle keeps, of findings that overlap, the one that weighs most, then the
// longest, and hands them over in the order of the text. The spots from number later
// on were found when the view was read, by its labels.
func (s *scan) settle(later int) {
	s.order = s.order[:0]
	from := 0
	for i := range s.spots {
		p := &s.spots[i]
		if i == later {
			from = len(s.order)
		}
		if s.alone && int(p.typ) < len(s.d.types.names) {
			continue
		}
		const most = 1<<20 - 1 // views are smaller
		s.order = append(s.order, uint64(p.start)<<40|uint64(most-min(p.end-p.start, most))<<20|uint64(i))
	}
	if later == len(s.spots) {
		from = len(s.order)
	}
	s.inOrder(from)
	at := func(i int) *spot { return &s.spots[s.order[i]&(1<<20-1)] }
	for i := 0; i < len(s.order); {
		best := at(i)
		end, j := best.end, i+1
		for ; j < len(s.order) && at(j).start < end; j++ {
			if p := at(j); betterSpot(p, best) {
				best = p
				end = max(end, p.end)
			}
		}
		s.keep(best)
		i = j
	}
}

// inOrder puts the spots in the order of the text: those before number from, and those
// from there on, which are mostly in order each.
func (s *scan) inOrder(from int) {
	first, second := s.order[:from], s.order[from:]
	for _, part := range [][]uint64{first, second} {
		if !slices.IsSorted(part) {
			slices.Sort(part)
		}
	}
	s.later = append(s.later[:0], second...)
	for i, j, k := len(first)-1, len(s.later)-1, len(s.order)-1; j >= 0; k-- {
		if i >= 0 && first[i] > s.later[j] {
			s.order[k] = first[i]
			i--
		} else {
			s.order[k] = s.later[j]
			j--
		}
	}
}

func betterSpot(a, b *spot) bool {
	if a.sum != b.sum {
		return a.sum > b.sum
	}
	return a.end-a.start > b.end-b.start
}

// keep hands a finding over, unless the limit is reached.
func (s *scan) keep(p *spot) {
	if !s.room(p) {
		return
	}
	f := found{
		value: p.value, part: int32(s.index), start: int32(s.start(int(p.start))), end: int32(s.end(int(p.end))),
		maskEnd: int32(len(noMask)), typ: p.typ, steps: p.steps, level: p.level,
	}
	if int(p.typ) < len(s.d.types.names) {
		f.mask = int32(len(s.masks))
		s.masks = appendMask(s.masks, s.d.names[p.typ], s.b[p.start:p.end])
		f.maskEnd = int32(len(s.masks))
	}
	s.all = append(s.all, f)
}

// room reports whether a finding is kept.
func (s *scan) room(p *spot) bool {
	limit := limitOf(p.typ, p.level)
	n := &s.limits[limit]
	if *n < enough {
		s.hashSpot(p)
		*n++
		return true
	}
	if *n == enough {
		*n = enough + 1 + s.different(limit)
	}
	if int(*n) > enough+s.d.counts {
		return false
	}
	if s.hashSpot(p); !s.values.add(limit, p.value) {
		return false
	}
	*n++
	return true
}

// hashSpot hashes the value of a finding that may be kept.
func (s *scan) hashSpot(p *spot) {
	if p.size > 0 {
		p.value, p.size = s.hash(p.typ, s.spotValues[p.at:int(p.at)+int(p.size)]), 0
	}
}

// different notes the values that were found of a type and level, and says how
// many they are.
func (f *findings) different(limit int) (n int32) {
	for i := range f.all {
		if limitOf(f.all[i].typ, f.all[i].level) == limit && f.values.add(limit, f.all[i].value) {
			n++
		}
	}
	return n
}

// detections are the findings as others see them.
func (s *scan) detections(parts []gateway.Part) []gateway.Finding {
	if len(s.all) == 0 {
		return nil
	}
	out, masks := make([]gateway.Finding, len(s.all)), string(s.masks)
	for i := range s.all {
		f, p := &s.all[i], &parts[s.all[i].part]
		out[i] = gateway.Finding{
			Type: s.d.names[f.typ], Part: int(f.part), Kind: p.Kind, Path: p.Path,
			Start: int(f.start), End: int(f.end), Level: f.level,
			Masked: masks[f.mask:f.maskEnd], Value: f.value, Steps: s.steps.sets[f.steps],
		}
	}
	return out
}

// stepSets are lists of steps, each kept once: there are few, and they are
// handed out to be read only.
type stepSets struct {
	sets  [][]gateway.Step
	index [1 << 10]uint16 // by hash: one more than the number of the set
}

func (t *stepSets) begin() {
	if len(t.sets) > len(t.index)/2 {
		t.sets, t.index = nil, [len(t.index)]uint16{}
	}
}

// of is the number of a list of steps, without those that have no name.
func (t *stepSets) of(steps []gateway.Step) uint16 {
	h := uint(0)
	for i := range steps {
		if n := len(steps[i].Name); n > 0 {
			h = h*31 + uint(n)<<4 + uint(steps[i].Weight) + uint(steps[i].Name[n/2])
		}
	}
	for h ^= h >> 10; ; h++ {
		k := &t.index[h%uint(len(t.index))]
		if *k == 0 {
			n := t.add(steps)
			if int(n) < len(t.index)*3/4 {
				*k = n + 1
			}
			return n
		}
		if equalSteps(t.sets[*k-1], steps) {
			return *k - 1
		}
	}
}

func equalSteps(set, steps []gateway.Step) bool {
	n := 0
	for i := range steps {
		if steps[i].Name == "" {
			continue
		}
		if n == len(set) || set[n] != steps[i] {
			return false
		}
		n++
	}
	return n == len(set)
}

func (t *stepSets) add(steps []gateway.Step) uint16 {
	set := slices.DeleteFunc(slices.Clone(steps), func(s gateway.Step) bool { return s.Name == "" })
	t.sets = append(t.sets, slices.Clip(set))
	return uint16(len(t.sets) - 1)
}

// canonical appends the letters and digits of v in upper case to dst.
func canonical(dst, v []byte) []byte {
	for _, c := range v {
		if class[c]&(letter|digit) != 0 {
			dst = append(dst, upper(c))
		}
	}
	return dst
}
