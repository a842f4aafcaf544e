// Package library opens a message for the one who may read it and takes it
// apart for a browser: sanitised HTML, plain text, files with harmless names.
//
// It decides nothing about rights. Whoever calls it holds a gateway.Grant,
// which is only given after a proof and after the evidence of the read was
// committed; the library opens what the grant names and nothing else. It
// serves no HTTP and fetches nothing: what a mail wants from the network stays
// there.
//
// Invariants:
//
//   - No octet of a body is read without a Grant.
//   - The HTML of a Reading holds no script, form, frame, style sheet or
//     reference that a browser would follow by itself. When that cannot be
//     made certain there is no HTML, and the text stands alone.
//   - File names have no path, no control or direction character, and no form
//     that an operating system takes for something else.
package library

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gatepost/gateway"
)

// Opener opens wraps. It is the one door to the keys.
type Opener interface {
	// Correspondent opens the wrap w of message id with the secret of the
	// reader's link and gives random access to the body, of which sealed
	// holds size octets.
	Correspondent(w gateway.Wrap, id gateway.MessageID, s gateway.LinkSecret, sealed io.ReaderAt, size int64) (gateway.Content, error)
	// Staff is Correspondent for the wrap of the staff, which needs no link.
	Staff(w gateway.Wrap, id gateway.MessageID, sealed io.ReaderAt, size int64) (gateway.Content, error)
}

// Blob is a sealed body that is open for reading.
type Blob interface {
	io.ReaderAt
	Size() int64
	Close() error
}

// Blobs opens the sealed body that ref names.
type Blobs func(ctx context.Context, ref string) (Blob, error)

// Library reads messages. It is safe for concurrent use.
type Library struct {
	opener   Opener
	blobs    Blobs
	view     func(gateway.Content) (*gateway.Mail, error)
	still    func(context.Context, gateway.Grant) bool
	cleanser *cleanser
}

// New makes a Library. view takes an opened message apart.
func New(o Opener, b Blobs, view func(gateway.Content) (*gateway.Mail, error)) *Library {
	return &Library{opener: o, blobs: b, view: view, cleanser: newCleanser()}
}

// While lets the library ask, before every piece of a body that is read,
// whether a grant still holds: a download ends when its message is taken back.
// It returns l, and is called before l is used.
func (l *Library) While(still func(context.Context, gateway.Grant) bool) *Library {
	l.still = still
	return l
}

// ErrTakenBack ends the reading of a message that was taken back meanwhile.
var ErrTakenBack = errors.New("the message was taken back")

// watched is a body that is read as long as the grant holds.
type watched struct {
	Blob
	still func() bool
}

func (w watched) ReadAt(p []byte, at int64) (int, error) {
	if !w.still() {
		return 0, ErrTakenBack
	}
	return w.Blob.ReadAt(p, at)
}

// Reading is a message prepared for a page. Close it when its files are no
// longer read.
type Reading struct {
	Subject gateway.Sensitive // one line
	From    gateway.Sensitive // one line, display form
	To      gateway.Sensitive
	Date    time.Time         // zero when unknown
	Text    gateway.Sensitive // plain text, lines end with LF; "" when there is none
	HTML    *HTML             // nil when there is none that can be shown
	Cut     bool              // Text or HTML was too long and stops early
	Files   []File

	blob Blob
}

// Limits of what one page shows.
const (
	maxText = 1 << 20 // octets of plain text
	maxHTML = 2 << 20 // octets of HTML before sanitising
)

// Mail opens and takes apart the message that g grants. The errors are
// temporary; what they wrap may come from the keys or from the disk and is for
// the log only.
func (l *Library) Mail(ctx context.Context, g gateway.Grant, s gateway.LinkSecret) (*Reading, error) {
	mail, blob, err := l.open(ctx, g, s)
	if err != nil {
		return nil, err
	}
	r := l.read(mail)
	r.blob = blob
	return r, nil
}

