package pdu_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// TestFieldLimits: each C-Octet String takes what the tables of section 4
// allow and not an octet more, no control character, and its NUL is required.
func TestFieldLimits(t *testing.T) {
	const message = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" // esm_class to sm_length, with both times empty
	for _, v := range []struct {
		command pdu.Command
		field   string
		before  string
		limit   int
		after   string
		status  pdu.Status
		free    bool // any octet but NUL
	}{
		{pdu.BindTransceiver, "system_id", "", 15, "\x00\x00\x34\x00\x00\x00", pdu.RINVSYSID, false},
		{pdu.BindReceiver, "password", "\x00", 64, "\x00\x34\x00\x00\x00", pdu.RINVPASWD, true},
		{pdu.BindTransmitter, "system_type", "\x00\x00", 12, "\x34\x00\x00\x00", pdu.RINVSYSTYP, false},
		{pdu.BindTransmitter, "address_range", "\x00\x00\x00\x34\x00\x00", 40, "", pdu.RBINDFAIL, false},
		{pdu.BindReceiverResp, "system_id", "", 15, "", pdu.RINVSYSID, false},
		{pdu.Outbind, "system_id", "", 15, "\x00", pdu.RINVSYSID, false},
		{pdu.Outbind, "password", "\x00", 64, "", pdu.RINVPASWD, true},
		{pdu.SubmitSM, "service_type", "", 5, "\x00\x00\x00\x00\x00\x00" + message, pdu.RINVSERTYP, false},
		{pdu.SubmitSM, "source_addr", "\x00\x00\x00", 20, "\x00\x00\x00" + message, pdu.RINVSRCADR, false},
		{pdu.DeliverSM, "destination_addr", "\x00\x00\x00\x00\x00\x00", 20, message, pdu.RINVDSTADR, false},
		{pdu.DeliverSM, "validity_period", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 16, "\x00\x00\x00\x00\x00", pdu.RINVEXPIRY, false},
		{pdu.DeliverSM, "schedule_delivery_time", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 16, "\x00\x00\x00\x00\x00\x00", pdu.RINVSCHED, false},
		{pdu.DataSM, "service_type", "", 5, "\x00\x00\x00\x00\x00\x00\x00\x00\x00", pdu.RINVSERTYP, false},
		{pdu.DataSM, "source_addr", "\x00\x00\x00", 64, "\x00\x00\x00\x00\x00\x00", pdu.RINVSRCADR, false},
		{pdu.DataSM, "destination_addr", "\x00\x00\x00\x00\x00\x00", 64, "\x00\x00\x00", pdu.RINVDSTADR, false},
		{pdu.SubmitMulti, "destination_addr", "\x00\x00\x00\x00\x01\x01\x00\x00", 20, message, pdu.RINVDSTADR, false},
		{pdu.SubmitMulti, "dl_name", "\x00\x00\x00\x00\x01\x02", 20, message, pdu.RINVDLNAME, false},
		{pdu.SubmitMultiResp, "destination_addr", "\x00\x01\x00\x00", 20, "\x00\x00\x00\x00", pdu.RINVDSTADR, false},
		{pdu.SubmitMultiResp, "message_id", "", 64, "\x00", pdu.RINVMSGID, true},
		{pdu.SubmitSMResp, "message_id", "", 64, "", pdu.RINVMSGID, true},
		{pdu.DeliverSMResp, "message_id", "", 64, "", pdu.RINVMSGID, true},
		{pdu.DataSMResp, "message_id", "", 64, "", pdu.RINVMSGID, true},
		{pdu.QuerySM, "message_id", "", 64, "\x00\x00\x00", pdu.RINVMSGID, false},
		{pdu.QuerySM, "source_addr", "\x00\x00\x00", 20, "", pdu.RINVSRCADR, false},
		{pdu.QuerySMResp, "message_id", "", 64, "\x00\x00\x00", pdu.RINVMSGID, true},
		{pdu.CancelSM, "service_type", "", 5, "\x00\x00\x00\x00\x00\x00\x00", pdu.RINVSERTYP, false},
		{pdu.CancelSM, "message_id", "\x00", 64, "\x00\x00\x00\x00\x00\x00", pdu.RINVMSGID, false},
		{pdu.CancelSM, "source_addr", "\x00\x00\x00\x00", 20, "\x00\x00\x00", pdu.RINVSRCADR, false},
		{pdu.CancelSM, "destination_addr", "\x00\x00\x00\x00\x00\x00\x00", 20, "", pdu.RINVDSTADR, false},
		{pdu.ReplaceSM, "message_id", "", 64, "\x00\x00\x00\x00\x00\x00\x00\x00", pdu.RINVMSGID, false},
		{pdu.ReplaceSM, "source_addr", "\x00\x00\x00", 20, "\x00\x00\x00\x00\x00", pdu.RINVSRCADR, false},
		{pdu.AlertNotification, "source_addr", "\x00\x00", 64, "\x00\x00\x00", pdu.RINVSRCADR, false},
		{pdu.AlertNotification, "esme_addr", "\x00\x00\x00\x00\x00", 64, "", pdu.RINVDSTADR, false},
	} {
		t.Run(v.command.String()+"/"+v.field, func(t *testing.T) {
			p := decode(t, frame(v.command, v.before+long(v.limit)+"\x00"+v.after))
			if string(encode(t, p)) != string(frame(v.command, v.before+long(v.limit)+"\x00"+v.after)) {
				t.Error("the longest value is not written as it was read")
			}
			refused(t, frame(v.command, v.before+long(v.limit+1)+"\x00"+v.after), v.status, v.field)
			refused(t, frame(v.command, v.before+long(v.limit)), pdu.RINVCMDLEN, v.field)
			for _, odd := range []string{"\r\n", "\x1b", "\x7f", "\xe9", "\xc3\xa9"} {
				raw := frame(v.command, v.before+odd+"\x00"+v.after)
				if !v.free {
					refused(t, raw, v.status, v.field)
				} else if _, err := pdu.Decode(raw); err != nil {
					t.Errorf("with %q: %v", odd, err)
				}
			}
		})
	}
}

