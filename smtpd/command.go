package smtpd

import (
	"errors"
	"fmt"
	"strings"

	"gatepost/gateway"
)

// step handles the next line: it is answered here, or passed to go-smtp in a
// form that go-smtp cannot misread.
func (c *conn) step() {
	line, err := c.again, error(nil)
	if c.again = nil; line == nil {
		c.in.shrink()
		line, err = c.line(false)
	}
	wrong := errors.Is(err, errEnding) || errors.Is(err, errLongLine)
	switch {
	case err != nil && !wrong:
		c.lost(err)
	case c.isDraining():
		c.lost(errDraining)
	case c.sasl:
		c.saslLine(line, wrong)
	case wrong:
		c.badLine(line, err)
	default:
		c.command(string(line))
	}
}

// badLine refuses a line that is none. Behind a BDAT that cannot be read
// stand octets that are no commands, so the session ends there.
func (c *conn) badLine(line []byte, err error) {
	text := "Lines must end with CR LF and hold no other control octets"
	if errors.Is(err, errLongLine) {
		text = "Line too long"
	}
	verb, _ := cutVerb(string(line))
	if verb == "BDAT" || verb == "DATA" {
		c.srv.reject(reasonSyntax)
		c.cut("500 5.5.2 " + text + ", closing connection")
		return
	}
	c.wrong(reasonSyntax, "500 5.5.2 "+text)
}

// wrong refuses a command; a peer that cannot stop being wrong is sent away.
func (c *conn) wrong(why reason, line string) {
	c.srv.reject(why)
	if c.bad++; c.bad > c.srv.cfg.Limits.BadCommands {
		c.srv.reject(reasonBad)
		c.cut("421 4.7.0 Too many errors, closing connection")
		return
	}
	c.say(line)
}

// cutVerb splits a command into its verb, in upper case, and the rest.
func cutVerb(line string) (verb, arg string) {
	verb, arg, _ = strings.Cut(line, " ")
	return strings.ToUpper(verb), strings.Trim(arg, " \t")
}

// command handles one command.
func (c *conn) command(line string) {
	verb, arg := cutVerb(line)
	if verb != "QUIT" && c.outstayed() {
		c.cut("421 4.4.2 Session has lasted too long, closing connection")
		return
	}
	switch verb {
	case "EHLO", "HELO":
		c.hello(verb, arg)
	case "MAIL":
		c.mailFrom(arg)
	case "RCPT":
		c.rcptTo(arg)
	case "DATA":
		c.data(arg)
	case "BDAT":
		c.bdat(arg)
	case "RSET":
		c.pass("RSET", "250 2.0.0 Ok")
	case "AUTH":
		c.auth(arg)
	case "STARTTLS":
		c.startTLS(arg)
	case "QUIT":
		c.pass("QUIT", "221 2.0.0 Bye")
	default:
		c.otherCommand(verb)
	}
}

// outstayed reports whether a stranger has had a session for long enough: one
// NOOP in a while would hold it for ever. A message under way is finished.
func (c *conn) outstayed() bool {
	return c.mail == nil && c.stranger() && c.srv.cfg.Now().Sub(c.started) > c.srv.cfg.Limits.Session
}

// otherCommand handles the commands that change nothing.
func (c *conn) otherCommand(verb string) {
	switch verb {
	case "NOOP":
		c.say("250 2.0.0 Ok")
	case "VRFY":
		c.say("252 2.0.0 Cannot VRFY user, but will accept message and attempt delivery")
	case "HELP":
		c.say("214 2.0.0 See RFC 5321")
	case "EXPN", "SEND", "SOML", "SAML", "TURN", "ETRN":
		c.wrong(reasonSyntax, "502 5.5.1 Command not implemented")
	case "GET", "POST", "PUT", "CONNECT", "OPTIONS":
		// A browser made to talk to us would send its page as commands.
		c.srv.reject(reasonSyntax)
		c.cut("502 5.7.0 This is an SMTP server, closing connection")
	default:
		c.wrong(reasonSyntax, "500 5.5.2 Command not recognized")
	}
}

// hello handles EHLO and HELO, RFC 5321 section 4.1.1.1.
func (c *conn) hello(verb, arg string) {
	name, _, _ := strings.Cut(arg, " ")
	if name == "" {
		c.wrong(reasonSyntax, "501 5.5.4 "+verb+" needs a domain or an address")
		return
	}
	c.helo = heloName(name)
	host := c.srv.cfg.Hostname
	if verb == "HELO" {
		c.pass("HELO client", "250 "+host)
		return
	}
	lines := append([]string{host}, c.capabilities()...)
	last := len(lines) - 1
	var b strings.Builder
	for _, line := range lines[:last] {
		b.WriteString("250-" + line + "\r\n")
	}
	c.pass("EHLO client", b.String()+"250 "+lines[last])
}

// heloName is what the client calls itself, fit for a Received line: clients
// are not refused for a name with an umlaut.
func heloName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(".-_:[]", r):
			return r
		default:
			return '?'
		}
	}, name)
}

// capabilities is what EHLO offers in the present state of the session.
func (c *conn) capabilities() []string {
	caps := []string{"PIPELINING", fmt.Sprintf("SIZE %d", c.srv.cfg.MaxMessage)}
	if c.tls == "" && c.srv.tls != nil && c.account == "" {
		caps = append(caps, "STARTTLS")
	}
	if c.srv.cfg.authOffered() && c.mayAuth() {
		caps = append(caps, "AUTH PLAIN LOGIN")
	}
	return append(caps, "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8", "DSN", "CHUNKING")
}

