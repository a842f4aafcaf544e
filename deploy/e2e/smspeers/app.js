'use strict'
// An application that uses node-smpp. argv: one JSON object {host, port,
// system_id, password, mode: transceiver | transmitter | receiver, tls, again}.
// Commands come on standard input and events go to standard output, a line of
// JSON each:
//
//   {do: "submit", tag, from, to, text, …}   event resp for each segment {tag, part, status, id}
//       how, coding, table, ref, octets, esm_class, data_coding: see segments() in text.js
//       receipt: registered_delivery; order: the parts to send, from 1, any of them more than once
//       service_type
//   {do: "query" | "cancel", tag, id, from, to}   event answer {tag, status, state}
//   {do: "answer", status, count}            the next deliver_sm are answered with this status; -1: not at all
//   {do: "unbind"}
//
// Events besides: bound {status}, deliver {…}, closed.
// again: seconds after which a lost connection is made again, 0 for never.
const smpp = require('smpp')
const { say, commands, ends, segments, told } = require('./text')
const options = JSON.parse(process.argv[2])

let session
let leaving = false
const answers = []

function connect () {
  session = smpp.connect({ url: `${options.tls ? 'ssmpp' : 'smpp'}://${options.host}:${options.port}`, rejectUnauthorized: false })
  session.on(options.tls ? 'secureConnect' : 'connect', bind)
  session.on('error', e => say({ event: 'error', why: String(e.message) }))
  session.on('close', () => {
    say({ event: 'closed' })
    if (options.again && !leaving) setTimeout(connect, options.again * 1000)
  })
  session.on('enquire_link', pdu => session.send(pdu.response()))
  session.on('unbind', pdu => { session.send(pdu.response()); session.close() })
  session.on('deliver_sm', deliver)
}

function bind () {
  session['bind_' + (options.mode || 'transceiver')]({ system_id: options.system_id, password: options.password, interface_version: 0x34 },
    pdu => say({ event: 'bound', status: pdu.command_status, as: pdu.system_id }))
}

function deliver (pdu) {
  const status = answers.length ? answers.shift() : 0
  say({ event: 'deliver', answered: status, ...told(pdu) })
  if (status >= 0) session.send(pdu.response({ command_status: status }))
}

function submit (c) {
  const all = segments(c)
  const order = c.order || all.map((_, i) => i + 1)
  const common = { ...ends(c.from, c.to), registered_delivery: c.receipt || 0, service_type: c.service_type || '' }
  for (const part of order) {
    session.submit_sm({ ...common, ...all[part - 1] },
      pdu => say({ event: 'resp', tag: c.tag, part, parts: order.length, status: pdu.command_status, id: pdu.message_id || '' }))
  }
}

const ask = (c, command, fields) => session[command]({ message_id: c.id, ...fields },
  pdu => say({ event: 'answer', tag: c.tag, status: pdu.command_status, state: pdu.message_state }))

commands(c => {
  const e = c.from === undefined ? {} : ends(c.from, c.to || '0')
  switch (c.do) {
    case 'submit': return submit(c)
    case 'query': return ask(c, 'query_sm', { source_addr_ton: e.source_addr_ton, source_addr_npi: e.source_addr_npi, source_addr: e.source_addr })
    case 'cancel': return ask(c, 'cancel_sm', e)
    case 'answer':
      for (let i = 0; i < c.count; i++) answers.push(c.status)
      return
    case 'unbind':
      leaving = true
      session.unbind(() => { say({ event: 'unbound' }); session.close() })
  }
})

connect()
