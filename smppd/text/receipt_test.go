package text

import (
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"pgregory.net/rapid"
)

func receipt(text string, tlvs ...gateway.TLV) gateway.Segment {
	return gateway.Segment{
		ESMClass: esmReceipt, Source: gateway.Line{Addr: "15551234567"}, Dest: gateway.Line{Addr: "4242"}, Short: []byte(text), TLVs: tlvs,
	}
}

func tlv(tag uint16, value string) gateway.TLV { return gateway.TLV{Tag: tag, Value: []byte(value)} }

// TestParseReceipt: how carriers write them.
func TestParseReceipt(t *testing.T) {
	day := time.Date(2014, 10, 16, 0, 36, 0, 0, time.UTC)
	payload := receipt("", tlv(gateway.TagMessagePayload, "id:9 stat:EXPIRED"))
	wide := receipt(utf16of("id:ab-9 stat:DELIVRD err:000", false))
	wide.DataCoding = codingUCS2
	headed := receipt("\x03\x24\x01\x01id:9 stat:EXPIRED")
	headed.ESMClass |= udhi
	for name, c := range map[string]struct {
		in   gateway.Segment
		want gateway.Receipt
	}{
		"appendix B": {receipt("id:126e85a6edeac1a02020099312479564 sub:001 dlvrd:001 submit date:1410160036 done date:1410160037 stat:DELIVRD err:000 Text:Hello               "),
			gateway.Receipt{ID: "126e85a6edeac1a02020099312479564", State: gateway.StateSent, Error: "000", Submitted: day, Done: day.Add(time.Minute)}},
		"seconds and parameters": {receipt("id:6a sub:001 dlvrd:000 submit date:141016003650 done date:141016003800 stat:UNDELIV err:000 text:",
			tlv(gateway.TagNetworkErrorCode, "\x03\x00\x1B"), tlv(gateway.TagMessageState, "\x05"), tlv(gateway.TagReceiptedMessageID, "6a\x00")),
			gateway.Receipt{ID: "6a", State: gateway.Undeliverable, Error: "000", Network: []byte("\x03\x00\x1B"),
				Submitted: day.Add(50 * time.Second), Done: day.Add(2 * time.Minute)}},
		"the parameter counts":   {receipt("id:0416342074 stat:UNKNOWN", tlv(gateway.TagReceiptedMessageID, "18d0e03a"), tlv(gateway.TagMessageState, "\x02")), gateway.Receipt{ID: "18d0e03a", State: gateway.StateSent}},
		"parameters only":        {receipt("", tlv(gateway.TagReceiptedMessageID, "x\x00"), tlv(gateway.TagMessageState, "\x08")), gateway.Receipt{ID: "x", State: gateway.StateRejected}},
		"parameters, other text": {receipt("delivered to handset", tlv(gateway.TagReceiptedMessageID, "x")), gateway.Receipt{ID: "x", State: gateway.StateUnknown}},
		"any order and case":     {receipt("STAT:delivrd ERR:1f2 DONE DATE:1410160036 Id: 77 "), gateway.Receipt{ID: "77", State: gateway.StateSent, Error: "1f2", Done: day}},
		"odd spelling":           {receipt("id:1 submit_date:20141016003600 donedate:1410160036\r\nstat:EXPIRED"), gateway.Receipt{ID: "1", State: gateway.StateExpired, Submitted: day, Done: day}},
		"id of anything":         {receipt("id:a b:c/stat:é-\"<id>\" sub:001 stat:REJECTD err:"), gateway.Receipt{ID: "a b:c/stat:é-\"<id>\"", State: gateway.StateRejected}},
		"first key counts":       {receipt("id:1 stat:UNDELIV err:005 text:id:2 stat:DELIVRD err:000"), gateway.Receipt{ID: "1", State: gateway.Undeliverable, Error: "005"}},
		"cut off":                {receipt("id:1 sub:001 dlvrd:001 submit da"), gateway.Receipt{ID: "1", State: gateway.StateUnknown}},
		"bad dates":              {receipt("id:1 submit date:9999999999 done date:14101600 stat:DELIVRD"), gateway.Receipt{ID: "1", State: gateway.StateSent}},
		"bad parameters":         {receipt("id:1 stat:DELIVRD", tlv(gateway.TagMessageState, "\x0B"), tlv(gateway.TagReceiptedMessageID, "\x00")), gateway.Receipt{ID: "1", State: gateway.StateSent}},
		"state of two octets":    {receipt("id:1 stat:DELIVRD", tlv(gateway.TagMessageState, "\x05\x05")), gateway.Receipt{ID: "1", State: gateway.StateSent}},
		"long error":             {receipt("id:1 err:00000000000000000000000 stat:DELIVRD"), gateway.Receipt{ID: "1", State: gateway.StateSent, Error: "0000000000000000"}},
		"payload":                {payload, gateway.Receipt{ID: "9", State: gateway.StateExpired}},
		"UCS-2":                  {wide, gateway.Receipt{ID: "ab-9", State: gateway.StateSent, Error: "000"}},
		"behind a header":        {headed, gateway.Receipt{ID: "9", State: gateway.StateExpired}},
	} {
		got, ok := Texts{}.ParseReceipt(&c.in)
		c.want.Source, c.want.Dest = c.in.Dest, c.in.Source
		if !ok || !sameReceipt(got, c.want) {
			t.Errorf("%s: %v\n got %s\nwant %s", name, ok, shown(got), shown(c.want))
		}
	}
}

