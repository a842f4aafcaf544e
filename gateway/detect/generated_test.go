package detect_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"gatepost/gateway"
	"gatepost/gateway/detect"
)

// generated is a type of identifier: how its values are made, written and called.
type generated struct {
	typ    string
	make   func(rnd) string
	bad    func(rnd) string // a value that only the rules tell from a good one; nil: another last character
	forms  []string         // "#" takes the value's characters one by one; the first is without separators
	labels []string
	strong int // the first of the forms that are found without a label; -1 none is
}

// formed writes v in a form.
func formed(v, form string) string {
	if form == "" {
		return v
	}
	var b strings.Builder
	for _, c := range form {
		switch {
		case c != '#':
			b.WriteRune(c)
		case v != "":
			b.WriteByte(v[0])
			v = v[1:]
		}
	}
	return strings.TrimRight(b.String()+v, " -.")
}

var generatedTypes = []generated{
	{"ssn", makeSSN, badSSN, []string{"", "### ## ####", "###-##-####", "###.##.####"}, []string{"SSN", "social security number", "Soc. Sec. No.", "número de seguro social", "social security no", "SS#"}, 2},
	{"itin", makeITIN, func(r rnd) string { return fill(r, "9##") + pick(r, "00 13 49 66 69 89 93") + fill(r, "####") }, []string{"", "### ## ####", "###-##-####"}, []string{"ITIN", "taxpayer identification number", "taxpayer ID"}, 2},
	{"card", makeCard, nil, []string{"", "#### #### #### ####", "####-####-####-####", "####.####.####.####"}, []string{"card", "credit card number", "Visa", "tarjeta de crédito", "Kreditkarte", "numéro de carte", "carta di credito", "card no."}, 0},
	{"iban", makeIBAN, nil, []string{"", "#### #### #### #### #### #### #### #### ###", "####-####-####-####-####-####-####-####-###", "## ## #### #### #### #### #### #### #### #"}, []string{"IBAN", "account", "Kontonummer", "cuenta", "compte"}, 0},
	{"aba", makeABA, nil, []string{""}, []string{"routing number", "ABA", "routing transit number", "RTN", "ABA routing number"}, -1},
	{"npi", makeNPI, nil, []string{""}, []string{"NPI", "national provider identifier", "NPI number"}, -1},
	{"dea", makeDEA, nil, []string{""}, []string{"DEA number", "DEA", "DEA registration"}, -1},
	{"mbi", makeMBI, func(r rnd) string { v := []byte(makeMBI(r)); v[1] = pick(r, "S L O I B Z")[0]; return string(v) }, []string{"", "####-###-####", "#### ### ####"}, []string{"MBI", "Medicare number", "Medicare ID"}, 0},
	{"ein", func(r rnd) string { return fill(r, "+#######+") }, func(r rnd) string { return fill(r, "+#######") }, []string{"", "##-#######"}, []string{"EIN", "employer identification number", "federal tax ID"}, -1},
	{"nhs", makeNHS, nil, []string{"", "### ### ####", "###-###-####"}, []string{"NHS number", "NHS no", "NHS"}, -1},
	{"gb.nino", makeNINO, func(r rnd) string { return pick(r, "BG GB NK KN TN NT ZZ DA QQ AO") + makeNINO(r)[2:] }, []string{"", "## ## ## ## #", "## ###### #"}, []string{"NI number", "National Insurance number", "NINO"}, 0},
	{"bank_account", func(r rnd) string { return fill(r, "+#+#+#+#######") }, func(r rnd) string { return fill(r, "+#+#") }, []string{"##-##-## ########", "###### ########", "##-##-##, account ########", "## ## ## #### ####"}, []string{"sort code and account number", "sort code"}, -1},
	{"ca.sin", makeSIN, nil, []string{"", "### ### ###", "###-###-###"}, []string{"SIN", "social insurance number", "numéro d'assurance sociale"}, -1},
	{"ca.ohip", makeOHIP, nil, []string{"", "#### ### ###", "####-###-###"}, []string{"OHIP", "health card number", "Ontario health card"}, -1},
	{"ca.ramq", makeRAMQ, func(r rnd) string { return fill(r, "AAAA##") + pick(r, "00 13 49 63 99") + fill(r, "####") }, []string{"", "#### #### ####"}, []string{"RAMQ", "health card", "carte d'assurance maladie"}, -1},
	{"ca.bc_phn", makePHN, nil, []string{"", "#### ### ###"}, []string{"PHN", "personal health number", "BC Services Card"}, -1},
	{"ca.ab_phn", func(r rnd) string { return fill(r, "+#######+") }, func(r rnd) string { return fill(r, "+#######") }, []string{"", "#####-####"}, []string{"Alberta health card", "AHCIP", "Alberta PHN"}, -1},
	{"au.tfn", makeTFN, nil, []string{"", "### ### ###"}, []string{"TFN", "tax file number"}, -1},
	{"au.medicare", makeMedicare, func(r rnd) string { return pick(r, "1 7 8 9") + makeMedicare(r)[1:] }, []string{"", "#### ##### #"}, []string{"Medicare card number", "Medicare number", "Medicare card"}, -1},
	{"in.aadhaar", makeAadhaar, nil, []string{"", "#### #### ####", "####-####-####"}, []string{"Aadhaar", "Aadhaar number", "UIDAI", "Aadhar card"}, -1},
	{"in.pan", makePAN, func(r rnd) string { return makePAN(r)[:5] + "0000" + fill(r, "A") }, []string{""}, []string{"PAN", "PAN card", "permanent account number"}, 0},
	{"es.dni", makeDNI, nil, []string{"", "########-#", "##.###.###-#"}, []string{"DNI", "NIF", "documento nacional de identidad"}, 0},
	{"es.nie", makeNIE, nil, []string{"", "#-#######-#"}, []string{"NIE", "número de identidad de extranjero"}, 0},
	{"fr.nir", makeNIR, nil, []string{"", "# ## ## ## ### ### ##", "############# ##"}, []string{"NIR", "numéro de sécurité sociale", "n° de sécu"}, 0},
	{"de.idnr", makeSteuerID, nil, []string{"", "## ### ### ###"}, []string{"Steuer-ID", "IdNr", "steuerliche Identifikationsnummer", "Steueridentifikationsnummer"}, 1},
	{"de.kvnr", makeKVNR, nil, []string{""}, []string{"KVNR", "Krankenversichertennummer", "Versichertennummer"}, -1},
	{"it.codicefiscale", makeCodice, nil, []string{"", "### ### ##### #####"}, []string{"codice fiscale", "C.F.", "cod. fisc."}, 0},
	{"nl.bsn", makeBSN, nil, []string{"", "#### ## ###", "### ### ###"}, []string{"BSN", "burgerservicenummer", "sofinummer"}, -1},
	{"pl.pesel", makePESEL, nil, []string{""}, []string{"PESEL", "numer PESEL", "nr PESEL"}, -1},
	{"passport", func(r rnd) string { return fill(r, pick(r, "######### A######## AA####### AAA###### +########")) }, func(r rnd) string { return fill(r, "+##") }, []string{""}, []string{"passport", "passport number", "Reisepass Nr.", "número de pasaporte", "passeport", "passaporto"}, -1},
	{"bic", makeBIC, func(r rnd) string { return fill(r, "AAAA") + pick(r, "QQ ZZ XX OO") + fill(r, "AA") }, []string{""}, []string{"BIC", "SWIFT code", "BIC/SWIFT"}, -1},
	{"bitcoin", makeBitcoin, nil, []string{""}, []string{"wallet", "BTC address", "Bitcoin"}, 0},
	{"ethereum", makeEthereum, func(r rnd) string { return makeEthereum(r)[:41] }, []string{""}, []string{"wallet", "ETH address", "Ethereum"}, 0},
}

