package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"

	"gatepost/gateway/flow"
)

type consentCmd struct {
	List   consentListCmd   `cmd:"" help:"What telephones said about messages: the ledger."`
	Stop   consentStopCmd   `cmd:"" help:"No more messages to a telephone, for who asked by other means."`
	Resume consentResumeCmd `cmd:"" help:"Messages to a telephone again, for who asked by other means."`
}

type consentListCmd struct {
	Phone string `arg:"" optional:"" help:"Telephone number; absent: all."`
	CSV   bool   `name:"csv" help:"As CSV with a header line, to hand on."`
}

func (c consentListCmd) Run(ctx context.Context, env environment) error {
	args := url.Values{"name": {c.Phone}}
	if c.CSV {
		args.Set("format", "csv")
		return operate(ctx, env, "consent.list", args, nil, true, nil)
	}
	return operate(ctx, env, "consent.list", args, nil, true,
		table("PHONE=phone", "LINE=line", "STATE=state", "WORD=word", "AT=at", "MESSAGE=message"))
}

// consentArg names a telephone, and which messages to it.
type consentArg struct {
	Phone string `arg:"" help:"Telephone number, such as +15551234567."`
	Line  string `help:"Only messages from this source address; absent: from all."`
}

func (a consentArg) set(ctx context.Context, env environment, name, words string) error {
	return operate(ctx, env, name, url.Values{"name": {a.Phone}, "line": {a.Line}}, nil, true, func(w io.Writer, in io.Reader) error {
		var done flow.ConsentSet
		if err := json.NewDecoder(in).Decode(&done); err != nil {
			return nil // the operation failed and says why
		}
		from, before := "any source address", ""
		if done.Line != "" {
			from = done.Line
		}
		if !done.Changed {
			before = ", as before"
		}
		_, err := fmt.Fprintf(w, "%s: %s from %s%s\n", done.Phone, words, from, before)
		return err
	})
}

type consentStopCmd struct{ consentArg }

func (c consentStopCmd) Run(ctx context.Context, env environment) error {
	return c.set(ctx, env, "consent.stop", "no more messages")
}

type consentResumeCmd struct{ consentArg }

func (c consentResumeCmd) Run(ctx context.Context, env environment) error {
	return c.set(ctx, env, "consent.resume", "messages again")
}
