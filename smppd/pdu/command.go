package pdu

import "strconv"

// Command is a command_id of SMPP v3.4 section 5.1.2.1.
type Command uint32

// The commands.
const (
	GenericNack         Command = 0x80000000
	BindReceiver        Command = 0x00000001
	BindReceiverResp    Command = 0x80000001
	BindTransmitter     Command = 0x00000002
	BindTransmitterResp Command = 0x80000002
	QuerySM             Command = 0x00000003
	QuerySMResp         Command = 0x80000003
	SubmitSM            Command = 0x00000004
	SubmitSMResp        Command = 0x80000004
	DeliverSM           Command = 0x00000005
	DeliverSMResp       Command = 0x80000005
	Unbind              Command = 0x00000006
	UnbindResp          Command = 0x80000006
	ReplaceSM           Command = 0x00000007
	ReplaceSMResp       Command = 0x80000007
	CancelSM            Command = 0x00000008
	CancelSMResp        Command = 0x80000008
	BindTransceiver     Command = 0x00000009
	BindTransceiverResp Command = 0x80000009
	Outbind             Command = 0x0000000B
	EnquireLink         Command = 0x00000015
	EnquireLinkResp     Command = 0x80000015
	SubmitMulti         Command = 0x00000021
	SubmitMultiResp     Command = 0x80000021
	AlertNotification   Command = 0x00000102
	DataSM              Command = 0x00000103
	DataSMResp          Command = 0x80000103
)

// respBit tells a response from a request.
const respBit = 0x80000000

// IsResponse reports whether c answers something. It is answered itself by
// nothing, not even when it is malformed.
func (c Command) IsResponse() bool { return c&respBit != 0 }

// Response is the command that answers c: GenericNack for what has no answer of
// its own, which is outbind, alert_notification and whatever is unknown.
func (c Command) Response() Command {
	switch c {
	case BindReceiver, BindTransmitter, BindTransceiver, QuerySM, SubmitSM, DeliverSM, Unbind, ReplaceSM, CancelSM,
		EnquireLink, SubmitMulti, DataSM:
		return c | respBit
	}
	return GenericNack
}

// Known reports whether c is a command of SMPP v3.4.
func (c Command) Known() bool { return names[c] != "" }

// String is the name in the specification, from a closed set: any command that
// it does not know is "unknown".
func (c Command) String() string {
	if name := names[c]; name != "" {
		return name
	}
	return "unknown"
}

// names of the commands, in the spelling of the specification.
var names = map[Command]string{
	GenericNack:         "generic_nack",
	BindReceiver:        "bind_receiver",
	BindReceiverResp:    "bind_receiver_resp",
	BindTransmitter:     "bind_transmitter",
	BindTransmitterResp: "bind_transmitter_resp",
	QuerySM:             "query_sm",
	QuerySMResp:         "query_sm_resp",
	SubmitSM:            "submit_sm",
	SubmitSMResp:        "submit_sm_resp",
	DeliverSM:           "deliver_sm",
	DeliverSMResp:       "deliver_sm_resp",
	Unbind:              "unbind",
	UnbindResp:          "unbind_resp",
	ReplaceSM:           "replace_sm",
	ReplaceSMResp:       "replace_sm_resp",
	CancelSM:            "cancel_sm",
	CancelSMResp:        "cancel_sm_resp",
	BindTransceiver:     "bind_transceiver",
	BindTransceiverResp: "bind_transceiver_resp",
	Outbind:             "outbind",
	EnquireLink:         "enquire_link",
	EnquireLinkResp:     "enquire_link_resp",
	SubmitMulti:         "submit_multi",
	SubmitMultiResp:     "submit_multi_resp",
	AlertNotification:   "alert_notification",
	DataSM:              "data_sm",
	DataSMResp:          "data_sm_resp",
}

// Status is a command_status: 0 in a request, what became of it in a response.
type Status uint32

