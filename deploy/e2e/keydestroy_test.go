package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDestroyedKeyOpensNothing: after a key group is destroyed its messages
// open neither here nor from an older backup of the data that is put back.
func TestDestroyedKeyOpensNothing(t *testing.T) {
	t.Parallel()
	g, outside := secureSite(t, "pins: {tries: 5, pause: 1s, freeze: 10, resend: 1s}")
	l := newLetter(t, 1000)
	accepted(t, g.relay, "ann@clinic.example", []string{"pat@out.example"}, l.mail)
	link := outside.wait(t, "pat@out.example", 1).link(t)
	opened := newBrowser(t).open(link, codeFrom(t, outside, "pat.private@other.example"))
	if !strings.Contains(opened.body, "kestrel") {
		t.Fatal("the message did not open before")
	}
	backup := filepath.Join(g.dir, "older-backup")
	g.must("backup", backup)
	// A group that still takes wraps is busy; without a server it is not.
	g.stop()
	destroyed := 0
	for _, k := range g.list("key", "list") {
		if k.text("kind") == "group" {
			g.must("key", "destroy", k.text("id"), "--yes")
			destroyed++
		}
	}
	if destroyed == 0 {
		t.Fatalf("no key group to destroy in\n%s", g.must("key", "list", "--json"))
	}
	g.start()
	if len(g.evidence("key.destroyed")) < destroyed {
		t.Error("destroying keys left no evidence")
	}
	closed(t, g, outside, link, "here")
	g.stop()
	if err := os.Rename(g.data, g.data+".old"); err != nil {
		t.Fatal(err)
	}
	g.must("restore", backup)
	g.start()
	g.must("queue", "resume")
	closed(t, g, outside, link, "from the restored backup")
	g.must("audit", "verify")
	accepted(t, g.relay, "ann@clinic.example", []string{"pat@out.example"}, l.mail) // a fresh group serves
}

// closed goes the whole way with the right code and must not get to read.
func closed(t *testing.T, g *gate, outside *sink, link, where string) {
	t.Helper()
	b := newBrowser(t)
	p := b.get(link)
	if strings.Contains(p.body, `name="code"`) {
		code := codeFrom(t, outside, "pat.private@other.example")
		asked := b.submit(p, "code", "")
		p = b.submit(asked, "pin", code())
	}
	for _, address := range []string{link, link + "/mail", link + "/file/0", link + "/file/1"} {
		p.body += b.get(address).body
	}
	for _, word := range []string{"kestrel", "sparrowhawk", "capercaillie", "dunnock"} {
		if strings.Contains(p.body, word) {
			t.Errorf("%s: after the destruction of its key the viewer shows %q", where, word)
		}
	}
	if code, _ := g.get("/livez"); code != 200 {
		t.Error(fmt.Sprint(where, ": livez says ", code))
	}
}