func sameReceipt(a, b gateway.Receipt) bool { return shown(a) == shown(b) }

func shown(r gateway.Receipt) string {
	return strings.Join([]string{r.ID.Reveal(), string(r.State), r.Error, r.Submitted.String(), r.Done.String(), string(r.Network),
		r.Source.Addr, r.Dest.Addr, map[bool]string{true: "intermediate"}[r.Intermediate]}, "|")
}

// TestReceiptStates: every spelling, and which kinds of segment are receipts.
func TestReceiptStates(t *testing.T) {
	for word, want := range map[string]gateway.ReceiptState{
		"DELIVRD": gateway.StateSent, "DELIVERED": gateway.StateSent, "deliv": gateway.StateSent, "Deli": gateway.StateSent, "DELVRD": gateway.StateSent,
		"EXPIRED": gateway.StateExpired, "exp": gateway.StateExpired, "DELETED": gateway.StateDeleted, "DELE": gateway.StateDeleted, "CANCELLED": gateway.StateDeleted,
		"UNDELIV": gateway.Undeliverable, "Undeliverable": gateway.Undeliverable, "UNDEL": gateway.Undeliverable, "FAILED": gateway.Undeliverable,
		"ACCEPTD": gateway.StateAccepted, "accepted": gateway.StateAccepted, "REJECTD": gateway.StateRejected, "REJECTED": gateway.StateRejected, "rej": gateway.StateRejected,
		"ENROUTE": gateway.Enroute, "BUFFERD": gateway.Enroute, "UNKNOWN": gateway.StateUnknown, "": gateway.StateUnknown, "DEL": gateway.StateUnknown, "?": gateway.StateUnknown,
	} {
		s := receipt("id:1 stat:" + word + " err:000")
		if r, ok := (Texts{}).ParseReceipt(&s); !ok || r.State != want || r.Intermediate {
			t.Errorf("%q: %q %v", word, r.State, ok)
		}
	}
	for esm, want := range map[byte]struct{ receipt, intermediate bool }{
		0x00: {}, 0x04: {receipt: true}, 0x20: {true, true}, 0x24: {true, true}, 0x08: {}, 0x10: {}, 0x18: {}, 0x0C: {}, 0x14: {},
		0x3C: {}, 0x07: {receipt: true}, 0x84: {receipt: true}, 0x03: {}, 0x80: {},
	} {
		s := receipt("id:1 stat:ENROUTE")
		s.ESMClass = esm
		r, ok := Texts{}.ParseReceipt(&s)
		if ok != want.receipt || r.Intermediate != want.intermediate || !ok && r.ID != "" {
			t.Errorf("esm_class %02x: %v, intermediate %v", esm, ok, r.Intermediate)
		}
	}
	s := receipt("id:1")
	s.ESMClass = esmIntermediate
	if r, ok := (Texts{}).ParseReceipt(&s); !ok || r.State != gateway.Enroute {
		t.Errorf("an intermediate notification without a state is %q", r.State)
	}
}

