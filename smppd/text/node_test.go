package text

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gatepost/gateway"
)

// nodeScript writes, for each text of standard input, what node-smpp makes of
// it: its encoding and octets, and the text that it reads in our octets.
const nodeScript = `
const defs = require(process.argv[1]);
const cases = JSON.parse(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify(cases.map(c => {
  const name = defs.encodings.detect(c.text);
  const ours = c.gsm ? 'ASCII' : 'UCS2';
  return {name, hex: defs.encodings[ours].encode(c.text).toString('hex'),
          read: defs.encodings[ours].decode(Buffer.from(c.hex, 'hex'))};
})));`

type nodeCase struct {
	Text string `json:"text"`
	Hex  string `json:"hex"`
	GSM  bool   `json:"gsm"`
}

// TestAgainstNode: node-smpp encodes the same octets, reads ours as the same
// text, and what it sends is read.
func TestAgainstNode(t *testing.T) {
	dir := os.Getenv("GATEPOST_NODE_SMPP")
	if dir == "" {
		t.Skip("GATEPOST_NODE_SMPP is unset: node-smpp as an independent encoder is NOT tried")
	}
	texts := []string{"Hello", "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCXYZÄÖÑÜ§¿abcxyzäöñüà",
		"[€] {x} ^~|\\\f", "Привет, 🙂👩‍⚕️", "日本語", "naïve œuvre"}
	var cases []nodeCase
	for _, text := range texts {
		s, err := Texts{}.Compose(text, 0)
		if err != nil || len(s) != 1 {
			t.Fatal(len(s), err)
		}
		cases = append(cases, nodeCase{text, hex.EncodeToString(s[0].Short), s[0].DataCoding == codingGSM})
	}
	for i, got := range askNode(t, filepath.Join(dir, "node_modules", "smpp", "lib", "defs.js"), cases) {
		c := cases[i]
		if got.Hex != c.Hex || got.Read != c.Text || c.GSM != (got.Name == "ASCII") {
			t.Errorf("%q is %s, node-smpp (%s) has %s and reads %q", c.Text, c.Hex, got.Name, got.Hex, got.Read)
		}
		octets, err := hex.DecodeString(got.Hex)
		coding := map[bool]byte{true: codingGSM, false: codingUCS2}[c.GSM]
		if r := (Texts{}).Read([]gateway.Segment{{DataCoding: coding, Short: octets}}); err != nil || r.Parts[0].Text.Reveal() != c.Text {
			t.Errorf("%q of node-smpp is read as %q", c.Text, reveal(r))
		}
	}
}

type nodeAnswer struct{ Name, Hex, Read string }

func askNode(t *testing.T, module string, cases []nodeCase) (answers []nodeAnswer) {
	t.Helper()
	input, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "-e", nodeScript, module)
	cmd.Stdin = strings.NewReader(string(input))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(cases) {
		t.Fatalf("%d answers to %d texts: %v", len(answers), len(cases), err)
	}
	return answers
}
