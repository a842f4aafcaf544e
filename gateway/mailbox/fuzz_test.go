package mailbox

import (
	"bytes"
	"testing"
	"time"

	"gatepost/gateway"
)

// FuzzRecords: no octets crash the readers of marks and entries, and what they
// accept is written again so that it reads the same.
func FuzzRecords(f *testing.F) {
	e := gateway.MailEntry{Message: gateway.MessageID{1}, At: time.Unix(1, 2), Head: "A: b\r\n", Inline: "x", Size: 7}
	f.Add(encodeEntry(&e))
	f.Add(encodeMarks(&gateway.Marks{Seen: true, Keywords: []string{"$GatepostOpened", "b"}}))
	f.Add([]byte{1, 1, 0, 0, 0, 7, 2, 0, 0, 1, 0})
	f.Add([]byte{binaryFormat, 255, 3, 'a'})
	f.Fuzz(func(t *testing.T, value []byte) {
		if m, err := make(words).decodeMarks(value); err == nil {
			again, err := make(words).decodeMarks(encodeMarks(&m))
			if err != nil || !again.Equal(m) {
				t.Errorf("marks %+v read again as %+v, %v", m, again, err)
			}
		}
		var p, same Places
		if p.ReadRecord(value) == nil {
			written, _ := p.AppendRecord(nil)
			if err := same.ReadRecord(written); err != nil || !bytes.Equal(written, value) {
				t.Errorf("places %+v read again as %+v, %v", p, same, err)
			}
		}
		var e, again gateway.MailEntry
		if decodeEntry(value, &e) != nil {
			return
		}
		written := encodeEntry(&e)
		if err := decodeEntry(written, &again); err != nil || !bytes.Equal(encodeEntry(&again), written) || !again.At.Equal(e.At) || again.Head != e.Head {
			t.Errorf("entry %+v read again as %+v, %v", e, again, err)
		}
	})
}
