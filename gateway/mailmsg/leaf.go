package mailmsg

import (
	"bytes"
	"path"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg/internal/document"
	"gatepost/gateway/mailmsg/internal/header"
	"gatepost/gateway/mailmsg/internal/transfer"
)

// maxFiles bounds the uuencoded and yEnc files of one text.
const maxFiles = 64

// leaf reads a body that is no structure of MIME.
func (r *reader) leaf(e entity) {
	if family(e.media.Value) == "image" || family(e.media.Value) == "audio" || family(e.media.Value) == "video" {
		if r.media(e) {
			return
		}
	}
	data, ok := r.decoded(e)
	if !ok {
		return
	}
	if e.encoding == "" {
		r.salvage(e.src, e.lo, e.hi, e.leaf(), e.place)
	} else if bytes.Contains(data, []byte("\n--")) && isTextual(e.media.Value) {
		src := newSource(data)
		r.salvage(src, 0, len(data), e.leaf(), e.place)
	}
	r.octets(e, data)
}

func family(media string) string {
	f, _, _ := strings.Cut(media, "/")
	return f
}

// isTextual reports whether a type means text of a person whatever the octets
// look like.
func isTextual(media string) bool {
	switch family(media) {
	case "text", "message":
		return true
	}
	return !strings.Contains(media, "/") // malformed: RFC 2045 section 5.2 says text/plain
}

// media takes a picture, sound or film that is what it says, by its first
// octets only.
func (r *reader) media(e entity) bool {
	if e.disguised() {
		return false
	}
	head := e
	head.hi = min(e.hi, e.lo+1400)
	quiet := reader{out: &gateway.Reading{}, walk: 2<<20 + 2*(e.hi-e.lo)}
	data, _ := quiet.decoded(head)
	switch document.Sniff(data) {
	case document.Media, document.Binary:
		if whole, _ := quiet.decoded(e); document.HoldsZip(whole) {
			return false
		}
		if family(e.media.Value) == "image" {
			r.picture(e.leaf())
		}
		return true
	}
	return false
}

func (r *reader) picture(path string) {
	if !r.image {
		r.image, r.imagePath = true, path
	}
}

// octets reads the decoded octets of a leaf by what they are, then by what
// they were declared to be.
func (r *reader) octets(e entity, data []byte) {
	if len(bytes.TrimSpace(data)) == 0 {
		return
	}
	if r.protected(e, data) {
		return
	}
	textual := isTextual(e.media.Value)
	format := document.Sniff(data)
	if textual && (format == document.Binary || format == document.Media || format == document.PDFFile && !bytes.HasPrefix(data, []byte("%PDF-"))) {
		format = document.Text
	}
	switch format {
	case document.Text, document.Markup:
		r.readable(e, data, format == document.Markup)
	case document.Media:
		if e.disguised() || document.HoldsZip(data) {
			r.polyglot(e, data)
		}
		if family(e.media.Value) != "audio" && family(e.media.Value) != "video" && family(e.media.Value) != "font" {
			r.picture(e.leaf())
		}
	case document.Binary:
		r.binary(e, data)
	default:
		r.container(e, data, format)
	}
}

// disguised reports whether a part has a name that no picture, sound, film or
// font has: whatever its first octets say, a reader opens it as something else.
func (e entity) disguised() bool {
	for _, n := range e.names {
		ext := strings.TrimPrefix(strings.ToLower(path.Ext(strings.TrimRight(n, " ."))), ".")
		if ext != "" && len(ext) <= 5 && strings.Trim(ext, "abcdefghijklmnopqrstuvwxyz0123456789") == "" && !document.IsMediaExt(ext) {
			return true
		}
	}
	return false
}

// polyglot reads what begins as a picture and is more: an archive too, or a
// text by its name.
func (r *reader) polyglot(e entity, data []byte) {
	e.attached = true
	if document.HoldsZip(data) {
		r.container(e, data, document.ZIP)
	}
	r.add(e.kind(gateway.PartText), e.leaf(), document.Strings(data))
	r.unreadable(gateway.UnreadableContainer, e.leaf())
}

// readable reads text: as declared, and as what its name or look suggests.
func (r *reader) readable(e entity, data []byte, markup bool) {
	if !isTextual(e.media.Value) {
		e.attached = true
	}
	media := e.media.Value
	declared := media == "text/html" || strings.HasSuffix(media, "/xhtml+xml") || strings.HasSuffix(media, "/svg+xml")
	plain := media == "text/plain" || !strings.Contains(media, "/")
	r.framed(e, data)
	if bytes.Contains(data, []byte("(This file must be converted with BinHex")) {
		r.unreadable(gateway.UnreadableContainer, e.leaf())
	}
	data = r.cut(e, data, markup)
	data = r.armoured(e, data)
	r.texts(e, data, declared || !plain && (markup || e.named(".htm", ".html", ".shtml", ".xht", ".xhtml", ".svg")))
	if plain && e.named(".htm", ".html") {
		hidden := e
		hidden.hidden = true
		r.texts(hidden, data, true)
	}
	if e.named(".eml", ".mht", ".mhtml", ".mbox", ".mbx") || e.attached && looksMessage(data) {
		r.saved(e, data)
	}
}