// mayAuth reports whether a password may be told here.
func (c *conn) mayAuth() bool {
	return c.tls != "" || c.srv.cfg.PlaintextLoopback && c.addr.Addr().IsLoopback()
}

// ready reports whether mail may be handed over now, and says why not.
func (c *conn) ready() bool {
	switch {
	case c.helo == "":
		c.wrong(reasonSequence, "503 5.5.1 Send EHLO or HELO first")
	case c.srv.cfg.authRequired() && c.account == "" && !c.mayAuth():
		c.wrong(reasonTLS, "530 5.7.0 Must issue a STARTTLS command first")
	case c.srv.cfg.authRequired() && c.account == "":
		c.wrong(reasonAuth, "530 5.7.0 Authentication required")
	default:
		return true
	}
	return false
}

// peer describes the client as it is now.
func (c *conn) peer() gateway.Peer {
	return gateway.Peer{
		Listener: c.srv.cfg.Listener,
		Addr:     c.addr,
		Helo:     c.helo,
		Account:  c.account,
		Trusted:  c.certified || c.srv.trusts(c.addr.Addr()),
		TLS:      c.tls,
	}
}

// stranger reports whether the rates apply.
func (c *conn) stranger() bool {
	return !c.generous && !c.certified && c.account == ""
}

// mailFrom handles MAIL.
func (c *conn) mailFrom(arg string) {
	if !c.ready() {
		return
	}
	if c.mail != nil {
		c.wrong(reasonSequence, "503 5.5.1 Nested MAIL command")
		return
	}
	if c.stranger() && !c.srv.peers.message(c.key) {
		c.wrong(reasonRate, "450 4.7.1 Too many messages, slow down")
		return
	}
	sub, err := parseMail(arg, c.srv.cfg.MaxMessage)
	if err != nil {
		c.wrongAddress(err)
		return
	}
	sub.Peer, sub.Since = c.peer(), c.since
	c.next.mail = sub
	c.pass("MAIL FROM:<>", "")
}

// rcptTo handles RCPT.
func (c *conn) rcptTo(arg string) {
	switch {
	case c.mail == nil:
		c.wrong(reasonSequence, "503 5.5.1 Send MAIL first")
		return
	case len(c.mail.Recipients) >= c.srv.cfg.Limits.Recipients:
		c.srv.reject(reasonRecipients)
		c.say("452 4.5.3 Too many recipients")
		return
	case c.stranger() && !c.srv.peers.recipient(c.key):
		c.wrong(reasonRate, "450 4.7.1 Too many recipients, slow down")
		return
	}
	rcpt, err := parseRcpt(arg, c.srv.cfg.Domain, c.mail.UTF8)
	if err != nil {
		c.wrongAddress(err)
		return
	}
	c.next.rcpt = rcpt
	c.pass("RCPT TO:<r@r>", "")
}

// wrongAddress refuses a MAIL or RCPT that could not be read.
func (c *conn) wrongAddress(f *gateway.Fault) {
	why := reasonAddress
	if f.Code == 552 {
		why = reasonSize
	}
	c.wrong(why, replyLine(f))
}

// synchronized reports whether the client waits for the answer to verb; a
// client that does not is cut. RFC 2920 section 3.1 makes DATA and STARTTLS
// the last of their group: what stands behind them here was sent before the
// client could know how it would be read, so it is neither body nor command.
func (c *conn) synchronized() bool {
	if len(c.in.window()) == 0 {
		return true
	}
	c.srv.reject(reasonPipelining)
	c.cut("554 5.5.0 Improper use of command pipelining, closing connection")
	return false
}

// data handles DATA, RFC 5321 section 4.1.1.4.
func (c *conn) data(arg string) {
	if !c.synchronized() {
		return
	}
	switch {
	case arg != "":
		c.wrong(reasonSyntax, "501 5.5.4 DATA takes no parameter")
	case c.mail == nil:
		c.wrong(reasonSequence, "503 5.5.1 Send MAIL and RCPT first")
	case len(c.mail.Recipients) == 0:
		c.wrong(reasonSequence, "554 5.5.1 No valid recipients")
	default:
		c.pass("DATA", "354 End data with <CR><LF>.<CR><LF>")
	}
}

// startTLS handles STARTTLS, RFC 3207. Nothing that was read in the clear is
// believed afterwards.
func (c *conn) startTLS(arg string) {
	if !c.synchronized() {
		return
	}
	switch {
	case arg != "":
		c.wrong(reasonSyntax, "501 5.5.4 STARTTLS takes no parameter")
		return
	case c.tls != "" || c.account != "":
		c.wrong(reasonSequence, "503 5.5.1 Too late for STARTTLS")
		return
	case c.srv.tls == nil:
		c.wrong(reasonSyntax, "502 5.5.1 STARTTLS not available")
		return
	}
	c.say("220 2.0.0 Ready to start TLS")
	if c.flush() != nil || c.handshake() != nil {
		c.out = nil
		c.end()
		return
	}
	c.helo, c.bad = "", 0
	c.pass("RSET", "")
	c.mute()
}
