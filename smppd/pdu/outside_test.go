package pdu_test

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatepost/smppd/pdu"
)

// outsideCase is one case of the smpp-pdus set, which this project did not
// write: the PDUs in the tests of cloudhopper-smpp, jasmin and node-smpp.
type outsideCase struct {
	ID     string
	Hex    string
	Expect struct {
		Fields  map[string]any
		Partial bool
		Rejects bool `json:"upstream_rejects"`
	}
}

// outside reads the set, or skips loudly.
func outside(t testing.TB) []outsideCase {
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
	var cases []outsideCase
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c outsideCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if len(cases) == 0 {
		t.Fatal("smpp-pdus holds no case")
	}
	return cases
}

func (c outsideCase) raw(t testing.TB) []byte {
	t.Helper()
	raw, err := hex.DecodeString(c.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// differs are the cases where the set says that upstream rejects a PDU and the
// codec reads it, with the reason. The other way round there is none.
var differs = map[string]string{
	"cloudhopper:PduDecoderTest.decodeTooBigSequenceNumber:0": "sequence_number 0x80000000 is outside section 3.2, " +
		"but it is only ever written back, and a link must not die of it; the test of upstream fails if it is refused, too",
}

// TestOutside: every whole PDU of the set decodes to the fields that it names,
// and is written again with the same octets; of every other the Reader says
// that there is more to come.
func TestOutside(t *testing.T) {
	whole, asserted := 0, 0
	for _, c := range outside(t) {
		t.Run(c.ID, func(t *testing.T) {
			raw := c.raw(t)
			if c.Expect.Partial {
				if c = c.completed(t); c.Expect.Partial {
					c.partial(t)
					return
				}
				raw = c.raw(t)
			}
			whole++
			p, err := pdu.Decode(raw)
			if reason := differs[c.ID]; c.Expect.Rejects && reason == "" {
				if err == nil {
					t.Fatal("decodes, and upstream rejects it")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			asserted += c.fields(t, p, len(raw))
			again, err := pdu.Append(nil, p)
			if err != nil {
				t.Fatal(err)
			}
			if want := normal(t, c.ID, raw); string(again) != string(want) {
				t.Errorf("written again:\n%x\nwant\n%x", again, want)
			}
		})
	}
	if whole < 35 || asserted < 150 {
		t.Errorf("%d whole PDUs with %d fields: the set has shrunk", whole, asserted)
	}
}

// normal is the form in which Append writes what was read, where it differs.
func normal(t *testing.T, id string, raw []byte) []byte {
	t.Helper()
	switch raw = append([]byte(nil), raw...); id {
	case "cloudhopper:PduDecoderTest.decodeSubmitSmRespWithNoMessageId:0", "cloudhopper:PduDecoderTest.decodeDeliverSmRespWithNoMessageId:0":
		raw = append(raw, 0)
	}
	raw[3] = byte(len(raw)) // none of these is longer than 255, except
	if id == text255 {
		raw[3] = 0x30
	}
	return raw
}

const text255 = "cloudhopper:PduDecoderTest.decodeSubmitSmWith255ByteShortMessage:0"

// completed appends the text that the set left out of a PDU whose fields it
// names all the same.
func (c outsideCase) completed(t *testing.T) outsideCase {
	if c.ID == text255 {
		c.Hex += hex.EncodeToString([]byte(strings.Repeat("Lorem", 51)))
		c.Expect.Partial = false
	}
	return c
}

// partial: what is not one whole PDU is told as such, by the Reader too.
func (c outsideCase) partial(t *testing.T) {
	raw := c.raw(t)
	var framing *pdu.FramingError
	if _, err := pdu.Decode(raw); !errors.As(err, &framing) {
		t.Errorf("Decode: %v, want a FramingError", err)
	}
	_, err := pdu.NewReader(strings.NewReader(string(raw)), 0).Read()
	if !errors.As(err, &framing) && err != io.ErrUnexpectedEOF {
		t.Errorf("Read: %v", err)
	}
	if len(c.Expect.Fields) > 0 {
		t.Errorf("names the fields %v, which nobody looked at", c.Expect.Fields)
	}
}

// fields asserts every field that the case names, and counts them.
func (c outsideCase) fields(t *testing.T, p pdu.PDU, size int) int {
	t.Helper()
	got := names(p)
	got["CommandLength"] = size
	for name, want := range c.Expect.Fields {
		v, ok := got[name]
		if !ok {
			t.Errorf("no field %s", name)
			continue
		}
		switch want := want.(type) {
		case float64:
			if n, ok := v.(int); !ok || n != int(want) {
				t.Errorf("%s is %v, want %v", name, v, want)
			}
		case string:
			if v != want {
				t.Errorf("%s is %q, want %q", name, v, want)
			}
		default:
			t.Errorf("%s is expected to be %T", name, want)
		}
	}
	return len(c.Expect.Fields)
}

// names gives the fields of a PDU the names that the set uses.
func names(p pdu.PDU) map[string]any {
	f := map[string]any{
		"CommandId": int(p.Command), "CommandStatus": int(p.Status), "SequenceNumber": int(p.Sequence),
	}
	switch b := p.Body.(type) {
	case *pdu.Bind:
		f["SystemId"], f["Password"], f["SystemType"], f["AddressRange"] = b.SystemID, b.Password.Reveal(), b.SystemType, b.AddressRange
	case *pdu.MessageResp:
		f["MessageId"] = b.MessageID
	case *pdu.Alert:
		f["SourceAddress"], f["EsmeAddress"] = b.Source.Addr, b.ESME.Addr
	case *pdu.Replace:
		s := &b.Segment
		f["SourceAddress"], f["ScheduleDeliveryTime"], f["ValidityPeriod"] = s.Source.Addr, s.Schedule, s.Validity
	case *pdu.Message:
		s := &b.Segment
		f["ServiceType"], f["SourceAddress"], f["DestAddress"] = s.ServiceType, s.Source.Addr, s.Dest.Addr
		f["EsmClass"], f["ProtocolId"], f["Priority"] = int(s.ESMClass), int(s.ProtocolID), int(s.Priority)
		f["ScheduleDeliveryTime"], f["ValidityPeriod"] = s.Schedule, s.Validity
		f["RegisteredDelivery"], f["ReplaceIfPresent"] = int(s.Registered), int(s.Replace)
		f["DataCoding"], f["DefaultMsgId"] = int(s.DataCoding), int(s.DefaultID)
		f["ShortMessage"], f["ShortMessageLength"] = len(s.Short), len(s.Short)
		f["OptionalParameters"], f["OptionalParameterCount"] = len(s.TLVs), len(s.TLVs)
	}
	return f
}
