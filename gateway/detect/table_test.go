package detect

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatepost/gateway"
)

// column writes a table of n rows whose second column has values from 536220001
// on, nine digits that only their heading tells.
func column(heading, row string, n int) string {
	var b strings.Builder
	b.WriteString(heading + "\n")
	for i := range n {
		fmt.Fprintf(&b, row+"\n", 536220001+i)
	}
	return b.String()
}

func countOf(out *gateway.Detections, typ string) int {
	values := map[uint64]bool{}
	for _, f := range out.Findings {
		if f.Type == typ && f.Level >= gateway.Medium {
			values[f.Value] = true
		}
	}
	return len(values)
}

// TestHeadingNamesItsColumn: however far below, in every way to write a table.
func TestHeadingNamesItsColumn(t *testing.T) {
	d := newTest(t)
	const n = 200
	for _, c := range []struct{ heading, row string }{
		{"name,ssn,city", "Pat Jones,%d,Springfield"},
		{"Name;SSN;MRN", "Pat Jones;%d;none"},
		{"Name\tSSN\tCity", "Pat Jones\t%d\tSpringfield"},
		{"Name\t\tSSN\t\tCity", "Pat Jones\t\t%d\t\tSpringfield"},
		{"Name\tSSN\tCity", "Pat Jones\t%d"},
		{"Name|SSN|City", "Pat Jones | %d | Springfield"},
		{"| Name | Social Security Number |", "| Pat Jones | %d |"},
		{`"Name","SSN","Remark"`, `"Jones, Pat","%d","said, and did"`},
		{"name,ssn,city\r", "Pat Jones,%d,Springfield\r"},
		{"name,city,amount,ssn", "Pat Jones,Springfield,120,%d"},
		{"SSN", "%d"}, {"SSN:", " %d "},
		{"Here they are.\n\nName,SSN", "Pat Jones,%d"},
		{"Name,SSN\n----,---", "Pat Jones,%d"},
		{"Name        SSN         City", "Pat Jones   %d   Springfield"},
		{"Name              SSN   City", "Pat Jones   %d   Springfield"},
		{"  Name        SSN       Remark", "              %d"},
		{"Name         Amount        SSN", "Pat Jones               %d"},
		{"Prénom   Numéro   SSN", "Zoë      12 €     %d"},
		{"Name        SSN         City\n---------   ---------   -----", "Pat Jones   %d   Springfield"},
		{"Name,SSN\n\ntotal of two clinics\n", "Pat Jones,%d"},
	} {
		if got := countOf(d.Scan(text(column(c.heading, c.row, n))), "ssn"); got != n {
			t.Errorf("%q, %q: %d of %d", c.heading, c.row, got, n)
		}
	}
	for typ, c := range map[string][3]string{
		"mrn": {"Name,MRN,Ward", "Pat Jones,%d,3B"}, "bank_account": {"Name;Bank account;Limit", "Pat;%d;100"}, "passport": {"Passport number\tName", "%d\tPat"},
		"health_plan_id": {"Name,Member ID", "Pat,%d"},
	} {
		if got := countOf(d.Scan(text(column(c[0], c[1], n))), typ); got != n {
			t.Errorf("%s: %d of %d", typ, got, n)
		}
	}
	if got := countOf(d.Scan(text("Name,Date of birth\n"+strings.Repeat("Pat Jones of a street with a long name,03/04/1980\n", 30))), "date_of_birth"); got != 1 {
		t.Errorf("birth dates: %d", got)
	}
}

// TestHeadingGoesOnInLaterViews: a table of a megabyte has one heading.
func TestHeadingGoesOnInLaterViews(t *testing.T) {
	const n = 20_000
	out := newTest(t).Scan(text(column("name,ssn,remark", "Pat Jones,%d,"+strings.Repeat("x", 40), n)))
	last := out.Findings[len(out.Findings)-1]
	if got := countOf(out, "ssn"); got < 1000 || last.Type != "ssn" || last.Level < gateway.Medium || last.Steps[1].Name != "heading of its column" {
		t.Errorf("%d of them, the last %+v", got, last)
	}
}

// TestHeadingNamesNothingElse: another column, what stands behind the table, a
// number inside a cell, a line of a text.
func TestHeadingNamesNothingElse(t *testing.T) {
	d := newTest(t)
	far := strings.Repeat("Pat Jones of a street with a long name,none given\n", 8)
	for _, s := range []string{
		"ssn,order\n" + strings.Repeat("none given so far by them,536220001\n", 20),
		"order number,ssn,remark\n" + strings.Repeat("536220001,none given so far by them,nothing\n", 20),
		"name,ssn\n" + far + "that,is,all\nof,this,list\nand,of,that\n\nname,remark\nPat,536220001\n",
		"name,ssn\n" + far + "Pat,on 536220001\n",
		"Send me your ssn, please, and be quick\n" + strings.Repeat("There is nothing here to be seen, but a word, and more\n", 8) + "a,536220001\n",
		"What is an SSN? A social security number.\n" + strings.Repeat("and some more lines of a text without any table\n", 8) + "536220001\n",
		"Name        SSN         Order\n" + strings.Repeat("Pat Jones               536220001\n", 20),
		"Name        SSN         Order\n" + strings.Repeat("Pat Jones   none given  536220001\n", 20),
		"Name    the SSN of everybody in this place  Order\n" + strings.Repeat("Pat Jones and many others     536220001  x\n", 20),
		"ssn,card\n" + far + "\"536220001,x\",y\n",
	} {
		if got := countOf(d.Scan(text(s)), "ssn"); got != 0 {
			t.Errorf("%q: %d", s, got)
		}
	}
}

