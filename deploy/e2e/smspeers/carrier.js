'use strict'
// A carrier's SMSC that uses node-smpp. argv: one JSON object of settings;
// commands on standard input change them and make it misbehave; events go to
// standard output. Each is a line of JSON.
//
// Settings:
//   port            0 takes a free one; the event listening {port} says which
//   system_id, password
//                   of the only account; empty lets everybody in
//   key, cert       files of PEM: it speaks TLS
//   ids, receipt_ids  spelling of a message_id in the response and in the
//                   receipt: hex | HEX | dec | zeros (decimal, 10 digits)
//   receipt         after | before (its response) | none; where one was asked for
//   form            both | text | tlv
//   times           how often a receipt is sent
//   receipt_delay   milliseconds between a response and the receipt after it
//   intermediate    an ENROUTE notification goes before the final receipt
//   state, err      of the receipt: DELIVRD, 000
//   late            ms before each response
//   turn            that many responses are kept and sent backwards
//   status, count   the next count submit_sm are answered with this status, -1 for all
//   nack, count     the next are answered with generic_nack of this status
//   hang            nothing is answered, and nothing is read any more
//   silent          submit_sm are read and never answered
//   drop            after that many further submit_sm, unanswered, the link is cut;
//                   drops: half of them are answered, and the next link is cut, too
//   deny            binds are refused with this status
//
// Commands: {do: "set", …settings}; {do: "close"} cuts every link;
// {do: "mo", tag, from, to, text, …} as in text.js; {do: "receipt", id, state} sends one again;
// {do: "unbind"} ends every link politely; {do: "stop"} and {do: "listen"} shut and open the door;
// {do: "ping"} is answered by the event pong, {do: "set"} by the event set.
//
// Events: listening, bind {link, system_id, mode, status}, submit {link, number, id, status, …},
// answered {id: number, link, status} once its response was written, delivered {tag, status}, closed {link}.
const fs = require('fs')
const smpp = require('smpp')
const { commands, ends, segments, told, ...text } = require('./text')

const s = {
  port: 0, system_id: '', password: '', ids: 'hex', receipt_ids: '', receipt: 'after', receipt_delay: 0, form: 'both', times: 1, intermediate: false,
  state: 'DELIVRD', err: '000', late: 0, turn: 0, status: 0, nack: 0, count: 0, hang: false, silent: false, drop: 0, drops: false, deny: 0,
  ...JSON.parse(process.argv[2] || '{}')
}
const states = { ENROUTE: 1, DELIVRD: 2, EXPIRED: 3, DELETED: 4, UNDELIV: 5, ACCEPTD: 6, UNKNOWN: 7, REJECTD: 8 }
const sessions = new Set()
// Events carry the time in milliseconds.
const say = what => text.say({ ...what, at: Date.now() })
let links = 0
const messages = new Map() // number of a message to what its receipt needs
const kept = []            // responses that wait for their turn
let number = 0x1a2b3c0

const spell = (n, how) => how === 'dec' ? String(n) : how === 'zeros' ? String(n).padStart(10, '0') : how === 'HEX' ? n.toString(16).toUpperCase() : n.toString(16)

// listeners that take deliver_sm, the newest first.
const receivers = () => [...sessions].filter(x => x.mode === 'transceiver' || x.mode === 'receiver').reverse()

const minute = d => d.toISOString().replace(/[-T:]/g, '').slice(2, 12)

function receiptOf (m, state) {
  const id = spell(m.number, s.receipt_ids || s.ids)
  const text = `id:${id} sub:001 dlvrd:${state === 'DELIVRD' ? '001' : '000'} submit date:${minute(m.at)} done date:${minute(new Date())} stat:${state} err:${s.err} text:${m.text.slice(0, 20)}`
  return {
    ...ends(m.to, m.from), esm_class: state === 'ENROUTE' ? 0x20 : 0x04, data_coding: 0,
    short_message: s.form === 'tlv' ? Buffer.alloc(0) : Buffer.from(text, 'latin1'),
    ...(s.form === 'text' ? {} : { receipted_message_id: id, message_state: states[state] })
  }
}

// deliver sends a deliver_sm to whoever takes them, and again a second later
// to whoever is there then, until somebody answered 0.
function deliver (tag, fields) {
  const [to] = receivers()
  const again = () => setTimeout(() => deliver(tag, fields), 1000)
  if (!to) return again()
  let told = false
  const once = status => {
    if (told) return
    told = true
    to.off('close', lost)
    say({ event: 'delivered', tag, status })
    if (status !== 0) again()
  }
  const lost = () => once(-1)
  to.on('close', lost)
  to.deliver_sm({ ...fields }, pdu => once(pdu.command_status))
}

