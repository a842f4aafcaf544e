package relay

import (
	"context"
	"errors"

	"gatepost/gateway"
)

const (
	// maxSessions bounds how many hosts get to see MAIL in one attempt.
	maxSessions = 2
	// maxRounds bounds the transactions on one connection for a next hop that
	// takes fewer recipients at once than there are.
	maxRounds = 20
)

// Deliver makes one attempt: one transaction, possibly split where the next
// hop takes only some recipients at once, possibly repeated at another of its
// hosts where the first refused for the moment.
//
// prepare is called at most once, on the first connection that is good enough
// and before MAIL, with met saying whether the demand is fulfilled. With a
// demand other than Any, met is false only after every host was tried and none
// fulfilled it; it is then called for a connection that the route allows, so
// that something else may leave instead. Every later connection of the attempt
// is held to the same answer. Where DNS fails or no host can be reached
// prepare is not called.
//
// The result holds one outcome per recipient of the transaction; when prepare
// was not called, or failed, exactly one outcome, which is everybody's. When
// ctx ends, connections are closed and what was under way is Deferred, Unknown
// once the final dot was sent.
func (c *Client) Deliver(ctx context.Context, r Route, demand Demand, prepare func(state gateway.TLSState, met bool) (*Transaction, error)) []gateway.Outcome {
	a := &attempt{client: c, route: &r, demand: demand, prepare: prepare}
	targets, err := c.targets(ctx, &r)
	if err != nil {
		host := r.Host
		if host == "" {
			host = r.Domain
		}
		return []gateway.Outcome{asTrouble(phaseConnect, err).outcome(c.config.Now(), host, gateway.TLSState{})}
	}
	a.try(ctx, targets)
	if a.tx == nil {
		return []gateway.Outcome{a.last}
	}
	return a.out
}

// attempt is one call of Deliver.
type attempt struct {
	client  *Client
	route   *Route
	demand  Demand
	prepare func(gateway.TLSState, bool) (*Transaction, error)

	tx       *Transaction
	met      bool // what prepare was told
	out      []gateway.Outcome
	pending  []int           // recipients that another host may still take
	last     gateway.Outcome // why there was no transaction
	sessions int
	over     bool
}

// try goes through the hosts. The first connection that the route allows but
// the demand does not is kept as a spare for the fall-back.
func (a *attempt) try(ctx context.Context, targets []target) {
	var spare *conn
	for _, t := range targets {
		if a.done(ctx) {
			break
		}
		cn, err := a.client.connect(ctx, a.route, t)
		if err != nil {
			a.note(t.host(), err)
			continue
		}
		switch {
		case a.demand.meets(a.route, cn) || (a.tx != nil && !a.met):
			a.use(ctx, cn, a.tx == nil || a.met)
		case spare == nil && a.tx == nil:
			spare = cn
		default:
			a.client.release(cn)
		}
	}
	switch {
	case spare == nil:
	case a.tx != nil || a.done(ctx):
		a.client.release(spare)
	default:
		spare.reused = true // it waited for the others and may have been closed
		a.use(ctx, spare, false)
	}
}

func (a *attempt) done(ctx context.Context) bool {
	if ctx.Err() != nil && a.last.At.IsZero() {
		a.note("", ctx.Err())
	}
	return a.over || a.sessions >= maxSessions || ctx.Err() != nil
}

// note remembers why a host could not be used.
func (a *attempt) note(host string, err error) {
	a.last = asTrouble(phaseConnect, err).outcome(a.client.config.Now(), host, gateway.TLSState{})
}

// use sends the transaction over cn. A connection that may have died while it
// waited, and gave no reply to MAIL, is replaced once: nothing was sent that a
// next hop could have taken.
func (a *attempt) use(ctx context.Context, cn *conn, met bool) {
	if a.tx == nil && !a.start(cn, met) {
		a.client.release(cn)
		return
	}
	a.sessions++
	spoke := a.rounds(cn)
	a.client.release(cn)
	if spoke || !cn.reused || ctx.Err() != nil {
		return
	}
	fresh, err := a.client.open(ctx, a.route, cn.key)
	if err != nil {
		return // the outcomes say already that the connection was lost
	}
	if !a.met || a.demand.meets(a.route, fresh) {
		a.rounds(fresh)
	}
	a.client.release(fresh)
}

// start asks the caller for the transaction.
func (a *attempt) start(cn *conn, met bool) bool {
	tx, err := a.prepare(cn.tls, met)
	if err == nil && (tx == nil || len(tx.Recipients) == 0) {
		err = errors.New("no transaction")
	}
	if err != nil {
		a.over = true
		a.last = prepared(err).outcome(a.client.config.Now(), cn.host(), cn.tls)
		return false
	}
	a.tx, a.met = tx, met
	a.out = make([]gateway.Outcome, len(tx.Recipients))
	for i := range tx.Recipients {
		a.pending = append(a.pending, i)
	}
	return true
}

// prepared is the trouble of a transaction that the caller could not make.
func prepared(err error) *trouble {
	f := gateway.FaultOf(err)
	t := deferred(phaseMail, f.Status, f.Text, err)
	if !f.Temporary() {
		t.result = gateway.Failed
	}
	return t
}

// rounds sends transactions over one connection while each takes somebody and
// refuses others only because they were too many. It reports whether the
// next hop answered the first MAIL.
func (a *attempt) rounds(cn *conn) (spoke bool) {
	for round := range maxRounds {
		x := &exchange{cn: cn, tx: a.tx, pending: a.pending, out: a.out}
		x.run()
		if round == 0 {
			spoke = x.spoke
		}
		again, took := a.review()
		if !again || !took || cn.broken {
			break
		}
	}
	return spoke
}

// review finds who is still pending after a transaction: temporary refusals,
// but nobody who may have been served. again says that some were refused as
// too many, took that others were served.
func (a *attempt) review() (again, took bool) {
	var rest []int
	for _, i := range a.pending {
		o := a.out[i]
		took = took || o.Result == gateway.Sent
		if o.Result != gateway.Deferred || o.Unknown {
			continue
		}
		rest = append(rest, i)
		again = again || (o.Phase == phaseRcpt && (o.Code == 452 || o.Code == 552))
	}
	a.pending = rest
	a.over = len(rest) == 0
	return again, took
}
