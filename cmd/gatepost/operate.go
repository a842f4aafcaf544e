package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"gatepost/gateway/config"
	"gatepost/gateway/flow"
)

// offline is set for operations that may open the store themselves when no
// server holds it.
type offline bool

// operate runs an operation on the running server or, where that is allowed
// and no server runs, on the store itself, and prints what it answers.
func operate(ctx context.Context, env environment, name string, args url.Values, in io.Reader, own offline, show func(io.Writer, io.Reader) error) error {
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	if env.json || show == nil {
		return call(ctx, env, c, name, args, in, own, env.out)
	}
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := show(env.out, r)
		_, _ = io.Copy(io.Discard, r)
		done <- err
	}()
	err = call(ctx, env, c, name, args, in, own, w)
	_ = w.CloseWithError(err)
	if shown := <-done; err == nil {
		err = shown
	}
	return err
}

func call(ctx context.Context, env environment, c *config.Config, name string, args url.Values, in io.Reader, own offline, out io.Writer) error {
	err := remote(ctx, c.DataDir, name, args, in, out)
	if !errors.Is(err, errNoServer) {
		return err
	}
	if !own {
		return exit{exitUnavailable, fmt.Errorf("%w (%s)", errNoServer, c.DataDir)}
	}
	s, err := openSystem(ctx, c, env, forOperator)
	if err != nil {
		return err
	}
	defer s.close()
	if in == nil {
		in = strings.NewReader("")
	}
	op, ok := s.operations()[name]
	if !ok {
		return exit{exitUnavailable, errNoServer}
	}
	err = op(ctx, flow.Call{Actor: fmt.Sprintf("uid:%d", os.Getuid()), Args: args, In: in, Out: out})
	if err != nil {
		return exit{operationCode(err), err}
	}
	return nil
}

func loadConfig(env environment) (*config.Config, error) {
	c, err := config.Load(env.config)
	if err != nil {
		code := exitConfig
		if errors.Is(err, os.ErrNotExist) {
			code = exitNoInput
			err = fmt.Errorf("%w (gatepost init writes one)", err)
		}
		if errors.Is(err, os.ErrPermission) {
			code = exitNoPerm
		}
		return nil, exit{code, err}
	}
	return c, nil
}

// table prints JSON lines as columns. Each column is "title=key"; a missing
// value is "-".
func table(columns ...string) func(io.Writer, io.Reader) error {
	return func(w io.Writer, r io.Reader) error {
		rows := [][]string{{}}
		for _, c := range columns {
			title, _, _ := strings.Cut(c, "=")
			rows[0] = append(rows[0], title)
		}
		err := eachLine(r, func(v map[string]any) error {
			var row []string
			for _, c := range columns {
				_, key, _ := strings.Cut(c, "=")
				row = append(row, cell(v[key]))
			}
			rows = append(rows, row)
			return nil
		})
		if len(rows) == 1 {
			if err == nil {
				fmt.Fprintln(w, "none")
			}
			return err
		}
		printTable(w, rows)
		return err
	}
}

func printTable(w io.Writer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], len([]rune(c)))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, c := range row {
			b.WriteString(c)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-len([]rune(c))+2))
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case string:
		if v == "" {
			return "-"
		}
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return at.Format(time.RFC3339) // fractions of a second are for JSON
		}
		return v
	case []any:
		var parts []string
		for _, x := range v {
			parts = append(parts, cell(x))
		}
		if len(parts) == 0 {
			return "-"
		}
		return strings.Join(parts, ",")
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, k+"="+cell(v[k]))
		}
		return strings.Join(parts, " ")
	case float64:
		return strings.TrimSuffix(fmt.Sprintf("%.3f", v), ".000")
	default:
		return fmt.Sprint(v)
	}
}

// record prints each JSON object as "key: value" lines, in the order of the
// keys, nested objects indented.
func record(w io.Writer, r io.Reader) error {
	first := true
	return eachLine(r, func(v map[string]any) error {
		if !first {
			fmt.Fprintln(w)
		}
		first = false
		printObject(w, v, "")
		return nil
	})
}

func printObject(w io.Writer, v map[string]any, indent string) {
	keys := make([]string, 0, len(v))
	for k := range v {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		switch x := v[k].(type) {
		case map[string]any:
			fmt.Fprintf(w, "%s%s:\n", indent, k)
			printObject(w, x, indent+"  ")
		case []any:
			if len(x) > 0 && isObject(x[0]) {
				fmt.Fprintf(w, "%s%s:\n", indent, k)
				for i, item := range x {
					fmt.Fprintf(w, "%s  - %d\n", indent, i+1)
					if m, ok := item.(map[string]any); ok {
						printObject(w, m, indent+"    ")
					}
				}
				continue
			}
			fmt.Fprintf(w, "%s%s: %s\n", indent, k, cell(x))
		default:
			fmt.Fprintf(w, "%s%s: %s\n", indent, k, cell(x))
		}
	}
}

func isObject(v any) bool { _, ok := v.(map[string]any); return ok }

func eachLine(r io.Reader, f func(map[string]any) error) error {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			var v map[string]any
			if json.Unmarshal(line, &v) != nil {
				return errors.New("the answer is not JSON")
			}
			if err := f(v); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