// refused: raw does not decode, the error says why, and the header is told.
func refused(t *testing.T, raw []byte, status pdu.Status, field string) {
	t.Helper()
	p, err := pdu.Decode(raw)
	var e *pdu.DecodeError
	if !errors.As(err, &e) {
		t.Fatalf("%q: %v, want a DecodeError", raw, err)
	}
	if e.Status != status || e.Field != field {
		t.Errorf("%q: %v of %s, want %v of %s", raw, e.Status, e.Field, status, field)
	}
	if c := pdu.Command(binary.BigEndian.Uint32(raw[4:])); e.Command != c || e.Sequence != 7 || p.Command != c || p.Sequence != 7 || p.Body != nil {
		t.Errorf("%q: the header is not told: %+v", raw, e)
	}
}

// TestMessageRules: what would let two ends read two messages is refused, when
// it is read and when it is written.
func TestMessageRules(t *testing.T) {
	head := "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" // up to sm_default_msg_id
	payload := "\x04\x24\x00\x02hi"
	for _, v := range []struct {
		name   string
		raw    []byte
		status pdu.Status
		field  string
	}{
		{"both", frame(pdu.SubmitSM, head+"\x02hi"+payload), pdu.RINVMSGLEN, "message_payload"},
		{"both, the payload empty", frame(pdu.DeliverSM, head+"\x02hi\x04\x24\x00\x00"), pdu.RINVMSGLEN, "message_payload"},
		{"two payloads", frame(pdu.SubmitSM, head+"\x00"+payload+payload), pdu.ROPTPARNOTALLWD, "doubled optional parameter"},
		{"two payloads of data_sm", frame(pdu.DataSM, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"+payload+payload), pdu.ROPTPARNOTALLWD, "doubled optional parameter"},
		{"both in submit_multi", frame(pdu.SubmitMulti, "\x00\x00\x00\x00\x01\x01\x00\x001\x00"+head[7:]+"\x02hi"+payload), pdu.RINVMSGLEN, "message_payload"},
		{"both in replace_sm", frame(pdu.ReplaceSM, "\x00\x00\x00\x00\x00\x00\x00\x00\x02hi"+payload), pdu.RINVMSGLEN, "message_payload"},
		{"two references", frame(pdu.SubmitSM, head+"\x00\x02\x0c\x00\x02\x00\x01\x02\x0c\x00\x02\x00\x02"), pdu.ROPTPARNOTALLWD, "doubled optional parameter"},
		{"two totals", frame(pdu.SubmitSM, head+"\x00\x02\x0e\x00\x01\x02\x02\x0e\x00\x01\x02"), pdu.ROPTPARNOTALLWD, "doubled optional parameter"},
		{"two numbers", frame(pdu.SubmitSM, head+"\x00\x02\x0f\x00\x01\x01\x02\x0f\x00\x01\x02"), pdu.ROPTPARNOTALLWD, "doubled optional parameter"},
		{"short reference", frame(pdu.SubmitSM, head+"\x00\x02\x0c\x00\x01\x01"), pdu.RINVPARLEN, "optional parameter"},
		{"long total", frame(pdu.SubmitSM, head+"\x00\x02\x0e\x00\x02\x00\x02"), pdu.RINVPARLEN, "optional parameter"},
		{"no number", frame(pdu.SubmitSM, head+"\x00\x02\x0f\x00\x00"), pdu.RINVPARLEN, "optional parameter"},
		{"short port", frame(pdu.SubmitSM, head+"\x00\x02\x0b\x00\x01\x01"), pdu.RINVPARLEN, "optional parameter"},
		{"two ports", frame(pdu.SubmitSM, head+"\x00\x02\x0a\x00\x02\x01\x01\x02\x0a\x00\x02\x01\x01"), pdu.ROPTPARNOTALLWD, "doubled optional parameter"},
		{"sm_length beyond the end", frame(pdu.SubmitSM, head+"\x03hi"), pdu.RINVMSGLEN, "sm_length"},
		{"sm_length below the text", frame(pdu.SubmitSM, head+"\x01hi"), pdu.RINVOPTPARSTREAM, "optional parameters"},
		{"no sm_length", frame(pdu.SubmitSM, head), pdu.RINVCMDLEN, "sm_length"},
		{"parameter beyond the end", frame(pdu.SubmitSM, head+"\x00\x04\x24\x00\x03hi"), pdu.RINVOPTPARSTREAM, "optional parameters"},
		{"257 parameters", frame(pdu.SubmitSM, head+"\x00"+strings.Repeat("\x14\x00\x00\x00", 257)), pdu.RINVOPTPARSTREAM, "optional parameters"},
		{"no destination", frame(pdu.SubmitMulti, "\x00\x00\x00\x00\x00"+head[7:]+"\x00"), pdu.RINVNUMDESTS, "number_of_dests"},
		{"255 destinations", frame(pdu.SubmitMulti, "\x00\x00\x00\x00\xff"+strings.Repeat("\x01\x00\x00\x00", 255)+head[7:]+"\x00"), pdu.RINVNUMDESTS, "number_of_dests"},
		{"destination flag 3", frame(pdu.SubmitMulti, "\x00\x00\x00\x00\x01\x03\x00\x00\x00"+head[7:]+"\x00"), pdu.RINVDESTFLAG, "dest_flag"},
		{"list without a name", frame(pdu.SubmitMulti, "\x00\x00\x00\x00\x01\x02\x00"+head[7:]+"\x00"), pdu.RINVDLNAME, "dl_name"},
		{"fewer failures than announced", frame(pdu.SubmitMultiResp, "1\x00\x02\x00\x00\x00\x00\x00\x00\x01"), pdu.RINVCMDLEN, "destination_addr"},
		{"half a status", frame(pdu.SubmitMultiResp, "1\x00\x01\x00\x00\x00\x00\x00"), pdu.RINVCMDLEN, "error_status_code"},
		{"schedule in words", frame(pdu.SubmitSM, head[:10]+"tomorrow\x00"+head[11:]+"\x00"), pdu.RINVSCHED, "schedule_delivery_time"},
		{"validity of month 13", frame(pdu.SubmitSM, head[:11]+"261322040506700+\x00"+head[12:]+"\x00"), pdu.RINVEXPIRY, "validity_period"},
		{"octets behind a header", frame(pdu.EnquireLink, "\x00"), pdu.RINVCMDLEN, "command_length"},
		{"half a parameter behind a header", frame(pdu.UnbindResp, "\x14\x00\x00\x01"), pdu.RINVCMDLEN, "command_length"},
	} {
		t.Run(v.name, func(t *testing.T) { refused(t, v.raw, v.status, v.field) })
	}
	if p := decode(t, frame(pdu.DeliverSM, head[:10]+"later\x00"+head[11:]+"\x00")); p.Body.(*pdu.Message).Segment.Schedule != "later" {
		t.Error("deliver_sm lost a field that it has no use for")
	}
}

// TestAppendRefuses: what Decode would not read is not written, and leaves
// nothing behind.
func TestAppendRefuses(t *testing.T) {
	payload := gateway.TLV{Tag: gateway.TagMessagePayload, Value: []byte("hi")}
	submit := func(s gateway.Segment) pdu.PDU {
		return pdu.PDU{Command: pdu.SubmitSM, Body: &pdu.Message{Segment: s}}
	}
	for _, v := range []struct {
		name   string
		p      pdu.PDU
		status pdu.Status
		field  string
	}{
		{"NUL in an address", submit(gateway.Segment{Dest: gateway.Line{Addr: "1\x002"}}), pdu.RINVDSTADR, "destination_addr"},
		{"control character", submit(gateway.Segment{Source: gateway.Line{Addr: "1\n2"}}), pdu.RINVSRCADR, "source_addr"},
		{"long address", submit(gateway.Segment{Source: gateway.Line{Addr: long(21)}}), pdu.RINVSRCADR, "source_addr"},
		{"256 octets", submit(gateway.Segment{Short: make([]byte, 256)}), pdu.RINVMSGLEN, "short_message"},
		{"both", submit(gateway.Segment{Short: []byte("hi"), TLVs: []gateway.TLV{payload}}), pdu.RINVMSGLEN, "message_payload"},
		{"two payloads", submit(gateway.Segment{TLVs: []gateway.TLV{payload, payload}}), pdu.ROPTPARNOTALLWD, "doubled optional parameter"},
		{"64 KiB", submit(gateway.Segment{TLVs: []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: make([]byte, 65536)}}}), pdu.RINVPARLEN, "optional parameters"},
		{"257 parameters", submit(gateway.Segment{TLVs: make([]gateway.TLV, 257)}), pdu.RINVOPTPARSTREAM, "optional parameters"},
		{"no time", submit(gateway.Segment{Validity: "soon"}), pdu.RINVEXPIRY, "validity_period"},
		{"data_sm as submit_sm", submit(gateway.Segment{Data: true}), pdu.RINVCMDID, "command_id"},
		{"submit_sm as data_sm", pdu.PDU{Command: pdu.DataSM, Body: &pdu.Message{}}, pdu.RINVCMDID, "command_id"},
		{"short_message of data_sm", pdu.PDU{Command: pdu.DataSM, Body: &pdu.Message{Segment: gateway.Segment{Data: true, Short: []byte("hi")}}}, pdu.RINVMSGLEN, "short_message"},
		{"no destination", pdu.PDU{Command: pdu.SubmitMulti, Body: &pdu.Multi{}}, pdu.RINVNUMDESTS, "number_of_dests"},
		{"255 destinations", pdu.PDU{Command: pdu.SubmitMulti, Body: &pdu.Multi{Dests: make([]pdu.Dest, 255)}}, pdu.RINVNUMDESTS, "number_of_dests"},
		{"257 destinations", pdu.PDU{Command: pdu.SubmitMulti, Body: &pdu.Multi{Dests: make([]pdu.Dest, 257)}}, pdu.RINVNUMDESTS, "number_of_dests"},
		{"256 failures", pdu.PDU{Command: pdu.SubmitMultiResp, Body: &pdu.MultiResp{Failed: make([]pdu.Failed, 256)}}, pdu.RINVNUMDESTS, "no_unsuccess"},
		{"password with NUL", pdu.PDU{Command: pdu.BindReceiver, Body: &pdu.Bind{Password: "a\x00b"}}, pdu.RINVPASWD, "password"},
		{"password of a NUL", pdu.PDU{Command: pdu.BindReceiver, Body: &pdu.Bind{Password: "\x00"}}, pdu.RINVPASWD, "password"},
		{"password of 65", pdu.PDU{Command: pdu.Outbind, Body: &pdu.OutbindBody{Password: gateway.Sensitive(long(65))}}, pdu.RINVPASWD, "password"},
		{"request without a body", pdu.PDU{Command: pdu.SubmitSM}, pdu.RINVCMDID, "body"},
		{"body of another command", pdu.PDU{Command: pdu.SubmitSM, Body: &pdu.Bind{}}, pdu.RINVCMDID, "body"},
		{"unknown command", pdu.PDU{Command: 0x0A}, pdu.RINVCMDID, "body"},
		{"unknown response", pdu.PDU{Command: 0x8000000A}, pdu.RINVCMDID, "body"},
	} {
		t.Run(v.name, func(t *testing.T) {
			got, err := pdu.Append([]byte("before"), v.p)
			var e *pdu.EncodeError
			if !errors.As(err, &e) || e.Status != v.status || e.Field != v.field || e.Command != v.p.Command {
				t.Errorf("%v, want %v of %s", err, v.status, v.field)
			}
			if string(got) != "before" {
				t.Errorf("left %q", got)
			}
			if text := err.Error(); !strings.Contains(text, v.field) || !strings.Contains(text, v.status.String()) {
				t.Errorf("says %q", text)
			}
		})
	}
}

