package viewer

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestRealBrowserComesAgain counts what a reader does after opening the link:
// three actions the first time, one on a device that is remembered.
func TestRealBrowserComesAgain(t *testing.T) {
	ctx := chromium(t)
	for name, scripts := range map[string]bool{"with JavaScript": true, "without": false} {
		c := newClinic(t)
		w := c.window(ctx, c.visit(true).base)
		w.size(360)
		w.scripts(scripts)
		w.open(c.path())
		w.press(`form:has([name=code]) button`, `#pin`) // 1
		w.write(`#pin`, c.lastCode())                   // 2
		w.press(`form:has(#pin) button`, `.letter`)     // 3
		if !slices.Equal(c.granted(), []int{-1}) {
			t.Errorf("%s: evidence %v", name, c.granted())
		}
		w.press(`form:has([name=remember]) button`, `.note.good`)
		c.advance(24 * time.Hour)
		codes := len(c.codes)
		w.open(c.path())
		if strings.Contains(ask[string](w, `document.body.innerText`), "Haemoglobin") {
			t.Fatalf("%s: the session lives a day", name)
		}
		w.press(`form:has([name=device]) button`, `.letter`) // 1
		if len(c.codes) != codes {
			t.Errorf("%s: a code was sent to a known device", name)
		}
	}
}

// scripts allows JavaScript or not.
func (w *window) scripts(on bool) {
	w.t.Helper()
	tell(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
}

// sparse is a file of so many octets of nothing.
func sparse(t *testing.T, name string, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return path
}

func (w *window) choose(files ...string) {
	w.t.Helper()
	w.do("choosing files", chromedp.SetUploadFiles(chromedp.CSS(`#files`), files))
}

// TestRealBrowserSendsAFilm answers with 60 MB from a telephone, through the
// server as the product has it: with a bar that moves, a way to stop and a
// check before the sending; and without JavaScript.
func TestRealBrowserSendsAFilm(t *testing.T) {
	const size = 60_000_000
	ctx := chromium(t)
	film, larger := sparse(t, "film.mp4", size), sparse(t, "larger.mp4", 110_000_000)
	c := newClinic(t)
	address, _ := c.serve(ServerConfig{}, 0)
	w := c.window(ctx, "http://"+address)
	w.size(360)
	read(letter())(c, w)
	w.write(`#reply`, "This is how I walk now.")
	w.choose(larger)
	w.do("looking for the warning", chromedp.WaitVisible(chromedp.CSS(`.trouble`)))
	w.do("sending all the same", chromedp.Click(chromedp.CSS(`form.answer [type=submit]`)))
	w.choose(film)
	w.do("the warning goes", chromedp.WaitNotVisible(chromedp.CSS(`.trouble`)))

	w.slow(10_000_000)
	w.do("sending", chromedp.Click(chromedp.CSS(`form.answer [type=submit]`)), chromedp.WaitVisible(chromedp.CSS(`progress`)))
	w.until(`document.querySelector("progress").value > 5`)
	w.picture(screenshots(t), "72-film-on-its-way-360")
	w.do("stopping", chromedp.Click(chromedp.CSS(`.cancel`)), chromedp.WaitVisible(chromedp.CSS(`form.answer [type=submit]`)))
	if len(c.answers()) != 0 {
		t.Fatal("a stopped answer arrived")
	}
	w.slow(-1)
	w.press(`form.answer [type=submit]`, `.note.good`)
	c.checkFilm(t, 1, size)

	w.scripts(false)
	w.open(c.path())
	w.write(`#reply`, "This is how I walk now.")
	w.choose(film)
	w.press(`form.answer [type=submit]`, `.note.good`)
	c.checkFilm(t, 2, size)
	w.open(c.path())
	w.write(`#reply`, "And this is longer.")
	w.choose(larger)
	w.press(`form.answer [type=submit]`, `.note.bad`)
	if text := ask[string](w, `document.querySelector("#reply").value`); text != "And this is longer." || len(c.answers()) != 2 {
		t.Errorf("too large without JavaScript: %q, %d answers", text, len(c.answers()))
	}
}

func (c *clinic) checkFilm(t *testing.T, n int, size int64) {
	t.Helper()
	got := c.answers()
	if len(got) != n || len(got[n-1].files) != 1 || got[n-1].files[0].size != size || got[n-1].files[0].name != "film.mp4" || got[n-1].Text.Reveal() != "This is how I walk now." {
		t.Errorf("answer %d of %d: %+v", n, len(got), got)
	}
}

// slow makes the line upwards carry so many octets per second; -1: all.
func (w *window) slow(rate float64) {
	w.t.Helper()
	command := cdp.Command[network.OverrideNetworkStateParams, cdp.Empty]{Method: "Network.emulateNetworkConditions"}
	tell(w, command, network.OverrideNetworkStateParams{DownloadThroughput: -1, UploadThroughput: rate})
}

// until waits until the page says yes.
func (w *window) until(question string) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ask[bool](w, question) {
			return
		}
	}
	w.t.Fatalf("the page never says yes to %s", question)
}

