package store

import (
	"bytes"
	"encoding/binary"
	"time"
)

// Table is the first octet of a key. All tables of Gatepost stand here, so
// that the whole key space can be read in one place. What follows the octet
// is fixed-width or last, so that keys need no escaping. Keys are not sealed:
// they hold ids and keyed hashes, never an address, a name or a number.
type Table byte

// The tables. An octet is never used again for something else.
const (
	Meta       Table = 'A' // name -> format versions, generation
	Messages   Table = 'B' // message id -> Message
	Envelopes  Table = 'C' // message id, n (4) -> Envelope
	Schedule   Table = 'D' // due time (8), envelope -> node, ready: what the queue does next
	HeldBy     Table = 'E' // envelope -> why: what waits for a person
	Bodies     Table = 'F' // blob id -> sealed octets of a small body
	BlobFiles  Table = 'G' // blob id -> where a larger body lies
	Links      Table = 'H' // link id -> Link
	Proofs     Table = 'I' // kind, subject -> codes, PINs, tries
	Sessions   Table = 'J' // session hash -> viewer session
	Threads    Table = 'K' // thread id -> Thread
	ThreadPart Table = 'L' // thread id, person ref, message id -> turn
	Capability Table = 'M' // keyed hash of a capability address -> thread, person
	Bounces    Table = 'N' // keyed hash of a b. token -> envelope
	HeaderIDs  Table = 'O' // keyed hash of a Message-ID -> message, thread
	People     Table = 'P' // keyed hash of an address -> Person
	PersonRefs Table = 'Q' // person ref -> key in People
	Users      Table = 'R' // keyed hash of a user name -> User
	Staged     Table = 'S' // time (8), random (8), message id if it is about one -> Record not yet folded; without the id also several Records of one commit
	Log        Table = 'T' // sequence number (8) -> Record
	LogTiles   Table = 'U' // level (1), index (8) -> hashes of the Merkle tree; level 1: those of up to 64 records
	LogHeads   Table = 'V' // sequence number (8) -> signed checkpoint
	LogIndex   Table = 'W' // message id, sequence number (8) -> distances to further ones
	LogState   Table = 'X' // folder's position
	KeyGroups  Table = 'Y' // group id -> retention day, number of wraps
	Leases     Table = 'Z' // name -> holder, until
	Retention  Table = 'a' // day (8), message id -> empty
	Seen       Table = 'b' // keyed hash -> when: replay memory, loop marks
	PersonPart Table = 'c' // person ref, thread id -> empty: the threads of a person
	Agenda     Table = 'd' // due time (8), kind (1), subject -> what is to be done then
	Devices    Table = 'e' // person ref, device id -> remembered browser
	SMSParts   Table = 'f' // keyed hash of a long text (16), part (1) -> segment that waits for the others
	ShortIDs   Table = 'g' // id given to an application -> message, part
	CarrierIDs Table = 'h' // keyed hash of an id as the carrier may spell it (16), of it exactly (8) -> envelope, segment
	Early      Table = 'i' // keyed hash of a carrier's id, time (8) -> receipt that came before its message's answer
	Outbox     Table = 'j' // keyed hash of a system_id (16), sequence (8) -> what waits for an application
	Dialogs    Table = 'k' // person ref, keyed hash of our line (16) -> who last wrote from there, newest thread
	Consents   Table = 'l' // keyed hash of a number -> what that telephone said to which line
	SentSMS    Table = 'm' // keyed hashes of a number and a line (16 each), time (8), message id -> empty
	// VerdictBases: digest (16) -> what the rules of a policy say of an empty
	// message, which kept verdicts leave out.
	VerdictBases Table = 'n'
	WaitingFor   Table = 'o' // person ref, envelope -> empty: what is queued or held for a telephone
	// Folders: owner (16), folder (1), uid (4) -> marks of an entry; uid 0: record
	// of the folder itself.
	Folders Table = 'p'
	Entries Table = 'q' // owner (16), folder (1), uid (4) -> what of an entry never changes
	Places  Table = 'r' // owner (16), message id -> the entries that show it
	Layouts Table = 's' // message id -> Layout
	Filings Table = 't' // message id -> empty: its places are to be looked at again
)

// Key joins a table and parts into a key. Parts other than the last must have
// one fixed width in that table.
func Key(t Table, parts ...[]byte) []byte {
	n := 1
	for _, p := range parts {
		n += len(p)
	}
	k := make([]byte, 1, n)
	k[0] = byte(t)
	for _, p := range parts {
		k = append(k, p...)
	}
	return k
}

// Prefix is the range of all keys that begin with Key(t, parts...).
func Prefix(t Table, parts ...[]byte) Range {
	from := Key(t, parts...)
	return Range{From: from, To: after(from)}
}

// after is the smallest key greater than every key with prefix p.
func after(p []byte) []byte {
	end := bytes.Clone(p)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// Uint64 encodes n so that keys sort by it.
func Uint64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// Uint32 encodes n so that keys sort by it.
func Uint32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// Time encodes t, to the nanosecond, so that keys sort by it. Times before
// 1970 encode as 1970.
func Time(t time.Time) []byte {
	if n := t.UnixNano(); n > 0 {
		return Uint64(uint64(n))
	}
	return Uint64(0)
}
