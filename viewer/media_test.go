package viewer

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestFilesAreShownInPlace: sound, film and picture are shown where they are
// listed, and nothing of them is read before somebody asks: reading leaves
// evidence.
func TestFilesAreShownInPlace(t *testing.T) {
	c := newClinic(t)
	c.mail.Files[2] = file("tablets.wav", "audio/wav", "", second())
	c.mail.Files = append(c.mail.Files, file("x-ray.png", "image/png", "", picture()))
	w := c.window(chromium(t), c.visit(false).base)
	w.size(360)
	read(c.mail)(c, w)
	w.do("waiting for what loads by itself", chromedp.Sleep(400*time.Millisecond))
	if got := c.granted(); !reflect.DeepEqual(got, []int{-1}) {
		t.Fatalf("read before anybody asked: %v", got)
	}
	w.do("asking for the picture", chromedp.Click(chromedp.CSS(`[data-picture="x-ray.png"]`)), chromedp.WaitVisible(chromedp.CSS(`img.player`)))
	const shown = `new Promise(done => { const i = document.querySelector("img.player"); i.decode().then(() => done(i.alt + " " + i.naturalWidth + (i.getBoundingClientRect().width <= innerWidth ? "" : " too wide")), () => done("broken")); })`
	if got := await[string](w, shown); got != "x-ray.png 320" {
		t.Errorf("the picture is %s", got)
	}
	const played = `new Promise(done => { const a = document.querySelector("audio.player"); a.muted = true; a.ontimeupdate = () => a.currentTime > 0 && done("plays"); a.onerror = () => done("broken"); a.play().catch(e => done(String(e))); setTimeout(() => done("nothing after 8 s"), 8000); })`
	if got := await[string](w, played); got != "plays" {
		t.Errorf("the sound: %s", got)
	}
	seen := map[int]bool{}
	for _, n := range c.granted() {
		seen[n] = true
	}
	if !reflect.DeepEqual(seen, map[int]bool{-1: true, 2: true, 3: true}) {
		t.Errorf("read: %v", seen)
	}
}

// await evaluates a question that the page answers later.
func await[T any](w *window, question string) T {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 15*time.Second)
	defer cancel()
	answer, err := chromedp.Run(ctx, chromedp.Evaluate[T](question, chromedp.EvalAwaitPromise))
	if err != nil {
		w.t.Fatalf("asking the page %.60q: %v", question, err)
	}
	return answer
}

// TestPaperHasTheMessageAlone: what is printed is the message with its facts
// and file names; no button, player, form or menu.
func TestPaperHasTheMessageAlone(t *testing.T) {
	c := newClinic(t)
	w := c.window(chromium(t), c.visit(false).base)
	w.size(1280)
	read(c.mail)(c, w)
	w.media("print", "dark")
	const visible = `[...document.querySelectorAll("button,.button,form,nav,summary,audio,video,input,textarea,dialog,.foot,.skip")].filter(e => e.checkVisibility() && e.getBoundingClientRect().height > 0).map(e => e.tagName + "." + e.className)`
	if got := ask[[]string](w, visible); len(got) > 0 {
		t.Errorf("on paper: %v", got)
	}
	const ground = `getComputedStyle(document.body).backgroundColor + getComputedStyle(document.querySelector("h1")).color`
	if got := ask[string](w, ground); got != "rgb(255, 255, 255)rgb(0, 0, 0)" {
		t.Errorf("paper and ink are %s", got)
	}
	if got := ask[bool](w, `["h1", "dl.facts", "iframe.mail", ".files .name"].every(s => document.querySelector(s).checkVisibility())`); !got {
		t.Error("a part of the message is not on paper")
	}
	if pdf, err := chromedp.Run(w.ctx, chromedp.PrintToPDF()); err != nil || len(pdf) < 2000 {
		t.Errorf("printing: %d octets, %v", len(pdf), err)
	}
}
