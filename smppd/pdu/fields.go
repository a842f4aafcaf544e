package pdu

import "gatepost/gateway"

// The mandatory parameters of each body, in their order. Limits are in octets
// without the NUL, one less than the tables of section 4 say.

// fields hands the mandatory parameters of b to c. An interface method would
// be shorter, but would put every coder on the heap.
func fields(b Body, c *coder) {
	switch b := b.(type) {
	case *Message:
		b.fields(c)
	case *MessageResp:
		b.fields(c)
	case *Bind:
		b.fields(c)
	case *BindResp:
		b.fields(c)
	case *OutbindBody:
		b.fields(c)
	case *Multi:
		b.fields(c)
	case *MultiResp:
		b.fields(c)
	case *Query:
		b.fields(c)
	case *QueryResp:
		b.fields(c)
	case *Cancel:
		b.fields(c)
	case *Replace:
		b.fields(c)
	case *Alert:
		b.fields(c)
	}
}

func (b *Bind) fields(c *coder) {
	c.text(&b.SystemID, 15, RINVSYSID, "system_id")
	c.free((*string)(&b.Password), 64, RINVPASWD, "password")
	c.text(&b.SystemType, 12, RINVSYSTYP, "system_type")
	c.octet(&b.InterfaceVersion, "interface_version")
	c.octet(&b.AddrTON, "addr_ton")
	c.octet(&b.AddrNPI, "addr_npi")
	c.text(&b.AddressRange, 40, RBINDFAIL, "address_range")
}

func (b *BindResp) fields(c *coder) { c.text(&b.SystemID, 15, RINVSYSID, "system_id") }

func (b *OutbindBody) fields(c *coder) {
	c.text(&b.SystemID, 15, RINVSYSID, "system_id")
	c.free((*string)(&b.Password), 64, RINVPASWD, "password")
}

func (b *Message) fields(c *coder) {
	s := &b.Segment
	limit := 20
	if c.command == DataSM {
		limit = 64
	}
	if !c.writing {
		s.Data = c.command == DataSM
	} else if s.Data != (c.command == DataSM) {
		c.fail(RINVCMDID, "command_id")
	}
	c.text(&s.ServiceType, 5, RINVSERTYP, "service_type")
	c.line(&s.Source, limit, RINVSRCADR, "source_addr")
	c.line(&s.Dest, limit, RINVDSTADR, "destination_addr")
	if s.Data {
		if len(s.Short) > 0 {
			c.fail(RINVMSGLEN, "short_message")
		}
		c.octet(&s.ESMClass, "esm_class")
		c.octet(&s.Registered, "registered_delivery")
		c.octet(&s.DataCoding, "data_coding")
		return
	}
	c.message(s)
}

// message is what submit_sm, deliver_sm and submit_multi have behind the
// destination.
func (c *coder) message(s *gateway.Segment) {
	c.octet(&s.ESMClass, "esm_class")
	c.octet(&s.ProtocolID, "protocol_id")
	c.octet(&s.Priority, "priority_flag")
	c.time(&s.Schedule, RINVSCHED, "schedule_delivery_time")
	c.time(&s.Validity, RINVEXPIRY, "validity_period")
	c.octet(&s.Registered, "registered_delivery")
	c.octet(&s.Replace, "replace_if_present_flag")
	c.octet(&s.DataCoding, "data_coding")
	c.octet(&s.DefaultID, "sm_default_msg_id")
	c.short(&s.Short)
}

func (b *MessageResp) fields(c *coder) { c.id(&b.MessageID) }

func (b *Multi) fields(c *coder) {
	s := &b.Segment
	c.text(&s.ServiceType, 5, RINVSERTYP, "service_type")
	c.line(&s.Source, 20, RINVSRCADR, "source_addr")
	n := byte(len(b.Dests))
	c.octet(&n, "number_of_dests")
	if n == 0 || n == 255 || c.writing && len(b.Dests) > 254 {
		c.fail(RINVNUMDESTS, "number_of_dests")
	}
	if !c.writing && c.bad == OK {
		b.Dests = make([]Dest, n)
	}
	for i := range b.Dests {
		b.Dests[i].fields(c)
	}
	c.message(s)
}

// The values of dest_flag (section 5.2.25).
const (
	destLine = 1
	destList = 2
)

func (d *Dest) fields(c *coder) {
	flag := byte(destLine)
	if d.List != "" {
		flag = destList
	}
	c.octet(&flag, "dest_flag")
	switch {
	case c.bad != OK:
	case flag == destLine:
		c.line(&d.Line, 20, RINVDSTADR, "destination_addr")
	case flag == destList:
		c.text(&d.List, 20, RINVDLNAME, "dl_name")
		if d.List == "" {
			c.fail(RINVDLNAME, "dl_name")
		}
	default:
		c.fail(RINVDESTFLAG, "dest_flag")
	}
}

func (b *MultiResp) fields(c *coder) {
	c.id(&b.MessageID)
	n := byte(len(b.Failed))
	if c.writing && len(b.Failed) > 255 {
		c.fail(RINVNUMDESTS, "no_unsuccess")
		return
	}
	c.octet(&n, "no_unsuccess")
	if !c.writing && n > 0 {
		b.Failed = make([]Failed, n)
	}
	for i := range b.Failed {
		c.line(&b.Failed[i].Line, 20, RINVDSTADR, "destination_addr")
		c.status(&b.Failed[i].Status, "error_status_code")
	}
}

func (b *Query) fields(c *coder) {
	c.id(&b.MessageID)
	c.line(&b.Source, 20, RINVSRCADR, "source_addr")
}

func (b *QueryResp) fields(c *coder) {
	c.id(&b.MessageID)
	c.time(&b.FinalDate, RINVEXPIRY, "final_date")
	c.octet(&b.State, "message_state")
	c.octet(&b.ErrorCode, "error_code")
}

func (b *Cancel) fields(c *coder) {
	c.text(&b.ServiceType, 5, RINVSERTYP, "service_type")
	c.id(&b.MessageID)
	c.line(&b.Source, 20, RINVSRCADR, "source_addr")
	c.line(&b.Dest, 20, RINVDSTADR, "destination_addr")
}

func (b *Replace) fields(c *coder) {
	s := &b.Segment
	c.id(&b.MessageID)
	c.line(&s.Source, 20, RINVSRCADR, "source_addr")
	c.time(&s.Schedule, RINVSCHED, "schedule_delivery_time")
	c.time(&s.Validity, RINVEXPIRY, "validity_period")
	c.octet(&s.Registered, "registered_delivery")
	c.octet(&s.DefaultID, "sm_default_msg_id")
	c.short(&s.Short)
}

func (b *Alert) fields(c *coder) {
	c.line(&b.Source, 64, RINVSRCADR, "source_addr")
	c.line(&b.ESME, 64, RINVDSTADR, "esme_addr")
}
