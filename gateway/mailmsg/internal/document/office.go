package document

import (
	"slices"
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
		sheet, whole := sheetText(decodeXML(s.Data), o.shared, o.formats, budget)
		if heard(s.Name, strings.TrimSpace(sheet)); !whole {
			o.trouble = TooMuch
		}
	}
	if o.trouble == Fine && o.mute() {
		o.trouble = Unknown
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
	formats []string // of cells
	sheets  []Member // they wait for the shared strings
	typed   []string // names and extensions of parts that are said to be XML
	silent  []string // names of parts that are none, and were not read
	trouble Trouble
}

// member reads a part. What it is, its first element says: the name of a part
// is what another part says of it.
func (o *office) member(m Member) {
	name := strings.ToLower(m.Name)
	if m.Trouble != Fine {
		o.trouble = m.Trouble
	}
	src := ""
	if strings.HasSuffix(name, ".xml") || strings.HasSuffix(name, ".rels") || looksXML(m.Data) {
		src = decodeXML(m.Data)
	}
	switch root, _ := XMLRoot(src); {
	case strings.Contains(src, "<!ENTITY"), oddEncoding(src):
		o.trouble = Suspicious // an entity may say anything, and the formats have none
		fallthrough
	case src != "":
		o.part(m, src, root)
	default:
		o.embedded(name, m)
	}
}

// part reads one that is XML.
func (o *office) part(m Member, src, root string) {
	switch name := strings.ToLower(m.Name); {
	case root == "relationships":
		o.text(m.Name, links(src))
	case name == "[content_types].xml":
		o.typed = typedXML(src)
	case name == "meta-inf/manifest.xml":
		if strings.Contains(src, "encryption-data") {
			o.trouble = Encrypted
		}
	case root == "sst", name == "xl/sharedstrings.xml":
		if o.shared != nil {
			o.trouble = Suspicious // which of them do the sheets mean?
		}
		o.shared = sharedStrings(src)
		o.text(m.Name, strings.TrimSpace(XML(src)))
	case root == "worksheet", strings.HasPrefix(name, "xl/worksheets/"):
		o.sheets = append(o.sheets, m)
	case root == "stylesheet":
		o.formats = cellFormats(src)
	default:
		o.text(m.Name, strings.TrimSpace(XML(src)))
	}
}

// mute reports whether a part that is said to be XML is not.
func (o *office) mute() bool {
	typed := map[string]bool{}
	for _, name := range o.typed {
		typed[name] = true
	}
	return slices.ContainsFunc(o.silent, func(name string) bool {
		return typed["/"+name] || typed[name[strings.LastIndexByte(name, '.')+1:]]
	})
}

// typedXML are the names and extensions of the parts that a package says to be
// XML, "/word/document.xml" and "xml".
func typedXML(src string) []string {
	var list []string
	for {
		_, after, found := strings.Cut(src, "<")
		if !found {
			return list
		}
		var tag string
		tag, src = cutTag(after)
		if !strings.HasSuffix(attribute(tag, "ContentType"), "+xml") {
			continue
		}
		for _, key := range [...]string{"PartName", "Extension"} {
			if v := attribute(tag, key); v != "" {
				list = append(list, strings.ToLower(v))
			}
		}
	}
}

// oddEncoding reports whether XML declares octets that none of the formats
// has: it was not read as what it says that it is.
func oddEncoding(src string) bool {
	head, _, found := strings.Cut(src[:min(len(src), 256)], "?>")
	label := strings.ToLower(attribute(head, "encoding"))
	return found && label != "" && !strings.HasPrefix(label, "utf-8") && !strings.HasPrefix(label, "utf-16") && !strings.HasPrefix(label, "utf8") &&
		!strings.HasPrefix(label, "us-ascii") && !strings.HasPrefix(label, "iso-8859-") && !strings.HasPrefix(label, "windows-125")
}

// looksXML reports whether octets begin as XML does, in UTF-8 or UTF-16.
func looksXML(b []byte) bool {
	head := strings.TrimLeft(decodeXML(b[:min(len(b), 64)]), "\ufeff \t\r\n")
	return strings.HasPrefix(head, "<?xml") || len(head) > 1 && head[0] == '<' && (isLetter(head[1]) || head[1] == '!') && !LooksHTML([]byte(head))
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
		o.silent = append(o.silent, name)
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
