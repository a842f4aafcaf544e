package gateway

import (
	"io"
	"time"
)

// Content is an opened body: canonical octets with random access.
type Content interface {
	io.ReaderAt
	Size() int64
}

// Mail is a message taken apart for a reader's eyes. Texts are UTF-8 and
// unsanitised: whoever shows HTML sanitises it first.
type Mail struct {
	Subject Sensitive
	From    Sensitive // display form: "Dr Ann <ann@clinic.example>"
	To      Sensitive
	Date    time.Time // zero when the header has none
	Text    Sensitive // plain text alternative; "" when there is none
	HTML    Sensitive // HTML alternative; "" when there is none
	Files   []File    // attachments and inline parts, in order
}

// File is an attachment or an inline part.
type File struct {
	Index     int
	Name      Sensitive // as the sender wrote it: never a path to open
	Type      string    // media type, lower case: "image/png"
	ContentID string    // without "<>", "" when none
	Inline    bool
	Size      int64 // octets after decoding
	// Open reads the decoded octets. The caller closes.
	Open func() (io.ReadSeekCloser, error)
}