function receipts (m) {
  if (s.receipt === 'none' || !(m.registered & 3)) return
  const tag = `receipt ${m.number}`
  if (s.intermediate) deliver(tag, receiptOf(m, 'ENROUTE'))
  for (let i = 0; i < s.times; i++) deliver(tag, receiptOf(m, s.state))
}

function respond (session, pdu, m, status, nack) {
  const write = () => {
    if (!sessions.has(session)) return
    if (nack) session.send(new smpp.PDU('generic_nack', { command_status: nack, sequence_number: pdu.sequence_number }))
    else session.send(pdu.response(status ? { command_status: status } : { message_id: spell(m.number, s.ids) }), () => say({ event: 'answered', id: m.number, link: session.link, status }))
    if (!status && !nack && s.receipt !== 'before') s.receipt_delay ? setTimeout(() => receipts(m), s.receipt_delay) : receipts(m)
  }
  if (!status && !nack && s.receipt === 'before') receipts(m)
  if (s.turn > 1) {
    kept.push(write)
    if (kept.length >= s.turn) for (const w of kept.splice(0).reverse()) w()
  } else if (s.late) setTimeout(write, s.late)
  else write()
}

function submitted (session, pdu) {
  const t = told(pdu)
  const plus = (ton, addr) => (ton === 1 ? '+' : '') + addr
  const m = { number: ++number, from: plus(t.from_ton, t.from), to: plus(t.to_ton, t.to), text: t.text, registered: t.registered, at: new Date() }
  messages.set(m.number, m)
  let status = 0
  let nack = 0
  if (s.count !== 0) {
    if (s.count > 0) s.count--
    status = s.status
    nack = s.nack
  }
  const unanswered = s.silent || s.hang || (s.drop > 0 && !(s.drops && m.number % 2))
  say({ event: 'submit', link: session.link, number: m.number, id: spell(m.number, s.ids), status: unanswered ? -1 : nack || status, ...t })
  if (s.drop > 0 && --s.drop === 0) {
    if (s.drops) s.drop = 5
    return session.destroy()
  }
  if (!unanswered) respond(session, pdu, m, status, nack)
}

const tls = s.key ? { key: fs.readFileSync(s.key), cert: fs.readFileSync(s.cert) } : {}
const server = smpp.createServer(tls, session => {
  session.setMaxListeners(0)
  session.link = ++links
  session.on('error', () => session.destroy())
  session.on('close', () => {
    if (sessions.delete(session)) say({ event: 'closed', link: session.link })
  })
  for (const mode of ['transceiver', 'transmitter', 'receiver']) {
    session.on('bind_' + mode, pdu => {
      const known = !s.system_id || (pdu.system_id === s.system_id && pdu.password === s.password)
      const status = s.deny || (known ? 0 : smpp.ESME_RBINDFAIL)
      say({ event: 'bind', link: session.link, system_id: pdu.system_id, mode, status })
      session.send(pdu.response(status ? { command_status: status } : { system_id: 'carrier' }))
      if (status) return session.close()
      session.mode = mode
      sessions.add(session)
      if (s.hang) session.pause()
    })
  }
  session.on('enquire_link', pdu => session.send(pdu.response()))
  session.on('unbind', pdu => { session.send(pdu.response()); session.close() })
  session.on('submit_sm', pdu => submitted(session, pdu))
  session.on('query_sm', pdu => session.send(pdu.response({ message_id: pdu.message_id, message_state: states[s.state] })))
})

const listen = () => server.listen(s.port, '127.0.0.1', () => {
  s.port = server.address().port
  say({ event: 'listening', port: s.port })
})

function set (c) {
  delete c.do
  if (c.turn !== undefined) for (const w of kept.splice(0).reverse()) w()
  const was = s.hang
  Object.assign(s, c)
  if (was !== s.hang) for (const x of sessions) s.hang ? x.pause() : x.resume()
}

commands(c => {
  switch (c.do) {
    case 'set':
      set(c)
      return say({ event: 'set' })
    case 'mo': return segments(c).forEach((f, i) => deliver(c.tag || `mo ${i + 1}`, { ...ends(c.from, c.to), ...f }))
    case 'receipt': return deliver(`receipt ${c.number}`, receiptOf(messages.get(c.number), c.state || s.state))
    case 'unbind':
      for (const x of sessions) x.unbind(() => x.close())
      return
    case 'stop': return server.close(() => say({ event: 'stopped' }))
    case 'listen': return listen()
    case 'ping': return say({ event: 'pong' })
    case 'close':
      for (const x of sessions) x.destroy()
  }
})

listen()