// TestNoReceipt: what names no message.
func TestNoReceipt(t *testing.T) {
	for _, s := range []gateway.Segment{
		receipt(""), receipt("hello"), receipt("stat:DELIVRD err:000"), receipt("id: stat:DELIVRD"), receipt("paid:5 void:6"),
		receipt("\x00\x01\xFF\xFE"), receipt("", tlv(gateway.TagMessageState, "\x02")), receipt("id:", tlv(gateway.TagReceiptedMessageID, "\x00\x00")),
		{ESMClass: esmReceipt | udhi, Short: []byte("\xFFid:1 stat:DELIVRD")},
	} {
		if r, ok := (Texts{}).ParseReceipt(&s); ok {
			t.Errorf("%q: %s", s.Short, shown(r))
		}
	}
}

// TestComposedReceipt is Appendix B to the letter.
func TestComposedReceipt(t *testing.T) {
	at := time.Date(2026, 11, 22, 23, 59, 30, 0, time.FixedZone("", 3600))
	s := Texts{}.ComposeReceipt(gateway.Receipt{ID: "a_b@1", Submitted: at, Done: at.Add(time.Minute), State: gateway.StateSent,
		Error: "12345", Network: []byte{3, 0, 7}, Reference: []byte{1, 9}})
	want := "id:a_b@1 sub:001 dlvrd:001 submit date:2611222259 done date:2611222300 stat:DELIVRD err:345 text:"
	if string(s.Short) != want || s.ESMClass != 0x04 || s.DataCoding != 0 {
		t.Errorf("%q, esm_class %x", s.Short, s.ESMClass)
	}
	for tag, want := range map[uint16]string{gateway.TagReceiptedMessageID: "a_b@1\x00", gateway.TagMessageState: "\x02", gateway.TagNetworkErrorCode: "\x03\x00\x07", gateway.TagUserReference: "\x01\x09"} {
		if v, ok := s.TLV(tag); !ok || string(v) != want {
			t.Errorf("parameter %x is %x", tag, v)
		}
	}
	s = Texts{}.ComposeReceipt(gateway.Receipt{ID: "1", State: gateway.Enroute, Intermediate: true, Error: "7"})
	if s.ESMClass != 0x20 || !strings.Contains(string(s.Short), "dlvrd:000 submit date:0000000000 done date:0000000000 stat:ENROUTE err:007 ") {
		t.Errorf("%q, esm_class %x", s.Short, s.ESMClass)
	}
	if s = (Texts{}).ComposeReceipt(gateway.Receipt{ID: "1", State: "odd"}); !strings.Contains(string(s.Short), "stat:UNKNOWN err:000") {
		t.Errorf("%q", s.Short)
	}
}

// TestReceiptsReadBack: any receipt is read as it was composed, from the text
// alone, from the parameters, and from both.
func TestReceiptsReadBack(t *testing.T) {
	minute := rapid.Int64Range(0, 1<<26)
	rapid.Check(t, func(t *rapid.T) {
		want := gateway.Receipt{
			ID:           gateway.Sensitive(rapid.StringMatching(`[!-~]{1,64}`).Draw(t, "id")),
			State:        rapid.SampledFrom(states[1:]).Draw(t, "state"),
			Error:        rapid.StringMatching(`[0-9A-F]{3}`).Draw(t, "err"),
			Submitted:    time.Unix(946684800+60*minute.Draw(t, "submitted")%1577836800, 0).UTC().Truncate(time.Minute),
			Done:         time.Unix(946684800+60*minute.Draw(t, "done")%1577836800, 0).UTC().Truncate(time.Minute),
			Source:       gateway.Line{Addr: "4242"},
			Dest:         gateway.Line{Addr: "15551234567"},
			Intermediate: rapid.Bool().Draw(t, "intermediate"),
		}
		s := Texts{}.ComposeReceipt(want)
		for _, tlvs := range [][]gateway.TLV{s.TLVs, nil} {
			s.TLVs = tlvs
			if got, ok := (Texts{}).ParseReceipt(&s); !ok || !sameReceipt(got, want) {
				t.Fatalf("%v of %q\n got %s\nwant %s", ok, s.Short, shown(got), shown(want))
			}
		}
	})
}
