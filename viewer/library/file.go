package library

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"gatepost/gateway"
)

// File is an attachment as a page lists and serves it.
type File struct {
	Name     gateway.Sensitive // harmless: see FileName
	Type     string            // media type that it may be served with
	Kind     Kind
	Size     int64
	Embedded bool // shown as a picture inside the HTML
	open     func() (io.ReadSeekCloser, error)
}

// Kind sorts files for people.
type Kind string

// The kinds. Those that a browser may show in place come first.
const (
	Picture  Kind = "picture"
	Sound    Kind = "sound"
	Video    Kind = "video"
	PDF      Kind = "pdf"
	Document Kind = "document"
	Other    Kind = "other"
)

// neutral is what a file is served as when its own type could run.
const neutral = "application/octet-stream"

// files prepares the files of a mail, in the order of the mail.
func files(in []gateway.File) []File {
	out := make([]File, len(in))
	for n, f := range in {
		mediaType := servedType(f.Type)
		out[n] = File{
			Name: gateway.Sensitive(FileName(f.Name.Reveal(), mediaType, n)),
			Type: mediaType, Kind: kindOf(mediaType), Size: f.Size, open: f.Open,
		}
	}
	return out
}

// Open reads the decoded octets. The caller closes.
func (f *File) Open() (io.ReadSeekCloser, error) {
	r, err := f.open()
	if err != nil {
		return nil, fmt.Errorf("opening a file of a message: %w", err)
	}
	return r, nil
}

// servedType is the declared type when it is well formed and inactive.
func servedType(declared string) string {
	t, _, err := mime.ParseMediaType(declared)
	if err != nil || strings.Count(t, "/") != 1 {
		return neutral
	}
	for _, active := range []string{"html", "xml", "svg", "script", "xsl", "flash", "java", "multipart/", "message/", "x-ms"} {
		if strings.Contains(t, active) && !strings.HasPrefix(t, "application/vnd.openxmlformats-") {
			return neutral
		}
	}
	return t
}

func kindOf(mediaType string) Kind {
	switch mediaType {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return Picture
	case "audio/mpeg", "audio/mp4", "audio/aac", "audio/ogg", "audio/wav", "audio/x-wav", "audio/webm", "audio/x-m4a":
		return Sound
	case "video/mp4", "video/webm", "video/ogg":
		return Video
	case "application/pdf":
		return PDF
	case "text/plain", "text/csv", "text/calendar", "application/rtf", "application/msword":
		return Document
	}
	if strings.HasPrefix(mediaType, "application/vnd.openxmlformats-") || strings.HasPrefix(mediaType, "application/vnd.oasis.opendocument.") {
		return Document
	}
	return Other
}

// sniffed is as many octets as http.DetectContentType looks at.
const sniffed = 512

// IsWhatItSays reports whether the first octets fit the type of f, for a file
// that is to be shown in place. It leaves r at its beginning.
func (f *File) IsWhatItSays(r io.ReadSeeker) (bool, error) {
	head := make([]byte, sniffed)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return false, fmt.Errorf("reading a file of a message: %w", err)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return false, fmt.Errorf("reading a file of a message: %w", err)
	}
	found := http.DetectContentType(head[:n])
	switch f.Kind {
	case Picture, PDF:
		return found == f.Type, nil
	case Sound, Video: // many formats, few of which the sniffer knows
		family, _, _ := strings.Cut(found, "/")
		return family == "audio" || family == "video" || found == "application/ogg" || found == neutral, nil
	default:
		return false, nil
	}
}
