package detect

import (
	"testing"

	"gatepost/gateway"
)

// TestLooks: what a reader takes for a number or a word is one, whatever signs
// it is written with.
func TestLooks(t *testing.T) {
	d := newTest(t)
	for _, s := range []string{
		"Her SSN: 536➖22➖8145", "Her SSN: 536⸺22⸺8145", "Her SSN: 536˗22˗8145", "Her SSN: 536～22～8145",
		"Her SSN: 536〜22〜8145", "Her SSN: 536\u280022\u28008145", "Her SSN: 536=22=8145", "Her SSN: 536;22;8145",
		"Her SSN: 536#22#8145", `Her SSN: 536\22\8145`, "Her SSN: 536→22→8145", "Her SSN: 536●22●8145",
		"Her SSN: ⓹⓷⓺-⓶⓶-⓼⓵⓸⓹", "Her SSN: 5⃝3⃝6⃝-2⃝2⃝-8⃝1⃝4⃝5⃝", "SSN: 5҉3҈6҉-22-8145",
		"Her SSN: 5З6-22-8145", "Her SSN: 5Ʒ6-22-8145", "SSN: \uf035\uf033\uf036-22-8145",
	} {
		if got := types(d.Scan(text(s)), gateway.Medium); got != "ssn" {
			t.Errorf("%q: %q", s, got)
		}
	}
	for _, s := range []string{
		"Dear Mr Smith, ʏᴏᴜ ʜᴀᴠᴇ ᴄᴀɴᴄᴇʀ ᴀɴᴅ ᴅɪᴀʙᴇᴛᴇꜱ", "Dear Mr Smith, you have ꓚꓮꓠꓚꓰꓣ and ꓓꓲꓮꓐꓰꓔꓰꓢ",
	} {
		if got := protective(d.Scan(text(s))); got != "health" {
			t.Errorf("%q: %q", s, got)
		}
	}
	for s, want := range map[string]string{
		"Зди 5, з 10": "зди 5, з 10", "33Звука": "333вука", "ЗЗ6": "336", "ƷƷ": "ʒʒ",
	} {
		if got := d.folds.text(s); got != want {
			t.Errorf("%q looks like %q, want %q", s, got, want)
		}
	}
}
