package store

import (
	"bufio"
	"context"
	"fmt"
	"io"
)

// String is the name of t as it stands in this package, for dumps and logs.
func (t Table) String() string {
	if name, ok := tableNames()[t]; ok {
		return name
	}
	return fmt.Sprintf("Table(%#02x)", byte(t))
}

// tableNames is every table with its name; a test compares it with keys.go.
func tableNames() map[Table]string {
	return map[Table]string{
		Meta: "Meta", Messages: "Messages", Envelopes: "Envelopes", Schedule: "Schedule",
		HeldBy: "HeldBy", Bodies: "Bodies", BlobFiles: "BlobFiles", Links: "Links",
		Proofs: "Proofs", Sessions: "Sessions", Threads: "Threads", ThreadPart: "ThreadPart",
		Capability: "Capability", Bounces: "Bounces", HeaderIDs: "HeaderIDs", People: "People",
		PersonRefs: "PersonRefs", Users: "Users", Staged: "Staged", Log: "Log",
		LogTiles: "LogTiles", LogHeads: "LogHeads", LogIndex: "LogIndex", LogState: "LogState",
		KeyGroups: "KeyGroups", Leases: "Leases", Retention: "Retention", Seen: "Seen",
		PersonPart: "PersonPart", Agenda: "Agenda", Devices: "Devices",
		SMSParts: "SMSParts", ShortIDs: "ShortIDs", CarrierIDs: "CarrierIDs", Early: "Early",
		Outbox: "Outbox", Dialogs: "Dialogs", Consents: "Consents",
		SentSMS: "SentSMS", VerdictBases: "VerdictBases", WaitingFor: "WaitingFor",
		Folders: "Folders", Entries: "Entries", Places: "Places", Layouts: "Layouts", Filings: "Filings",
	}
}

// Dump writes one line per record of s in key order: the table, the rest of
// the key in hexadecimal, the version, and the size of the value in octets.
// Values are never shown.
func Dump(ctx context.Context, s Store, w io.Writer) error {
	names := tableNames()
	out := bufio.NewWriter(w)
	var failed error
	err := s.Scan(ctx, Range{}, func(item Item) bool {
		failed = dumpLine(out, names, item)
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("dumping the store: %w", err)
	}
	return out.Flush()
}

func dumpLine(w io.Writer, names map[Table]string, item Item) error {
	name, rest := "?", item.Key
	if len(item.Key) > 0 {
		if known, ok := names[Table(item.Key[0])]; ok {
			name, rest = known, item.Key[1:]
		}
	}
	_, err := fmt.Fprintf(w, "%-10s %x v%d %d\n", name, rest, item.Version, len(item.Value))
	return err
}
