package pdu_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// TestRedacted: no verb of fmt and no handler of slog shows what a PDU holds,
// and no error repeats it.
func TestRedacted(t *testing.T) {
	const secret = "s3cret"
	line := gateway.Line{Addr: secret}
	tlvs := []gateway.TLV{{Tag: 5, Value: []byte(secret)}}
	segment := gateway.Segment{Source: line, Dest: line, Short: []byte(secret), TLVs: tlvs}
	list := []any{pdu.Dest{Line: line, List: secret}, pdu.Failed{Line: line}}
	for _, b := range []pdu.Body{
		&pdu.Bind{SystemID: "esme", Password: secret, AddressRange: secret, TLVs: tlvs},
		&pdu.BindResp{TLVs: tlvs},
		&pdu.OutbindBody{Password: secret, TLVs: tlvs},
		&pdu.Message{Segment: segment},
		&pdu.MessageResp{MessageID: secret, TLVs: tlvs},
		&pdu.Multi{Segment: segment, Dests: []pdu.Dest{{Line: line}, {List: secret}}},
		&pdu.MultiResp{MessageID: secret, Failed: []pdu.Failed{{Line: line}}},
		&pdu.Query{MessageID: secret, Source: line},
		&pdu.QueryResp{MessageID: secret, TLVs: tlvs},
		&pdu.Cancel{MessageID: secret, Source: line, Dest: line, TLVs: tlvs},
		&pdu.Replace{MessageID: secret, Segment: segment},
		&pdu.Alert{Source: line, ESME: line, TLVs: tlvs},
		&pdu.Extra{TLVs: tlvs},
	} {
		list = append(list, b, pdu.PDU{Command: pdu.SubmitSM, Body: b}, &pdu.PDU{Body: b}, []pdu.Body{b})
	}
	for _, v := range list {
		var out strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "pdu", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "pdu", v)
		hidden(t, fmt.Sprintf("%T", v), out.String(), secret)
	}
	for _, raw := range [][]byte{
		frame(pdu.BindReceiver, "\x00"+strings.Repeat(secret, 11)+"\x00\x00\x34\x00\x00\x00"),
		frame(pdu.SubmitSM, "\x00\x00\x00"+secret+"\n\x00"),
		frame(pdu.SubmitSM, secret+secret),
	} {
		_, err := pdu.Decode(raw)
		hidden(t, "error", fmt.Sprintf("%v %+v %#v", err, err, err), secret)
	}
}

// hidden: out holds secret neither as text nor as octets.
func hidden(t *testing.T, what, out, secret string) {
	t.Helper()
	var numbers bytes.Buffer
	for _, c := range []byte(secret) {
		fmt.Fprintf(&numbers, "%d ", c)
	}
	for _, s := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), strings.TrimSpace(numbers.String()), "czNjcmV0"} {
		if strings.Contains(out, s) {
			t.Errorf("%s shows it: %s", what, out)
		}
	}
}
