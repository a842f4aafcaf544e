package viewer

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	browserdomain "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// chromium starts a real browser, with flags beside the usual ones. Without one
// the test is skipped, unless the environment demands all peers.
func chromium(t *testing.T, flags ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("GATEPOST_PEERS") == "required" {
			t.Fatal("no chromium, and GATEPOST_PEERS demands one")
		}
		t.Skip("SKIPPED: no chromium here, so no page was seen by a real browser")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("ignore-certificate-errors", true), chromedp.Flag("lang", "en-US"), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.WSURLReadTimeout(time.Minute),
	)
	options = append(options, flags...)
	ctx, cancel := context.WithTimeout(context.Background(), 9*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	return ctx
}

// window is one browser window with cookies of its own.
type window struct {
	t      testing.TB
	ctx    context.Context
	parent context.Context // the browser's
	base   string
}

// window opens an empty window before the clinic's viewer.
func (c *clinic) window(parent context.Context, base string) *window {
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext())
	c.t.Cleanup(cancel)
	// The window lives as long as the context of this first step.
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		c.t.Fatalf("opening a window: %v", err)
	}
	return &window{t: c.t, ctx: ctx, parent: parent, base: base}
}

func (w *window) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}

// before puts a used window before another clinic, without cookies.
func (w *window) before(c *clinic, base string) {
	w.t.Helper()
	tell(w, network.ClearBrowserCookies, cdp.Empty{})
	w.t, w.base = c.t, base
}

// tell gives the browser a command of its protocol.
func tell[P, R any](w *window, command cdp.Command[P, R], params P) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	if _, err := chromedp.Call(ctx, command, params); err != nil {
		w.t.Fatalf("%s: %v", command.Method, err)
	}
}

// ask evaluates a question to the page.
func ask[T any](w *window, question string) T {
	w.t.Helper()
	answer, err := chromedp.Run(w.ctx, chromedp.Evaluate[T](question))
	if err != nil {
		w.t.Fatalf("asking the page %.60q: %v", question, err)
	}
	return answer
}

// size makes the window so wide; narrow ones are telephones.
func (w *window) size(width int64) {
	w.t.Helper()
	tell(w, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 800, DeviceScaleFactor: 1, Mobile: width < 600})
}

// scheme chooses the colours that the reader's system asks for: light or dark.
func (w *window) scheme(name string) {
	w.t.Helper()
	tell(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
}

// media is what the page is made for: screen or print, and its colours.
func (w *window) media(kind, scheme string) {
	w.t.Helper()
	tell(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: kind, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

func (w *window) open(path string) {
	w.t.Helper()
	w.do("opening a page", chromedp.Navigate(w.base+path))
}

// press presses what selector finds, and waits for the page that it leads to
// and that shows what then selects.
func (w *window) press(selector, then string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		w.t.Fatalf("pressing %s: %v", selector, err)
	}
	w.do("looking for "+then, chromedp.WaitVisible(chromedp.CSS(then)))
}

func (w *window) write(selector, text string) {
	w.t.Helper()
	w.do("typing", chromedp.SendKeys(chromedp.CSS(selector), text))
}

// download presses selector and returns what the browser saved.
func (w *window) download(selector string) []byte {
	w.t.Helper()
	dir, events := w.t.TempDir(), true
	tell(w, browserdomain.SetDownloadBehavior, browserdomain.SetDownloadBehaviorParams{
		Behavior: browserdomain.SetDownloadBehaviorBehaviorAllowAndName, BrowserContextID: chromedp.FromContext(w.ctx).BrowserContextID,
		DownloadPath: dir, EventsEnabled: &events,
	})
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	saved, err := chromedp.Run(ctx, chromedp.WaitEvent(browserdomain.DownloadProgress, func(e browserdomain.EventDownloadProgress) bool {
		return e.State != browserdomain.DownloadProgressStateInProgress
	}, chromedp.Click(chromedp.CSS(selector))))
	if err != nil {
		w.t.Fatalf("saving: %v", err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, saved.GUID))
	if err != nil {
		w.t.Fatal(err)
	}
	return raw
}

// picture takes a picture of the whole page.
func (w *window) picture(folder, name string) {
	w.t.Helper()
	if folder == "" {
		return
	}
	ask[bool](w, `document.activeElement.blur(), true`)
	// Frames paint only what lies inside of the window.
	height := ask[int64](w, `document.documentElement.scrollHeight`)
	width := ask[int64](w, `innerWidth`)
	tell(w, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600})
	if ask[bool](w, `document.querySelector("iframe") !== null`) {
		w.do("waiting for paint", chromedp.Sleep(300*time.Millisecond))
	}
	png, err := chromedp.Run(w.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		w.t.Fatalf("taking a picture: %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), png, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// screenshots is the folder where pictures of the pages are left, "" for none.
func screenshots(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("GATEPOST_SCREENSHOTS")
	if dir == "" {
		return ""
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatalf("the folder for screenshots: %v", err)
	}
	return dir
}
