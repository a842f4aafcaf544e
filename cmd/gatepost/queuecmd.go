package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/config"
	"gatepost/gateway/flow"
)

// queueState is what queue.state answers.
type queueState struct {
	Paused bool   `json:"paused"`
	Mode   string `json:"mode"`
}

func (s *system) queueState(_ context.Context, c flow.Call) error {
	return answer(c, queueState{Paused: s.flow.Work().Paused(), Mode: s.flow.Mode().String()})
}

// askState asks the running server how its queue is.
func askState(ctx context.Context, c *config.Config) (q queueState, err error) {
	var out strings.Builder
	if err = remote(ctx, c.DataDir, "queue.state", nil, nil, &out); err != nil {
		return q, err
	}
	return q, json.Unmarshal([]byte(out.String()), &q)
}

// sayPaused heads a list that people read. Scripts ask for the gauge or doctor.
func sayPaused(ctx context.Context, env environment) error {
	if env.json {
		return nil
	}
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	if q, err := askState(ctx, c); err != nil || !q.Paused {
		return nil // the list itself says why there is no answer
	}
	_, err = fmt.Fprintln(env.out, "The queue is paused (gatepost queue resume)")
	return err
}

// span is a length of time on the command line, written as in the configuration.
type span time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *span) UnmarshalText(b []byte) error {
	d, err := config.ParseDuration(string(b))
	if err == nil && d == 0 {
		err = errors.New("no time at all")
	}
	*s = span(d)
	return err
}

func (s span) String() string { return time.Duration(s).String() }

type queueSummaryCmd struct {
	Since span `default:"24h" placeholder:"24h" help:"Only mail accepted within this time before now, such as 90m, 24h or 7d."`
}

func (q queueSummaryCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "queue.summary", url.Values{"since": {q.Since.String()}}, nil, false, showSummary)
}

// summaryLine is one count: of all envelopes, of one decided action, or of one rule.
type summaryLine struct {
	Kind  string    `json:"kind"` // all, decided, rule
	Name  string    `json:"name"` // of the action or the rule
	Count int       `json:"count"`
	Acted *int      `json:"acted,omitempty"` // decided: envelopes for which this action acts
	Since time.Time `json:"since,omitzero"`  // all
	Mode  string    `json:"mode,omitempty"`  // all
}

// queueSummary counts what was accepted: first everything, then each action,
// the strictest first, then each rule, the most frequent first.
func (s *system) queueSummary(ctx context.Context, c flow.Call) error {
	span, err := time.ParseDuration(c.Args.Get("since"))
	if err != nil || span <= 0 {
		return &flow.OperationError{Text: "since is a time span, such as 24h", Usage: true}
	}
	since := time.Now().Add(-span)
	sum, err := s.flow.Work().Summarize(ctx, since)
	if err != nil {
		return err
	}
	lines := []summaryLine{{Kind: "all", Count: sum.Envelopes, Since: since.UTC().Truncate(time.Second), Mode: s.flow.Mode().String()}}
	for _, a := range []gateway.Action{gateway.Reject, gateway.Hold, gateway.Secure, gateway.TLS, gateway.Pass} {
		acted := sum.Acted[a]
		if sum.Decided[a]+acted > 0 {
			lines = append(lines, summaryLine{Kind: "decided", Name: a.String(), Count: sum.Decided[a], Acted: &acted})
		}
	}
	rules := slices.Sorted(maps.Keys(sum.Rules))
	slices.SortStableFunc(rules, func(a, b string) int { return sum.Rules[b] - sum.Rules[a] })
	for _, id := range rules {
		lines = append(lines, summaryLine{Kind: "rule", Name: id, Count: sum.Rules[id]})
	}
	for _, l := range lines {
		if err := answer(c, l); err != nil {
			return err
		}
	}
	return nil
}

// showSummary prints the lines of queue.summary as two tables.
func showSummary(w io.Writer, r io.Reader) error {
	var all summaryLine
	decided, rules := [][]string{{"DECIDED", "ENVELOPES", "ACTED"}}, [][]string{{"RULE", "ENVELOPES"}}
	in := json.NewDecoder(r)
	for {
		var l summaryLine
		if err := in.Decode(&l); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		switch {
		case l.Kind == "all":
			all = l
		case l.Kind == "rule":
			rules = append(rules, []string{l.Name, fmt.Sprint(l.Count)})
		case l.Acted != nil:
			decided = append(decided, []string{l.Name, fmt.Sprint(l.Count), fmt.Sprint(*l.Acted)})
		}
	}
	if all.Kind == "" {
		return nil // the operation failed and says why
	}
	fmt.Fprintf(w, "%d envelopes accepted since %s (mode: %s)\n", all.Count, all.Since.Local().Format("2006-01-02 15:04"), all.Mode)
	for _, rows := range [][][]string{decided, rules} {
		if len(rows) > 1 {
			fmt.Fprintln(w)
			printTable(w, rows)
		}
	}
	return nil
}