// TestAnswers: what is malformed is answered by its own response where it has
// one, by generic_nack where not, and by nothing when it is a response.
func TestAnswers(t *testing.T) {
	for _, v := range []struct {
		raw     []byte
		command pdu.Command
		status  pdu.Status
		answer  bool
	}{
		{frame(pdu.SubmitSM, ""), pdu.SubmitSMResp, pdu.RINVCMDLEN, true},
		{frame(pdu.BindTransceiver, long(16)+"\x00"), pdu.BindTransceiverResp, pdu.RINVSYSID, true},
		{frame(pdu.EnquireLink, "x"), pdu.EnquireLinkResp, pdu.RINVCMDLEN, true},
		{frame(pdu.AlertNotification, ""), pdu.GenericNack, pdu.RINVCMDLEN, true},
		{frame(0x0A, ""), pdu.GenericNack, pdu.RINVCMDID, true},
		{frame(0x22, "anything at all"), pdu.GenericNack, pdu.RINVCMDID, true}, // query_last_msgs of v3.3
		{frame(pdu.SubmitSMResp, "x"), 0, 0, false},
		{frame(0x8000000A, ""), 0, 0, false},
		{frame(pdu.GenericNack, "x"), 0, 0, false},
	} {
		_, err := pdu.Decode(v.raw)
		var e *pdu.DecodeError
		if !errors.As(err, &e) {
			t.Fatalf("%q: %v", v.raw, err)
		}
		p, ok := e.Answer()
		if ok != v.answer {
			t.Errorf("%q: answered: %v", v.raw, ok)
		}
		if !ok {
			continue
		}
		if p.Command != v.command || p.Status != v.status || p.Sequence != 7 {
			t.Errorf("%q: answered by %v %v", v.raw, p.Command, p.Status)
		}
		if _, err := pdu.Decode(encode(t, p)); err != nil {
			t.Errorf("%q: the answer: %v", v.raw, err)
		}
	}
}

// TestLengthOfFrame: a frame that is not as long as it says is none.
func TestLengthOfFrame(t *testing.T) {
	raw := frame(pdu.SubmitSMResp, "77\x00")
	for _, v := range []struct {
		raw    []byte
		length uint32
		text   string
	}{
		{raw[:len(raw)-1], 19, "framing of SMPP lost: command_length 19"},
		{append(raw, 0), 19, "framing of SMPP lost: command_length 19"},
		{raw[:15], 15, "framing of SMPP lost: command_length 15"},
		{nil, 0, "framing of SMPP lost: command_length 0"},
	} {
		_, err := pdu.Decode(v.raw)
		var e *pdu.FramingError
		if !errors.As(err, &e) || e.Length != v.length || e.Error() != v.text {
			t.Errorf("%d octets: %v", len(v.raw), err)
		}
	}
}
