package mailmsg

import (
	"strconv"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg/internal/document"
	"gatepost/gateway/mailmsg/internal/header"
)

// container reads archives and documents. What cannot be read with certainty
// is reported with its kind; what could be read of it is read nevertheless.
func (r *reader) container(e entity, data []byte, format document.Format) {
	e.attached = true
	path := e.leaf()
	switch format {
	case document.ZIP:
		r.zip(e, data)
	case document.PDFFile:
		r.result(e, document.ReadPDF(data, r.budget))
	case document.TNEF:
		r.result(e, document.ReadTNEF(data, r.budget))
	case document.OLE:
		r.result(e, document.ReadOLE(data))
	case document.RichText:
		text, objects := document.RTF(data)
		r.shown(e.kind(gateway.PartText), path, text)
		if objects {
			r.unreadable(gateway.UnreadableContainer, path)
		}
	case document.Gzip:
		r.member(e, 1, trimExt(document.Gunzip(data, r.budget), e))
	case document.Bzip2:
		r.member(e, 1, trimExt(document.Bunzip(data, r.budget), e))
	case document.Tar:
		r.trouble(document.EachTar(data, r.budget, r.members(e)), path)
	case document.RAR, document.SevenZip:
		r.sealedArchive(e, data)
	default:
		r.binary(e, data)
	}
}

// sealedArchive reports an archive that is not read here; its visible strings
// often are the names of its members.
func (r *reader) sealedArchive(e entity, data []byte) {
	kind := gateway.UnreadableContainer
	if document.ArchiveEncrypted(data) {
		kind = gateway.UnreadableArchive
	}
	r.unreadable(kind, e.leaf())
}

// result adds the text of a document and what kept the rest from being read.
func (r *reader) result(e entity, d document.Result) {
	r.shown(e.kind(gateway.PartText), e.leaf(), d.Text)
	r.documentTrouble(d.Trouble, e.leaf())
	for i, m := range d.Parts {
		r.member(e, i+1, m)
	}
}

// trimExt names what a compressed file holds after the file.
func trimExt(m document.Member, e entity) document.Member {
	if m.Name == "" && len(e.names) > 0 {
		m.Name = e.names[0]
		if i := strings.LastIndexByte(m.Name, '.'); i > 0 {
			m.Name = m.Name[:i]
		}
	}
	return m
}

// zip reads an archive or the office document that it is.
func (r *reader) zip(e entity, data []byte) {
	path := e.leaf()
	z := document.OpenZip(data)
	r.add(gateway.PartHidden, path, z.Comments())
	if z.IsOffice() {
		text := func(name, text string) { r.add(e.kind(gateway.PartText), path+"!"+document.OfficePart(name), text) }
		r.documentTrouble(z.EachOffice(r.budget, text, r.members(e)), path)
		return
	}
	t := z.Each(r.budget, r.members(e))
	r.trouble(z.Trouble(), path)
	r.trouble(t, path)
}

// members reads the files of an archive as they come.
func (r *reader) members(e entity) func(document.Member) {
	n := 0
	return func(m document.Member) { n++; r.member(e, n, m) }
}

// member reads the nth file of an archive as a leaf of its own. Its name stands
// in no path: people name files after persons, and paths are shown and kept.
func (r *reader) member(e entity, n int, m document.Member) {
	path := e.leaf() + "!" + strconv.Itoa(n)
	r.add(gateway.PartFileName, path, m.Name)
	r.trouble(m.Trouble, path)
	if len(m.Data) == 0 {
		return
	}
	if e.inner >= maxInner || e.depth >= maxDepth || r.text <= 0 {
		r.unreadable(gateway.UnreadableLimit, path)
		return
	}
	r.walk += 2 * len(m.Data) // bounded by the inflating budget
	inner := e
	inner.place = e.deeper()
	inner.inner++
	inner.root, inner.path = false, path
	inner.names = []string{m.Name}
	inner.media = header.Params{Value: "application/octet-stream"}
	r.octets(inner, m.Data)
}

// trouble reports what kept an archive or a member from being read.
func (r *reader) trouble(t document.Trouble, path string) {
	switch t {
	case document.Encrypted:
		r.unreadable(gateway.UnreadableArchive, path)
	case document.Suspicious:
		r.note(uncertainArchive)
	default:
		r.documentTrouble(t, path)
	}
}

// documentTrouble is trouble for documents, which are encrypted in their own
// way.
func (r *reader) documentTrouble(t document.Trouble, path string) {
	switch t {
	case document.Encrypted:
		r.unreadable(gateway.UnreadableDocument, path)
	case document.Damaged:
		r.unreadable(gateway.UnreadableDamaged, path)
	case document.TooMuch:
		r.unreadable(gateway.UnreadableLimit, path)
	case document.Unknown:
		r.unreadable(gateway.UnreadableContainer, path)
	case document.Suspicious:
		r.note(uncertainArchive)
	}
}

// binary takes octets of no known structure: their visible strings are read,
// and the rest is unreadable.
func (r *reader) binary(e entity, data []byte) {
	e.attached = true
	switch f := family(e.media.Value); {
	case f == "image":
		r.picture(e.leaf())
		return
	case f == "audio", f == "video", f == "font":
		return
	case document.IsResourceFork(data):
		return
	}
	r.add(e.kind(gateway.PartText), e.leaf(), document.Strings(data))
	r.unreadable(gateway.UnreadableContainer, e.leaf())
}
