package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/config"
	"gatepost/gateway/flow"
	"gatepost/gateway/policy"
)

type checkCmd struct {
	Effective  bool `help:"Print the configuration as it is in force, without secrets."`
	Documented bool `help:"Print every key with its default and what it means."`
}

// Run checks without changing anything.
func (k checkCmd) Run(_ context.Context, env environment) error {
	if k.Documented {
		_, err := env.out.Write(config.Example())
		return err
	}
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	judge, err := loadJudge(c, [16]byte{})
	if err != nil {
		return err
	}
	if err := keysLost(c); err != nil {
		return err
	}
	if k.Effective {
		_, err := env.out.Write(c.Effective())
		return err
	}
	if env.json {
		return checked(env, c, judge.Policy())
	}
	for _, w := range c.Warnings() {
		fmt.Fprintln(env.err, "warning:", w)
	}
	for _, w := range judge.Policy().Warnings() {
		fmt.Fprintln(env.err, "warning:", w)
	}
	fmt.Fprintf(env.out, "%s: ok, mode %s, policy %s passes its %d tests\n", env.config, c.Mode, policyName(c, judge.Policy()), len(judge.Policy().Cases()))
	return nil
}

// policyName tells the built-in policy from one of the same name in a file that
// nobody named in the configuration.
func policyName(c *config.Config, p *policy.Policy) string {
	if c.Policy == "" {
		return p.Name() + " (built-in)"
	}
	return p.Name()
}

func checked(env environment, c *config.Config, p *policy.Policy) error {
	warnings := []string{}
	for _, w := range c.Warnings() {
		warnings = append(warnings, w.String())
	}
	for _, w := range p.Warnings() {
		warnings = append(warnings, w.String())
	}
	return json.NewEncoder(env.out).Encode(struct {
		File     string   `json:"file"`
		Mode     string   `json:"mode"`
		Policy   string   `json:"policy"`
		Digest   string   `json:"digest"`
		Words    string   `json:"words,omitempty"`
		Warnings []string `json:"warnings"`
	}{env.config, c.Mode.String(), p.Name(), p.Digest(), p.WordsDigest(), warnings})
}

type explainCmd struct {
	File   string `arg:"" help:"A mail as a file, or with --verify the text of an SMS; - is standard input."`
	From   string `help:"Judge as sent by this address." default:""`
	To     string `help:"Judge as sent to this address." default:"someone@outside.example"`
	Policy string `placeholder:"FILE" help:"Judge by this policy file; - is the built-in one. Absent: the configuration's."`
	Verify string `placeholder:"ID" help:"Judge the file as this message was judged, and compare with the verdict that was kept. Exit code 1 when they differ, 65 when they cannot be compared (another policy or file of words than then)."`
}

// Run prints the verdict and its proof. It needs no server and no key, but to
// verify.
func (e explainCmd) Run(ctx context.Context, env environment) error {
	if e.Verify != "" {
		return e.verify(ctx, env)
	}
	c, err := configOrDefault(env)
	if err != nil {
		return err
	}
	raw, err := readFile(env, e.File)
	if err != nil {
		return err
	}
	from, to := e.From, e.To
	if from == "" {
		from = "staff@" + c.Organization.Domains[0]
	}
	sender, err1 := gateway.ParseAddress(from)
	recipient, err2 := gateway.ParseAddress(to)
	if err := errors.Join(err1, err2); err != nil {
		return exit{exitUsage, err}
	}
	judge, err := e.judge(env, c)
	if err != nil {
		return err
	}
	verdict, reading := judge.Explain(canonical(raw), sender, recipient, time.Now())
	if env.json {
		return json.NewEncoder(env.out).Encode(struct {
			gateway.Verdict
			Uncertain  []string             `json:"uncertain"`
			Unreadable []gateway.Unreadable `json:"unreadable"`
		}{verdict, reading.Uncertain, reading.Unreadable})
	}
	printVerdict(env.out, verdict, reading)
	return nil
}

func (e explainCmd) judge(env environment, c *config.Config) (*flow.Judge, error) {
	if e.Policy != "" {
		return judgeFile(e.Policy)
	}
	return judgeMeant(env, c)
}

// judgeMeant is the configuration's policy. Where that is the built-in one it says
// so: who stands in the wrong directory must not sign or test another policy.
func judgeMeant(env environment, c *config.Config) (*flow.Judge, error) {
	judge, err := loadJudge(c, [16]byte{})
	if err == nil && c.Policy == "" {
		why := "it names no policy file"
		if !there(env.config) {
			why = "there is no such file; --config names another"
		}
		fmt.Fprintf(env.err, "gatepost: the built-in policy is meant (configuration %s: %s)\n", env.config, why)
	}
	return judge, err
}

// configOrDefault lets commands that only judge run without a configuration.
func configOrDefault(env environment) (*config.Config, error) {
	c, err := config.Load(env.config)
	if errors.Is(err, os.ErrNotExist) {
		return config.Parse("built-in", []byte("organization: {name: Example, domains: [organization.example]}\n"))
	}
	if err != nil {
		return nil, exit{exitConfig, err}
	}
	return c, nil
}

func readFile(env environment, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(io.LimitReader(env.in, maxSendmail))
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, exit{exitNoInput, err}
	}
	return raw, nil
}

