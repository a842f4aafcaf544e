package detect

import (
	"strings"
	"testing"

	"gatepost/gateway"
)

// TestLettersOfOtherScripts: octets of letters that are not ASCII stand where
// forms have letters. No validator may rely on what they are: "жжж85M10A562S"
// made a scan panic, and the whole message was judged by on_error.
func TestLettersOfOtherScripts(t *testing.T) {
	types := newTypeTable()
	for i := range types.kinds {
		for _, s := range types.kinds[i].shapes {
			if !strings.Contains(s.form, "L") {
				continue
			}
			for c := 0x80; c <= 0xff; c++ {
				types.valid[i]([]byte(strings.NewReplacer("D", "1", "L", string([]byte{byte(c)})).Replace(s.form)))
			}
		}
	}
	d, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"жжж85M10A562S", "RSSMRA85M10жжS"} {
		d.Scan([]gateway.Part{{Kind: gateway.PartText, Text: gateway.Sensitive(text)}})
	}
}
