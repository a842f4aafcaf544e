package detect

import "testing"

// TestShortestForm: two digits with four letters before them are no number, so
// that they need not be looked at where nothing is joined to them.
func TestShortestForm(t *testing.T) {
	l := newLayouts(newTypeTable())
	for key := range l.forms {
		if n := key >> 20; n <= 6 {
			t.Errorf("a form of %d characters", n)
		}
	}
	for n := range 3 {
		if ends := l.states[l.states[0].next[n]].ends; len(ends) > 0 {
			t.Errorf("a layout of one group of %d digits", n)
		}
	}
	if len(l.forms) < 10 {
		t.Error("hardly any forms")
	}
}
