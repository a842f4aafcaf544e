// Package queue decides when an envelope is delivered and records what came
// of it. It knows no protocol and never sees a body: a Courier delivers, a
// Ledger stages the evidence, the store remembers.
//
// What always holds:
//
//   - An envelope that is Queued has exactly one row in store.Schedule, at
//     Envelope.Next; one that is Held has one in store.HeldBy. One of either
//     that is to a telephone has a row under its person in store.WaitingFor.
//     State and rows change in one batch.
//   - Memory is only a faster copy of the schedule. What does not fit, or is
//     not due soon, is read from the store when its time comes; a lost wake-up
//     costs at most RescanEvery.
//   - What waits for a destination that is away is parked: its row bears the
//     destination's mark, nobody attempts or rewrites it, and it is read back
//     before its time when the destination is heard of.
//   - At most one attempt runs for an envelope. An envelope whose attempt has
//     ended is not attempted again before that end is stored: while the store
//     fails the result stays in memory and nothing new is started.
//   - Attempts, Next, Delayed, Last, Accepted and State are written by the
//     queue only. A settlement reads the record anew and requires its version,
//     so what a Courier changed meanwhile (Amend) is kept.
//   - A panic or an unexplained error of Courier or Ledger delays, it never
//     bounces.
//
// The same code runs on one node or on several over one store: rows carry the
// node that works on them, a node works only under its lease, and the rows of
// a node whose lease lapsed are taken over.
package queue
