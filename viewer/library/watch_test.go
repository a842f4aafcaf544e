package library

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"gatepost/gateway"
)

// piece is a body that reads its sealed form a piece at a time, as the real
// one does.
type piece struct {
	io.ReaderAt
	size int64
}

func (p piece) Size() int64 { return p.size }

// TestDownloadEndsWithTheGrant: a download that runs while its message is
// taken back ends at the next piece, and a new one does not begin.
func TestDownloadEndsWithTheGrant(t *testing.T) {
	sealed := strings.Repeat("zebraquartz", 100_000)
	holds := true
	asked := gateway.Grant{}
	l := New(opens{}, func(context.Context, string) (Blob, error) {
		return shelved{bytes.NewReader([]byte(sealed)), &shelf{}}, nil
	},
		func(c gateway.Content) (*gateway.Mail, error) {
			content := func() (io.ReadSeekCloser, error) { return section{io.NewSectionReader(c, 0, c.Size())}, nil }
			return &gateway.Mail{Files: []gateway.File{{Name: "a", Size: c.Size(), Open: content}}}, nil
		}).While(func(_ context.Context, g gateway.Grant) bool { asked = g; return holds })
	grant := gateway.Grant{Message: gateway.MessageID{7}}
	r, err := l.Files(t.Context(), grant, gateway.LinkSecret{1})
	if err != nil {
		t.Fatal(err)
	}
	file, err := r.Files[0].open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, file, 64<<10); err != nil || asked.Message != grant.Message {
		t.Fatalf("a grant that holds: %v, asked about %v", err, asked.Message)
	}
	holds = false
	if n, err := io.Copy(io.Discard, file); n != 0 || !errors.Is(err, ErrTakenBack) {
		t.Errorf("read %d octets after the end of the grant: %v", n, err)
	}
}

func (o opens) Staff(w gateway.Wrap, id gateway.MessageID, sealed io.ReaderAt, size int64) (gateway.Content, error) {
	return o.Correspondent(w, id, gateway.LinkSecret{}, sealed, size)
}

type section struct{ *io.SectionReader }

func (section) Close() error { return nil }

// opens "unseals" by passing the sealed octets on.
type opens struct{}

func (opens) Correspondent(_ gateway.Wrap, _ gateway.MessageID, _ gateway.LinkSecret, sealed io.ReaderAt, size int64) (gateway.Content, error) {
	return piece{sealed, size}, nil
}