// TestTablesAreLinear: whatever lines and cells there are, it takes about as
// long as the same words without lines.
func TestTablesAreLinear(t *testing.T) {
	d := newTest(t)
	for name, s := range map[string]string{
		"one line": "ssn,x\n" + strings.Repeat("536220001,", 40_000), "headings": strings.Repeat("ssn,x\n", 60_000), "short": strings.Repeat("ssn\n1\n", 60_000),
		"rows": "ssn,x\n" + strings.Repeat("536220001,x\n", 30_000), "quotes": "ssn,x\n" + strings.Repeat("\",536220001,", 30_000),
		"tabs": "ssn\tx\n" + strings.Repeat("5\t36\t", 40_000), "wide": strings.Repeat("ssn\t5"+strings.Repeat("\t", 60), 5_000), "digits": strings.Repeat("4081\t", 60_000),
		"blanks": strings.Repeat("Name   SSN\n  x    536220001\n", 20_000), "headings apart": strings.Repeat("SSN  x\n", 60_000),
		"long headings": strings.Repeat(strings.Repeat("ssn,", 200)+"\n"+strings.Repeat("1,", 200)+"\n", 300),
	} {
		flat := strings.NewReplacer("\n", " ", ",", " ", "\t", " ").Replace(s)
		if table, plain := best(d, s), best(d, flat); table > 5*plain {
			t.Errorf("%s: takes %v, without lines %v", name, table, plain)
		}
	}
}

// best is the least time of the processor that a scan of s took: other programs
// do not count.
func best(d *Detector, s string) time.Duration {
	least := time.Hour
	for range 5 {
		start := processor()
		d.Scan(text(s))
		least = min(least, processor()-start)
	}
	return least
}

// processor is how long this process has used processors.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestLabelBeside: in a table of names and values the name beside a number says
// what it is, whatever the line above holds.
func TestLabelBeside(t *testing.T) {
	d, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"first cell of the sheet,second cell of the sheet\nSSN,536-22-8726\nname,Ann\n",
		"Item\tCell\nSSN\t536-22-8726\n", "Item\t\tCell\nSSN\t\t536-22-8726\n",
	} {
		out := d.Scan([]gateway.Part{{Kind: gateway.PartText, Text: gateway.Sensitive(text)}})
		if !slices.ContainsFunc(out.Findings, func(f gateway.Finding) bool { return f.Type == "ssn" && f.Level == gateway.High }) {
			t.Errorf("%q: %v", text, out.Findings)
		}
	}
}

// TestNumberAcrossCells: a number whose groups stand in cells of their own is one,
// however wide or empty the cells are, and hides nothing that fills one cell.
func TestNumberAcrossCells(t *testing.T) {
	d := newTest(t)
	wide := strings.Repeat("\t", 64) // too far for labels
	for _, gap := range []string{"\t", "\t\t", "\t\t\t\t\t", wide, "\n", "\n\t"} {
		for typ, groups := range map[string]string{
			"card": "4081 3588 5034 7473", "ssn": "SSN 536 22 8145", "iban": "IBAN DE89 3704 0044 0532 0130 00",
		} {
			s := strings.ReplaceAll(groups, " ", gap)
			if (gap != wide || typ == "card") && !slices.ContainsFunc(d.Scan(text(s)).Findings, func(f gateway.Finding) bool { return f.Type == typ && f.Level == gateway.High }) {
				t.Errorf("%q: not found", s)
			}
		}
	}
	for typ, s := range map[string]string{
		"mrn": "MRN\t4586191\t12", "ip": "10.20.30.41\t17\t18", "phone": "+44 20 7946 0123\t17", "nhs": "NHS number\t943 476 5919\t12\n",
	} {
		if countOf(d.Scan(text(s)), typ) == 0 {
			t.Errorf("%q: no %s", s, typ)
		}
	}
}

// TestHeadingsApart: below headings that only blanks align a value stands where it
// can: a row may end early, a value may be wider than its heading or stand aside, and
// no heading of another column or of another kind of number lowers it.
func TestHeadingsApart(t *testing.T) {
	d := newTest(t)
	for typ, texts := range map[string][]string{
		"card": {
			"Card number:  Order\n    4081358850347473\n", "Card number:  Order\n    4081358850347473   77\n", "Card    Order\n4081358850347473   77\n",
			"Card number  Order number\n4081358850347473\n", "Card number      Order number\n4081 3588 5034 7473\n", "Order number   Card\n4081358850347473\n",
			"Order no.       Card number\n20240017-A 4081358850347473\n", "Card number  Order\n" + strings.Repeat("4081358850347473\n", 30),
		},
		"bank_account": {"Account number   Invoice number\n12345678\n"},
		"ssn": {
			"Social security number    Amount\n536228145\n", "Please change the order,  SSN below\n536228145\nthanks\n",
			"date of birth  order  Social security number\n5 three six  265957763  9640-10-51\n        9546875     ",
			"invoice number: Social security number    284\t272\t010\n\t\t251226874567; order: ", "Steuer-ID\nIBAN  Social security number\t\t123 456\n  123 456\r\n",
		},
		"phone":          {"invoice number   Tel.\n        \n9354709648          hello\nMUICSG9TXXX   EUR 300"},
		"mrn":            {"Tel.      invoice number      MRN:      name\nx      9250730167                 DNZACHJ1"},
		"health_plan_id": {"policy no   IBAN\n    66242753896\n   5881-74-30"},
		"account":        {"account number  NHS number\n901194910\n1, nine, zero, 1, 0, 6, 5, 8, 3, 3\t\t"},
	} {
		for _, s := range texts {
			if countOf(d.Scan(text(s)), typ) == 0 {
				t.Errorf("%q: no %s", s, typ)
			}
		}
	}
}