// TestRealBrowserByKeyboard does everything without a mouse.
func TestRealBrowserByKeyboard(t *testing.T) {
	ctx := chromium(t)
	c := newClinic(t)
	w := c.window(ctx, c.visit(false).base)
	w.open(c.path())
	w.tabTo(`document.activeElement.form?.querySelector("[name=code]") && document.activeElement.tagName === "BUTTON"`)
	w.enter(`#pin`)
	w.tabTo(`document.activeElement.id === "pin"`)
	w.keys(c.lastCode())
	w.enter(`.letter`)
	w.do("pressing Ctrl and /", chromedp.KeyEvent("/", chromedp.KeyModifiers(kb.ModifierCtrl)), chromedp.WaitVisible(chromedp.CSS(`#keys[open]`)))
	w.do("pressing Escape", chromedp.KeyEvent(kb.Escape), chromedp.WaitNotVisible(chromedp.CSS(`#keys`)))
	w.do("going to the answer", chromedp.KeyEvent("A", chromedp.KeyModifiers(kb.ModifierAlt, kb.ModifierShift)))
	w.until(`document.activeElement.id === "reply"`)
	w.keys("Written without a mouse.")
	w.await(`.note.good`, chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(kb.ModifierCtrl)))
	if got := c.answers(); len(got) != 1 || got[0].Text.Reveal() != "Written without a mouse." {
		t.Fatalf("arrived %+v", got)
	}
	// And without any of the short ways.
	w.tabTo(`document.activeElement.id === "reply"`)
	w.keys("Again.")
	w.tabTo(`document.activeElement.matches("form.answer [type=submit]")`)
	w.enter(`.note.good`)
	w.await(`h1`, chromedp.KeyEvent("Q", chromedp.KeyModifiers(kb.ModifierAlt, kb.ModifierShift)))
	if title := ask[string](w, `document.title`); len(c.answers()) != 2 || !strings.HasPrefix(title, "The message is closed") {
		t.Errorf("%d answers, and then %q", len(c.answers()), title)
	}
}

// tabTo presses Tab until the page says yes.
func (w *window) tabTo(question string) {
	w.t.Helper()
	for range 60 {
		w.do("pressing Tab", chromedp.KeyEvent(kb.Tab))
		if ask[bool](w, `Boolean(`+question+`)`) {
			return
		}
	}
	w.t.Fatalf("the Tab key does not lead to %s", question)
}

func (w *window) keys(text string) {
	w.t.Helper()
	w.do("typing", chromedp.KeyEvent(text))
}

func (w *window) enter(then string) { w.t.Helper(); w.await(then, chromedp.KeyEvent(kb.Enter)) }

// await does something that leads to another page, and waits for it.
func (w *window) await(then string, step chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, step); err != nil {
		w.t.Fatalf("on the way to %s: %v", then, err)
	}
	w.do("looking for "+then, chromedp.WaitVisible(chromedp.CSS(then)))
}

// TestRealBrowserKeepsADraft: what was written survives a look at a file, and
// a page that closes because nobody uses it, which says so before.
func TestRealBrowserKeepsADraft(t *testing.T) {
	const draft = "I wanted to say that it hurts."
	ctx := chromium(t)
	c := newClinic(t)
	c.idle = 6 * time.Second
	w := c.window(ctx, c.visit(false).base)
	read(letter())(c, w)
	w.write(`#reply`, draft)
	w.open(c.path() + "/show/0")
	w.open(c.path())
	if got := ask[string](w, `document.querySelector("#reply").value`); got != draft {
		t.Errorf("after looking at a file %q is left", got)
	}
	before := len(c.granted())
	w.do("waiting for the warning", chromedp.WaitVisible(chromedp.CSS(`#idle`)))
	w.until(`location.search === "?idle" && document.querySelector("a.button.first") !== null`)
	if got := c.granted(); len(got) != before || strings.Contains(ask[string](w, `document.body.innerText`), "Haemoglobin") {
		t.Error("closing read the message")
	}
	w.press(`a.button.first`, `.letter`)
	if got := ask[string](w, `document.querySelector("#reply").value`); got != draft {
		t.Errorf("after closing %q is left", got)
	}
	w.do("waiting for the warning", chromedp.WaitVisible(chromedp.CSS(`#idle`)))
	w.do("staying", chromedp.Click(chromedp.CSS(`#idle button`)), chromedp.WaitNotVisible(chromedp.CSS(`#idle`)))
	w.press(`form[action$="/leave"] button`, `a.button.first`)
	if left := ask[int](w, `sessionStorage.length`); left != 0 {
		t.Error("a message that was closed leaves a draft")
	}
}

// TestRealBrowserAnswersInArabic: the form from right to left, on a narrow
// screen.
func TestRealBrowserAnswersInArabic(t *testing.T) {
	const text = "\u0634\u0643\u0631\u0627 \u0644\u0643"
	c := newClinic(t)
	c.page.Language = "ar"
	w := c.window(chromium(t), c.visit(false).base)
	w.size(360)
	read(arabicLetter())(c, w)
	w.check("360, Arabic")
	if dir := ask[string](w, `getComputedStyle(document.querySelector("#reply")).direction + document.documentElement.dir`); dir != "rtlrtl" {
		t.Errorf("the form is written %s", dir)
	}
	w.write(`#reply`, text)
	w.press(`form.answer [type=submit]`, `.note.good`)
	w.check("360, Arabic, sent")
	w.picture(screenshots(t), "73-arabic-answered-360")
	if got := c.answers(); len(got) != 1 || got[0].Text.Reveal() != text {
		t.Errorf("arrived %+v", got)
	}
}