// Files is Mail with nothing but the Files, for those who read one of them: a
// player that seeks asks many times, and needs no HTML made harmless each time.
func (l *Library) Files(ctx context.Context, g gateway.Grant, s gateway.LinkSecret) (*Reading, error) {
	mail, blob, err := l.open(ctx, g, s)
	if err != nil {
		return nil, err
	}
	return &Reading{Files: files(mail.Files), blob: blob}, nil
}

// Octets opens the message that g grants as it was sealed, for a reader that
// takes it apart by itself: a mail client of the staff. Only the names of fields
// that pretend to be Gatepost's are others (gateway.Supplied). ctx is that of all
// reading. The caller closes.
func (l *Library) Octets(ctx context.Context, g gateway.Grant) (gateway.Content, io.Closer, error) {
	if !g.Staff {
		return nil, nil, errors.New("octets are for the staff: a link shows pages")
	}
	content, closer, err := l.content(ctx, g, gateway.LinkSecret{})
	if err != nil {
		return nil, nil, err
	}
	return &renamed{Content: content}, closer, nil
}

// content opens the body that g grants. The caller closes the blob.
func (l *Library) content(ctx context.Context, g gateway.Grant, s gateway.LinkSecret) (gateway.Content, Blob, error) {
	blob, err := l.blobs(ctx, g.Body.Blob)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the body of a message: %w", err)
	}
	if l.still != nil {
		blob = watched{blob, func() bool { return l.still(ctx, g) }}
	}
	content, err := l.unseal(g, s, blob)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("unsealing a message: %w", err), blob.Close())
	}
	if c, ok := content.(io.Closer); ok {
		blob = unsealed{blob, c}
	}
	return content, blob, nil
}

// unsealed is a body with what is kept of it in the clear, which ends with it.
type unsealed struct {
	Blob
	kept io.Closer
}

// Close implements io.Closer.
func (u unsealed) Close() error { return errors.Join(u.kept.Close(), u.Blob.Close()) }

// open takes apart the message that g grants. The caller closes the blob.
func (l *Library) open(ctx context.Context, g gateway.Grant, s gateway.LinkSecret) (*gateway.Mail, Blob, error) {
	content, blob, err := l.content(ctx, g, s)
	if err != nil {
		return nil, nil, err
	}
	mail, err := l.view(content)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("taking a message apart: %w", err), blob.Close())
	}
	return mail, blob, nil
}

// unseal opens the wrap of g: the link's own, or that of the staff, by which a
// conversation shows its other messages and a member of staff reads an answer.
func (l *Library) unseal(g gateway.Grant, s gateway.LinkSecret, blob Blob) (gateway.Content, error) {
	if g.Staff {
		return l.opener.Staff(g.Wrap, g.Message, blob, blob.Size())
	}
	return l.opener.Correspondent(g.Wrap, g.Message, s, blob, blob.Size())
}

// Close releases the body.
func (r *Reading) Close() error {
	if r.blob == nil {
		return nil
	}
	return r.blob.Close()
}

// read prepares mail.
func (l *Library) read(mail *gateway.Mail) *Reading {
	r := &Reading{
		Subject: line(mail.Subject), From: line(mail.From), To: line(mail.To), Date: mail.Date,
		Files: files(mail.Files),
	}
	r.Text, r.Cut = text(mail.Text)
	r.showHTML(l.cleanser, mail)
	return r
}

// showHTML fills in HTML. What cannot be shown as HTML is shown as its text
// when the mail has no text of its own.
func (r *Reading) showHTML(c *cleanser, mail *gateway.Mail) {
	source := mail.HTML.Reveal()
	if strings.TrimSpace(source) == "" {
		return
	}
	if len(source) > maxHTML {
		source, r.Cut = source[:maxHTML], true
	}
	images := newImages(mail.Files)
	shown, err := c.clean(source, images)
	if err == nil {
		r.HTML = shown
		for n := range r.Files {
			r.Files[n].Embedded = images.used[n]
		}
		return
	}
	if r.Text == "" {
		var cut bool
		r.Text, cut = text(gateway.Sensitive(c.plain(source)))
		r.Cut = r.Cut || cut
	}
}
