package main

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestLogCalls: every line of the log has a constant message, and keys of the
// closed list. The handler would cut out anything else; here it is found
// before it is written.
func TestLogCalls(t *testing.T) {
	list := sources(t)
	keys := logKeys(t, list)
	calls := 0
	for _, s := range list {
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			args, ok := logged(call)
			if !ok {
				return true
			}
			calls++
			for i := 0; i < len(args); i += 2 {
				key, ok := literal(args[i])
				if !ok || !slices.Contains(keys, key) {
					t.Errorf("%s/%s logs the key %s, which is not in the list of observe", s.dir, s.name, show(args[i]))
				}
			}
			if name := call.Fun.(*ast.SelectorExpr).Sel.Name; name != "With" {
				if _, ok := literal(call.Args[len(call.Args)-len(args)-1]); !ok && inTeller(s, call) == "" {
					t.Errorf("%s/%s: the message of %s is not constant", s.dir, s.name, name)
				}
			}
			return true
		})
	}
	for _, s := range list {
		checkTeller(t, s)
	}
	if calls < 30 {
		t.Fatalf("only %d calls were looked at", calls)
	}
}

// tellers are functions that pass a message on to the log; their callers are
// looked at instead.
func tellers() map[string]string { return map[string]string{"gateway/audit": "tell"} }

// logged returns the keys and values of a call that logs.
func logged(call *ast.CallExpr) ([]ast.Expr, bool) {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !isLogger(f.X) {
		return nil, false
	}
	skip, ok := map[string]int{"Debug": 1, "Info": 1, "Warn": 1, "Error": 1, "DebugContext": 2, "InfoContext": 2, "WarnContext": 2, "ErrorContext": 2, "Log": 3, "With": 0}[f.Sel.Name]
	if !ok || len(call.Args) < skip || call.Ellipsis != token.NoPos {
		return nil, false
	}
	return call.Args[skip:], true
}

// inTeller returns the name of the teller that the call stands in.
func inTeller(s source, call *ast.CallExpr) string {
	for _, d := range s.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == tellers()[s.dir] && f.Pos() < call.Pos() && call.End() < f.End() {
			return f.Name.Name
		}
	}
	return ""
}

// checkTeller demands constant messages of those who call a teller.
func checkTeller(t *testing.T, s source) {
	t.Helper()
	name := tellers()[s.dir]
	ast.Inspect(s.file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if f, ok := call.Fun.(*ast.SelectorExpr); ok && name != "" && f.Sel.Name == name {
			if _, ok := literal(call.Args[0]); !ok {
				t.Errorf("%s/%s: the message that %s passes on is not constant", s.dir, s.name, name)
			}
		}
		return true
	})
}

// isLogger goes by the names that loggers have here.
func isLogger(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return strings.HasSuffix(strings.ToLower(e.Name), "log") || strings.HasSuffix(strings.ToLower(e.Name), "logger")
	case *ast.SelectorExpr:
		return isLogger(e.Sel)
	case *ast.CallExpr:
		f, ok := e.Fun.(*ast.SelectorExpr)
		return ok && f.Sel.Name == "With" && isLogger(f.X)
	}
	return false
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

func show(e ast.Expr) string {
	if s, ok := literal(e); ok {
		return strconv.Quote(s)
	}
	return "that is computed"
}

// logKeys reads the closed list out of observe.
func logKeys(t *testing.T, list []source) []string {
	t.Helper()
	var keys []string
	for _, s := range list {
		if s.dir != "gateway/observe" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || v.Names[0].Name != "keys" || len(v.Values) == 0 {
				return true
			}
			for _, e := range v.Values[0].(*ast.CompositeLit).Elts {
				if key, ok := literal(e); ok {
					keys = append(keys, key)
				}
			}
			return true
		})
	}
	if len(keys) < 20 {
		t.Fatalf("only %d keys were found", len(keys))
	}
	return keys
}
