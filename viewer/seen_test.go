package viewer

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// lookedAt is the looks that this run has time for, and whether these are all.
func lookedAt(t *testing.T, few bool, some ...string) (list []look, all bool) {
	t.Helper()
	list = looks()
	if !few && (os.Getenv("GATEPOST_SCREENSHOTS") != "" || os.Getenv("GATEPOST_PEERS") == "required") {
		return list, true
	}
	t.Log("one page of each kind: GATEPOST_SCREENSHOTS or GATEPOST_PEERS=required has them all, without the race detector")
	return slices.DeleteFunc(list, func(l look) bool { return !slices.Contains(some, l.name[:2]) }), false
}

// show brings a used window to the look, on a telephone.
func (l look) show(c *clinic, w *window) {
	w.t.Helper()
	w.before(c, c.visit(false).base)
	w.scheme("light")
	w.size(360)
	if l.set != nil {
		l.set(c, w)
	}
	if l.path != stays {
		w.open(l.of(c))
	}
}

// TestEveryPageIsSeen opens every page on a telephone and on a desk, in light
// and in dark, holds it to what people with weak eyes, thumbs or no mouse
// need, and leaves pictures in the folder that GATEPOST_SCREENSHOTS names.
func TestEveryPageIsSeen(t *testing.T) {
	ctx := chromium(t)
	folder := screenshots(t)
	w := newClinic(t).window(ctx, "")
	list, all := lookedAt(t, underRace, "01", "03", "11", "16", "18", "29")
	var titles []string
	for _, l := range list {
		t.Run(l.name, func(t *testing.T) {
			c := newClinic(t)
			l.show(c, w)
			titles = append(titles, ask[string](w, `document.title`))
			w.check("360")
			w.axe("360")
			w.checkFocus("360")
			w.picture(folder, l.name+"-360")
			w.scheme("dark")
			w.check("360 dark")
			w.axe("360 dark")
			if strings.HasPrefix(l.name, "03") || strings.HasPrefix(l.name, "16") {
				w.picture(folder, l.name+"-360-dark")
			}
			w.scheme("light")
			w.checkLarge()
			w.size(1280)
			w.check("1280")
			w.picture(folder, l.name+"-1280")
		})
	}
	if all && len(titles) == len(list) {
		checkAllTitles(t, titles)
	}
}

// checkLarge looks at the page as those see it who make everything larger: a
// desk's window at 400 % is 320 px wide (WCAG 2.2, 1.4.10), and text alone may
// be twice its size (1.4.4).
func (w *window) checkLarge() {
	w.t.Helper()
	w.size(320)
	w.check("320")
	w.size(640)
	ask[string](w, `document.documentElement.style.fontSize = "237.5%"`)
	w.check("640 with letters of twice the size")
	ask[string](w, `document.documentElement.style.fontSize = ""`)
}

// TestEveryPageInArabic opens every page that speaks no language of its own
// from right to left.
func TestEveryPageInArabic(t *testing.T) {
	ctx := chromium(t)
	folder := screenshots(t)
	w := newClinic(t).window(ctx, "")
	tell(w, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: ask[string](w, `navigator.userAgent`), AcceptLanguage: "ar"})
	list, _ := lookedAt(t, underRace, "01", "16")
	for _, l := range list {
		t.Run(l.name, func(t *testing.T) {
			c := newClinic(t)
			c.page.Language = "ar"
			l.show(c, w)
			if c.page.Language != "ar" {
				return // it has a language of its own
			}
			if dir := ask[string](w, `getComputedStyle(document.documentElement).direction`); dir != "rtl" && !strings.HasSuffix(l.path, "/mail") && c.fail == nil {
				t.Errorf("the page is written %s", dir)
			}
			w.check("Arabic")
			w.axe("Arabic")
			w.picture(folder, "arabic-"+l.name)
		})
	}
}

// checkAllTitles: every title that the source gives to a page was seen.
func checkAllTitles(t *testing.T, seen []string) {
	t.Helper()
	english, count := textsOf(t, "words/en.json"), 0
	all := strings.Join(seen, "\n")
	for _, source := range sourceFiles(t) {
		for _, m := range regexp.MustCompile(`Title = \S*\.T\("([a-z_.]+)"`).FindAllStringSubmatch(source, -1) {
			count++
			pattern := regexp.MustCompile(`\\\{\\\{[^}]*\\\}\\\}`).ReplaceAllString(regexp.QuoteMeta(english[m[1]][""]), ".+")
			if !regexp.MustCompile(`(?m)^(Error: )?` + pattern).MatchString(all) {
				t.Errorf("no look shows the page %q: add one to looks", m[1])
			}
		}
	}
	if count < 15 {
		t.Errorf("only %d titles found in the source", count)
	}
}

// TestAxeSeesBarriers: what is asked of pages would see what is wrong.
func TestAxeSeesBarriers(t *testing.T) {
	if axeSource(t) == "" {
		t.Skip("SKIPPED: GATEPOST_AXE is unset")
	}
	w := newClinic(t).window(chromium(t), "")
	w.base = "data:text/html,"
	w.open(`<html><body><img src="data:,"><button></button><input><p style="color:%23ddd;background:%23fff">pale</p></body></html>`)
	all := strings.Join(w.barriers(), "\n")
	for _, rule := range []string{"image-alt", "button-name", "label", "color-contrast", "html-has-lang", "document-title"} {
		if !strings.Contains(all, rule+" (") {
			t.Errorf("%s was not found in %s", rule, all)
		}
	}
}
