package detect

import "testing"

// TestShortestForm: two digits with four letters before them are no number, so
// that they need not be looked at where nothing is joined to them.
func TestShortestForm(t *testing.T) {
	l := newLayouts(newTypeTable())
	forms, least, most := 0, formMax, 0
	for _, f := range l.forms {
		if f.key == 0 {
			continue
		}
		forms++
		least, most = min(least, int(f.key>>20)), max(most, int(f.key>>20))
	}
	if least != formMin || most != formMax {
		t.Errorf("forms of %d to %d characters, not of %d to %d", least, most, formMin, formMax)
	}
	for n := range 3 {
		if ends := l.states[l.states[0].next[n]].ends; len(ends) > 0 {
			t.Errorf("a layout of one group of %d digits", n)
		}
	}
	if forms < 10 || forms > len(l.forms)/4 {
		t.Error("hardly any forms")
	}
}
