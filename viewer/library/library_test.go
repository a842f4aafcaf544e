package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"gatepost/gateway"
)

// shelf is a Blobs and an Opener that say what was asked of them.
type shelf struct {
	asked  []string
	closed int
	noBlob error
	noKey  error
	staff  int // times the staff's wrap was opened
}

type shelved struct {
	*bytes.Reader
	s *shelf
}

func (b shelved) Close() error { b.s.closed++; return nil }

func (s *shelf) blob(_ context.Context, ref string) (Blob, error) {
	s.asked = append(s.asked, ref)
	if s.noBlob != nil {
		return nil, s.noBlob
	}
	return shelved{bytes.NewReader([]byte("sealed")), s}, nil
}

func (s *shelf) Staff(w gateway.Wrap, id gateway.MessageID, sealed io.ReaderAt, size int64) (gateway.Content, error) {
	s.staff++
	return s.Correspondent(w, id, gateway.LinkSecret{}, sealed, size)
}

func (s *shelf) Correspondent(w gateway.Wrap, id gateway.MessageID, secret gateway.LinkSecret, sealed io.ReaderAt, size int64) (gateway.Content, error) {
	s.asked = append(s.asked, fmt.Sprint(w.Group, id, secret.Path(), size))
	return nil, s.noKey
}

func TestLibraryOpensWhatIsGranted(t *testing.T) {
	s := &shelf{}
	l := New(s, s.blob, func(gateway.Content) (*gateway.Mail, error) {
		return &gateway.Mail{Subject: "a\r\n\u202eb", From: "x\x00y", Text: "one\r\ntwo\x07", Files: []gateway.File{attachment("a/b.txt", "text/plain", "", []byte("x"))}}, nil
	})
	grant := gateway.Grant{Message: gateway.MessageID{7}, Body: gateway.Body{Blob: "ref"}}
	r, err := l.Mail(context.Background(), grant, gateway.LinkSecret{1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Subject.Reveal() != "a b" || r.From.Reveal() != "xy" || r.Text.Reveal() != "one\ntwo" || r.Files[0].Name.Reveal() != "b.txt" || r.HTML != nil {
		t.Errorf("%q %q %q %q", r.Subject.Reveal(), r.From.Reveal(), r.Text.Reveal(), r.Files[0].Name.Reveal())
	}
	if s.closed != 0 || r.Close() != nil || s.closed != 1 {
		t.Errorf("closed %d times", s.closed)
	}
	if len(s.asked) != 2 || s.asked[0] != "ref" || !strings.Contains(s.asked[1], gateway.LinkSecret{1}.Path()) {
		t.Errorf("asked for %v", s.asked)
	}
	only, err := l.Files(context.Background(), grant, gateway.LinkSecret{1})
	if err != nil || len(only.Files) != 1 || only.Text != "" || only.Subject != "" {
		t.Errorf("files alone: %v %v", only, err)
	}
}

// TestLibraryFailsClosed: whatever fails, nothing is shown, the body is closed
// and no secret stands in the error.
func TestLibraryFailsClosed(t *testing.T) {
	broken := errors.New("broken")
	for name, k := range map[string]struct {
		s    shelf
		view error
		open int
	}{
		"no body": {s: shelf{noBlob: broken}}, "no key": {s: shelf{noKey: broken}, open: 1}, "no mail": {view: broken, open: 1},
	} {
		s := k.s
		l := New(&s, s.blob, func(gateway.Content) (*gateway.Mail, error) { return nil, k.view })
		for _, open := range []func(context.Context, gateway.Grant, gateway.LinkSecret) (*Reading, error){l.Mail, l.Files} {
			s.closed = 0
			r, err := open(context.Background(), gateway.Grant{}, gateway.LinkSecret{0xab, 0xcd})
			if r != nil || !errors.Is(err, broken) || s.closed != k.open {
				t.Errorf("%s: %v, %v, closed %d times", name, r, err, s.closed)
			}
			if strings.Contains(fmt.Sprintf("%+v", err), gateway.LinkSecret{0xab, 0xcd}.Path()) {
				t.Errorf("%s: the link is in the error", name)
			}
		}
	}
}

func TestLongTextIsCut(t *testing.T) {
	got, cutOff := text(gateway.Sensitive(strings.Repeat("\u00e4", maxText)))
	if !cutOff || len(got.Reveal()) > maxText || strings.Contains(got.Reveal(), "\ufffd") {
		t.Errorf("%d octets, cut %v", len(got.Reveal()), cutOff)
	}
}

func TestReadingRedactsItself(t *testing.T) {
	l := New(nil, nil, nil)
	r := l.read(&gateway.Mail{Subject: "zebraquartz", From: "zebraquartz", Text: "zebraquartz", HTML: "<p>zebraquartz</p>", Files: []gateway.File{attachment("zebraquartz.txt", "text/plain", "", nil)}})
	if shown := fmt.Sprintf("%v %+v %#v %+v", r, *r, *r, *r.HTML); strings.Contains(shown, "zebraquartz") {
		t.Errorf("a reading shows itself: %s", shown)
	}
}
