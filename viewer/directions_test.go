package viewer

import (
	"fmt"
	"testing"
)

// TestArabicKeepsNumbersInOrder: on a page that is written from right to left,
// what is read from left to right stands so: masked numbers, the sample code,
// telephone numbers, references, times. Measured where the letters are painted.
func TestArabicKeepsNumbersInOrder(t *testing.T) {
	ctx := chromium(t)
	c := newClinic(t)
	c.page.Language = "ar"
	w := c.window(ctx, c.visit(false).base)
	w.size(1280)
	asked(c, w)
	if dir := ask[string](w, `getComputedStyle(document.body).direction`); dir != "rtl" {
		t.Fatalf("the page is written %s", dir)
	}
	for _, text := range []string{"\u2022\u2022\u2022\u00a042\u00a017", "123 456", "+1 555 000 1111", "K7RM-2F", "14:05"} {
		places := ask[[]float64](w, fmt.Sprintf(placesOf, text))
		if len(places) == 0 {
			t.Errorf("%q is not on the page", text)
			continue
		}
		for n := 1; n < len(places); n++ {
			if places[n] < places[n-1] {
				t.Errorf("%q stands out of order: %v", text, places)
				break
			}
		}
	}
	if first := ask[[]float64](w, fmt.Sprintf(placesOf, "\u0631\u0645\u0632")); len(first) < 2 || first[0] < first[1] {
		t.Errorf("this test does not see directions: Arabic letters at %v", first)
	}
}

// placesOf is where the letters of a text are painted, from the left.
const placesOf = `(() => {
  const wanted = %q, texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let t; t = texts.nextNode();) {
    const at = t.data.indexOf(wanted);
    if (at < 0 || !t.parentElement.checkVisibility()) continue;
    return [...wanted].map((_, n) => { const r = document.createRange(); r.setStart(t, at + n); r.setEnd(t, at + n + 1); return r.getBoundingClientRect().left; });
  }
  return [];
})()`
