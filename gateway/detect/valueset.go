package detect

// valueSet holds values of findings by what limits them. Values are hashes under a
// key that nobody knows, so that their lowest bits are spread evenly.
type valueSet struct {
	slots []limited
	used  int
}

// limited is a value among those of one type and level. The zero one is none.
type limited struct {
	limit int // one more than that of limitOf
	value uint64
}

// add puts a value in; it reports whether it was not there yet.
func (t *valueSet) add(limit int, value uint64) bool {
	if 2*t.used >= len(t.slots) {
		t.grow()
	}
	s := t.slot(limited{limit + 1, value})
	if s.limit != 0 {
		return false
	}
	*s = limited{limit + 1, value}
	t.used++
	return true
}

// has reports whether a value is in the set.
func (t *valueSet) has(limit int, value uint64) bool {
	return t.used > 0 && t.slot(limited{limit + 1, value}).limit != 0
}

// slot is where v is, or has its place.
func (t *valueSet) slot(v limited) *limited {
	mask := uint64(len(t.slots) - 1)
	for i := v.value + uint64(v.limit); ; i++ {
		if s := &t.slots[i&mask]; s.limit == 0 || *s == v {
			return s
		}
	}
}

func (t *valueSet) grow() {
	was := t.slots
	t.slots = make([]limited, max(256, 2*len(was)))
	for _, v := range was {
		if v.limit != 0 {
			*t.slot(v) = v
		}
	}
}

// clear empties the set. What a large message made of it goes.
func (t *valueSet) clear() {
	if t.used == 0 {
		return
	}
	if t.used = 0; len(t.slots) > 1<<12 {
		t.slots = nil
		return
	}
	clear(t.slots)
}
