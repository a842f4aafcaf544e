package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"

	"golang.org/x/mod/sumdb/note"

	"gatepost/gateway/audit"
)

// headLine is what comes before the records of an export that wants its
// checkpoint.
type headLine struct {
	Checkpoint string `json:"checkpoint"`
}

// withNote writes the records to standard output and their checkpoint to a
// file.
func (a auditExportCmd) withNote(ctx context.Context, env environment) error {
	if a.Format != "json" || a.Names || a.Checkpoint || a.Key {
		return exit{exitUsage, errors.New("--note goes with the records as JSON, without names")}
	}
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := a.split(r, env.out)
		_ = r.CloseWithError(err)
		done <- err
	}()
	records := env
	records.out, records.json = w, true
	err := operate(ctx, records, "audit.export", url.Values{"format": {"json"}, "note": {"true"}}, nil, true, nil)
	_ = w.CloseWithError(err)
	if split := <-done; err == nil {
		err = split
	}
	return err
}

func (a auditExportCmd) split(r io.Reader, out io.Writer) error {
	in := bufio.NewReader(r)
	first, err := in.ReadBytes('\n')
	var head headLine
	if err == nil {
		err = json.Unmarshal(first, &head)
	}
	if err != nil {
		return exit{exitSoftware, errors.New("the export has no checkpoint")}
	}
	if err := writeNew(a.Note, []byte(head.Checkpoint)); err != nil {
		return exit{exitCantCreate, err}
	}
	_, err = io.Copy(out, in)
	return err
}

// export verifies an exported log with nothing but the public key and
// checkpoints: what an auditor does, far from the installation.
func (a auditVerifyCmd) export(env environment) error {
	if a.Key == "" || len(a.Checkpoint) == 0 {
		return exit{exitUsage, errors.New("--export needs --key and at least one --checkpoint")}
	}
	key, err := note.NewVerifier(a.Key)
	if err != nil {
		return exit{exitUsage, errors.New("--key is no public key of a Gatepost log: it is the line that audit export --key prints, not a file")}
	}
	var checkpoints [][]byte
	for _, path := range a.Checkpoint {
		raw, err := os.ReadFile(path)
		if err != nil {
			return exit{exitNoInput, err}
		}
		checkpoints = append(checkpoints, raw)
	}
	f, err := os.Open(a.Export)
	if err != nil {
		return exit{exitNoInput, err}
	}
	defer f.Close()
	report, err := audit.VerifyExport(f, key, checkpoints...)
	if err != nil {
		return exit{exitData, err}
	}
	if report.Problems == nil {
		report.Problems = []audit.Problem{}
	}
	raw, err := json.Marshal(report)
	if err != nil {
		return err
	}
	if env.json {
		_, err = env.out.Write(append(raw, '\n'))
	} else {
		err = verified(env.out, bytes.NewReader(raw))
	}
	if err == nil && !report.OK() {
		err = exit{exitData, errors.New("the evidence does not verify")}
	}
	return err
}
