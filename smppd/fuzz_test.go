package smppd

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/observe"
	"gatepost/smppd/pdu"
	"gatepost/smppd/text"
)

// seeds are streams of octets: each request after a bind, and what is none.
func seeds(f *testing.F) {
	var bound []byte
	add := func(to []byte, p pdu.PDU) []byte {
		p.Sequence = 3
		b, err := pdu.Append(to, p)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	bound = add(bound, bindPDU(pdu.BindTransceiver, "esme1", "secret1"))
	all := bytes.Clone(bound)
	for _, p := range requests() {
		f.Add(add(bytes.Clone(bound), p))
		f.Add(add(nil, p))
		if p.Command != pdu.Unbind {
			all = add(all, p)
		}
	}
	f.Add(all)
	f.Add(append(bytes.Clone(bound), header(0xFFFFFFFF, 4, 1)...))
	f.Add(append(bytes.Clone(bound), header(17, 0x555, 1)...))
	f.Add(add(bytes.Clone(bound), pdu.PDU{Command: pdu.DeliverSMResp, Status: pdu.RX_T_APPN}))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
}

// FuzzSession feeds a session any octets. It must answer what it can, end, and
// show nothing of it in its log; each answer is a PDU, and status 0 answers
// nothing that the Gateway has not taken.
func FuzzSession(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, stream []byte) {
		if len(stream) > 8<<10 {
			return
		}
		g := newFake()
		g.put("esme1", mo("k1", "SECRETWORDS"))
		g.submit = func(_ context.Context, s submitted) (string, []gateway.LineFault, error) {
			if bytes.Contains(s.segment.Payload(), []byte("!")) {
				return "", nil, gateway.FaultStorage
			}
			return g.take(s), nil, nil
		}
		var log bytes.Buffer
		s, err := New(Config{
			Accounts: accountsForTests(), Place: place, Receipt: receipt, Older: text.Texts{}.Older,
			Logger: observe.NewLogger(&log, slog.LevelDebug),
			Limits: Limits{AuthDelay: time.Nanosecond, Write: 5 * time.Second},
			Timers: Timers{Response: 20 * time.Millisecond},
		}, g)
		if err != nil {
			t.Fatal(err)
		}
		ours, theirs := net.Pipe()
		s.admit(theirs, SMPP)
		go func() {
			_ = ours.SetWriteDeadline(time.Now().Add(5 * time.Second))
			_, _ = ours.Write(stream)
			time.Sleep(time.Millisecond)
			_ = s.Shutdown(context.Background())
			_ = ours.Close()
		}()
		accepted := answers(t, ours)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Fatalf("the session does not end: %v", err)
		}
		if taken := len(g.taken()); accepted > taken {
			t.Errorf("%d were answered with 0, %d taken", accepted, taken)
		}
		for _, secret := range []string{"SECRETWORDS", "secret1", "15557654321"} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("the log shows %q: %s", secret, log.String())
			}
		}
	})
}

// answers reads what the server says to the end, and counts submissions that
// it took.
func answers(t *testing.T, conn net.Conn) (accepted int) {
	in := pdu.NewReader(conn, 0)
	for {
		p, err := in.Read()
		if err != nil {
			if err != io.EOF && err != io.ErrClosedPipe && err != io.ErrUnexpectedEOF {
				t.Errorf("an answer that cannot be read: %v", err)
			}
			return accepted
		}
		switch p.Command {
		case pdu.SubmitSMResp, pdu.DataSMResp, pdu.SubmitMultiResp:
			if p.Status == pdu.OK {
				accepted++
			}
		}
	}
}
