package mailmsg_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Documents that LibreOffice makes. The folder testdata/office holds their
// sources as flat OpenDocument; in it
//
//	[[words]]             are to be found, whatever runs they are broken into,
//	[[-pdf,txt words]]    but not in these forms, which leave them out,
//	{{ssn 536-22-8726}}   is to be found by detection, as that type.

// officeForms are the forms that LibreOffice writes of a source, by the
// extension of the source, with the names of its filters.
func officeForms(source string) [][2]string {
	switch filepath.Ext(source) {
	case ".fodt":
		return [][2]string{{"docx", "MS Word 2007 XML"}, {"odt", "writer8"}, {"rtf", "Rich Text Format"}, {"pdf", "writer_pdf_Export"},
			{"html", "HTML (StarWriter)"}, {"doc", "MS Word 97"}, {"txt", "Text (encoded)|UTF8,LF"}}
	case ".fods":
		return [][2]string{{"xlsx", "Calc MS Excel 2007 XML"}, {"ods", "calc8"}, {"csv", "Text - txt - csv (StarCalc)|44,34,76,1"}, {"pdf", "calc_pdf_Export"},
			{"html", "HTML (StarCalc)"}, {"xls", "MS Excel 97"}}
	}
	return [][2]string{{"pptx", "Impress MS PowerPoint 2007 XML"}, {"odp", "impress8"}, {"pdf", "impress_pdf_Export"}, {"ppt", "MS PowerPoint 97"}}
}

// wanted is what is to be found in the forms of a source.
type wanted struct {
	text   string
	kind   string   // of the finding, "" for words
	except []string // forms
}

var (
	markOf = regexp.MustCompile(`(?s)(?:\[\[|\{\{)(?:-([a-z,]+) )?(.*?)(?:\]\]|\}\})`)
	tagOf  = regexp.MustCompile(`(?s)<text:changed-region.*?</text:changed-region>|<text:s/>|<text:span text:style-name="H">.*?</text:span>|<[^<>]*>`)
)

// unmark takes the marks out of a source and returns what they want.
func unmark(t *testing.T, src string) (string, []wanted) {
	t.Helper()
	var list []wanted
	src = markOf.ReplaceAllStringFunc(src, func(mark string) string {
		m := markOf.FindStringSubmatch(mark)
		w := wanted{except: strings.Split(m[1], ",")}
		inner := m[2]
		if strings.HasPrefix(mark, "{{") {
			w.kind, inner, _ = strings.Cut(inner, " ")
		}
		text := strings.ReplaceAll(tagOf.ReplaceAllStringFunc(inner, func(tag string) string {
			if tag == "<text:s/>" {
				return " "
			}
			return ""
		}), "\u00ad", "")
		var plain struct {
			Text string `xml:",chardata"`
		}
		if err := xml.Unmarshal([]byte("<a>"+text+"</a>"), &plain); err != nil {
			t.Fatalf("%s: %v", mark, err)
		}
		w.text = plainly(plain.Text)
		list = append(list, w)
		return inner
	})
	return src, list
}

// plainly makes texts comparable: white space of any kind is one blank, and
// what only says where a word may be broken is nothing.
func plainly(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "\u00ad", "")), " ")
}

// flatODF adds what every source needs around it.
func flatODF(src string) string {
	var names strings.Builder
	for _, n := range []string{"office", "style", "text", "table", "meta", "number", "presentation", "chart"} {
		fmt.Fprintf(&names, " xmlns:%s=\"urn:oasis:names:tc:opendocument:xmlns:%s:1.0\"", n, n)
	}
	names.WriteString(` xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"` +
		` xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xlink="http://www.w3.org/1999/xlink"` +
		` xmlns:of="urn:oasis:names:tc:opendocument:xmlns:of:1.2" xmlns:ooow="http://openoffice.org/2004/writer" office:version="1.3"`)
	return `<?xml version="1.0" encoding="UTF-8"?>` + strings.Replace(src, "<office:document", "<office:document"+names.String(), 1)
}

