package viewer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestRealBrowserReads goes the whole way in a real browser, with JavaScript
// and TLS, and with neither: link, code, PIN, message with its picture, file.
func TestRealBrowserReads(t *testing.T) {
	ctx := chromium(t)
	for name, scripts := range map[string]bool{"with JavaScript over TLS": true, "without JavaScript, plain": false} {
		c := newClinic(t)
		w := c.window(ctx, c.visit(scripts).base)
		w.size(360)
		if !scripts {
			tell(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		}
		w.open(c.path())
		w.press(`form:has(input[name="code"]) button`, `.note.good`)
		if got := c.granted(); len(got) != 0 {
			t.Fatalf("%s: opened %v before the proof", name, got)
		}
		w.write(`#pin`, c.lastCode())
		w.press(`form:has(#pin) button`, `iframe.mail`)
		if got := c.granted(); !reflect.DeepEqual(got, []int{-1}) {
			t.Errorf("%s: evidence of reads %v", name, got)
		}
		got := w.download(`a[href$="/file/1"]`)
		if want := contentOf(t, c, 1); sha256.Sum256(got) != sha256.Sum256(want) {
			t.Errorf("%s: %d octets were saved of %d, or others", name, len(got), len(want))
		}
		w.checkMailAlone(c, name)
		w.open(c.path())
		w.press(`form[action$="/leave"] button`, `a.button.first`)
		w.open(c.path())
		if title := ask[string](w, `document.title`); !strings.HasPrefix(title, "You have a secure message") {
			t.Errorf("%s: after leaving the page is %q", name, title)
		}
	}
}

// checkMailAlone looks at the mail's own document: the picture is there, and
// nothing else was asked of any network.
func (w *window) checkMailAlone(c *clinic, name string) {
	w.t.Helper()
	w.press(`a[href$="/mail"]`, `a.back`)
	pictures := ask[[]string](w, `Array.from(document.images, i => i.naturalWidth + "x" + i.naturalHeight)`)
	resources := ask[[]string](w, `performance.getEntriesByType("resource").map(e => e.name).filter(n => !n.startsWith("data:"))`)
	if !reflect.DeepEqual(pictures, []string{"320x120"}) || len(resources) != 0 {
		w.t.Errorf("%s: pictures %v, fetched %v", name, pictures, resources)
	}
	w.press(`a.back`, `iframe.mail`)
}

func contentOf(t *testing.T, c *clinic, n int) []byte {
	t.Helper()
	r, err := c.mail.Files[n].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestRealBrowserShowsFiles: a picture and a sound are shown in place, under
// the policy that lets nothing run, and the player asks for ranges.
func TestRealBrowserShowsFiles(t *testing.T) {
	c := newClinic(t)
	c.mail.Files[2] = file("tablets.wav", "audio/wav", "", second())
	w := c.window(chromium(t), c.visit(false).base)
	read(c.mail)(c, w)
	w.open(c.path() + "/show/0")
	if size := ask[string](w, `document.images[0].naturalWidth + "x" + document.images[0].naturalHeight`); size != "320x120" {
		t.Errorf("the picture is %s", size)
	}
	w.open(c.path() + "/show/2")
	const length = `new Promise(done => {
  const player = document.querySelector("video,audio");
  const tell = () => done(player.error ? "error " + player.error.message : player.duration.toFixed(1));
  if (player.readyState > 0 || player.error) return tell();
  player.onloadedmetadata = player.onerror = tell;
  setTimeout(() => done("nothing after 5 s"), 5000);
})`
	ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
	defer cancel()
	if got, err := chromedp.Run(ctx, chromedp.Evaluate[string](length, chromedp.EvalAwaitPromise)); err != nil || got != "1.0" {
		t.Errorf("the sound lasts %s s, %v", got, err)
	}
}

// second is a second of silence as a WAV file, 8 bits, 8000 Hz.
func second() []byte {
	const rate = 8000
	little := binary.LittleEndian
	b := little.AppendUint32([]byte("RIFF"), 36+rate)
	b = append(b, "WAVEfmt "...)
	b = little.AppendUint32(b, 16)
	b = little.AppendUint16(b, 1) // PCM
	b = little.AppendUint16(b, 1) // channels
	b = little.AppendUint32(b, rate)
	b = little.AppendUint32(b, rate)
	b = little.AppendUint16(b, 1)
	b = little.AppendUint16(b, 8)
	b = little.AppendUint32(append(b, "data"...), rate)
	return append(b, bytes.Repeat([]byte{128}, rate)...)
}
