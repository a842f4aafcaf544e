package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// maxLine is the longest line that VerifyExport reads, in octets. Records are
// some hundred.
const maxLine = 1 << 20

// VerifyExport verifies a whole JSON export (every record, without names)
// against checkpoints that key signed; it needs no store and no keyring, and
// memory for one line. Records behind the newest checkpoint are reported as
// unsigned, so take that of ExportOptions.Head, and add older ones that were
// kept elsewhere: only they prove that nothing was rolled back before the
// export. An error means that r could not be read.
func VerifyExport(r io.Reader, key note.Verifier, checkpoints ...[]byte) (Report, error) {
	v := &verification{key: key}
	v.addCheckpoints(checkpoints)
	v.compareRoots()
	in := bufio.NewReaderSize(r, maxLine)
	var seq uint64 // of the next line
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return v.report, fmt.Errorf("verifying an export: record %d: line is too long", seq)
		case err != nil && !errors.Is(err, io.EOF):
			return v.report, fmt.Errorf("verifying an export: %w", err)
		}
		if len(line) > 0 {
			seq = v.line(bytes.TrimSuffix(line, []byte{'\n'}), seq) + 1
		}
		if err != nil {
			v.finishExport()
			return v.report, nil
		}
	}
}

// line takes one line of an export, which should be record seq, and returns
// the number that it has.
func (v *verification) line(leaf []byte, seq uint64) uint64 {
	var e Entry
	switch err := json.Unmarshal(leaf, &e); {
	case err != nil || e.Event == "":
		v.report.add(ProblemRecord, seq, "record cannot be read")
		e.Seq = seq
	case e.Seq > seq:
		v.broken = true
		v.report.addSome(ProblemMissing, seq, e.Seq-seq, "records are missing")
	case e.Seq < seq:
		v.broken = true
		v.report.add(ProblemRecord, seq, "record of another number")
		e.Seq = seq
	}
	v.report.Records++
	hash := tlog.RecordHash(leaf)
	v.records.push(hash)
	v.stored.push(hash)
	v.compareRoots()
	return e.Seq
}

// finishExport looks at what no checkpoint covers, and at checkpoints of more
// records than came.
func (v *verification) finishExport() {
	for _, s := range v.signed {
		v.report.add(ProblemRolledBack, s.Size, "export ends before a checkpoint")
	}
	if rest := v.records.size - v.report.Signed; rest > 0 {
		v.report.addSome(ProblemUnsigned, v.report.Signed, rest, "records behind the newest checkpoint that fits")
	}
}
