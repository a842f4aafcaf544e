// Package pdu reads and writes the PDUs of the Short Message Peer to Peer
// protocol, SMPP v3.4. It knows octets: what a field may hold, how long it may
// be, where a PDU ends. It knows no session: who may send what and when, what
// a message says, and whether a value such as a data_coding makes sense are
// for others to judge.
//
// Invariants:
//
//   - command_length is checked before anything is allocated for it, and
//     memory grows with the octets that arrive, not with what they announce.
//   - What is decoded is a copy. It shares nothing with the frame.
//   - What Decode accepts, Append writes again, to the same octets or to the
//     normal form that Decode documents.
//   - Optional parameters keep their order, and none is dropped, known or not,
//     expected or not.
//   - There is one place only where a message can be: short_message beside
//     message_payload, or two of those, is refused, because one end would read
//     the one and the other end the other. So are doubled SAR parameters.
//   - No octet of a message, no address and no password is shown under any
//     verb of fmt, and no error carries one.
package pdu
