package document

import (
	"strings"

	"gatepost/gateway/mailmsg/internal/charset"
)

// IsOffice reports whether the archive is an office document: OOXML or ODF.
func (z *Zip) IsOffice() bool {
	return z.Has("[Content_Types].xml") || z.Has("content.xml") && z.Has("META-INF/manifest.xml", "mimetype")
}

// OfficePart is the name of a part of an office document as it may be shown:
// one that programs give, lower case, "part" for any other.
func OfficePart(name string) string {
	name = strings.ToLower(name)
	folder, file := "", name
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		folder, file = name[:i+1], name[i+1:]
	}
	stem, ext, _ := strings.Cut(file, ".")
	stem = strings.TrimRight(stem, "0123456789")
	switch folder {
	case "", "word/", "xl/", "ppt/", "docprops/", "xl/worksheets/", "xl/drawings/", "xl/threadedcomments/", "xl/persons/", "xl/charts/",
		"word/charts/", "ppt/slides/", "ppt/notesslides/", "ppt/slidelayouts/", "ppt/slidemasters/", "ppt/comments/", "ppt/charts/":
	default:
		return "part"
	}
	switch stem {
	case "document", "header", "footer", "comments", "footnotes", "endnotes", "settings", "styles", "core", "app", "custom", "content", "meta",
		"workbook", "sharedstrings", "sheet", "drawing", "threadedcomment", "person", "chart", "slide", "notesslide", "slidelayout", "slidemaster",
		"comment", "presentation":
		if ext == "xml" {
			return folder + stem + "." + ext
		}
	}
	return "part"
}

// EachOffice calls text for each member of an office document that holds
// text, and other for what is a file of its own (embedded documents).
func (z *Zip) EachOffice(budget *Budget, text func(name, text string), other func(Member)) Trouble {
	said := false
	heard := func(name, words string) { said = true; text(name, words) }
	o := office{text: heard, other: other, trouble: z.damage}
	if t := z.Each(budget, o.member); t != Fine {
		o.trouble = t
	}
	for _, s := range o.sheets {
		sheet, whole := sheetText(decodeXML(s.Data), o.shared, budget)
		if heard(s.Name, strings.TrimSpace(sheet)); !whole {
			o.trouble = TooMuch
		}
	}
	if z.Has("xl/workbook.bin") || !said && o.trouble == Fine {
		o.trouble = Unknown // a binary workbook: its cells are no XML
	}
	return o.trouble
}

type office struct {
	text    func(name, text string)
	other   func(Member)
	shared  []string
	sheets  []Member // they wait for the shared strings
	trouble Trouble
}

func (o *office) member(m Member) {
	name := strings.ToLower(m.Name)
	switch {
	case m.Trouble != Fine:
		o.trouble = m.Trouble
	case strings.HasSuffix(name, ".xml") && strings.Contains(decodeXML(m.Data), "<!ENTITY"):
		o.trouble = Suspicious // an entity may say anything, and the formats have none
	case name == "meta-inf/manifest.xml" && strings.Contains(string(m.Data), "encryption-data"):
		o.trouble = Encrypted
	}
	switch {
	case strings.HasSuffix(name, ".rels"):
		o.text(m.Name, links(decodeXML(m.Data)))
	case name == "[content_types].xml", name == "meta-inf/manifest.xml":
	case name == "xl/sharedstrings.xml":
		src := decodeXML(m.Data)
		o.shared = sharedStrings(src)
		o.text(m.Name, strings.TrimSpace(XML(src)))
	case strings.HasPrefix(name, "xl/worksheets/") && strings.HasSuffix(name, ".xml"):
		o.sheets = append(o.sheets, m)
	case strings.HasSuffix(name, ".xml"):
		o.text(m.Name, strings.TrimSpace(XML(decodeXML(m.Data))))
	case looksXML(m.Data):
		o.text(m.Name, strings.TrimSpace(XML(decodeXML(m.Data)))) // the part may have any name
	default:
		o.embedded(name, m)
	}
}

// looksXML reports whether octets begin with the declaration of XML, in UTF-8 or
// UTF-16.
func looksXML(b []byte) bool {
	return strings.HasPrefix(strings.TrimLeft(decodeXML(b[:min(len(b), 64)]), "\ufeff \t\r\n"), "<?xml")
}

// links are the addresses outside that a document refers to, a line each.
func links(src string) string {
	var b strings.Builder
	for {
		_, after, found := strings.Cut(src, "<Relationship ")
		if !found {
			return b.String()
		}
		var tag string
		if tag, src = cutTag(after); strings.Contains(tag, "External") {
			b.WriteString(attribute(tag, "Target") + "\n")
		}
	}
}

// embedded hands on what is a document by its own look; printer settings,
// thumbnails and the like are none.
func (o *office) embedded(name string, m Member) {
	switch Sniff(m.Data) {
	case Binary, Media:
		return
	case OLE:
		if strings.HasSuffix(name, "vbaproject.bin") {
			return
		}
	}
	o.other(m)
}

// decodeXML reads the octets of an XML document: UTF-8 or UTF-16.
func decodeXML(b []byte) string { return charset.Decode("utf-8", b).Main }
