package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A marker is a word that stands in one field of one thing that was sent:
// markerHead, a number, markerTail. Head and tail are looked for apart, so
// that a marker which was cut is found too.
const (
	markerHead = "qxvobjkry"
	markerTail = "ptwzulmeg"
)

// The places where a marker may stand, by what it is.
type permit int

const (
	nowhere  permit = iota // content: no place at all
	answered               // an address or what a next hop said: for those who may ask (operator commands, export), sealed on disk
	shown                  // what tells operators which message it is: its subject, its Message-ID, the envelope sender of its notice; sealed on disk
	reasoned               // the reason of an operator's act: evidence as exported
)

// markers hands out markers and remembers what each is for.
type markers struct {
	mu    sync.Mutex
	what  []string
	may   []permit
	exact map[string]string // secrets of other forms -> what they are
}

// next is a new marker that may stand nowhere.
func (m *markers) next(what string) string { return m.with(what, nowhere) }

func (m *markers) with(what string, may permit) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.what, m.may = append(m.what, what), append(m.may, may)
	return fmt.Sprintf("%s%04d%s", markerHead, len(m.what)-1, markerTail)
}

// phone is a new telephone number; it may be shown to operators as an address is.
func (m *markers) phone() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := fmt.Sprintf("1555866%04d", len(m.exact))
	m.exact[n] = "a telephone number"
	return "+" + n
}

// also remembers a secret that is no marker: a link, a token, a code.
func (m *markers) also(what, secret string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(secret) > 7 {
		m.exact[secret] = what
	}
	return secret
}

// needles are the forms in which a word is looked for; those that do not
// depend on case are in lower case.
func needles(word string) (folded, exact map[string][]byte) {
	folded, exact = map[string][]byte{"as it is": []byte(word)}, map[string][]byte{}
	each := func(format string) []byte {
		var b []byte
		for _, c := range []byte(word) {
			b = fmt.Appendf(b, format, c)
		}
		return b
	}
	folded["hexadecimal"] = []byte(hex.EncodeToString([]byte(word)))
	folded["hexadecimal with blanks"] = bytes.TrimSpace(each("%02x "))
	folded["percent-encoded"], folded["quoted-printable"] = each("%%%02x"), each("=%02x")
	folded["entities"], folded["hexadecimal entities"] = each("&#%d;"), each("&#x%x;")
	folded["escapes of JSON"], folded["escapes of Go"] = each(`\u%04x`), each(`\x%02x`)
	folded["UTF-16, low octet first"], folded["UTF-16, high octet first"] = each("%c\x00"), each("\x00%c")
	for shift := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + word))
		exact[fmt.Sprintf("base64 at %d", shift)] = []byte(text[(8*shift+5)/6 : 8*(shift+len(word))/6])
	}
	return folded, exact
}

