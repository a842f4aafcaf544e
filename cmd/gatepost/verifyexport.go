package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"

	"golang.org/x/mod/sumdb/note"

	"gatepost/gateway/audit"
)

// export verifies an exported log with nothing but the public key and
// checkpoints: what an auditor does, far from the installation.
func (a auditVerifyCmd) export(env environment) error {
	if a.Key == "" || len(a.Checkpoint) == 0 {
		return exit{exitUsage, errors.New("--export needs --key and at least one --checkpoint")}
	}
	key, err := note.NewVerifier(a.Key)
	if err != nil {
		return exit{exitUsage, errors.New("--key is no public key of a Gatepost log")}
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
	raw, err := json.Marshal(report)
	if err != nil {
		return err
	}
	if env.json {
		_, err = env.out.Write(append(raw, '\n'))
	} else {
		err = record(env.out, bytes.NewReader(raw))
	}
	if err == nil && !report.OK() {
		err = exit{exitData, errors.New("the evidence does not verify")}
	}
	return err
}
