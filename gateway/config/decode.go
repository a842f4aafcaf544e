package config

import (
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Bounds of a configuration file. The YAML parser is recursive and slow on
// deep nesting; ours needs four levels.
const (
	maxFile    = 1 << 20 // octets
	maxNesting = 200     // brackets that are open at the same time
)

// decoder lays a YAML tree over the struct, collecting every problem.
type decoder struct {
	file     string
	at       map[string]position
	problems Problems
}

func (d *decoder) add(pos position, path, format string, args ...any) {
	if len(d.problems) < maxProblems {
		d.problems = append(d.problems, Problem{
			File: d.file, Line: pos.line, Column: pos.column,
			Path: path, Text: fmt.Sprintf(format, args...),
		})
	}
}

// parseYAML returns the root mapping, nil for an empty file. The parser's own
// error text quotes lines of the file, which may hold a misplaced secret, so
// only its message and its position are used.
func parseYAML(file string, src []byte) (root ast.Node, err error) {
	defer func() {
		if recover() != nil { // a bug of the parser is a refused file, not a crash
			root, err = nil, Problems{{File: file, Text: "cannot be read as YAML"}}
		}
	}()
	if len(src) > maxFile {
		return nil, Problems{{File: file, Text: "is larger than 1 MiB"}}
	}
	if nested(src) > maxNesting {
		return nil, Problems{{File: file, Text: "is nested too deeply"}}
	}
	tree, err := parser.ParseBytes(src, 0)
	if err != nil {
		p := Problem{File: file, Text: "cannot be read as YAML"}
		var at yaml.Error
		if errors.As(err, &at) {
			p.Text = plainYAML(at.GetMessage())
			if t := at.GetToken(); t != nil && t.Position != nil {
				p.Line, p.Column = t.Position.Line, t.Position.Column
			}
		}
		return nil, Problems{p}
	}
	for _, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			pos := place(doc.Body)
			return nil, Problems{{File: file, Line: pos.line, Column: pos.column, Text: "a second YAML document"}}
		}
		root = doc.Body
	}
	return root, nil
}

// plainYAML says what the YAML parser says, in words for people who do not
// know its parser.
func plainYAML(message string) string {
	switch {
	case strings.Contains(message, "'\t'"):
		return "indent with spaces, not with tabs"
	case strings.HasPrefix(message, "mapping value is not allowed"):
		return "wrong indentation of the next line, or a text with a colon, which needs quotes"
	case strings.Contains(message, "value is not allowed in this context"):
		return "wrong indentation: begin this line in the same column as those that it belongs with"
	case strings.HasSuffix(message, "must be specified"), strings.HasPrefix(message, "could not find flow"):
		return "a bracket is not closed, or a text with commas or brackets needs quotes"
	}
	return message
}

// nested bounds from above how many brackets or indented dashes of src are
// open at once; brackets inside quotes count too.
func nested(src []byte) int {
	depth, deepest, dashes := 0, 0, 0
	for i, c := range src {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		case '-', '?', ':':
			if i+1 < len(src) && src[i+1] == ' ' {
				dashes++
			}
		case '\n':
			dashes = 0
		}
		deepest = max(deepest, depth+dashes)
	}
	return deepest
}

func place(n ast.Node) position {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return place(m.Values[0].Key)
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return position{t.Position.Line, t.Position.Column}
	}
	return position{}
}

// value decodes n into v, a settable value of the struct.
func (d *decoder) value(n ast.Node, v reflect.Value, path string) {
	pos := place(n)
	d.at[path] = pos
	switch n.(type) {
	case *ast.NullNode:
		d.add(pos, path, "has no value; give one or remove the key")
		return
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.DirectiveNode:
		d.add(pos, path, "anchors, aliases and tags are not supported; write the value out")
		return
	}
	if s, ok := v.Addr().Interface().(*Secret); ok {
		d.secret(n, s, path)
		return
	}
	if ok := d.scalar(n, v, path); ok {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		fresh := newValue(v.Type().Elem())
		d.value(n, fresh, path)
		v.Set(fresh.Addr())
	case reflect.Slice:
		d.list(n, v, path)
	default:
		d.mapping(n, v, path)
	}
}

// newValue makes a settable value with the defaults of its type.
func newValue(t reflect.Type) reflect.Value {
	fresh := reflect.New(t)
	if s, ok := fresh.Interface().(interface{ setDefaults() }); ok {
		s.setDefaults()
	}
	return fresh.Elem()
}

