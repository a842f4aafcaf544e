package relay

import (
	"fmt"
	"slices"
	"strings"

	"gatepost/gateway"
)

// exchange is one transaction for some of the recipients: pending and out
// index into tx.Recipients.
type exchange struct {
	cn      *conn
	tx      *Transaction
	pending []int
	out     []gateway.Outcome
	ahead   bool // commands were all written at once (RFC 2920)
	spoke   bool // a reply to MAIL arrived
}

// run fills out for every pending recipient.
func (x *exchange) run() {
	if t := x.lacks(); t != nil {
		x.settle(x.pending, t)
		x.spoke = true // nothing was asked, so nothing can be stale
		return
	}
	if x.withoutUTF8(); len(x.pending) == 0 {
		x.spoke = true
		return
	}
	x.cn.served++
	x.cn.dirty = true
	mail, rcpts := x.commands()
	x.ahead = x.cn.ext.pipelining
	if x.ahead {
		if err := x.cn.write([]byte(mail + strings.Join(rcpts, "") + "DATA\r\n")); err != nil {
			if _, err = x.cn.lastWords(err); err != nil {
				x.settle(x.pending, ioTrouble(phaseMail, err))
				return
			}
			x.settle(x.pending, ioTrouble(phaseMail, errBroken))
			return
		}
	}
	if t := x.mail(mail); t != nil {
		x.settle(x.pending, t)
		x.abandon(len(rcpts), false)
		return
	}
	accepted := x.rcpt(rcpts)
	if len(accepted) == 0 {
		x.abandon(0, true)
		return
	}
	x.data(accepted)
}

// lacks is the trouble of a next hop that cannot carry the message: a mail is
// never rewritten to fit. Clients ask for extensions out of habit; content
// that is all ASCII needs neither.
func (x *exchange) lacks() *trouble {
	ext, tx := x.cn.ext, x.tx
	utf8, eight := tx.UTF8 && !ext.utf8, tx.EightBit && !ext.eightBit
	if utf8 || eight {
		ascii, err := tx.isASCII()
		if err != nil {
			return asTrouble(phaseData, opened(err))
		}
		utf8, eight = utf8 && !ascii, eight && !ascii
	}
	switch {
	case utf8 || !ext.utf8 && !tx.From.IsASCII():
		return lacksUTF8()
	case eight:
		return refusal(phaseMail, "5.6.3", "The next hop does not support 8-bit mail")
	case ext.maxSize > 0 && tx.Size > ext.maxSize:
		return refusal(phaseMail, "5.3.4", "The message is larger than the next hop allows")
	}
	return nil
}

func lacksUTF8() *trouble {
	return refusal(phaseMail, "5.6.7", "The next hop does not support internationalised mail")
}

// withoutUTF8 settles the recipients whose addresses the next hop cannot read
// and leaves the others pending.
func (x *exchange) withoutUTF8() {
	if x.cn.ext.utf8 {
		return
	}
	var rest []int
	for _, i := range x.pending {
		if x.tx.Recipients[i].Address.IsASCII() {
			rest = append(rest, i)
		} else {
			x.settle([]int{i}, lacksUTF8())
		}
	}
	x.pending = rest
}

// needsUTF8 reports whether the transaction is to be marked as one of RFC 6531.
func (x *exchange) needsUTF8() bool {
	foreign := func(i int) bool { return !x.tx.Recipients[i].Address.IsASCII() }
	return x.tx.UTF8 || !x.tx.From.IsASCII() || slices.ContainsFunc(x.pending, foreign)
}

// commands writes MAIL and RCPT with the parameters that the next hop offered.
func (x *exchange) commands() (mail string, rcpts []string) {
	ext, tx := x.cn.ext, x.tx
	var b strings.Builder
	fmt.Fprintf(&b, "MAIL FROM:<%s>", tx.From.Wire())
	if ext.size && tx.Size > 0 {
		fmt.Fprintf(&b, " SIZE=%d", tx.Size)
	}
	if tx.EightBit && ext.eightBit {
		b.WriteString(" BODY=8BITMIME")
	}
	if ext.utf8 && x.needsUTF8() {
		b.WriteString(" SMTPUTF8")
	}
	if ext.dsn {
		b.WriteString(mailDSN(tx))
	}
	b.WriteString("\r\n")
	for _, i := range x.pending {
		rcpts = append(rcpts, rcptLine(tx.Recipients[i], ext.dsn))
	}
	return b.String(), rcpts
}