// labelled are sentences and layouts: %L is what the number is called, %V it.
var labelled = []string{
	"%L: %V", "%L %V", "%L = %V", "%L - %V", "%L is %V.", "My %L is %V, thanks.", "Please change my %L to %V in your files.", "The %L on file (%V) is wrong.",
	"* %L: %V", "| %L | %V |", "\"%L\": \"%V\",", "%L;%V;2026-03-01", "%L\t%V", "%L:\n%V", "> %L: %V", ">> my %L was %V\n>> since 2019", "%L #%V", "%L no. %V",
	"%V is my %L", "Mi %L es %V, gracias.", "Mon %L est le %V.", "Meine %L lautet %V.", "Il mio %L è %V.", "Mijn %L is %V.", "Mój %L to %V.", "O meu %L é %V.",
	"Bitte %L %V notieren", "<b>%L</b>: %V<br>", "form[%L]=%V", "Name: Ann Lee\nBorn: 1980-04-02\n%L: %V\nCity: Springfield", "(%L %V)", "*%L* : *%V*",
	"%L: %V.", "'%L' -> '%V'", "\u2022 %L \u2013 %V", "%L:\u00a0%V", "I was asked for my %L; it is %V!", "What do you need, only the %L: %V?", "%L:%V", "Their %L (%V), and the form.",
}

