package library

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"gatepost/gateway"
)

// drawer is an Opener that gives what it was asked for.
type drawer struct{ *shelf }

func (d drawer) Staff(_ gateway.Wrap, id gateway.MessageID, sealed io.ReaderAt, size int64) (gateway.Content, error) {
	d.staff++
	return io.NewSectionReader(strings.NewReader("octets"), 0, 6), d.noKey
}

func TestOctetsAreForTheStaff(t *testing.T) {
	s := &shelf{}
	l := New(drawer{s}, s.blob, func(gateway.Content) (*gateway.Mail, error) { return nil, errors.New("taken apart") })
	if c, closer, err := l.Octets(context.Background(), gateway.Grant{Body: gateway.Body{Blob: "ref"}}); c != nil || closer != nil || err == nil || len(s.asked) > 0 {
		t.Errorf("a reader by link got %v, %v; asked %v", c, err, s.asked)
	}
	c, closer, err := l.Octets(context.Background(), gateway.Grant{Body: gateway.Body{Blob: "ref"}, Staff: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
	if string(got) != "octets" || err != nil || s.staff != 1 || s.asked[0] != "ref" {
		t.Errorf("%q %v, asked %v", got, err, s.asked)
	}
	if s.closed != 0 || closer.Close() != nil || s.closed != 1 {
		t.Errorf("closed %d times", s.closed)
	}
	s.noKey, s.closed = errors.New("broken"), 0
	if _, closer, err := l.Octets(context.Background(), gateway.Grant{Staff: true}); closer != nil || !errors.Is(err, s.noKey) || s.closed != 1 {
		t.Errorf("without a key: %v, closed %d times", err, s.closed)
	}
}