// find returns what of a text is a marker or another secret, and in which form.
func (m *markers) find(text []byte) (found []string) {
	lower := bytes.ToLower(text)
	show := func(what, form string, at, n int) {
		found = append(found, fmt.Sprintf("%s (%s): …%q…", what, form, text[max(0, at-60):min(len(text), at+n+60)]))
	}
	for _, word := range []string{markerHead, markerTail} {
		folded, exact := needles(word)
		for form, needle := range folded {
			if at := bytes.Index(lower, needle); at >= 0 {
				show(m.naming(lower), form, at, len(needle))
			}
		}
		for form, needle := range exact {
			if at := bytes.Index(text, needle); at >= 0 {
				show("a marker", form, at, len(needle))
			}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for secret, what := range m.exact {
		if at := bytes.Index(text, []byte(secret)); at >= 0 {
			show(what, "as it is", at, len(secret))
		} else if coded := base64.RawStdEncoding.EncodeToString([]byte(secret)); bytes.Contains(text, []byte(coded[:len(coded)-1])) {
			show(what, "base64", 0, 0)
		}
	}
	return found
}

var markerPattern = regexp.MustCompile(markerHead + "([0-9]{4})" + markerTail)

// naming says what the first markers of a text are.
func (m *markers) naming(text []byte) string {
	var names []string
	for _, hit := range markerPattern.FindAllSubmatch(text, 20) {
		var n int
		_, _ = fmt.Sscan(strings.TrimLeft(string(hit[1]), "0"), &n)
		m.mu.Lock()
		if n < len(m.what) && !slices.Contains(names, m.what[n]) {
			names = append(names, m.what[n])
		}
		m.mu.Unlock()
	}
	return "markers of " + strings.Join(names, ", ")
}

// without is text less the markers that may stand there; telephone numbers may
// where addresses may.
func (m *markers) without(text string, may ...permit) string {
	text = markerPattern.ReplaceAllStringFunc(text, func(s string) string {
		var n int
		_, _ = fmt.Sscan(strings.TrimLeft(s[len(markerHead):len(markerHead)+4], "0"), &n)
		m.mu.Lock()
		defer m.mu.Unlock()
		if n < len(m.may) && slices.Contains(may, m.may[n]) {
			return "[allowed]"
		}
		return s
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	for secret, what := range m.exact {
		if what == "a telephone number" && slices.Contains(may, answered) || what == "a bounce token" && slices.Contains(may, shown) {
			text = strings.ReplaceAll(text, secret, "[allowed]")
		}
	}
	return text
}

// absent fails for each marker in text but those that may be there.
func (m *markers) absent(t *testing.T, where, text string, may ...permit) {
	t.Helper()
	if len(may) > 0 {
		text = m.without(text, may...)
	}
	for i, f := range m.find([]byte(text)) {
		if i < 4 {
			t.Errorf("%s holds %s", where, f)
		}
	}
}

// absentFrom looks through the files of a folder and their names; except are
// base names of files that somebody else wrote with markers in them.
func (m *markers) absentFrom(t *testing.T, dir string, except ...string) (files int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || slices.Contains(except, d.Name()) {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		m.absent(t, "file "+path, string(raw))
		m.absent(t, "the name of a file", path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// tempWatch looks into a folder while the server runs: what lies there for a
// moment only counts too.
type tempWatch struct {
	stop, done chan struct{}
	seen       map[string]bool // names of files
	found      []string
}

func (m *markers) watch(dir string) *tempWatch {
	w := &tempWatch{stop: make(chan struct{}), done: make(chan struct{}), seen: map[string]bool{}}
	go func() {
		defer close(w.done)
		for {
			_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() {
					return nil // gone again
				}
				raw, _ := os.ReadFile(path)
				w.seen[path] = true
				if found := append(m.find(raw), m.find([]byte(path))...); len(found) > 0 && len(w.found) < 5 {
					w.found = append(w.found, path+": "+found[0])
				}
				return nil
			})
			select {
			case <-w.stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return w
}

func (w *tempWatch) end(t *testing.T) {
	t.Helper()
	close(w.stop)
	<-w.done
	for _, f := range w.found {
		t.Errorf("a temporary file holds %s", f)
	}
	t.Logf("%d temporary files were seen", len(w.seen))
}

// debugPage asks the control socket for a page.
func (g *gate) debugPage(path string) string {
	g.t.Helper()
	c := g.control()
	defer c.CloseIdleConnections()
	r, err := c.Get("http://control" + path)
	if err != nil {
		g.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	must(g.t, err)
	if r.StatusCode != http.StatusOK {
		g.t.Errorf("%s: %d", path, r.StatusCode)
	}
	return string(text)
}

// TestTheMarkersWouldBeFound: each form of a marker is found, and what is no
// marker is not.
func TestTheMarkersWouldBeFound(t *testing.T) {
	t.Parallel()
	m := &markers{exact: map[string]string{}}
	word, number := m.next("a test"), m.phone()
	folded, exact := needles(word)
	if len(folded)+len(exact) != 14 {
		t.Errorf("%d forms", len(folded)+len(exact))
	}
	for form, text := range folded {
		if len(m.find(bytes.ToUpper(text))) == 0 {
			t.Errorf("%s: not found", form)
		}
	}
	for shift := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("?", shift) + word + "??"))
		if len(m.find([]byte(text))) == 0 {
			t.Errorf("base64 at %d is not found", shift)
		}
	}
	for _, cut := range []string{word[:12], word[5:], "to=" + number} {
		if len(m.find([]byte(cut))) == 0 {
			t.Errorf("%q is not found", cut)
		}
	}
	if found := m.find([]byte("the quick brown fox, +15550100200")); len(found) > 0 {
		t.Errorf("found %q", found)
	}
	if left := m.without("to "+m.with("an address", answered)+" and "+word, answered); strings.Count(left, markerHead) != 1 {
		t.Errorf("left is %q", left)
	}
}