// bare are texts in which nothing says what the number is.
var bare = []string{"%V", "Here it is: %V", "Please process %V today.", "As requested:\n\n%V\n\nBest, Ann", "ann lee, %V, 12 main road", "-- \n%V", "see %V; and call back"}

// around is filler without numbers.
var around = []string{"", "", "Hello Ann,\n\n", "Good morning, and thanks for the quick answer. ", "Buenos días. ", "Guten Tag,\n", "Bonjour madame,\n\n", "FYI ", "Re: your question\n\n", "😀 ", "Ciao, "}
var after = []string{"", "", "\n\nBest regards\nTom", " Many thanks!", "\nSaludos", "\r\n-- \r\nThe front desk", " 😀😀", "\n\nMit freundlichen Grüßen"}

// decoys are numbers that are something else.
func decoy(r rnd) string {
	hex := func(n int) (v string) {
		for range n {
			v += string("0123456789abcdef"[r.IntN(16)])
		}
		return v
	}
	switch r.IntN(16) {
	case 0:
		return "Order number " + fill(r, "################") + " has shipped."
	case 1:
		return "Tracking number: 1Z" + fill(r, "***######") + fill(r, "########")
	case 2:
		return "Track your parcel 9400 " + fill(r, "#### #### #### #### ##")
	case 3:
		return "Call +1 " + fill(r, "(2##) 5##-####") + " or 0" + fill(r, "## #### ####")
	case 4:
		return "commit " + hex(40)
	case 5:
		return "id " + hex(8) + "-" + hex(4) + "-4" + hex(3) + "-a" + hex(3) + "-" + hex(12)
	case 6:
		return "at 2026-0" + fill(r, "+-1#T1#:4#:2#.######Z") + " (1" + fill(r, "#########") + " s, 17" + fill(r, "###########") + " ms)"
	case 7:
		return "Invoice " + fill(r, "#########") + ", total $" + fill(r, "+,###.##")
	case 8:
		return "sha256 " + hex(64)
	case 9:
		return "Message-ID: <" + fill(r, "##############.####") + "@mail.example>"
	case 10:
		return "https://shop.example/item/" + fill(r, "#########") + "?ref=" + fill(r, "################")
	case 11:
		return "ISBN 978-" + fill(r, "#-##-######-#") + ", page " + fill(r, "+##")
	case 12:
		return "Ticket #" + fill(r, "##########") + ", version " + fill(r, "+.#.##.###")
	case 13:
		return "lat " + fill(r, "+#.######") + ", lon -" + fill(r, "+#.######")
	case 14:
		return fill(r, "+# ### ###") + " inhabitants, " + fill(r, "+,###,###") + " in 2020; " + fill(r, "+## +## +## +##")
	}
	return "Ref " + fill(r, "AA######") + ", booking reference " + fill(r, "******")
}

