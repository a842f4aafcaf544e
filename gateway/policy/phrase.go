package policy

import (
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// inWords says a checked expression, written as text in the file, in words for who
// signs the policy. What has no words, such as a loop over a list, is shown as it
// stands, and said to be the language of the file.
func (c *compiler) inWords(e ast.Expr, text string) string {
	if words := c.phrase(e); words != "" {
		return words
	}
	return "what the file spells as `" + oneLine(text) + "`"
}

// phrase is "" for what has no words.
func (c *compiler) phrase(e ast.Expr) string {
	switch e.Kind() {
	case ast.LiteralKind:
		switch v := e.AsLiteral().(type) {
		case types.String:
			return quote(string(v))
		case types.Int:
			return strconv.FormatInt(int64(v), 10)
		}
	case ast.IdentKind:
		if name := e.AsIdent(); slices.Contains(levelNames(), name) {
			return strings.ToLower(name)
		}
		if i, ok := c.byIdent[e.AsIdent()]; ok {
			return c.slots[i].words
		}
	case ast.ListKind:
		return c.listPhrase(e.AsList().Elements())
	case ast.CallKind:
		return c.callPhrase(e.AsCall())
	}
	return ""
}

func (c *compiler) listPhrase(items []ast.Expr) string {
	if len(items) == 0 {
		return "(an empty list)"
	}
	var words []string
	for _, item := range items {
		w := c.phrase(item)
		if w == "" {
			return ""
		}
		words = append(words, w)
	}
	return strings.Join(words, ", ")
}

// callPhrase says a comparison, a reckoning, or what is asked of a text.
func (c *compiler) callPhrase(call ast.CallExpr) string {
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	var words []string
	for _, a := range args {
		w := c.phrase(a)
		if w == "" {
			return ""
		}
		if a.Kind() == ast.CallKind {
			w = "(" + w + ")"
		}
		words = append(words, w)
	}
	name := call.FunctionName()
	switch between := betweenWords(name); {
	case name == "size" && len(words) == 1:
		return "the length of " + words[0]
	case name == operators.In && len(words) == 2 && args[1].Kind() == ast.ListKind:
		return words[0] + " is one of " + words[1]
	case between != "" && len(words) == 2:
		return words[0] + " " + between + " " + words[1]
	}
	return ""
}

// betweenWords stands between what an operator or a function takes.
func betweenWords(operator string) string {
	switch operator {
	case operators.Equals:
		return "is"
	case operators.NotEquals:
		return "is not"
	case operators.Less:
		return "is less than"
	case operators.LessEquals:
		return "is at most"
	case operators.Greater:
		return "is more than"
	case operators.GreaterEquals:
		return "is at least"
	case operators.In:
		return "is in"
	case "contains":
		return "contains"
	case "startsWith":
		return "begins with"
	case "endsWith":
		return "ends with"
	case "matches":
		return "matches the pattern"
	case operators.Add:
		return "+"
	case operators.Subtract:
		return "-"
	case operators.Multiply:
		return "*"
	case operators.Divide:
		return "/"
	}
	return ""
}
