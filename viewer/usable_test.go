package viewer

import (
	"slices"
	"strconv"
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// complaints is asked of a page. It answers with what is wrong with it.
//
//   - No scrolling sideways.
//   - Every field has a label that can be seen, every control a name.
//   - Text stands out from its ground by 4.5 to 1 (WCAG 2.2, 1.4.3), with
//     translucent grounds laid over each other.
//   - What is pressed is at least 44 px high and wide, except links inside of
//     text of the sender (WCAG 2.2, 2.5.5).
//   - No letters below 16 px.
//   - One h1, and headings that skip no level.
const complaints = `(() => {
  const wrong = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) {
    const wide = [...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > root.clientWidth + 1).map(e => e.tagName + "." + e.className);
    wrong.push("scrolls sideways: " + root.scrollWidth + " > " + root.clientWidth + " by " + wide.slice(0, 5));
  }
  const seen = e => e.checkVisibility({checkVisibilityCSS: true, checkOpacity: true}) && !e.closest(".hidden,.skip");
  const what = e => "<" + e.tagName.toLowerCase() + " " + (e.className || e.id) + "> " + (e.textContent || "").trim().slice(0, 30);

  for (const e of document.querySelectorAll("input:not([type=hidden]),select,textarea")) {
    if (!e.checkVisibility()) continue; // in a part that is not unfolded
    if (!e.labels.length || ![...e.labels].every(seen)) wrong.push("no label: " + what(e));
  }
  for (const e of document.querySelectorAll("a,button,summary")) {
    if (!e.textContent.trim() && !e.getAttribute("aria-label")) wrong.push("no name: " + what(e));
  }

  const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return [m[0], m[1], m[2], m.length > 3 ? m[3] : 1]; };
  const over = (top, ground) => [0, 1, 2].map(i => top[i] * top[3] + ground[i] * (1 - top[3]));
  const ground = e => {
    const layers = [];
    for (let n = e; n; n = n.parentElement) {
      const c = parse(getComputedStyle(n).backgroundColor);
      layers.push(c);
      if (c[3] === 1) break;
    }
    const canvas = getComputedStyle(root).colorScheme.includes("dark") && matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
    return layers.reverse().reduce((below, c) => over(c, below), canvas);
  };
  const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let t; t = texts.nextNode();) {
    const e = t.parentElement;
    if (!t.textContent.trim() || !seen(e) || e.closest("style,iframe")) continue;
    const style = getComputedStyle(e), below = ground(e), ink = over(parse(style.color), below);
    const [a, b] = [light(ink), light(below)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) wrong.push("contrast " + ratio.toFixed(2) + ": " + what(e));
    if (parseFloat(style.fontSize) < 16) wrong.push("letters of " + style.fontSize + ": " + what(e));
  }

  for (const e of document.querySelectorAll("a,button,summary,select,textarea,input:not([type=hidden])")) {
    if (!seen(e) || e.closest(".text") || e.rel?.includes("nofollow")) continue;
    const r = e.getBoundingClientRect();
    if (r.height < 44 || r.width < 44) wrong.push("target of " + Math.round(r.width) + " x " + Math.round(r.height) + ": " + what(e));
  }

  const levels = [...document.querySelectorAll("h1,h2,h3,h4")].filter(e => !e.closest("table")).map(e => +e.tagName[1]);
  if (!location.pathname.endsWith("/mail")) {
    if (levels.filter(l => l === 1).length !== 1) wrong.push("h1: " + levels);
    if (levels.some((l, i) => i && l > levels[i - 1] + 1)) wrong.push("a heading level is left out: " + levels);
  }
  if (!root.lang || !document.title) wrong.push("no language or title");
  if (!document.querySelector("main") && !location.pathname.endsWith("/mail")) wrong.push("no main");
  return wrong;
})()`

// stops counts what the Tab key should stop at.
const stops = `[...document.querySelectorAll("a[href],button,summary,select,textarea,input:not([type=hidden]),iframe")].filter(e => {
  if (e.closest("[hidden],dialog:not([open])")) return false;
  const over = document.querySelector("dialog[open]");
  if (over && !over.contains(e)) return false;
  const closed = e.closest("details:not([open])");
  return !closed || e.tagName === "SUMMARY";
}).length`

// place is where the focus is: top, left and whose it is; inFrame when the
// focus went into a frame.
const focus = `(() => {
  const e = document.activeElement;
  if (!e || e === document.body) return "";
  const r = e.getBoundingClientRect(), style = getComputedStyle(e);
  return [Math.round(r.top + scrollY), Math.round(r.left), e.tagName + " " + (e.id || e.className || e.textContent.trim().slice(0, 20)), style.outlineStyle === "none" ? "unseen" : "seen"].join("|");
})()`

// check holds the page in w to what its readers need. at says in which
// circumstances.
func (w *window) check(at string) {
	w.t.Helper()
	for _, complaint := range ask[[]string](w, complaints) {
		w.t.Errorf("at %s: %s", at, complaint)
	}
}

// checkFocus walks through the page with the Tab key: it stops at every
// control, from top to bottom, and one sees where.
func (w *window) checkFocus(at string) {
	w.t.Helper()
	expected := ask[int](w, stops)
	if expected == 0 {
		return
	}
	// The first control takes the focus, so that Tab begins at the top and not
	// where a finger was last.
	ask[bool](w, `scrollTo(0, 0), (document.querySelector("dialog[open]") || document).querySelector("a[href],button").focus(), true`)
	visited := []string{ask[string](w, focus)}
	top := -1000
	for range expected + 8 { // links inside of a frame count for nothing
		w.do("pressing Tab", chromedp.KeyEvent(kb.Tab))
		stop := ask[string](w, focus)
		if stop == "" || slices.Contains(visited, stop) {
			continue
		}
		fields := strings.Split(stop, "|")
		if around := strings.Split(visited[0], "|"); fields[2] == around[2] {
			break // once around: frames may have moved by a line meanwhile
		}
		if strings.Contains(stop, "IFRAME") && slices.ContainsFunc(visited, func(s string) bool { return strings.Contains(s, fields[2]) }) {
			continue // leaving the frame backwards, or its height has come
		}
		visited = append(visited, stop)
		if y, _ := strconv.Atoi(fields[0]); y+20 < top && !strings.Contains(stop, "skip") && !strings.Contains(stop, "IFRAME") {
			w.t.Errorf("at %s: the focus jumps up to %s", at, stop)
		} else {
			top = y
		}
		if fields[3] != "seen" && !strings.Contains(stop, "IFRAME") {
			w.t.Errorf("at %s: one does not see the focus on %s", at, stop)
		}
	}
	if len(visited) < expected {
		w.t.Errorf("at %s: the Tab key reaches %d of %d controls: %v", at, len(visited), expected, visited)
	}
}
