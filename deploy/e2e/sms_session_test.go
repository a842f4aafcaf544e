package e2e

import (
	octets "encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSMSPartsMissingAndDoubled: a text whose part never comes reaches nobody
// and is told of; parts that come twice do no harm.
func TestSMSPartsMissingAndDoubled(t *testing.T) {
	t.Parallel()
	s := newSMSSite(t, passAll, nil, "sms:",
		"  accounts: [{system_id: clinic, password: {file: clinic.password}, senders: [\""+clinicNumber+"\"], inbox: frontdesk@clinic.example}]",
		"  upstream: {addr: \"%SMSC%\", system_id: gw, password: {file: upstream.password}}", "  timers: {part_timeout: 3s}")
	a := s.app()
	long := smsText{from: clinicNumber, to: patient, text: strings.Repeat("In several parts. ", 20)}
	long.order = []int{1, 3}
	ids := a.Submit(long)
	eventually(t, answerPatience, func() string {
		for _, id := range ids {
			if !slices.ContainsFunc(a.Receipts(), func(r smsReceipt) bool { return r.id == id && r.state != "DELIVRD" }) {
				return fmt.Sprintf("no receipt says that %s failed: %v", id, a.Receipts())
			}
		}
		return ""
	})
	if got := s.carrier.submits(); len(got) != 0 {
		t.Errorf("of a text without its second part came %v", got)
	}
	long.order = []int{2, 3, 3, 1, 2}
	a.Submit(long)
	if got := s.textTo(patient, "In several parts."); got.text != long.text {
		t.Errorf("doubled parts made %q", got.text)
	}
	time.Sleep(4 * time.Second)
	if got := s.carrier.submits(); len(got) != 3 {
		t.Errorf("%d segments came of a text of three", len(got))
	}
}

// TestSMSDeliveriesGoToReceivers: receipts and texts from outside go to binds
// that receive, not to the transmitter; again after a refusal, and to the next
// bind where the first went away without an answer.
func TestSMSDeliveriesGoToReceivers(t *testing.T) {
	t.Parallel()
	s := newSMSSite(t, passAll, nil)
	sends, hears := s.app(object{"mode": "transmitter"}), s.app(object{"mode": "receiver"})
	other := startNodeApp(t, s.smpp, "other", longPassword)
	text := smsText{from: clinicNumber, to: patient, text: "Your appointment is on Monday."}
	receipt := func(a *lineApp, id string, settled bool) {
		t.Helper()
		eventually(t, answerPatience, func() string {
			for _, e := range a.told("deliver", nil) {
				if e.isReceipt() && receiptFrom(e.Text, e.Receipted, e.State).id == id && (string(e.Answered) == "0") == settled {
					return ""
				}
			}
			return "no receipt for " + id
		})
	}
	receipt(hears, sends.Submit(text)[0], true)

	hears.do(object{"do": "answer", "status": 0x64, "count": 2})
	id := sends.Submit(text)[0]
	receipt(hears, id, false)
	receipt(hears, id, true)

	hears.do(object{"do": "answer", "status": -1, "count": 1})
	id = sends.Submit(text)[0]
	receipt(hears, id, false)
	hears.process.kill()
	receipt(s.app(), id, true)

	if n := len(sends.told("deliver", nil)) + len(other.told("deliver", nil)); n != 0 {
		t.Errorf("%d deliver_sm went to a transmitter or to another account", n)
	}
}

// TestSMSQueryAndCancel: what waits can be asked for and taken back, by its
// own account only.
func TestSMSQueryAndCancel(t *testing.T) {
	t.Parallel()
	s := newSMSSite(t, passAll, nil)
	a, other := s.app(), startNodeApp(t, s.smpp, "other", longPassword)
	s.carrier.do(object{"do": "stop"})
	s.carrier.do(object{"do": "close"})
	s.carrier.wait(1, answerPatience, "stopped", nil)
	keep := a.Submit(smsText{from: clinicNumber, to: patient, text: "This one stays."})[0]
	gone := a.Submit(smsText{from: clinicNumber, to: patient, text: "This one goes."})[0]
	ask := func(x *lineApp, do, id, from string) smsEvent {
		t.Helper()
		n := len(x.told("answer", nil))
		x.do(object{"do": do, "tag": id, "id": id, "from": from, "to": patient})
		return x.wait(n+1, answerPatience, "answer", nil)[n]
	}
	if e := ask(a, "query", gone, clinicNumber); e.Status != 0 || e.State != 1 {
		t.Errorf("query of what waits: status 0x%x, state %d", e.Status, e.State)
	}
	for _, do := range []string{"query", "cancel"} {
		if e := ask(other, do, gone, clinicNumber); e.Status == 0 {
			t.Errorf("%s by another account was answered with 0", do)
		}
	}
	eventually(t, answerPatience, func() string { // refused while an attempt is under way
		if e := ask(a, "cancel", gone, clinicNumber); e.Status != 0 {
			return fmt.Sprintf("cancel: status 0x%x", e.Status)
		}
		return ""
	})
	s.carrier.do(object{"do": "listen"})
	s.textTo(patient, "This one stays.")
	time.Sleep(2 * time.Second)
	if got := s.carrier.texts(); len(got) != 1 {
		t.Errorf("after the cancel came %q", got)
	}
	if e := ask(a, "query", keep, clinicNumber); e.Status == 0 && e.State != 2 {
		t.Errorf("query of what was delivered: state %d", e.State)
	}
	if e := ask(a, "cancel", keep, clinicNumber); e.Status == 0 {
		t.Error("what was delivered could be taken back")
	}
}

// TestSMSOverTLS: both sides speak TLS, and nobody else is taken for the
// carrier.
func TestSMSOverTLS(t *testing.T) {
	t.Parallel()
	dir := workDir(t)
	ca, stranger := newAuthority(t, dir), newAuthority(t, workDir(t))
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	_, cert, key := ca.issue(t, 7)
	install(t, certFile, keyFile, cert, key)
	accounts := "  accounts: [{system_id: clinic, password: {file: clinic.password}, senders: [\"" + clinicNumber + "\"], inbox: frontdesk@clinic.example}]"
	upstream := "  upstream: {addr: \"%SMSC%\", system_id: gw, password: {file: upstream.password}, tls: verify, ca: "
	s := newSMSSite(t, passAll, object{"key": keyFile, "cert": certFile}, "sms:", accounts, upstream+ca.file+"}", "  timers: {redeliver: 1s}")
	a := startNodeApp(t, s.smpps, "clinic", smsPassword, object{"tls": true})
	reaches(t, a, s.carrier, smsText{from: clinicNumber, to: patient, text: "Your appointment is on Monday at 9:30."})
	receiptsCome(t, a, s.carrier)
	mosCome(t, a, s.carrier)

	s.stop()
	binds := len(s.carrier.told("bind", nil))
	write(t, s.file, strings.Replace(readFile(t, s.file), ca.file, stranger.file, 1))
	s.start()
	time.Sleep(3 * time.Second)
	if n := len(s.carrier.told("bind", nil)); n != binds {
		t.Error("a carrier whose certificate nobody vouches for was given the password")
	}
}

// pduBytes is a PDU of SMPP v3.4 section 3.2.
func pduBytes(command, sequence uint32, body string) []byte {
	b := octets.BigEndian.AppendUint32(nil, uint32(16+len(body)))
	for _, v := range []uint32{command, 0, sequence} {
		b = octets.BigEndian.AppendUint32(b, v)
	}
	return append(b, body...)
}

// TestSMSHostilePeers: peers that never bind, never read, flood, and claim PDUs
// of four gigabytes are bounded in memory and do not disturb an application.
func TestSMSHostilePeers(t *testing.T) {
	s := newSMSSite(t, passAll, nil)
	a := s.app()
	text := smsText{from: clinicNumber, to: patient, text: "Your appointment is on Monday."}
	a.Submit(text)
	before := s.memory("VmRSS")
	dial := func() net.Conn {
		c, err := net.Dial("tcp", s.smpp)
		must(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	for range 50 {
		dial() // never binds
	}
	bind := pduBytes(0x09, 1, "other\x00"+longPassword+"\x00\x00\x34\x00\x00\x00")
	submit := func(seq uint32) []byte {
		return pduBytes(0x04, seq, "\x00\x01\x01"+otherNumber[1:]+"\x00\x01\x01"+patient[1:]+"\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x05hello")
	}
	for name, c := range map[string]struct {
		bound bool
		said  []byte
	}{
		"four gigabytes":          {true, []byte("\xff\xff\xff\xff\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x02")},
		"four gigabytes, unbound": {false, []byte("\xff\xff\xff\xff\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x01")},
		"length 0":                {true, make([]byte, 64)},
		"length 15":               {true, []byte("\x00\x00\x00\x0f\x00\x00\x00\x15\x00\x00\x00\x00\x00\x00\x00")},
		"HTTP":                    {false, []byte("GET / HTTP/1.1\r\nHost: gatepost\r\n\r\n")},
	} {
		conn := dial()
		if c.bound {
			_, err := conn.Write(bind)
			must(t, err)
		}
		_, err := conn.Write(c.said)
		must(t, err)
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		if n, err := io.Copy(io.Discard, conn); err != nil || n > 1000 {
			t.Errorf("%s: the connection did not end after %d octets: %v", name, n, err)
		}
	}
	for range 4 { // binds, floods and never reads
		conn := dial()
		_, err := conn.Write(bind)
		must(t, err)
		go func() {
			for seq := uint32(2); ; seq++ {
				if _, err := conn.Write(submit(seq)); err != nil {
					return
				}
			}
		}()
	}
	for range 10 {
		start := time.Now()
		a.Submit(text)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("beside the flood a submit took %v", took)
		}
		time.Sleep(500 * time.Millisecond)
	}
	t.Logf("%.0f MiB before, at most %.0f MiB beside hostile peers", before, s.memory("VmHWM"))
	if grown := s.memory("VmHWM") - before; grown > 300 && !underRace {
		t.Errorf("the process grew by %.0f MiB", grown)
	}
}
