package smppd

import (
	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// version34 is the interface_version that we speak, SMPP v3.4 section 5.2.4.
const version34 = 0x34

// tagInterfaceVersion is sc_interface_version, section 5.3.2.25.
const tagInterfaceVersion = 0x0210

// bind handles a bind and reports whether the session goes on.
func (c *session) bind(p pdu.PDU) bool {
	b := p.Body.(*pdu.Bind)
	if c.srv.peers.barred(c.key) {
		c.srv.cut(reasonLogins)
		c.refuse(p.Response(pdu.RBINDFAIL, nil))
		c.linger()
		return false
	}
	a := c.srv.accounts.authenticate(b.SystemID, b.Password)
	if a == nil {
		return c.wrongPassword(p, b.SystemID)
	}
	if status := c.join(a); status != pdu.OK {
		c.refuse(p.Response(status, nil))
		return true
	}
	c.version = b.InterfaceVersion
	c.account.Store(a)
	c.srv.countOut(c)
	if !c.become(bindOf(p.Command)) { // cannot be: only a bind leads out of open
		return false
	}
	c.watch.isBound()
	if !c.srv.accounts.has(a) { // removed meanwhile, when nobody knew of this session
		c.unbind()
	}
	c.log.Info("bound", "name", a.id, "state", c.state().String(), "tls", c.tls)
	answer := &pdu.BindResp{SystemID: c.srv.cfg.SystemID}
	if c.version >= version34 { // older peers know no optional parameters, section 3.3
		answer.TLVs = []gateway.TLV{{Tag: tagInterfaceVersion, Value: []byte{version34}}}
	}
	c.send(p.Response(pdu.OK, answer))
	if c.state()&receiver != 0 {
		a.receive(c)
	}
	return true
}

// join asks whoever wants to be told of binds, and the account for room.
func (c *session) join(a *account) pdu.Status {
	if err := c.tell(a.id, true); err != nil {
		c.log.Warn("a bind was not recorded and is refused", "name", a.id, "error", err)
		return pdu.RBINDFAIL
	}
	settings := a.settings.Load()
	c.flow.window, c.flow.inside = settings.Window, c.srv.cfg.Limits.InFlight
	c.mail.window = min(settings.Window, maxDeliveries)
	if !a.join() {
		c.srv.cut(reasonAccount)
		c.log.Warn("a bind too many for its account", "name", a.id, "count", settings.Sessions)
		return pdu.RBINDFAIL
	}
	return pdu.OK
}

// wrongPassword answers a wrong system_id or password, which are not told
// apart, after a pause that grows with the failures of the address.
func (c *session) wrongPassword(p pdu.PDU, id string) bool {
	c.srv.cut(reasonPassword)
	if c.srv.accounts.named(id) {
		c.log.Warn("wrong password", "name", id)
	} else {
		c.log.Warn("wrong system_id") // which may be a password, typed in the wrong place
	}
	if err := c.tell(id, false); err != nil {
		c.log.Warn("a failed login was not recorded", "error", err)
	}
	c.srv.sleep(c.srv.peers.failed(c.key, c.srv.cfg.Timers.SessionInit/2))
	c.refuse(p.Response(pdu.RINVPASWD, nil))
	if c.logins++; c.logins < c.srv.cfg.Limits.Logins {
		return true
	}
	c.srv.cut(reasonLogins)
	c.linger()
	return false
}

// tell tells Config.Login.
func (c *session) tell(id string, ok bool) error {
	if c.srv.cfg.Login == nil {
		return nil
	}
	p := c.peer()
	p.Account = id
	return c.srv.guard(func() error { return c.srv.cfg.Login(c.srv.ctx, p, ok) })
}
