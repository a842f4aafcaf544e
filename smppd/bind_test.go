package smppd

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
	"gatepost/smppd/text"
)

func TestWrongPasswords(t *testing.T) {
	s := start(t, newFake(), nil)
	for _, login := range [][2]string{{"esme1", "secret2"}, {"esme1", "secret"}, {"esme1", "secret12"}, {"esme1", ""}, {"nobody", "secret1"}, {"", ""}, {"ESME1", "secret1"}} {
		answer := dial(t, s.addr).want(bindPDU(pdu.BindTransceiver, login[0], login[1]), pdu.RINVPASWD)
		if b, ok := answer.Body.(*pdu.BindResp); ok && b.SystemID != "" {
			t.Errorf("%q: the answer names %q", login, b.SystemID)
		}
	}
}

func TestLongPassword(t *testing.T) {
	s := start(t, newFake(), nil)
	long := accountsForTests()[1].Password.Reveal()
	c := dial(t, s.addr)
	c.want(bindPDU(pdu.BindTransceiver, "esme2", long[:8]), pdu.RINVPASWD)
	c.want(bindPDU(pdu.BindTransceiver, "esme2", long[:len(long)-1]), pdu.RINVPASWD)
	c.want(bindPDU(pdu.BindTransceiver, "esme2", long), pdu.OK)
}

func TestThirdWrongPasswordEndsTheConnection(t *testing.T) {
	s := start(t, newFake(), nil)
	c := dial(t, s.addr)
	for range 3 {
		c.want(bindPDU(pdu.BindTransmitter, "esme1", "wrong"), pdu.RINVPASWD)
	}
	c.closed()
	dial(t, s.addr).bind(pdu.BindTransmitter) // who knows the password is not locked out
}

func TestInterfaceVersion(t *testing.T) {
	s := start(t, newFake(), nil)
	for version, tlvs := range map[byte]int{0x00: 0, 0x33: 0, 0x34: 1, 0x50: 1} {
		p := bindPDU(pdu.BindTransmitter, "esme1", "secret1")
		p.Body.(*pdu.Bind).InterfaceVersion = version
		answer := dial(t, s.addr).want(p, pdu.OK)
		if got := answer.Body.(*pdu.BindResp).TLVs; len(got) != tlvs {
			t.Errorf("version %#x: %d optional parameters in the answer, want %d", version, len(got), tlvs)
		}
	}
}

func TestSessionsOfAnAccount(t *testing.T) {
	s := start(t, newFake(), func(c *Config) { c.Accounts[0].Sessions = 2 })
	first := dial(t, s.addr).bind(pdu.BindTransmitter)
	dial(t, s.addr).bind(pdu.BindReceiver)
	third := dial(t, s.addr)
	third.want(bindPDU(pdu.BindTransceiver, "esme1", "secret1"), pdu.RBINDFAIL)
	dial(t, s.addr).want(bindPDU(pdu.BindTransceiver, "esme2", accountsForTests()[1].Password.Reveal()), pdu.OK)
	first.want(pdu.PDU{Command: pdu.Unbind}, pdu.OK)
	first.closed()
	eventually(t, "room", func() bool {
		return third.ask(bindPDU(pdu.BindTransceiver, "esme1", "secret1")).Status == pdu.OK
	})
}

// Wrong passwords count for the address that sent them, and for no account.
func TestFailuresOfAnAddress(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := Limits{AuthFailures: 5, AuthDelay: 100 * time.Millisecond}.withDefaults()
	p := newPeers(l, func() time.Time { return now })
	guesser, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	var got []time.Duration
	for range 8 {
		got = append(got, p.failed(guesser, 700*time.Millisecond)/time.Millisecond)
	}
	equal(t, "pauses in ms", got, []time.Duration{0, 0, 0, 100, 200, 400, 700, 700})
	if !p.barred(guesser) || p.barred(other) {
		t.Errorf("barred: the guesser %v, another address %v", p.barred(guesser), p.barred(other))
	}
	for range 1000 {
		p.failed(netip.IPv6LinkLocalAllNodes(), time.Second)
		p.failed(netip.MustParseAddr("127.0.0.1"), time.Second)
	}
	if p.barred(netip.MustParseAddr("127.0.0.1")) {
		t.Error("applications on this machine are barred together")
	}
	now = now.Add(40 * time.Second)
	if p.barred(guesser) {
		t.Error("nothing is forgiven")
	}
}