func printVerdict(w io.Writer, v gateway.Verdict, r *gateway.Reading) {
	fmt.Fprintf(w, "action: %s\n", v.Action)
	if at := v.Options.NotBefore; !at.IsZero() {
		fmt.Fprintf(w, "  leaves not before %s\n", at.Format(time.RFC3339))
	}
	for _, x := range v.Results {
		if slices.Contains(v.Rules, x.ID) {
			fmt.Fprintf(w, "  because of %s: %s\n", x.ID, x.Reason)
		}
	}
	if v.Failed {
		fmt.Fprintf(w, "judging failed (%s): on_error decides\n", v.Error)
	}
	fmt.Fprintf(w, "policy: %s (sha256 %s)\n\nrules:\n", v.Policy, v.Digest)
	rows := [][]string{{"  RULE", "MET", "ACTION", "LIFTED BY", "WHY"}}
	for _, x := range v.Results {
		met := "no"
		if x.Met {
			met = "yes"
		}
		if x.Shadow {
			met += " (shadow)"
		}
		action := x.Action.String()
		if x.Until != "" {
			action += " from " + x.Until
		}
		rows = append(rows, []string{"  " + x.ID, met, action, cell(x.LiftedBy), x.Why})
	}
	printTable(w, rows)
	fmt.Fprintln(w, "\nfindings:")
	for _, f := range v.Findings {
		fmt.Fprintf(w, "  %s %s %q in %s %s at %d-%d:", f.Type, f.Level, f.Masked, f.Kind, f.Path, f.Start, f.End)
		for i, s := range f.Steps {
			if i > 0 {
				fmt.Fprint(w, ";")
			}
			fmt.Fprintf(w, " %s %+d", s.Name, s.Weight)
		}
		fmt.Fprintln(w)
	}
	for _, f := range policy.Full(v.Findings) {
		fmt.Fprintf(w, "  %s %s: more of these were not listed, if there are any\n", f.Type, f.Level)
	}
	for _, t := range v.Topics {
		fmt.Fprintf(w, "  topic %s %s (score %d): %v\n", t.Name, t.Level, t.Score, t.Terms)
	}
	for _, u := range r.Uncertain {
		fmt.Fprintln(w, "  uncertain:", u)
	}
	for _, u := range r.Unreadable {
		fmt.Fprintln(w, "  unreadable:", u.Kind, "in part", u.Path)
	}
}

type policyCmd struct {
	Show policyShowCmd `cmd:"" help:"Print the policy in words, for signature."`
	Test policyTestCmd `cmd:"" help:"Judge examples (JSON lines) and print a verdict each."`
	Diff policyDiffCmd `cmd:"" help:"Print which verdicts change between two policies, and by which rule."`
}

type policyShowCmd struct{}

func (policyShowCmd) Run(_ context.Context, env environment) error {
	c, err := configOrDefault(env)
	if err != nil {
		return err
	}
	judge, err := judgeMeant(env, c)
	if err != nil {
		return err
	}
	return judge.Policy().Words(env.out)
}

type policyTestCmd struct {
	File string `arg:"" help:"Examples: {\"id\",\"channel\",\"subject\",\"text\",\"mode\"} a line."`
}

func (p policyTestCmd) Run(_ context.Context, env environment) error {
	c, err := configOrDefault(env)
	if err != nil {
		return err
	}
	judge, err := judgeMeant(env, c)
	if err != nil {
		return err
	}
	in, done, err := open(env, p.File)
	if err != nil {
		return err
	}
	defer done()
	out := bufio.NewWriter(env.out)
	counts, err := judge.TestExamples(in, out)
	if err = errors.Join(err, out.Flush()); err != nil {
		return exit{exitData, err}
	}
	fmt.Fprint(env.err, counts)
	return nil
}

func open(env environment, path string) (io.Reader, func(), error) {
	if path == "-" {
		return env.in, func() {}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, exit{exitNoInput, err}
	}
	return f, func() { _ = f.Close() }, nil
}

type policyDiffCmd struct {
	Old   string `arg:"" help:"Policy in force; - is the built-in one."`
	New   string `arg:"" help:"Draft."`
	Cases string `arg:"" help:"Examples as for policy test."`
	Exit  bool   `name:"exit-code" help:"End with 1 when a decision changes."`
}

func (p policyDiffCmd) Run(_ context.Context, env environment) error {
	before, err := judgeFile(p.Old)
	if err != nil {
		return err
	}
	after, err := judgeFile(p.New)
	if err != nil {
		return err
	}
	in, done, err := open(env, p.Cases)
	if err != nil {
		return err
	}
	defer done()
	out := bufio.NewWriter(env.out)
	sum, err := flow.DiffExamples(before, after, in, out, env.json)
	if err = errors.Join(err, out.Flush()); err != nil {
		return exit{exitData, err}
	}
	fmt.Fprint(env.err, sum)
	if p.Exit && sum.Changed > 0 {
		return exit{1, errors.New("decisions change")}
	}
	return nil
}

func judgeFile(path string) (*flow.Judge, error) {
	if path == "-" {
		return judgeOf(policy.Default(), [16]byte{})
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, exit{exitNoInput, err}
	}
	p, err := policy.Load(path, src)
	if err != nil {
		return nil, exit{exitConfig, err}
	}
	return judgeOf(p, [16]byte{})
}
