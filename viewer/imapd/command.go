package imapd

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// step takes the next thing that the client says.
func (c *conn) step() {
	if !c.opened {
		c.open()
		return
	}
	if c.idling {
		c.endIdle()
		return
	}
	c.now, c.given, c.unsaid = command{}, nil, ""
	if c.in.Buffered() == 0 {
		if err := c.wait(c.deadline(), true); err != nil {
			c.lost(err)
			return
		}
	}
	_ = c.current().SetReadDeadline(time.Now().Add(c.srv.cfg.Limits.Command))
	cmd, lit, err := c.readCommand()
	c.now = cmd
	switch {
	case errors.Is(err, errSyntax), errors.Is(err, errTooLong), errors.Is(err, errLiteral):
		c.refuse(err)
	case err != nil:
		c.lost(err)
	default:
		c.take(lit)
	}
}

// open begins the session. With implicit TLS the handshake comes first.
func (c *conn) open() {
	c.opened = true
	if c.srv.implicit(c) && c.handshake() != nil {
		c.end()
		return
	}
	c.say("* OK [CAPABILITY " + c.capabilities() + "] " + c.srv.cfg.Hostname + " Gatepost")
}

// deadline is when a session that says nothing ends.
func (c *conn) deadline() time.Time {
	l := c.srv.cfg.Limits
	if c.loggedIn {
		return time.Now().Add(l.Idle)
	}
	return c.started.Add(l.Login)
}

// lost ends a session whose client went away, was silent for too long, or
// cannot be followed any more.
func (c *conn) lost(err error) {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, errDraining):
		c.bye("The server is shutting down")
	case errors.Is(err, errLost):
		c.bye("Too much in one command")
	case errors.As(err, &timeout) && timeout.Timeout():
		c.bye("Too slow")
	}
	c.end()
}

// refuse answers a command that go-imap is not shown.
func (c *conn) refuse(err error) {
	tag := c.now.tag
	if tag == "" {
		tag = "*"
	}
	c.say(tag + " BAD " + err.Error())
	c.blame()
}

// blame counts a command that is none. Those who speak another protocol, or
// guess, are not listened to for long.
func (c *conn) blame() {
	c.bad++
	c.srv.metrics.commands.WithLabelValues(c.now.label(), "bad").Inc()
	if limit := c.srv.cfg.Limits.BadCommands; !c.loggedIn && c.bad >= limit || c.bad >= 10*limit {
		c.bye("Too many bad commands")
	}
}

// endIdle waits for the line that ends an IDLE. Another one is no DONE and no
// command (RFC 9051 section 6.3.13).
func (c *conn) endIdle() {
	if c.in.Buffered() == 0 {
		if err := c.wait(c.deadline(), true); err != nil {
			c.idling = false
			c.lost(err)
			return
		}
	}
	line, err := c.plainLine(maxTag)
	c.idling = false
	switch {
	case err != nil:
		c.lost(err)
	case !strings.EqualFold(line, "DONE"):
		c.bye("DONE ends IDLE")
	default:
		c.forward = []byte("DONE\r\n")
	}
}

// take answers a command, or lets go-imap do it.
func (c *conn) take(lit *literal) {
	if c.bad >= c.srv.cfg.Limits.BadCommands && !c.loggedIn {
		c.bye("Too many failures")
		return
	}
	if lit != nil && !c.wants(lit) {
		return
	}
	switch c.now.verb {
	case "CAPABILITY":
		c.say("* CAPABILITY " + c.capabilities())
		c.reply("OK CAPABILITY completed")
	case "ID":
		c.identify()
	case "STARTTLS":
		c.startTLS()
	case "AUTHENTICATE":
		c.authenticate()
	case "LOGIN":
		if c.mayLogin() {
			c.pass()
		}
	case "NOOP", "LOGOUT":
		c.pass()
	default:
		c.takeKnown(lit)
	}
}

// takeKnown handles what needs a login.
func (c *conn) takeKnown(lit *literal) {
	if !c.loggedIn {
		if isVerb(c.now.verb) {
			c.say(c.now.tag + " BAD Log in first")
		} else {
			c.say(c.now.tag + " BAD Unknown command")
		}
		c.blame()
		return
	}
	if c.session.expired() {
		c.bye("This account may not be used any more")
		return
	}
	if c.now.verb == "ENABLE" {
		c.now.text = c.now.tag + " ENABLE" + enabled(c.now.rest)
	}
	c.literal = lit
	c.pass()
}

// enabled is what of a list of capabilities go-imap is shown, with a space in
// front of each: it would enable UTF8=ACCEPT, which nobody was offered.
func enabled(rest string) string {
	var b strings.Builder
	for name := range strings.SplitSeq(rest, " ") {
		if !strings.EqualFold(name, "UTF8=ACCEPT") {
			b.WriteString(" " + name)
		}
	}
	return b.String()
}

// pass lets go-imap handle the command.
func (c *conn) pass() {
	text := c.now.text
	if c.literal != nil {
		if c.literal.eight {
			text += "~"
		}
		text += "{" + strconv.FormatInt(c.literal.left, 10) + "+}" // asking for it is ours
	}
	c.forward = []byte(text + "\r\n")
}

// wants reports whether the message of an APPEND is taken, and answers if not.
func (c *conn) wants(l *literal) bool {
	size := l.left
	if c.loggedIn && size <= c.srv.cfg.MaxMessage {
		return true
	}
	if !l.sync && (!c.loggedIn || size > 4*c.srv.cfg.MaxMessage) {
		c.bye("Too much")
		return false
	}
	if !c.loggedIn {
		c.reply("BAD Log in first")
		c.blame()
		return false
	}
	c.reply("NO [TOOBIG] A message has at most " + strconv.FormatInt(c.srv.cfg.MaxMessage, 10) + " octets")
	l.answered = true
	if !l.sync {
		c.literal = l
	}
	return false
}

