package upstream

import (
	"slices"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// class is what an answer to a segment means for us.
type class uint8

// The zero class is temporary: what is not understood is tried again.
const (
	temporary class = iota
	taken
	permanent
	crowded  // too much at once: everybody waits
	full     // a queue of the carrier's is full: that of one destination, or of all
	stranger // the carrier does not know our bind: it is made again
)

func (c class) String() string {
	return [...]string{"temporary", "taken", "permanent", "throttled", "full", "stranger"}[c]
}

// verdict is a class with the words for it that a mail system has: an
// enhanced status of RFC 3463.
type verdict struct {
	class  class
	status string
}

// verdicts of the values of SMPP v3.4 section 5.1.3 in answers to submit_sm and
// data_sm. Permanent is what says that this segment as it is can never be
// taken. RSUBMITFAIL is, although it gives no reason: carriers answer it to what
// they do not carry, and have the values above for what passes. What is
// absent here, the values of vendors (0x400 to 0x4FF) among it, is temporary:
// Config.Permanent names those that are not.
var verdicts = map[pdu.Status]verdict{
	pdu.OK: {taken, "2.0.0"},

	pdu.RTHROTTLED: {crowded, "4.4.5"},
	pdu.RMSGQFUL:   {full, "4.2.2"},
	pdu.RINVBNDSTS: {stranger, "4.5.1"},

	pdu.RINVMSGLEN:       {permanent, "5.2.3"},
	pdu.RINVCMDLEN:       {permanent, "5.5.2"},
	pdu.RINVPRTFLG:       {permanent, "5.5.4"},
	pdu.RINVREGDLVFLG:    {permanent, "5.5.4"},
	pdu.RINVSRCADR:       {permanent, "5.1.7"},
	pdu.RINVSRCTON:       {permanent, "5.1.7"},
	pdu.RINVSRCNPI:       {permanent, "5.1.7"},
	pdu.RINVDSTADR:       {permanent, "5.1.1"},
	pdu.RINVDSTTON:       {permanent, "5.1.3"},
	pdu.RINVDSTNPI:       {permanent, "5.1.3"},
	pdu.RINVSERTYP:       {permanent, "5.5.4"},
	pdu.RINVNUMDESTS:     {permanent, "5.5.4"},
	pdu.RINVDLNAME:       {permanent, "5.1.1"},
	pdu.RINVDESTFLAG:     {permanent, "5.5.4"},
	pdu.RINVSUBREP:       {permanent, "5.5.4"},
	pdu.RINVESMCLASS:     {permanent, "5.5.4"},
	pdu.RCNTSUBDL:        {permanent, "5.1.1"},
	pdu.RSUBMITFAIL:      {permanent, "5.0.0"},
	pdu.RINVREPFLAG:      {permanent, "5.5.4"},
	pdu.RINVSCHED:        {permanent, "5.5.4"},
	pdu.RINVEXPIRY:       {permanent, "5.5.4"},
	pdu.RINVDFTMSGID:     {permanent, "5.5.4"},
	pdu.RX_P_APPN:        {permanent, "5.3.0"},
	pdu.RX_R_APPN:        {permanent, "5.7.1"},
	pdu.RINVOPTPARSTREAM: {permanent, "5.5.4"},
	pdu.ROPTPARNOTALLWD:  {permanent, "5.5.4"},
	pdu.RINVPARLEN:       {permanent, "5.5.4"},
	pdu.RMISSINGOPTPARAM: {permanent, "5.5.4"},
	pdu.RINVOPTPARAMVAL:  {permanent, "5.5.4"},

	// Of SMPP v5.0 table 4-45, which carriers answer under v3.4 too.
	0x100: {permanent, "5.7.1"}, // ESME_RSERTYPUNAUTH: not allowed to use the service_type
	0x101: {permanent, "5.7.1"}, // ESME_RPROHIBITED: not allowed to do this
	0x103: {permanent, "5.7.1"}, // ESME_RSERTYPDENIED: service_type is denied
	0x104: {permanent, "5.5.4"}, // ESME_RINVDCS: invalid data_coding
}

func (c *Config) judge(s pdu.Status) verdict {
	v, known := verdicts[s]
	switch {
	case slices.Contains(c.Permanent, uint32(s)) && v.class != taken:
		return verdict{permanent, "5.0.0"}
	case !known:
		return verdict{temporary, "4.3.0"}
	}
	return v
}

// code is the reply code of RFC 5321 for a verdict. 421 has the queue pause
// the carrier instead of one message.
func (v verdict) code() int {
	switch v.class {
	case taken:
		return 250
	case permanent:
		return 550
	case crowded:
		return 421
	}
	return 451
}

// result of an attempt that ended with this verdict.
func (v verdict) result() gateway.Result {
	switch v.class {
	case taken:
		return gateway.Sent
	case permanent:
		return gateway.Failed
	}
	return gateway.Deferred
}
