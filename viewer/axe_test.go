package viewer

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// axeSource is axe-core, from the file that GATEPOST_AXE names (deploy/test.sh
// fetches it). "" where there is none, unless the environment demands all
// peers.
func axeSource(t testing.TB) string {
	t.Helper()
	name := os.Getenv("GATEPOST_AXE")
	if name == "" && os.Getenv("GATEPOST_PEERS") != "required" {
		return ""
	}
	raw, err := os.ReadFile(name)
	if err != nil || len(raw) < 100_000 {
		t.Fatalf("no axe-core in GATEPOST_AXE: %d octets, %v", len(raw), err)
	}
	return string(raw)
}

// barriers asks axe-core what keeps people with disabilities out of a page. It
// answers with what is serious or critical. A mail's frame runs no script, so
// what is in it is looked at on the page that shows the mail alone.
const barriers = `(async () => {
  const found = await axe.run(document, {iframes: false, resultTypes: ["violations"],
    runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}});
  if (found.passes.length + found.violations.length < 5) return ["axe-core looked at nothing"];
  return found.violations.filter(v => v.impact === "serious" || v.impact === "critical")
    .flatMap(v => v.nodes.map(n => v.id + " (" + v.impact + "): " + n.html.slice(0, 200) + " " + n.failureSummary));
})()`

// axe holds the page in w against axe-core; where there is none it says so.
func (w *window) axe(at string) {
	w.t.Helper()
	if axeSource(w.t) == "" {
		w.t.Log("SKIPPED: GATEPOST_AXE is unset, so axe-core did not see this page")
		return
	}
	if path := ask[string](w, `location.pathname`); strings.HasSuffix(path, "/mail") {
		defer w.open(path)
		w.unlock()
	}
	for _, barrier := range w.barriers() {
		w.t.Errorf("at %s: %s", at, barrier)
	}
}

// unlock shows a copy of the page in which scripts may run: in a mail's own
// document not even axe-core may.
func (w *window) unlock() {
	w.t.Helper()
	source, err := json.Marshal(ask[string](w, `document.documentElement.outerHTML`))
	if err != nil {
		w.t.Fatal(err)
	}
	w.do("opening an empty page", chromedp.Navigate("about:blank"))
	ask[bool](w, `document.open(), document.write("<!doctype html>" + `+string(source)+`), document.close(), true`)
}

// barriers is what axe-core finds on the page.
func (w *window) barriers() []string {
	w.t.Helper()
	if !ask[bool](w, `typeof axe === "object"`) {
		ask[bool](w, axeSource(w.t)+"; true")
	}
	ctx, cancel := context.WithTimeout(w.ctx, 30*time.Second)
	defer cancel()
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](barriers, chromedp.EvalAwaitPromise))
	if err != nil {
		w.t.Fatalf("asking axe-core: %v", err)
	}
	return found
}
