package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"gatepost/gateway"
	"gatepost/gateway/config"
	"gatepost/gateway/flow"
)

// verify judges the file as a message that was kept and says whether the same
// comes of it.
func (e explainCmd) verify(ctx context.Context, env environment) error {
	if e.From != "" {
		return exit{exitUsage, errors.New("--verify takes sender and recipients from the record, not from --from")}
	}
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	zone, err := c.Organization.Location()
	if err != nil {
		return exit{exitConfig, err}
	}
	judge, err := e.judge(env, c)
	if err != nil {
		return err
	}
	raw, err := readFile(env, e.File)
	if err != nil {
		return err
	}
	mail := canonical(raw)
	kept, err := e.kept(ctx, env, c, mail)
	if err != nil {
		return err
	}
	if kept.Channel == gateway.Email {
		raw = mail
	} else if !utf8.Valid(raw) {
		return exit{exitData, errors.New("that message is an SMS: the file must be its text, in UTF-8")}
	}
	v, err := judge.Verify(kept, raw, zone)
	switch {
	case errors.Is(err, flow.ErrOtherPolicy):
		return e.otherPolicy(c, kept, judge)
	case errors.Is(err, flow.ErrOtherWords):
		return e.otherWords(kept, judge)
	case err != nil:
		return err
	}
	if env.json {
		err = json.NewEncoder(env.out).Encode(v)
	} else {
		printVerified(env.out, v)
	}
	if err == nil && !v.Verified {
		return exit{1, errors.New("")} // what differs is said already
	}
	return err
}

// kept asks for what the record says of the judgement.
func (e explainCmd) kept(ctx context.Context, env environment, c *config.Config, raw []byte) (*flow.Kept, error) {
	sum := sha256.Sum256(raw)
	var answer bytes.Buffer
	args := url.Values{"id": {e.Verify}, "sum": {hex.EncodeToString(sum[:])}}
	if err := call(ctx, env, c, "message.judged", args, nil, true, &answer); err != nil {
		return nil, err
	}
	kept := new(flow.Kept)
	if err := json.Unmarshal(answer.Bytes(), kept); err != nil {
		return nil, fmt.Errorf("what the server answers is not understood: %w", err)
	}
	return kept, nil
}

func (e explainCmd) otherPolicy(c *config.Config, kept *flow.Kept, judge *flow.Judge) error {
	file := e.Policy
	if file == "" {
		file = c.Policy
	}
	if file == "" || file == "-" {
		file = "the built-in one"
	}
	v := kept.Verdicts[slices.IndexFunc(kept.Verdicts, func(v gateway.Verdict) bool { return v.Digest != judge.Policy().Digest() })]
	return exit{exitData, fmt.Errorf("the message was judged by the policy %q with sha256 %s; %s has sha256 %s (--policy FILE names another)", v.Policy, v.Digest, file, judge.Policy().Digest())}
}

// otherWords says that a file of words is another one than that day.
func (e explainCmd) otherWords(kept *flow.Kept, judge *flow.Judge) error {
	now := judge.Policy().WordsDigest()
	v := kept.Verdicts[slices.IndexFunc(kept.Verdicts, func(v gateway.Verdict) bool { return v.Words != now })]
	var names []string
	for _, f := range judge.Policy().Files() {
		names = append(names, f.Name)
	}
	return exit{exitData, fmt.Errorf("a file of words is another one than when the message was judged by the policy %q: all together had sha256 %s, %s now have %s", v.Policy, v.Words, strings.Join(names, ", "), now)}
}

// printVerified prints what differs, a line each, and what it comes to.
func printVerified(w io.Writer, v *flow.Verified) {
	fmt.Fprintln(w, "file:", fileIs(v))
	unsure, more := 0, false
	for _, d := range v.Deviations {
		verdict := ""
		if v.Verdicts > 1 {
			verdict = fmt.Sprintf("verdict %d: ", d.Verdict)
		}
		if d.Unknown {
			unsure++
			more = more || v.Aside == 0 && d.What == "finding"
		}
		fmt.Fprintf(w, "%s%s\n", verdict, d.Deviation)
	}
	end := []string{fmt.Sprintf("verified: %d rules, %d findings equal", v.Rules, v.Findings)}
	if !v.Verified {
		end[0] = fmt.Sprintf("differs: %d of what was kept; %d rules, %d findings equal", len(v.Deviations)-unsure, v.Rules, v.Findings)
	}
	if unsure > 0 {
		why := "the recipient may have been known otherwise then"
		if v.Aside > 0 {
			why += ", or it stands in another reading of the octets"
		}
		if more {
			why += ", or another version listed more findings"
		}
		end = append(end, fmt.Sprintf("%d not known again: %s", unsure, why))
	}
	fmt.Fprintln(w, strings.Join(end, "; "))
}

// fileIs says whether the file is the message that was judged.
func fileIs(v *flow.Verified) string {
	if v.Channel == gateway.SMS.String() {
		return textIs(v)
	}
	id := "another Message-ID than"
	if v.SameID {
		id = "the same Message-ID as"
	}
	switch v.Octets {
	case "same":
		return "the message, octet by octet"
	case "other":
		return fmt.Sprintf("not the message octet by octet (%d octets now); it has %s the message", v.Size, id)
	}
	return fmt.Sprintf("nothing is kept that tells whether it is the message octet by octet (%d octets now); it has %s the message", v.Size, id)
}

// textIs says whether the file may be the text of the short message.
func textIs(v *flow.Verified) string {
	text := "a text as long as that of the SMS, of which nothing else is kept"
	if v.Octets == "other" {
		text = "not the text of the SMS, which had another length"
	}
	if v.Aside > 0 {
		text += fmt.Sprintf("; its octets can be read in %d other ways, which a text does not tell", v.Aside)
	}
	return text
}
