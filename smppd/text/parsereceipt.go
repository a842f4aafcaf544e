package text

import (
	"bytes"
	"strings"
	"time"

	"gatepost/gateway"
)

// ParseReceipt reads a delivery receipt or an intermediate notification out of
// a deliver_sm or data_sm; false if esm_class says that s is neither, or if
// nothing in it names a message. Carriers write receipts in many ways: keys may
// stand in any order and case, and be missing, as may the text or the optional
// parameters; where both are there and differ, the parameters count. A receipt
// that tells no state that is known is UNKNOWN, an intermediate one ENROUTE.
func (Texts) ParseReceipt(s *gateway.Segment) (gateway.Receipt, bool) {
	r := gateway.Receipt{Source: s.Dest, Dest: s.Source}
	switch s.ESMClass & esmKind {
	case esmReceipt:
	case esmIntermediate, esmIntermediate | esmReceipt:
		r.Intermediate = true
	default:
		return gateway.Receipt{}, false
	}
	fromText(&r, receiptText(s))
	fromParameters(&r, s)
	if r.ID == "" {
		return gateway.Receipt{}, false
	}
	if r.State == "" {
		r.State = gateway.StateUnknown
		if r.Intermediate {
			r.State = gateway.Enroute
		}
	}
	return r, true
}

// receiptText is the text of a receipt as it was meant: receipts are ASCII,
// whatever their data_coding, or UCS-2.
func receiptText(s *gateway.Segment) string {
	_, body, _ := userData(s, s.Payload())
	if unitsIn(body).likely(0) {
		text, _ := appendFromUTF16(nil, body, false)
		return string(text)
	}
	return string(appendOctets(nil, body))
}

// fromParameters takes what optional parameters tell, which is more reliable
// than the text.
func fromParameters(r *gateway.Receipt, s *gateway.Segment) {
	if v, ok := s.TLV(gateway.TagReceiptedMessageID); ok {
		id, _, _ := bytes.Cut(v, []byte{0})
		if id = bytes.Trim(id, blanks); len(id) > 0 {
			r.ID = gateway.Sensitive(appendOctets(nil, id))
		}
	}
	if v, ok := s.TLV(gateway.TagMessageState); ok && len(v) == 1 && int(v[0]) < len(states) && v[0] > 0 {
		r.State = states[v[0]]
	}
	if v, ok := s.TLV(gateway.TagNetworkErrorCode); ok && len(v) > 0 {
		r.Network = bytes.Clone(v)
	}
}

// receiptKeys are the keys of Appendix B, without spaces and case.
var receiptKeys = [...]string{"id", "sub", "dlvrd", "submitdate", "donedate", "stat", "err", "text"}

// fromText takes what the text tells. The first of each key counts: what
// follows "text:" is the beginning of the message itself, which could repeat
// any key.
func fromText(r *gateway.Receipt, text string) {
	fields := receiptFields(text)
	id, _, _ := strings.Cut(fields["id"], "\x00") // it ends as a C-octet string does
	r.ID = gateway.Sensitive(strings.TrimSpace(id))
	r.State = readState(fields["stat"])
	r.Error, _, _ = strings.Cut(fields["err"], " ")
	if len(r.Error) > maxReceiptError {
		r.Error = r.Error[:maxReceiptError]
	}
	r.Submitted = readTime(fields["submitdate"])
	r.Done = readTime(fields["donedate"])
}

// maxReceiptError is more than any carrier writes after "err:", in octets.
const maxReceiptError = 16

// receiptFields finds the keys: each begins the text or follows white space,
// and its value goes on to the next key, so that an id may hold anything.
func receiptFields(text string) map[string]string {
	fields := make(map[string]string, len(receiptKeys))
	key, from := "", 0
	keep := func(to int) {
		if _, ok := fields[key]; !ok && key != "" {
			fields[key] = strings.Trim(text[from:to], blanks)
		}
	}
	for at := 0; at < len(text); at++ {
		if at > 0 && !isBlank(text[at-1]) || isBlank(text[at]) {
			continue
		}
		if next, size := keyAt(text[at:]); size > 0 {
			keep(at)
			key, from = next, at+size
			at += size - 1
		}
	}
	keep(len(text))
	return fields
}

// keyAt is the key at the beginning of text, with the octets that it takes, its
// colon included. The words of a key may stand apart, together, or be joined
// by "_".
func keyAt(text string) (key string, size int) {
	for _, key := range receiptKeys {
		if n := matchKey(text, key); n > 0 {
			return key, n
		}
	}
	return "", 0
}

func matchKey(text, key string) int {
	i := 0
	for j := 0; j < len(key); i++ {
		switch {
		case i == len(text):
			return 0
		case text[i]|0x20 == key[j]:
			j++
		case j > 0 && j == len(key)-4 && (text[i] == ' ' || text[i] == '_'): // before "date"
		default:
			return 0
		}
		if i > maxKey {
			return 0
		}
	}
	if i == len(text) || text[i] != ':' {
		return 0
	}
	return i + 1
}

// maxKey is more than "submit date" takes, in octets.
const maxKey = 16

// blanks stand between keys; what is white space beyond ASCII may be of an id.
const blanks = " \t\r\n\x00"

func isBlank(c byte) bool { return strings.IndexByte(blanks, c) >= 0 }

// stateStems tell the states in all the forms in which carriers cut or spell
// them out.
var stateStems = [...]struct {
	stem  string
	state gateway.ReceiptState
}{
	{"DELI", gateway.StateSent}, {"DELV", gateway.StateSent}, {"DLVR", gateway.StateSent},
	{"DELE", gateway.StateDeleted}, {"CANC", gateway.StateDeleted},
	{"EXP", gateway.StateExpired},
	{"UNDEL", gateway.Undeliverable}, {"UNDLV", gateway.Undeliverable}, {"FAIL", gateway.Undeliverable},
	{"ACC", gateway.StateAccepted},
	{"REJ", gateway.StateRejected},
	{"ENR", gateway.Enroute}, {"BUFF", gateway.Enroute}, {"SCHED", gateway.Enroute}, {"SUBM", gateway.Enroute},
}

// readState tells a state by its stem; "" without a word, UNKNOWN for a word
// that nobody knows.
func readState(word string) gateway.ReceiptState {
	if word == "" {
		return ""
	}
	word = strings.ToUpper(word)
	for _, s := range stateStems {
		if strings.HasPrefix(word, s.stem) {
			return s.state
		}
	}
	return gateway.StateUnknown
}

// readTime reads a date of Appendix B, which is of ten digits or with seconds
// of twelve; some carriers write the century too. The zero time for anything
// else.
func readTime(text string) time.Time {
	digits := strings.TrimRight(text, " ")
	if n := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); n >= 0 {
		digits = digits[:n]
	}
	layout := ""
	switch len(digits) {
	case 10:
		layout = "0601021504"
	case 12:
		layout = "060102150405"
	case 14:
		layout = "20060102150405"
	}
	t, err := time.Parse(layout, digits)
	if err != nil || layout == "" {
		return time.Time{}
	}
	return t
}