func TestLoginIsTold(t *testing.T) {
	type login struct {
		account string
		ok      bool
	}
	var mu sync.Mutex
	var told []login
	refuse := false
	s := start(t, newFake(), func(c *Config) {
		c.Login = func(_ context.Context, p gateway.Peer, ok bool) error {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, login{p.Account, ok})
			if refuse {
				return errors.New("no evidence, no act")
			}
			return nil
		}
	})
	c := dial(t, s.addr)
	c.want(bindPDU(pdu.BindReceiver, "nobody", "x"), pdu.RINVPASWD)
	c.bind(pdu.BindReceiver)
	mu.Lock()
	equal(t, "told", told, []login{{"nobody", false}, {"esme1", true}})
	refuse = true
	mu.Unlock()
	dial(t, s.addr).want(bindPDU(pdu.BindReceiver, "esme1", "secret1"), pdu.RBINDFAIL)
}

func TestTLS(t *testing.T) {
	g := newFake()
	s := start(t, g, nil)
	c := dialTLS(t, s).bind(pdu.BindTransmitter)
	c.want(submitPDU("hello"), pdu.OK)
	peer := g.taken()[0].peer
	equal(t, "listener", peer.Listener, "smpps")
	equal(t, "tls", peer.TLS, "TLSv1.3 TLS_AES_128_GCM_SHA256")
	c.want(pdu.PDU{Command: pdu.Unbind}, pdu.OK)
	c.closed()
}

// Plain SMPP on the TLS port ends at once, and TLS on the plain port too.
func TestWrongPort(t *testing.T) {
	s := start(t, newFake(), nil)
	c := dial(t, s.secure)
	c.write(bindPDU(pdu.BindTransmitter, "esme1", "secret1"))
	c.closed()
	c = dial(t, s.addr)
	c.raw([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"))
	answer := c.read()
	equal(t, "answer", answer.Command, pdu.GenericNack)
	equal(t, "status", answer.Status, pdu.RINVCMDLEN)
	c.closed()
}

func TestSetAccounts(t *testing.T) {
	g := newFake()
	s := start(t, g, nil)
	gone, stays := dial(t, s.addr), dial(t, s.addr).bind(pdu.BindTransmitter)
	gone.want(bindPDU(pdu.BindTransmitter, "esme2", accountsForTests()[1].Password.Reveal()), pdu.OK)
	stays.want(submitFrom("NEW"), pdu.RINVSRCADR)
	next := accountsForTests()[:1]
	next[0].Senders = []gateway.Line{{TON: 5, Addr: "NEW"}}
	if err := s.SetAccounts(append(next, Account{SystemID: "sixteen octets..", Password: "x", AnySender: true})); err == nil {
		t.Error("a system_id of 16 octets was taken")
	}
	stays.want(submitFrom("NEW"), pdu.RINVSRCADR) // all or nothing
	if err := s.SetAccounts(next); err != nil {
		t.Fatal(err)
	}
	p := gone.read()
	equal(t, "to the account that is gone", p.Command, pdu.Unbind)
	gone.write(p.Response(pdu.OK, nil))
	gone.closed()
	stays.want(submitFrom("NEW"), pdu.OK)
	stays.want(submitFrom("CLINIC"), pdu.RINVSRCADR)
	next[0].Password = "another"
	if err := s.SetAccounts(next); err != nil {
		t.Fatal(err)
	}
	equal(t, "after a new password", stays.read().Command, pdu.Unbind)
}

func TestAccountsThatNobodyCanUse(t *testing.T) {
	good := Account{SystemID: "e", Password: "p", AnySender: true}
	for name, change := range map[string]func(*Account){
		"no name":       func(a *Account) { a.SystemID = "" },
		"no password":   func(a *Account) { a.Password = "" },
		"no senders":    func(a *Account) { a.AnySender = false },
		"negative rate": func(a *Account) { a.Rate = -1 },
	} {
		bad := good
		change(&bad)
		for _, list := range [][]Account{{bad}, {good, bad}, {good, good}} {
			if _, err := New(Config{Accounts: list, Place: place, Receipt: receipt, Older: text.Texts{}.Older}, newFake()); err == nil {
				t.Errorf("%s: taken", name)
			}
		}
	}
	if s, err := New(Config{Accounts: []Account{good}, Place: place, Receipt: receipt, Older: text.Texts{}.Older}, newFake()); err != nil {
		t.Error(err)
	} else {
		_ = s.Shutdown(t.Context())
	}
}