// ask sends one command, unless it is on its way already, and reads its reply.
func (x *exchange) ask(phase, line string) (reply, *trouble) {
	patience := x.cn.client.config.Timeouts
	wait := patience.Mail
	switch phase {
	case phaseRcpt:
		wait = patience.Rcpt
	case phaseData:
		wait = patience.DataInit
	}
	var r reply
	var err error
	if x.ahead {
		r, err = x.cn.read(wait)
	} else {
		r, err = x.cn.command(strings.TrimSuffix(line, "\r\n"), wait)
	}
	if err != nil {
		return reply{}, ioTrouble(phase, err)
	}
	return r, nil
}

func (x *exchange) mail(line string) *trouble {
	r, t := x.ask(phaseMail, line)
	switch {
	case t != nil:
		return t
	case r.class() == 2:
		x.spoke = true
		return nil
	}
	x.spoke = r.code != 421 // a kept connection that only says goodbye is stale
	return x.unwelcome(phaseMail, r)
}

// unwelcome is the trouble of a reply other than the one hoped for; one that
// has no place here at all also ends the connection, because the two sides
// disagree about where they are.
func (x *exchange) unwelcome(phase string, r reply) *trouble {
	if r.class() < 4 {
		x.cn.broken = true
	}
	return answered(phase, r)
}

// rcpt returns the recipients that the next hop takes and settles the others.
func (x *exchange) rcpt(lines []string) (accepted []int) {
	for k, i := range x.pending {
		r, t := x.ask(phaseRcpt, lines[k])
		if t == nil && r.class() == 2 {
			accepted = append(accepted, i)
			continue
		}
		if t == nil {
			t = x.unwelcome(phaseRcpt, r)
		}
		x.settle(x.pending[k:k+1], t)
		if x.cn.broken { // gone: what follows has no meaning
			t.result = gateway.Deferred
			x.settle(x.pending[k+1:], t)
			x.settle(accepted, t)
			x.distrust(t)
			return nil
		}
	}
	return accepted
}

// distrust takes back what the exchange has settled when t shows that replies
// and commands have not belonged together: a refusal may have been meant for
// somebody else.
func (x *exchange) distrust(t *trouble) {
	if t.astray {
		x.settle(x.pending, t)
	}
}

// data sends the body to the accepted recipients.
func (x *exchange) data(accepted []int) {
	r, t := x.ask(phaseData, "DATA")
	switch {
	case t != nil:
		x.settle(accepted, t)
		x.distrust(t)
		return
	case r.code != 354:
		t = x.unwelcome(phaseData, r)
		x.settle(accepted, t)
		x.distrust(t)
		return
	case !x.cn.inStep(): // the reply to the body cannot come before the body
		x.cn.broken = true
		t = ioTrouble(phaseData, errBroken)
		x.settle(accepted, t)
		x.distrust(t)
		return
	}
	r, err := x.cn.sendBody(x.tx.Open)
	switch {
	case err != nil:
		x.settle(accepted, asTrouble(phaseData, err))
	case r.class() == 2:
		x.cn.dirty = false
		x.taken(accepted, r)
	default:
		x.cn.dirty = false
		t := x.unwelcome(phaseDot, r)
		t.unknown = r.class() == 3 // answered, but with nothing that says yes or no
		x.settle(accepted, t)
	}
}

// abandon reads what is left of a pipelined group whose recipients were all
// refused. A next hop that says 354 all the same is given a lone dot, which
// RFC 2920 section 3.1 asks for; nobody can receive it.
func (x *exchange) abandon(rcpts int, mailTaken bool) {
	if !x.ahead || x.cn.broken {
		return
	}
	for range rcpts {
		if _, t := x.ask(phaseRcpt, ""); t != nil || x.cn.broken {
			return
		}
	}
	r, t := x.ask(phaseData, "")
	if t != nil || r.class() >= 4 {
		return
	}
	if r.code != 354 || !mailTaken {
		x.cn.broken = true
		return
	}
	_, _ = x.cn.command(".", x.cn.client.config.Timeouts.DataInit)
}

// settle writes the same outcome for several recipients.
func (x *exchange) settle(which []int, t *trouble) {
	at := x.cn.client.config.Now()
	for _, i := range which {
		x.out[i] = t.outcome(at, x.cn.host(), x.cn.tls)
	}
}

func (x *exchange) taken(which []int, r reply) {
	x.cn.client.metrics.sent(x.cn.tls)
	at := x.cn.client.config.Now()
	for _, i := range which {
		x.out[i] = gateway.Outcome{
			Result: gateway.Sent, At: at, Code: r.code, Status: r.status(), Text: r.text(),
			Phase: phaseDot, Host: x.cn.host(), TLS: x.cn.tls, DSN: x.cn.ext.dsn,
		}
	}
}