// cut leaves out the end of a text that is longer than what may still be handed
// on, were it two octets a letter, or somewhat more marks than text: it is not
// worth decoding.
func (r *reader) cut(e entity, data []byte, markup bool) []byte {
	longest := 2*r.text + 64<<10
	if markup || e.media.Value == "text/html" || e.named(".htm", ".html", ".xhtml", ".svg", ".xml", ".fodt", ".fods", ".fodp", ".fodg") {
		longest = r.text + 2<<20
	}
	if len(data) <= longest {
		return data
	}
	r.unreadable(gateway.UnreadableLimit, e.leaf())
	return bytes.Clone(data[:longest]) // so that the rest need not be kept
}

// saved reads a mail that was saved as a file, or a folder of them in the form
// of mbox (RFC 4155).
func (r *reader) saved(e entity, data []byte) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if e.depth >= maxDepth {
		r.unreadable(gateway.UnreadableLimit, e.leaf())
		return
	}
	p := e.deeper()
	p.attached = true
	for n := 1; len(data) > 0 && r.spend(len(data)); n++ {
		one, next := data, []byte(nil)
		if i := bytes.Index(data, []byte("\nFrom ")); i >= 0 && bytes.HasPrefix(data, []byte("From ")) {
			one, next = data[:i+1], data[i+1:]
		}
		if n > maxFiles {
			r.unreadable(gateway.UnreadableLimit, e.leaf())
			return
		}
		r.message(newSource(one), e.leaf(), p, false)
		data = next
	}
}

// named reports whether a name of the part ends with one of the extensions.
func (e entity) named(extensions ...string) bool {
	for _, n := range e.names {
		ext := strings.ToLower(path.Ext(strings.TrimRight(n, " .")))
		for _, want := range extensions {
			if ext == want {
				return true
			}
		}
	}
	return false
}

// framed reads uuencoded and yEnc files within a text.
func (r *reader) framed(e entity, data []byte) {
	for i, f := range transfer.Files(data, maxFiles+1) {
		if i >= maxFiles || e.depth >= maxDepth {
			r.unreadable(gateway.UnreadableLimit, e.leaf())
			return
		}
		if !r.spend(len(f.Data)) {
			return
		}
		inner := e
		inner.place = e.deeper()
		inner.attached, inner.root = true, false
		inner.path = child(e.leaf(), i+1)
		inner.names = []string{f.Name}
		if f.Cut {
			r.unreadable(gateway.UnreadableLimit, inner.path)
		}
		if inner.encoding = ""; !framed(e.encoding) { // else the type is that of what is framed
			inner.media = header.Params{Value: "application/octet-stream"}
		}
		r.add(gateway.PartFileName, inner.path, f.Name)
		r.octets(inner, f.Data)
	}
}

// armoured takes inline PGP messages out of a text; what stands around them,
// and the lines within that the armour does not encrypt, stay.
func (r *reader) armoured(e entity, data []byte) []byte {
	if !bytes.Contains(data, []byte(document.ArmourAny)) {
		return data
	}
	if bytes.Contains(data, []byte("-----BEGIN PGP SIGN")) {
		r.out.Signed = true
	}
	var out []byte
	at := 0
	for {
		a, ok := document.FindArmour(data, at)
		if !ok {
			return append(out, data[at:]...)
		}
		out = append(out, data[at:a.Start]...)
		at = a.End
		if !a.Encrypted {
			out = append(out, data[a.Start:a.End]...)
			r.unreadable(gateway.UnreadableContainer, e.leaf())
			continue
		}
		r.out.Encrypted = true
		out = append(out, a.Headers...)
	}
}

// protected takes S/MIME and PGP/MIME. Only what really is encrypted counts
// as encrypted mail: the declared type proves nothing.
func (r *reader) protected(e entity, data []byte) bool {
	media := strings.TrimPrefix(e.media.Value, "application/")
	switch {
	case media == "pkcs7-mime", media == "x-pkcs7-mime", e.named(".p7m", ".p7z"), media == "pkcs7-signature", media == "x-pkcs7-signature", e.named(".p7s"):
		return r.cms(e, data)
	case media == "pgp-signature":
		r.out.Signed = true
		return document.Sniff(data) == document.Binary
	case media == "pgp-keys":
		return document.Sniff(data) == document.Binary
	case (media == "pgp-encrypted" || e.named(".pgp", ".gpg", ".asc")) && document.Sniff(data) == document.Binary:
		if document.PGPEncrypted(data) {
			r.out.Encrypted = true
			return true
		}
	}
	return false
}

func (r *reader) cms(e entity, data []byte) bool {
	kind, content := document.ReadCMS(data)
	switch kind {
	case document.CMSEnveloped:
		r.out.Encrypted = true
		return true
	case document.CMSSigned:
		r.out.Signed = true
	case document.CMSCompressed:
		m := document.Unzlib(content, r.budget)
		r.trouble(m.Trouble, e.leaf())
		content = m.Data
	default:
		return false
	}
	if e.depth >= maxDepth {
		r.unreadable(gateway.UnreadableLimit, e.leaf())
	} else if len(content) > 0 && r.spend(len(content)) {
		src := newSource(content)
		r.part(src, 0, len(content), child(e.leaf(), 1), e.deeper(), false)
	}
	return true
}