// officeDocument is a form of a source.
type officeDocument struct {
	name string // "tables.docx"
	form string
	file string
	want []wanted
}

// officeDocuments makes all forms of all sources, in one run of LibreOffice.
func officeDocuments(t *testing.T) []officeDocument {
	t.Helper()
	needPeer(t, "soffice")
	dir := t.TempDir()
	sources, err := filepath.Glob("testdata/office/*.fod?")
	if err != nil || len(sources) < 15 {
		t.Fatalf("%d sources, %v", len(sources), err)
	}
	var jobs strings.Builder
	var list []officeDocument
	for _, source := range sources {
		raw, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		src, want := unmark(t, string(raw))
		base := filepath.Base(source)
		in := filepath.Join(dir, base)
		if err := os.WriteFile(in, []byte(flatODF(src)), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, form := range officeForms(source) {
			name := strings.TrimSuffix(base, filepath.Ext(base)) + "." + form[0]
			out := filepath.Join(dir, "out-"+filepath.Ext(base)[1:]+"-"+name)
			filter, options, _ := strings.Cut(form[1], "|")
			fmt.Fprintf(&jobs, "%s|%s|%s||%s\n", in, out, filter, options)
			list = append(list, officeDocument{name: name, form: form[0], file: out, want: want})
		}
	}
	runOffice(t, dir, jobs.String())
	return list
}

// needPeer ends a test that lacks a program of the system.
func needPeer(t *testing.T, names ...string) {
	t.Helper()
	for _, n := range names {
		if _, err := exec.LookPath(n); err == nil {
			continue
		}
		if os.Getenv("GATEPOST_PEERS") == "required" {
			t.Fatalf("no %s here, and GATEPOST_PEERS=required", n)
		}
		t.Skipf("SKIPPED: no %s here (deploy/test.sh --install installs the peers)", n)
	}
}

// runOffice starts LibreOffice once, with a profile of its own whose only
// macro does the jobs.
func runOffice(t *testing.T, dir, jobs string) {
	t.Helper()
	program, err := os.ReadFile("testdata/peers/convert.bas")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	if err := xml.EscapeText(&code, program); err != nil {
		t.Fatal(err)
	}
	const library = `xmlns:library="http://openoffice.org/2000/library"`
	for name, content := range map[string]string{
		"jobs": jobs,
		"profile/user/registrymodifications.xcu": `<oor:items xmlns:oor="http://openoffice.org/2001/registry"><item oor:path="/org.openoffice.Setup/Office">` +
			`<prop oor:name="ooSetupInstCompleted" oor:op="fuse"><value>true</value></prop></item></oor:items>`,
		"profile/user/basic/script.xlc": `<!DOCTYPE library:libraries PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "libraries.dtd">` +
			`<library:libraries ` + library + `><library:library library:name="Standard" library:link="false"/></library:libraries>`,
		"profile/user/basic/Standard/script.xlb": `<!DOCTYPE library:library PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "library.dtd">` +
			`<library:library ` + library + ` library:name="Standard" library:readonly="false" library:passwordprotected="false"><library:element library:name="Module1"/></library:library>`,
		"profile/user/basic/Standard/Module1.xba": `<!DOCTYPE script:module PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "module.dtd">` +
			`<script:module xmlns:script="http://openoffice.org/2000/script" script:name="Module1" script:language="StarBasic">` + code.String() + `</script:module>`,
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	list := filepath.Join(dir, "jobs")
	cmd := exec.CommandContext(ctx, "soffice", "-env:UserInstallation=file://"+filepath.Join(dir, "profile"), "--headless", "--norestore",
		`macro:///Standard.Module1.Convert("`+list+`")`)
	out, err := cmd.CombinedOutput()
	if trouble, _ := os.ReadFile(list + ".error"); err != nil || len(trouble) > 0 {
		t.Fatalf("LibreOffice: %v %s%s", err, trouble, out)
	}
}

func (w wanted) in(form string) bool { return !slices.Contains(w.except, form) }
