package mailmsg_test

import (
	"strings"
	"testing"

	"gatepost/gateway/mailmsg"
)

// TestMessageIDThatSaysSomething: notices and reports repeat the Message-ID, so
// what it says must be known to detection.
func TestMessageIDThatSaysSomething(t *testing.T) {
	for id, want := range map[string]string{
		"<HIV-positive-536-22-8726@clinic.example>":                         "HIV positive 536-22-8726",
		"<536-22-8726@clinic.example>":                                      "536-22-8726",
		"<1@hiv.536-22-8726.example>":                                       "hiv 536-22-8726 example",
		"<1@x> He has diabetes":                                             "He has diabetes",
		"He has diabetes":                                                   "He has diabetes",
		"HIV-positive@x":                                                    "HIV positive",
		"<Pat_Doe.diabetes_result\r\n @x>":                                  "Pat Doe diabetes result",
		"<CAF=4pXq9Zk-b_7Yw2QWErt8@mail.gmail.com>":                         "",
		"<20261121220000.4532015807362949@a.example>":                       "",
		"<3f2504e0-4f89-11d3-9a0c-0305e82c3301@localhost>":                  "",
		"<DM6PR11MB4657A2B4C4D7E9@DM6PR11MB4657.namprd11.prod.outlook.com>": "",
		"<0100018f3a5b6c7d-8e9f0a1b-2c3d-4e5f-000000@email.amazonses.com>":  "",
		"<cafe.beef@ip-10-0-1-23.ec2.internal>":                             "",
	} {
		got := ""
		for _, p := range mailmsg.Read([]byte("Message-ID: " + id + "\r\n\r\n")).Parts {
			if p.Path == "Message-ID" {
				got += p.Text.Reveal()
			}
		}
		if got != want {
			t.Errorf("%s: %q, not %q", id, got, want)
		}
	}
}

func TestPlainHeaderID(t *testing.T) {
	for id, want := range map[string]bool{
		"3f2504e0-4f89-11d3-9a0c-0305e82c3301@clinic.example": true, "CAF=4pXq9Zk-b_7Yw2QWErt8@mail.gmail.com": true, "1763.4@x": true,
		"HIV-positive-536-22-8726@clinic.example": false, "536-22-8726@x": false, "1@536.22.8726.example": false, "": false, "1@x>": false, "1 @x": false, "\u00e4@x": false,
		strings.Repeat("1", 251): false,
	} {
		if mailmsg.PlainHeaderID(id) != want {
			t.Errorf("%s: %v", id, !want)
		}
	}
}
