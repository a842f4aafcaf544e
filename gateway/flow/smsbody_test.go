package flow

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

// TestSMSBody: whatever octets the segments hold come back, and whatever the
// text says is what a reader of mails reads.
func TestSMSBody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z][!-~äöü€漢😀]{1,300}`).Draw(t, "text")
		var segments []gateway.Segment
		for range rapid.IntRange(1, 4).Draw(t, "parts") {
			segments = append(segments, gateway.Segment{
				Source: gateway.Line{TON: 5, Addr: "CLINIC"}, Dest: gateway.Line{TON: 1, NPI: 1, Addr: "15551234567"},
				ESMClass: 0x40, DataCoding: rapid.Byte().Draw(t, "coding"), Short: rapid.SliceOfN(rapid.Byte(), 1, 160).Draw(t, "short"),
				TLVs: []gateway.TLV{{Tag: 0x1400, Value: []byte("kept")}},
			})
		}
		body, err := smsBody(text, segments, time.Unix(1_700_000_000, 0))
		if err != nil {
			t.Fatal(err)
		}
		back, err := smsSegments(body)
		if err != nil || !reflect.DeepEqual(back, segments) {
			t.Fatalf("other segments came back: %v", err)
		}
		reads := func(p gateway.Part) bool {
			return p.Kind == gateway.PartText && strings.TrimSuffix(p.Text.Reveal(), "\n") == text
		}
		if !slices.ContainsFunc(mailmsg.Read(body).Parts, reads) {
			t.Fatalf("the text is read otherwise than %q", text)
		}
		for _, line := range bytes.Split(body, []byte("\r\n")) {
			if len(line) > 98 {
				t.Fatalf("a line of %d octets", len(line))
			}
		}
		if r := mailmsg.Read(body); len(r.Uncertain) > 0 || len(r.Unreadable) > 0 {
			t.Fatalf("the body is in doubt: %v", r.Uncertain)
		}
	})
}
