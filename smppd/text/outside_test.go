package text

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// TestOutsideReceipts: the receipts among the PDUs of other projects.
func TestOutsideReceipts(t *testing.T) {
	want := map[string]string{
		"cloudhopper:PduDecoderTest.decodeDeliveryReceipt0:0":                                        "126e85a6edeac1a02020099312479564 DELIVRD",
		"jasmin:test_pdu_decoding.test_deliver_sm_unknown_param_network_error_code:0":                "6a3ed98a66444e8abac3acd9bba8656f UNDELIV",
		"jasmin:test_pdu_decoding.test_deliver_sm_resp_unknown_error:11":                             "18d0e03a DELIVRD",
		"jasmin:test_pdu_decoding.test_deliver_sm_resp_opt_param_not_allow_more_messages_to_send:12": "18d0e03a DELIVRD",
	}
	seen := 0
	for id, s := range outsideSegments(t) {
		if _, err := (Texts{}).Place(&s); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		r, ok := Texts{}.ParseReceipt(&s)
		if got := strings.TrimSpace(r.ID.Reveal() + " " + string(r.State)); got != want[id] || ok != (want[id] != "") {
			t.Errorf("%s: %q, want %q", id, got, want[id])
		}
		if ok {
			seen++
			if r.Submitted.IsZero() || r.Done.Before(r.Submitted) || r.Error != "000" {
				t.Errorf("%s: %s", id, shown(r))
			}
		}
	}
	if seen != len(want) {
		t.Errorf("%d receipts, want %d", seen, len(want))
	}
}

// outsideSegments are the messages of the smpp-pdus set by name.
func outsideSegments(t *testing.T) map[string]gateway.Segment {
	t.Helper()
	dir := os.Getenv("GATEPOST_TESTDATA")
	if dir == "" {
		t.Skip("GATEPOST_TESTDATA is unset: the outside cases of smpp-pdus are NOT tested")
	}
	f, err := os.Open(filepath.Join(dir, "smpp-pdus", "data", "cases.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	segments := map[string]gateway.Segment{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c struct{ ID, Hex string }
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		frame, err := hex.DecodeString(c.Hex)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := pdu.Decode(frame); err == nil {
			if m, ok := p.Body.(*pdu.Message); ok {
				segments[c.ID] = m.Segment
			}
		}
	}
	return segments
}
