package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"gatepost/gateway/flow"
)

type messageRecallCmd struct {
	ID        string `arg:"" help:"Queue id of the message, or the reference that a reader's page or notice shows: it takes the message back from this reader only."`
	Recipient string `placeholder:"ADDRESS" help:"From this recipient only; the others keep reading."`
	Undo      bool   `help:"Give it back. Possible until recall.grace is over."`
}

func (m messageRecallCmd) Run(ctx context.Context, env environment) error {
	args := url.Values{"id": {m.ID}, "recipient": {m.Recipient}}
	if m.Undo {
		return operate(ctx, env, "message.recall_undo", args, nil, false, showUndone)
	}
	return operate(ctx, env, "message.recall", args, nil, false, showRecalled)
}

// showUndone says who can read again.
func showUndone(w io.Writer, in io.Reader) error {
	var u flow.RecallUndone
	if err := json.NewDecoder(in).Decode(&u); err != nil {
		return nil // the operation failed and says why
	}
	whose := "staff"
	if u.Undone > 0 {
		whose = strings.Join(u.Recipients, ", ")
	}
	_, err := fmt.Fprintln(w, "The recall is undone for", whose)
	return err
}

// showRecalled prints what a recall reaches and what it cannot reach.
func showRecalled(w io.Writer, in io.Reader) error {
	var r flow.Recalled
	if err := json.NewDecoder(in).Decode(&r); err != nil {
		return nil // the operation failed and says why
	}
	rows := [][]string{{"RECIPIENT", "RESULT", "READ", "ANSWERED"}}
	for _, e := range r.Envelopes {
		rows = append(rows, []string{e.Recipient, reachWords(e), moment(e.Opened), moment(e.Answered)})
	}
	printTable(w, rows)
	if r.Until.IsZero() {
		return nil // nothing can be given back: nothing was taken back, and the operation says so, or all is shredded
	}
	what := r.Message.String()
	if !r.All && len(r.Envelopes) > 0 { // more than one of the same recipient
		what += " --recipient " + r.Envelopes[0].Recipient
	}
	_, err := fmt.Fprintf(w, "\nIt can be undone until %s (gatepost message recall %s --undo), then it is shredded.\n"+
		"Out of reach: what was read, printed or saved, answers that quote it, and keys in a backup of key_dir until that is replaced.\n",
		r.Until.Local().Format(time.RFC3339), what)
	return err
}

func reachWords(e flow.RecalledEnvelope) string {
	switch e.Reach {
	case flow.ReachLocked:
		return "locked"
	case flow.ReachWithdrawn:
		return "does not leave"
	case flow.ReachAlready:
		if !e.Shredded.IsZero() {
			return "taken back before, shredded"
		}
		return "taken back before"
	case flow.ReachLeft:
		return "out of reach: left in the clear"
	}
	return "never got there"
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.RFC3339)
}
