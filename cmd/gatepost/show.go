package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"gatepost/gateway/flow"
)

// did says in one line that an act was done. Scripts have the exit code.
func did(env environment, err error, what string) error {
	if err != nil || env.json {
		return err
	}
	_, err = fmt.Fprintln(env.out, what)
	return err
}

// orSo prints what was done, or so, when there was nothing to do.
func orSo(what, so string) func(io.Writer, io.Reader) error {
	return func(w io.Writer, r io.Reader) error {
		var c flow.Changed
		if err := json.NewDecoder(r).Decode(&c); err != nil {
			return nil // the operation failed and says why
		}
		if !c.Changed {
			what = so
		}
		_, err := fmt.Fprintln(w, what)
		return err
	}
}

// brief is record without what only programs need: hashes and values that say
// nothing. JSON holds them.
func brief(w io.Writer, r io.Reader) error {
	return eachLine(r, func(v map[string]any) error {
		prune(v)
		printObject(w, v, "")
		return nil
	})
}

// prune takes out of v, at every depth, zero values and the hashes of
// findings. What a rule's condition came to stays, also when it is false.
func prune(v map[string]any) {
	for key, value := range v {
		switch x := value.(type) {
		case float64:
			if key == "expires" { // JSON has it in nanoseconds
				v[key] = time.Duration(x).String()
			}
		case map[string]any:
			prune(x)
		case []any:
			for _, item := range x {
				if m, ok := item.(map[string]any); ok {
					prune(m)
				}
			}
		}
		if key != "met" && blank(value) {
			delete(v, key)
		}
	}
}

// zeroTime is how JSON shows a time that is not set.
const zeroTime = "0001-01-01T00:00:00Z"

// blank reports whether a value of JSON is empty or zero.
func blank(value any) bool {
	switch x := value.(type) {
	case map[string]any:
		return len(x) == 0
	case []any:
		return len(x) == 0
	case string:
		return x == zeroTime || x == ""
	default:
		return x == nil || x == false || x == 0.0
	}
}

// verified heads the report of audit.verify with what it comes to.
func verified(w io.Writer, r io.Reader) error {
	return eachLine(r, func(v map[string]any) error {
		head := "verified: " + cell(v["records"]) + " records"
		if problems, ok := v["problems"].([]any); !ok || len(problems) > 0 {
			head = "NOT verified"
		}
		fmt.Fprintln(w, head)
		printObject(w, v, "")
		return nil
	})
}
