'use strict'
// What the programs of node-smpp share: lines of JSON, ends of a message, and
// cutting a text into segments. Alphabets are node-smpp's own.
const smpp = require('smpp')
const readline = require('readline')

// Payloads of SMPP 3.4 go to 64 KiB; node-smpp stops at 16 KiB by itself.
smpp.PDU.maxLength = 70000

// node-smpp decodes a text and forgets its octets; stories compare them too.
const decode = smpp.filters.message.decode
smpp.filters.message.decode = function (value, skip) {
  if (Buffer.isBuffer(value) && (value.length || !this.octets)) this.octets = Buffer.from(value)
  return decode.call(this, value, skip)
}

exports.say = what => process.stdout.write(JSON.stringify(what) + '\n')

// commands calls do(command) for each line of standard input, and ends the
// program with it: nobody is left to talk to.
exports.commands = act => {
  const lines = readline.createInterface({ input: process.stdin })
  lines.on('line', line => act(JSON.parse(line)))
  lines.on('close', () => process.exit(0))
}

// end is an address with its type of number and numbering plan.
function end (address) {
  if (/^\+\d+$/.test(address)) return { ton: 1, npi: 1, addr: address.slice(1) }
  if (/^\d+$/.test(address)) return { ton: 0, npi: 1, addr: address }
  return { ton: 5, npi: 0, addr: address }
}

exports.ends = (from, to) => {
  const s = end(from)
  const d = end(to)
  return {
    source_addr_ton: s.ton, source_addr_npi: s.npi, source_addr: s.addr,
    dest_addr_ton: d.ton, dest_addr_npi: d.npi, destination_addr: d.addr
  }
}

// alphabet chooses data_coding and the encoder of one character. table is a
// national language of 3GPP TS 23.038: 1 Turkish, 2 Spanish, 3 Portuguese.
function alphabet (text, coding, table) {
  if (table) return { coding: 0, encode: c => smpp.gsmCoder.encode(c, table), septets: true }
  const name = { gsm: 'ASCII', latin1: 'LATIN1', ucs2: 'UCS2' }[coding] || smpp.encodings.detect(text)
  const number = { ASCII: 0, LATIN1: 3, UCS2: 8 }[name]
  return { coding: number, encode: c => smpp.encodings[name].encode(c), septets: name === 'ASCII' }
}

// cut fills segments of at most limit octets without breaking a character.
function cut (text, encode, limit) {
  const parts = []
  let now = []
  let size = 0
  for (const c of text) {
    const octets = encode(c)
    if (size + octets.length > limit) {
      parts.push(Buffer.concat(now))
      now = []
      size = 0
    }
    now.push(octets)
    size += octets.length
  }
  parts.push(Buffer.concat(now))
  return parts
}

// shift announces a national language: its single shift table and, where it
// has one, its locking shift table.
const shift = table => table === 2 ? [0x24, 1, 2] : [0x24, 1, table, 0x25, 1, table]

function header (how, ref, total, seq, extra) {
  const place = total === 1 ? [] : how === 'udh16' ? [8, 4, ref >> 8, ref & 255, total, seq] : [0, 3, ref & 255, total, seq]
  const elements = place.concat(extra)
  return Buffer.from(elements.length ? [elements.length, ...elements] : [])
}

let reference = 0x41

// segments turns a text into the fields of submit_sm or deliver_sm.
// c.how: "udh8" (also when empty), "udh16", "sar", "payload".
exports.segments = c => {
  if (c.octets !== undefined) return [{ data_coding: c.data_coding || 0, esm_class: c.esm_class || 0, short_message: Buffer.from(c.octets, 'hex') }]
  const a = alphabet(c.text, c.coding, c.table)
  if (c.how === 'payload') return [{ data_coding: a.coding, message_payload: Buffer.concat(Array.from(c.text, a.encode)) }]
  const extra = c.table ? shift(c.table) : []
  // 140 octets of user data are 160 septets; a header takes whole octets.
  const room = h => a.septets ? Math.floor((140 - h) * 8 / 7) : 140 - h
  let parts = cut(c.text, a.encode, room(extra.length ? extra.length + 1 : 0))
  const how = c.how === 'sar' ? 'udh8' : c.how || 'udh8'
  if (parts.length > 1) parts = cut(c.text, a.encode, room(header(how, 0, 2, 1, extra).length))
  const ref = c.ref === undefined ? ++reference : c.ref
  return parts.map((part, i) => {
    const f = { data_coding: a.coding }
    if (c.how === 'sar' && parts.length > 1) {
      return { ...f, short_message: part, sar_msg_ref_num: ref, sar_total_segments: parts.length, sar_segment_seqnum: i + 1 }
    }
    const udh = header(how, ref, parts.length, i + 1, extra)
    return { ...f, esm_class: udh.length ? 0x40 : 0, short_message: Buffer.concat([udh, part]) }
  })
}

// told is a message as JSON: its fields, its octets, and its text as
// node-smpp reads it.
exports.told = pdu => {
  const content = pdu.message_payload || pdu.short_message || {}
  const text = content.message
  return {
    from: pdu.source_addr, from_ton: pdu.source_addr_ton, to: pdu.destination_addr, to_ton: pdu.dest_addr_ton,
    service_type: pdu.service_type, esm_class: pdu.esm_class, registered: pdu.registered_delivery, data_coding: pdu.data_coding,
    protocol_id: pdu.protocol_id, priority: pdu.priority_flag,
    octets: pdu.octets ? pdu.octets.toString('hex') : '',
    text: typeof text === 'string' ? text : '',
    udh: (content.udh || []).map(u => u.toString('hex')),
    payload: pdu.message_payload !== undefined,
    sar: pdu.sar_total_segments ? [pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum] : undefined,
    receipted: pdu.receipted_message_id, state: pdu.message_state
  }
}
