package detect

import (
	"slices"

	"gatepost/gateway"
)

// maxFindings is how many findings of one type and level are kept. More say
// nothing new to any rule: counts in rules are far below.
const maxFindings = 1000

type limitKey struct {
	typ   string
	level gateway.Level
}

// spot is where a finding stands in the view.
type spot struct {
	start, end, sum int
	finding         gateway.Finding
}

// find enters a finding of the view. value is its canonical form.
func (s *scan) find(typ uint16, start, end int, value []byte, steps ...gateway.Step) {
	s.findNamed(s.d.types.names[typ], start, end, value, steps...)
}

func (s *scan) findNamed(typ string, start, end int, value []byte, steps ...gateway.Step) {
	sum := 0
	for _, st := range steps {
		sum += st.Weight
	}
	level := levelOf(sum)
	if level == gateway.None || !s.mine(start) {
		return
	}
	hash := sipHash(s.d.key, value)
	if s.d.own[hash] {
		return
	}
	kept := make([]gateway.Step, 0, len(steps))
	for _, st := range steps {
		if st.Name != "" {
			kept = append(kept, st)
		}
	}
	s.spots = append(s.spots, spot{start, end, sum, gateway.Finding{
		Type: typ, Part: s.index, Kind: s.kind, Path: s.path,
		Start: s.start(start), End: s.end(end),
		Level: level, Value: hash, Steps: kept,
	}})
}

// settle keeps, of findings that overlap, the one that weighs most, then the
// longest, and hands them over.
func (s *scan) settle() {
	slices.SortStableFunc(s.spots, func(a, b spot) int {
		if a.start != b.start {
			return a.start - b.start
		}
		return b.end - a.end
	})
	for i := 0; i < len(s.spots); {
		best, end := i, s.spots[i].end
		j := i + 1
		for ; j < len(s.spots) && s.spots[j].start < end; j++ {
			if betterSpot(&s.spots[j], &s.spots[best]) {
				best = j
			}
			end = max(end, s.spots[best].end)
		}
		s.keep(&s.spots[best])
		i = j
	}
}

func betterSpot(a, b *spot) bool {
	if a.sum != b.sum {
		return a.sum > b.sum
	}
	return a.end-a.start > b.end-b.start
}

// keep hands a finding over, up to the limit.
func (s *scan) keep(p *spot) {
	if s.limits[limitKey{p.finding.Type, p.finding.Level}] < maxFindings {
		p.finding.Masked = mask(p.finding.Type, s.b[p.start:p.end])
	}
	s.handOver(p.finding)
}

func (s *scan) handOver(f gateway.Finding) {
	key := limitKey{f.Type, f.Level}
	if s.limits[key]++; s.limits[key] <= maxFindings {
		s.out.Findings = append(s.out.Findings, f)
	}
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