// The values of SMPP v3.4 section 5.1.3, in its own spelling without ESME_.
const (
	OK               Status = 0x00 // ESME_ROK
	RINVMSGLEN       Status = 0x01 // message length is invalid
	RINVCMDLEN       Status = 0x02 // command length is invalid
	RINVCMDID        Status = 0x03 // invalid command_id
	RINVBNDSTS       Status = 0x04 // command that the state of the bind forbids
	RALYBND          Status = 0x05 // already bound
	RINVPRTFLG       Status = 0x06 // invalid priority flag
	RINVREGDLVFLG    Status = 0x07 // invalid registered_delivery flag
	RSYSERR          Status = 0x08 // system error
	RINVSRCADR       Status = 0x0A // invalid source address
	RINVDSTADR       Status = 0x0B // invalid destination address
	RINVMSGID        Status = 0x0C // invalid message_id
	RBINDFAIL        Status = 0x0D // bind failed
	RINVPASWD        Status = 0x0E // invalid password
	RINVSYSID        Status = 0x0F // invalid system_id
	RCANCELFAIL      Status = 0x11 // cancel_sm failed
	RREPLACEFAIL     Status = 0x13 // replace_sm failed
	RMSGQFUL         Status = 0x14 // message queue full
	RINVSERTYP       Status = 0x15 // invalid service_type
	RINVNUMDESTS     Status = 0x33 // invalid number of destinations
	RINVDLNAME       Status = 0x34 // invalid distribution list name
	RINVDESTFLAG     Status = 0x40 // invalid dest_flag (submit_multi)
	RINVSUBREP       Status = 0x42 // submit with replace is not supported or not appropriate
	RINVESMCLASS     Status = 0x43 // invalid esm_class
	RCNTSUBDL        Status = 0x44 // cannot submit to a distribution list
	RSUBMITFAIL      Status = 0x45 // submit_sm or submit_multi failed
	RINVSRCTON       Status = 0x48 // invalid type of number of the source
	RINVSRCNPI       Status = 0x49 // invalid numbering plan of the source
	RINVDSTTON       Status = 0x50 // invalid type of number of the destination
	RINVDSTNPI       Status = 0x51 // invalid numbering plan of the destination
	RINVSYSTYP       Status = 0x53 // invalid system_type
	RINVREPFLAG      Status = 0x54 // invalid replace_if_present flag
	RINVNUMMSGS      Status = 0x55 // invalid number of messages
	RTHROTTLED       Status = 0x58 // throttled: more than the allowed rate
	RINVSCHED        Status = 0x61 // invalid schedule_delivery_time
	RINVEXPIRY       Status = 0x62 // invalid validity_period
	RINVDFTMSGID     Status = 0x63 // predefined message invalid or not found
	RX_T_APPN        Status = 0x64 // receiver's temporary application error
	RX_P_APPN        Status = 0x65 // receiver's permanent application error
	RX_R_APPN        Status = 0x66 // receiver rejects the message
	RQUERYFAIL       Status = 0x67 // query_sm failed
	RINVOPTPARSTREAM Status = 0xC0 // error in the optional part of the PDU
	ROPTPARNOTALLWD  Status = 0xC1 // optional parameter not allowed
	RINVPARLEN       Status = 0xC2 // invalid length of a parameter
	RMISSINGOPTPARAM Status = 0xC3 // expected optional parameter is missing
	RINVOPTPARAMVAL  Status = 0xC4 // invalid value of an optional parameter
	RDELIVERYFAILURE Status = 0xFE // delivery failure (data_sm_resp)
	RUNKNOWNERR      Status = 0xFF // unknown error
)

// String is the name in the specification, or the number in hexadecimal for
// one that a vendor reserved.
func (s Status) String() string {
	if name := statuses[s]; name != "" {
		return name
	}
	return "0x" + strconv.FormatUint(uint64(s), 16)
}

var statuses = map[Status]string{
	OK:               "ESME_ROK",
	RINVMSGLEN:       "ESME_RINVMSGLEN",
	RINVCMDLEN:       "ESME_RINVCMDLEN",
	RINVCMDID:        "ESME_RINVCMDID",
	RINVBNDSTS:       "ESME_RINVBNDSTS",
	RALYBND:          "ESME_RALYBND",
	RINVPRTFLG:       "ESME_RINVPRTFLG",
	RINVREGDLVFLG:    "ESME_RINVREGDLVFLG",
	RSYSERR:          "ESME_RSYSERR",
	RINVSRCADR:       "ESME_RINVSRCADR",
	RINVDSTADR:       "ESME_RINVDSTADR",
	RINVMSGID:        "ESME_RINVMSGID",
	RBINDFAIL:        "ESME_RBINDFAIL",
	RINVPASWD:        "ESME_RINVPASWD",
	RINVSYSID:        "ESME_RINVSYSID",
	RCANCELFAIL:      "ESME_RCANCELFAIL",
	RREPLACEFAIL:     "ESME_RREPLACEFAIL",
	RMSGQFUL:         "ESME_RMSGQFUL",
	RINVSERTYP:       "ESME_RINVSERTYP",
	RINVNUMDESTS:     "ESME_RINVNUMDESTS",
	RINVDLNAME:       "ESME_RINVDLNAME",
	RINVDESTFLAG:     "ESME_RINVDESTFLAG",
	RINVSUBREP:       "ESME_RINVSUBREP",
	RINVESMCLASS:     "ESME_RINVESMCLASS",
	RCNTSUBDL:        "ESME_RCNTSUBDL",
	RSUBMITFAIL:      "ESME_RSUBMITFAIL",
	RINVSRCTON:       "ESME_RINVSRCTON",
	RINVSRCNPI:       "ESME_RINVSRCNPI",
	RINVDSTTON:       "ESME_RINVDSTTON",
	RINVDSTNPI:       "ESME_RINVDSTNPI",
	RINVSYSTYP:       "ESME_RINVSYSTYP",
	RINVREPFLAG:      "ESME_RINVREPFLAG",
	RINVNUMMSGS:      "ESME_RINVNUMMSGS",
	RTHROTTLED:       "ESME_RTHROTTLED",
	RINVSCHED:        "ESME_RINVSCHED",
	RINVEXPIRY:       "ESME_RINVEXPIRY",
	RINVDFTMSGID:     "ESME_RINVDFTMSGID",
	RX_T_APPN:        "ESME_RX_T_APPN",
	RX_P_APPN:        "ESME_RX_P_APPN",
	RX_R_APPN:        "ESME_RX_R_APPN",
	RQUERYFAIL:       "ESME_RQUERYFAIL",
	RINVOPTPARSTREAM: "ESME_RINVOPTPARSTREAM",
	ROPTPARNOTALLWD:  "ESME_ROPTPARNOTALLWD",
	RINVPARLEN:       "ESME_RINVPARLEN",
	RMISSINGOPTPARAM: "ESME_RMISSINGOPTPARAM",
	RINVOPTPARAMVAL:  "ESME_RINVOPTPARAMVAL",
	RDELIVERYFAILURE: "ESME_RDELIVERYFAILURE",
	RUNKNOWNERR:      "ESME_RUNKNOWNERR",
}
