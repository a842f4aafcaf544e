package flow

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/detect"
	"gatepost/gateway/policy"
)

// TestListOfPatientsIsHeld: a table of numbers that only the heading of their
// column tells is a list of patients, as an attachment and in HTML.
func TestListOfPatientsIsHeld(t *testing.T) {
	d, err := detect.New(detect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	j := NewJudge(policy.Default(), d)
	rows := func(form string) string {
		var b strings.Builder
		for i := range 40 {
			fmt.Fprintf(&b, form, 536220001+i)
		}
		return b.String()
	}
	const head = "From: ann@clinic.example\r\nTo: pat@out.example\r\nSubject: As promised\r\nMIME-Version: 1.0\r\n"
	for name, c := range map[string]string{
		"csv":  "Content-Type: text/csv\r\nContent-Disposition: attachment; filename=l.csv\r\n\r\nname,%s,city\r\n" + rows("\"Jones, Pat\",%09d,Springfield\r\n"),
		"html": "Content-Type: text/html\r\n\r\n<table><tr><th>Name</th><th>%s</th></tr>" + rows("<tr><td>Pat Jones</td>\r\n<td>%09d</td></tr>") + "</table>\r\n",
	} {
		for heading, want := range map[string]gateway.Action{"SSN": gateway.Hold, "Units": gateway.Pass} {
			v, _ := j.Explain([]byte(head+strings.Replace(c, "%s", heading, 1)), gateway.MustAddress("ann@clinic.example"), gateway.MustAddress("pat@out.example"), time.Unix(1e9, 0))
			if v.Action != want || want == gateway.Hold && !slices.Equal(v.Rules, []string{"bulk"}) {
				t.Errorf("%s under %s: %s by %v", name, heading, v.Action, v.Rules)
			}
		}
	}
}
