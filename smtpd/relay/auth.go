package relay

import (
	"encoding/base64"
	"slices"
)

// authenticate logs in where the route has a user. Whatever goes wrong is
// temporary: a wrong password is a mistake of the configuration and must not
// bounce mail.
func (cn *conn) authenticate(r *Route) error {
	if r.User == "" {
		return nil
	}
	if cn.tls.Version == "" && !cn.tls.Loopback {
		return deferred(phaseAuth, "4.7.0", "Authentication is only done over TLS", nil)
	}
	var reply reply
	var err error
	switch {
	case slices.Contains(cn.ext.auth, "PLAIN"):
		reply, err = cn.authPlain(r)
	case slices.Contains(cn.ext.auth, "LOGIN"):
		reply, err = cn.authLogin(r)
	default:
		return deferred(phaseAuth, "4.7.0", "The next hop offers neither AUTH PLAIN nor LOGIN", nil)
	}
	if err != nil {
		return ioTrouble(phaseAuth, err)
	}
	if reply.code != 235 {
		return answered(phaseAuth, reply)
	}
	return nil
}

// authPlain is RFC 4616 with an initial response (RFC 4954 section 4).
func (cn *conn) authPlain(r *Route) (reply, error) {
	secret := "\x00" + r.User + "\x00" + r.Password.Reveal()
	return cn.command("AUTH PLAIN "+encode(secret), cn.client.config.Timeouts.Hello)
}

// authLogin is the older dialogue; the prompts are not read, only their code.
func (cn *conn) authLogin(r *Route) (reply, error) {
	patience := cn.client.config.Timeouts.Hello
	answer, err := cn.command("AUTH LOGIN", patience)
	for _, secret := range []string{r.User, r.Password.Reveal()} {
		if err != nil || answer.code != 334 {
			break
		}
		answer, err = cn.command(encode(secret), patience)
	}
	return answer, err
}

func encode(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