// sentence is a text with v in it, and where v stands.
func sentence(r rnd, frame, label, v string) (text string, from, to int) {
	frame = strings.ReplaceAll(frame, "%L", label)
	before, behind, _ := strings.Cut(frame, "%V")
	before = around[r.IntN(len(around))] + before
	from = utf8.RuneCountInString(before)
	return before + v + behind + after[r.IntN(len(after))], from, from + utf8.RuneCountInString(v)
}

func newDetector(t testing.TB) *detect.Detector {
	t.Helper()
	d, err := detect.New(detect.Config{Key: [16]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func findings(d *detect.Detector, text string) []gateway.Finding {
	return d.Scan([]gateway.Part{{Kind: gateway.PartText, Text: gateway.Sensitive(text)}}).Findings
}

// form is a way to write v. Cards that have not sixteen digits are printed in
// groups of their own.
func (g *generated) form(i int, v string) string {
	if g.typ != "card" || i == 0 {
		return g.forms[i]
	}
	switch len(v) {
	case 13:
		return ""
	case 14, 15:
		return "#### ###### #####"
	case 19:
		return "#### #### #### #### ###"
	}
	return g.forms[i]
}

// nearMiss is a value that is not g's by one character, or by its rules.
func (g *generated) nearMiss(r rnd) string {
	if g.bad != nil {
		return g.bad(r)
	}
	v := []byte(g.make(r))
	last := &v[len(v)-1]
	if g.typ == "iban" {
		last = &v[3]
	}
	switch {
	case *last == '9' || *last == 'Z' || *last == 'z':
		*last--
	default:
		*last++
	}
	return string(v)
}

// TestGenerated reads 2,000 generated values of each type in sentences and
// layouts of several languages, and as many texts with near misses and with
// numbers that are something else.
func TestGenerated(t *testing.T) {
	const n = 2000
	d := newDetector(t)
	var table strings.Builder
	wrong := map[string]int{}
	for i := range n {
		r := rand.New(rand.NewPCG(uint64(i), 7))
		text := around[r.IntN(len(around))] + decoy(r) + after[r.IntN(len(after))]
		for _, f := range findings(d, text) {
			if f.Level >= gateway.Medium {
				if wrong[f.Type]++; wrong[f.Type] <= 3 {
					t.Logf("%s in %q", f.Type, text)
				}
			}
		}
	}
	for k, g := range generatedTypes {
		hit, near, shown := 0, 0, 0
		for i := range n {
			r := rand.New(rand.NewPCG(uint64(i), uint64(k)))
			v, form, frame := g.make(r), r.IntN(len(g.forms)), labelled[r.IntN(len(labelled))]
			if g.strong >= 0 && form >= g.strong && i%4 == 0 && len(v) != 13 { // thirteen digits are on every parcel
				frame = bare[r.IntN(len(bare))]
			}
			label := g.labels[r.IntN(len(g.labels))]
			text, from, to := sentence(r, frame, label, formed(v, g.form(form, v)))
			found := false
			for _, f := range findings(d, text) {
				found = found || f.Type == g.typ && f.Level >= gateway.Medium && f.Start < to && f.End > from && f.Start >= from && f.End <= to
			}
			if found {
				hit++
			} else if shown++; shown <= 4 {
				t.Logf("%s missed in %q", g.typ, text)
			}
			bad := g.nearMiss(r)
			miss, _, _ := sentence(r, frame, label, formed(bad, g.form(form, bad)))
			for _, f := range findings(d, miss) {
				if f.Type == g.typ && f.Level >= gateway.Medium {
					if near++; near <= 3 {
						t.Logf("%s is no %s in %q", f.Masked, g.typ, miss)
					}
				}
			}
		}
		recall, precision := float64(hit)/n, float64(hit)/float64(hit+near+wrong[g.typ])
		fmt.Fprintf(&table, "%-17s recall %.4f  precision %.4f  (%d of %d found, %d near misses, %d others)\n", g.typ, recall, precision, hit, n, near, wrong[g.typ])
		if recall < 0.98 || precision < 0.99 {
			t.Errorf("%s: recall %.4f, precision %.4f", g.typ, recall, precision)
		}
	}
	t.Logf("\n%s", &table)
}
