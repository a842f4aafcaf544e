// Package upstream is the SMPP client towards the carrier: it keeps Gatepost
// bound to a message centre (SMSC), hands it segments, and takes what the
// carrier delivers.
//
// It is a protocol engine: it says exactly what came of every segment. It is
// not a queue (what it could not hand over within one call is the caller's to
// try again), it knows no policy and keeps nothing on disk.
//
// What always holds:
//
//   - A segment that was answered with status 0 is never sent again, whatever
//     the answer holds otherwise, if its link lived and it came within six
//     response times and before the caller's context ended.
//   - A segment that may have left and has no answer is SegmentResult.Unknown.
//     One that never left for the socket is not, and is sent over the next link.
//   - The segments of one message go in order, each after the one before it was
//     taken: no part is sent for a text whose earlier part was refused.
//   - deliver_sm and data_sm are answered 0 only after the Gateway returned nil.
//     What one telephone sends is handed over in the order of its arrival, and so
//     are the receipts about one message.
//   - No more than the window is unanswered at the carrier, and no more than a
//     fixed amount of what it delivers is in memory; beyond that it is told to
//     come back.
//   - No status is permanent unless it says that this very segment can never be
//     taken (see verdicts); what vendors made up is temporary unless configured.
//   - No number, text, message id or password is logged or becomes a label.
package upstream
