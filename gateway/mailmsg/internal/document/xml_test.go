package document_test

import (
	"strings"
	"testing"

	"gatepost/gateway/mailmsg/internal/document"
)

// TestTextsOfOffice: each of these once stood in a document without being read.
func TestTextsOfOffice(t *testing.T) {
	const none = `<style:style style:name="H"><style:text-properties text:display="none"/></style:style>`
	for name, c := range map[string]struct{ src, want string }{
		"number around a hidden run":    {none + `<text:p>536-22<text:span text:style-name="H">9</text:span>-8726</text:p>`, "536-22-8726"},
		"hidden run within one":         {none + `<text:p>5<text:span text:style-name="H">x<text:span>y</text:span>z</text:span>6</text:p>`, "\n56\n"},
		"what a hidden run says":        {none + `<text:p>5<text:span text:style-name="H">x</text:span>6</text:p>`, "5x6"},
		"name of a sheet":               {`<sheets><sheet name="A &amp; B" sheetId="1"/></sheets>`, "A & B"},
		"name of a sheet, OpenDocument": {`<table:table table:name='A'>`, "A"},
		"words for a picture":           {`<w:r><wp:docPr id="1" name="Image1" descr="a wound"/></w:r>`, "a wound"},
		"help beside a cell":            {`<dataValidation promptTitle="p" prompt="write the SSN"/>`, "write the SSN"},
		"link":                          {`<text:a xlink:href="mailto:a@b.example">x</text:a>`, "mailto:a@b.example"},
		"amount that its cell rounds":   {`<table:table-cell office:value="378282246310005"><text:p>3.8E14</text:p></table:table-cell>`, "378282246310005"},
		"amount with an exponent":       {`<c><v>3.78282246310005E+14</v></c>`, "378282246310005"},
	} {
		if got := document.XML(c.src); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := document.XML(`<table:table-cell office:value="4871365123"><text:p>4871365123</text:p></table:table-cell>`); strings.Count(got, "4871365123") != 1 {
		t.Errorf("an amount that its cell shows: %q", got)
	}
}

func TestSignsBeyondTheFirstPlaneInRTF(t *testing.T) {
	if got, _ := document.RTF([]byte(`{\rtf1\ansi\uc1 a\u-10179?\u-9079?b}`)); got != "a\U0001f489b" {
		t.Errorf("%q", got)
	}
}