// capabilities of the moment. Nothing stands here that does not work.
func (c *conn) capabilities() string {
	const always = "IMAP4rev2 IMAP4rev1 SASL-IR LITERAL+ ID"
	if c.loggedIn {
		return always + " ENABLE IDLE NAMESPACE UIDPLUS MOVE UNSELECT ESEARCH SEARCHRES LIST-EXTENDED LIST-STATUS SPECIAL-USE CHILDREN STATUS=SIZE BINARY APPENDLIMIT=" +
			strconv.FormatInt(c.srv.cfg.MaxMessage, 10)
	}
	list := always
	if !c.secure && c.srv.cfg.TLS != nil {
		list += " STARTTLS"
	}
	if c.private() {
		return list + " AUTH=PLAIN"
	}
	return list + " LOGINDISABLED"
}

// private reports whether a password may be sent here.
func (c *conn) private() bool { return c.secure || c.srv.cfg.PlaintextLoopback && c.local }

// mayLogin answers a login that cannot be.
func (c *conn) mayLogin() bool {
	switch {
	case c.loggedIn:
		c.reply("BAD Logged in already")
	case !c.private():
		c.reply("NO [PRIVACYREQUIRED] A password is taken under TLS only: use STARTTLS or the port with TLS")
		c.bad++
	default:
		return true
	}
	return false
}

// authenticate turns SASL PLAIN (RFC 4616) into a LOGIN: one line, one command.
func (c *conn) authenticate() {
	if !c.mayLogin() {
		return
	}
	mechanism, response, initial := strings.Cut(strings.TrimRight(c.now.rest, " "), " ")
	if !strings.EqualFold(mechanism, "PLAIN") {
		c.reply("NO [CANNOT] PLAIN is what there is")
		c.bad++
		return
	}
	if !initial {
		c.say("+ ")
		if c.flush() != nil {
			c.end()
			return
		}
		var err error
		if response, err = c.plainLine(maxSASL); err != nil {
			c.lost(err)
			return
		}
	}
	user, password, ok := plain(response)
	if !ok {
		c.reply("BAD No PLAIN response")
		c.blame()
		return
	}
	c.now.verb = "LOGIN"
	c.now.text = c.now.tag + " LOGIN " + string(quote(user)) + " " + string(quote(password))
	c.pass()
}

// plain reads a response of SASL PLAIN. Nobody logs in as somebody else.
func plain(response string) (user, password []byte, ok bool) {
	octets, err := base64.StdEncoding.DecodeString(response)
	if err != nil {
		return nil, nil, false
	}
	fields := bytes.Split(octets, []byte{0})
	if len(fields) != 3 || len(fields[1]) == 0 || bytes.ContainsAny(octets, "\r\n") {
		return nil, nil, false
	}
	if len(fields[0]) > 0 && !bytes.Equal(fields[0], fields[1]) || len(octets) > 4096 {
		return nil, nil, false
	}
	return fields[1], fields[2], true
}

// identify answers ID (RFC 2971), which go-imap does not know.
func (c *conn) identify() {
	if agent := clientName(c.now.rest); agent != "" {
		c.agent = agent
	}
	c.say(`* ID ("name" "Gatepost")`)
	c.reply("OK ID completed")
}

// clientName is what a client calls itself: name and version of its ID.
func clientName(params string) string {
	fields := quotedStrings(params, 60)
	var name, version string
	for i := 0; i+1 < len(fields); i += 2 {
		switch strings.ToLower(fields[i]) {
		case "name":
			name = fields[i+1]
		case "version":
			version = fields[i+1]
		}
	}
	agent := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, strings.TrimSpace(name+" "+version))
	return agent[:min(len(agent), 100)]
}

// quotedStrings returns the quoted strings and NILs of a list, at most n.
func quotedStrings(s string, n int) []string {
	var list []string
	for i := 0; i < len(s) && len(list) < n; i++ {
		if len(s)-i >= 3 && strings.EqualFold(s[i:i+3], "NIL") {
			list = append(list, "")
			i += 2
			continue
		}
		if s[i] != '"' {
			continue
		}
		var b strings.Builder
		for i++; i < len(s) && s[i] != '"'; i++ {
			if s[i] == '\\' && i+1 < len(s) {
				i++
			}
			b.WriteByte(s[i])
		}
		list = append(list, b.String())
	}
	return list
}

// verbs are the commands that go-imap knows and that need a login.
func isVerb(verb string) bool {
	switch verb {
	case "CHECK", "ENABLE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "STATUS", "LIST", "LSUB", "NAMESPACE", "IDLE",
		"SELECT", "EXAMINE", "CLOSE", "UNSELECT", "APPEND", "EXPUNGE", "FETCH", "STORE", "COPY", "MOVE", "SEARCH",
		"UID FETCH", "UID STORE", "UID COPY", "UID MOVE", "UID SEARCH", "UID EXPUNGE":
		return true
	}
	return false
}

// label is the verb as a metric has it: one of a closed set.
func (k *command) label() string {
	switch k.verb {
	case "CAPABILITY", "NOOP", "LOGOUT", "ID", "STARTTLS", "AUTHENTICATE", "LOGIN":
		return strings.ToLower(k.verb)
	}
	if isVerb(k.verb) {
		return strings.ToLower(strings.TrimPrefix(k.verb, "UID "))
	}
	return "other"
}

func statusLabel(status string) string {
	switch status {
	case "OK":
		return "ok"
	case "NO":
		return "no"
	}
	return "bad"
}
