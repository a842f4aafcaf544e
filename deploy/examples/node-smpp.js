'use strict'
// An application of Gatepost with node-smpp (npm install smpp): sends one text,
// prints the id, the receipts and what telephones answer.
//
//   node node-smpp.js smpp://127.0.0.1:2775 appointments PASSWORD +15550100200 +15550100177 'Your visit is on Tuesday at 10.'
//
// gatepost.yaml: listen.smpp, and an account of that system_id with that
// password and source address. ssmpp:// is TLS, to listen.smpps.
const smpp = require('smpp')
const [url, systemID, password, from, to, text] = process.argv.slice(2)
const line = number => number.replace(/^\+/, '')

const session = smpp.connect({ url, auto_enquire_link_period: 25000 }, () => {
  session.bind_transceiver({ system_id: systemID, password, interface_version: 0x34 }, bound => {
    if (bound.command_status !== 0) throw new Error(`bind: status 0x${bound.command_status.toString(16)}`)
    session.submit_sm({
      source_addr_ton: 1, source_addr_npi: 1, source_addr: line(from),
      dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: line(to),
      registered_delivery: 1, short_message: text // one segment: node-smpp does not cut longer ones
    }, answer => {
      // 0x45: refused by policy, or the telephone said STOP: never again. 0x58, 0x14, 0x08: try again later.
      console.log('status', answer.command_status, 'id', answer.message_id)
    })
  })
})

session.on('deliver_sm', pdu => {
  const words = pdu.short_message.message
  console.log(pdu.esm_class & 4 ? 'receipt' : `message from ${pdu.source_addr}`, words)
  session.send(pdu.response()) // status 0: it does not come again
})
session.on('error', e => { throw e })