func (d *decoder) list(n ast.Node, v reflect.Value, path string) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.add(place(n), path, "must be a list: [a, b]")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, len(seq.Values)))
	for i, item := range seq.Values {
		fresh := newValue(v.Type().Elem())
		d.value(item, fresh, path+"["+strconv.Itoa(i)+"]")
		v.Set(reflect.Append(v, fresh))
	}
}

// mapping decodes a mapping into the fields of the struct v.
func (d *decoder) mapping(n ast.Node, v reflect.Value, path string) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.add(place(n), path, "must be a mapping with the keys %s", strings.Join(keys(v.Type()), ", "))
		return
	}
	for _, entry := range m.Values {
		d.entry(entry, path, func(key string) (reflect.Value, bool) {
			i := fieldIndex(v.Type(), key)
			if i < 0 {
				return reflect.Value{}, false
			}
			return v.Field(i), true
		}, keys(v.Type()))
	}
}

// entry decodes one line of a mapping. The parser refuses duplicate keys.
func (d *decoder) entry(e *ast.MappingValueNode, path string, field func(string) (reflect.Value, bool), known []string) {
	key, ok := e.Key.(*ast.StringNode)
	if !ok {
		d.add(place(e.Key), path, "a key must be a plain word")
		return
	}
	full := join(path, key.Value)
	v, ok := field(key.Value)
	if !ok {
		hint := suggest(key.Value, known)
		if path == "" && strings.HasPrefix(hint, didYouMean) {
			hint += " The keys of the file are " + strings.Join(known, ", ")
		}
		d.add(place(key), full, "unknown key%s", hint)
		return
	}
	d.value(e.Value, v, full)
}

func (d *decoder) secret(n ast.Node, s *Secret, path string) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.add(place(n), path, "a secret is never written into the configuration; use {file: NAME} or {env: NAME}")
		return
	}
	for _, entry := range m.Values {
		d.entry(entry, path, func(key string) (reflect.Value, bool) {
			switch key {
			case "file":
				return reflect.ValueOf(&s.File).Elem(), true
			case "env":
				return reflect.ValueOf(&s.Env).Elem(), true
			}
			return reflect.Value{}, false
		}, []string{"file", "env"})
	}
	if (s.File == "") == (s.Env == "") {
		d.add(place(n), path, "needs either {file: NAME} or {env: NAME}")
	}
}

// scalar decodes the types that stand on one line; false: v is none of them.
func (d *decoder) scalar(n ast.Node, v reflect.Value, path string) bool {
	var set func(text string) error
	switch p := v.Addr().Interface().(type) {
	case *bool:
		d.boolean(n, p, path)
		return true
	case *string:
		set = func(text string) error { *p = text; return nil }
	case *int:
		set = func(text string) error { return setInt(p, text) }
	case *Size:
		set = func(text string) (err error) { *p, err = ParseSize(text); return err }
	case *time.Duration:
		set = func(text string) (err error) { *p, err = ParseDuration(text); return err }
	case *netip.Prefix:
		set = func(text string) (err error) { *p, err = parsePrefix(text); return err }
	case encoding.TextUnmarshaler:
		set = func(text string) error { return p.UnmarshalText([]byte(text)) }
	default:
		return false
	}
	text, ok := scalarText(n)
	if !ok {
		d.add(place(n), path, "must be a single value")
	} else if err := set(text); err != nil {
		d.add(place(n), path, "%v", err)
	}
	return true
}

func (d *decoder) boolean(n ast.Node, p *bool, path string) {
	text, _ := n.(*ast.BoolNode)
	switch {
	case text != nil && text.Token.Value == "true":
		*p = true
	case text != nil && text.Token.Value == "false":
		*p = false
	default:
		d.add(place(n), path, "must be true or false")
	}
}

func setInt(p *int, text string) error {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return fmt.Errorf("%s is no number from 0 to 2147483647", quote(text))
	}
	*p = int(n)
	return nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%s is no network (write 192.0.2.0/24, 192.0.2.7 or 2001:db8::/32)", quote(text))
	}
	if prefix != prefix.Masked() {
		return netip.Prefix{}, fmt.Errorf("%s has bits behind the mask; did you mean %q?", quote(text), prefix.Masked())
	}
	return prefix, nil
}

// scalarText is the text of a scalar. Numbers keep their spelling, so that a
// telephone number stays one; true and null are no text.
func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// keys lists the YAML names of the fields of t, in order.
func keys(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func fieldIndex(t reflect.Type, key string) int {
	for i := range t.NumField() {
		if key != "" && t.Field(i).Tag.Get("yaml") == key {
			return i
		}
	}
	return -1
}
