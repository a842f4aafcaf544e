package smtpd

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"

	"gatepost/gateway"
)

// What a login can be refused for.
var (
	faultCredentials = gateway.NewFault(535, "5.7.8", "Authentication credentials invalid")
	faultAuthSyntax  = gateway.NewFault(501, "5.5.2", "Malformed authentication response")
	faultAuthFlood   = gateway.NewFault(421, "4.7.0", "Too many failed logins, try again later")
)

// auth handles AUTH, RFC 4954 section 4, before go-smtp runs the exchange.
func (c *conn) auth(arg string) {
	words := strings.Fields(arg)
	switch {
	case !c.srv.cfg.authOffered():
		c.wrong(reasonSyntax, "502 5.5.1 AUTH not available")
	case c.helo == "":
		c.wrong(reasonSequence, "503 5.5.1 Send EHLO first")
	case !c.mayAuth():
		c.wrong(reasonTLS, "538 5.7.11 Encryption required for authentication")
	case c.account != "" || c.mail != nil:
		c.wrong(reasonSequence, "503 5.5.1 Too late for AUTH")
	case len(words) == 0 || len(words) > 2:
		c.wrong(reasonSyntax, "501 5.5.4 Syntax: AUTH mechanism [initial-response]")
	case !strings.EqualFold(words[0], "PLAIN") && !strings.EqualFold(words[0], "LOGIN"):
		c.wrong(reasonSyntax, "504 5.5.4 Unknown authentication mechanism")
	case len(words) == 2 && !isResponse(words[1]):
		c.wrong(reasonSyntax, replyLine(faultAuthSyntax))
	default:
		c.pass("AUTH "+strings.Join(words, " "), "")
	}
}

// isResponse checks a response of the client: base64, or "=" for an empty one.
func isResponse(s string) bool {
	_, err := base64.StdEncoding.DecodeString(s)
	return err == nil && s != "" || s == "="
}

// saslLine passes one response of an AUTH exchange on. go-smtp waits for it:
// what is no response cancels the exchange.
func (c *conn) saslLine(line []byte, wrong bool) {
	c.sasl = false
	switch text := string(line); {
	case wrong:
		c.cancelAuth("500 5.5.6 Authentication exchange line is too long or malformed")
	case text == "*":
		c.cancelAuth("501 5.7.0 Authentication cancelled")
	case text == "": // an empty response, RFC 4954 section 4
		c.pass("=", "")
	case !isResponse(text):
		c.cancelAuth(replyLine(faultAuthSyntax))
	default:
		c.pass(text, "")
	}
}

// cancelAuth ends go-smtp's exchange and answers line.
func (c *conn) cancelAuth(line string) {
	c.srv.reject(reasonSyntax)
	c.bad++
	c.pass("*", line)
}

// authenticate asks the Backend. Only failed logins cost: a wrong password is
// answered after a pause that grows with the failures of the address, and
// when there are too many of them the session ends. A stranger's address
// above that limit is not heard at all until some are forgiven.
func (c *conn) authenticate(user, password string) error {
	limits := &c.srv.cfg.Limits
	if !c.generous && c.srv.peers.failures(c.key) >= limits.AuthFailures {
		return c.fail(faultAuthFlood)
	}
	var account string
	since := c.srv.cfg.Now() // a password that is changed meanwhile was the old one
	err := c.guardAuth(func() (err error) {
		account, err = c.srv.backend.Authenticate(c.ctx, c.peer(), user, password)
		return err
	})
	if err == nil && account != "" {
		c.account, c.since = account, since
		c.srv.peers.proven(c)
		c.instead("235 2.7.0 Authentication successful")
		return nil
	}
	f := loginFault(err)
	if f.Temporary() {
		return c.fail(f)
	}
	c.srv.cfg.Metrics.auth.WithLabelValues(c.srv.cfg.Listener).Inc()
	n := c.srv.peers.failed(c.key)
	c.srv.sleep(limits.authDelay(n))
	c.bad++
	if n >= limits.AuthFailures || c.bad > limits.BadCommands {
		f = faultAuthFlood
	}
	return c.fail(f)
}

// guardAuth is guard, but an error that is no Fault means a wrong password,
// and a panic must not.
func (c *conn) guardAuth(call func() error) error {
	returned := false
	err := c.guard(func() error {
		err := call()
		returned = true
		return err
	})
	if !returned {
		return gateway.FaultInternal.Because(err)
	}
	return err
}

// loginFault is what a refused login is answered.
func loginFault(err error) *gateway.Fault {
	var f *gateway.Fault
	if errors.As(err, &f) {
		return sound(f)
	}
	return faultCredentials
}

// plainServer is AUTH PLAIN, RFC 4616.
type plainServer struct {
	check func(user, password string) error
}

// Next implements sasl.Server.
func (s *plainServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if response == nil {
		return nil, false, nil
	}
	parts := bytes.Split(response, []byte{0})
	if len(parts) != 3 || len(parts[1]) == 0 {
		return nil, true, smtpError(faultAuthSyntax)
	}
	if len(parts[0]) > 0 && !bytes.Equal(parts[0], parts[1]) {
		return nil, true, smtpError(faultCredentials) // nobody acts for another
	}
	return nil, true, s.check(string(parts[1]), string(parts[2]))
}

// loginServer is AUTH LOGIN, which no standard describes and Outlook speaks.
type loginServer struct {
	check func(user, password string) error
	user  string
	asked int // prompts so far: 1 user name, 2 password
}

// Next implements sasl.Server.
func (s *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case s.asked == 0 && response == nil:
		s.asked = 1
		return []byte("Username:"), false, nil
	case s.asked < 2:
		s.asked, s.user = 2, string(response)
		return []byte("Password:"), false, nil
	case s.user == "":
		return nil, true, smtpError(faultAuthSyntax)
	default:
		return nil, true, s.check(s.user, string(response))
	}
}
