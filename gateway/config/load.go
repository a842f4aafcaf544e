package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Load reads, completes and checks the configuration file at path. Its error
// is a Problems unless the file itself cannot be read. Secrets are read here:
// a Config that Load returned needs no file or variable any more.
func Load(path string) (*Config, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	c, err := Parse(path, src)
	if err != nil {
		return nil, err
	}
	found := c.readSecrets()
	if err := c.Check(); err != nil {
		found = append(found, err.(Problems)...)
	}
	if len(found) > 0 {
		return nil, found
	}
	return c, nil
}

// Parse reads a configuration from memory. It touches no other file and does
// not check whether the values make sense together; its error is a Problems.
// Relative paths in src become relative to the directory of file.
func Parse(file string, src []byte) (*Config, error) {
	root, err := parseYAML(file, src)
	if err != nil {
		return nil, err
	}
	c := Defaults()
	d := &decoder{file: file, at: map[string]position{}}
	if root != nil {
		if hasKey(root, "listen") {
			c.Listen = Listen{}
		}
		d.value(root, reflect.ValueOf(c).Elem(), "")
	}
	if len(d.problems) > 0 {
		return nil, d.problems
	}
	c.file, c.at = file, d.at
	if name, err := os.Hostname(); err == nil {
		c.systemName = strings.ToLower(name)
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, fmt.Errorf("finding the directory of %s: %w", file, err)
	}
	c.normalize(dir)
	return c, nil
}

func hasKey(root ast.Node, key string) bool {
	m, ok := root.(*ast.MappingNode)
	return ok && slices.ContainsFunc(m.Values, func(e *ast.MappingValueNode) bool {
		k, ok := e.Key.(*ast.StringNode)
		return ok && k.Value == key
	})
}

// normalize makes paths absolute and domains lower case, and derives what
// was left out.
func (c *Config) normalize(dir string) {
	walk(reflect.ValueOf(c).Elem(), "", func(path string, f reflect.StructField, v reflect.Value) {
		if f.Tag.Get("path") != "" && v.String() != "" && !filepath.IsAbs(v.String()) {
			v.SetString(filepath.Join(dir, v.String()))
		}
		if s, ok := v.Addr().Interface().(*Secret); ok && s.File != "" && !filepath.IsAbs(s.File) {
			s.File = filepath.Join(dir, s.File)
		}
	})
	for i, d := range c.Organization.Domains {
		c.Organization.Domains[i] = strings.ToLower(d)
	}
	for i := range c.Brand {
		c.Brand[i].Domain = strings.ToLower(c.Brand[i].Domain)
	}
	for i := range c.Routes {
		c.Routes[i].Domain = strings.ToLower(c.Routes[i].Domain)
	}
	c.Hostname = strings.ToLower(c.Hostname)
	c.Replies.Domain = strings.ToLower(c.Replies.Domain)
	c.Viewer.URL = strings.TrimRight(c.Viewer.URL, "/")
	if c.SMS != nil {
		c.SMS.Domain = strings.ToLower(c.SMS.Domain)
	}
	c.derive()
}

// walk calls leaf for every value of the configuration, in the order of the
// struct, with its path.
func walk(v reflect.Value, path string, leaf func(string, reflect.StructField, reflect.Value)) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if name := f.Tag.Get("yaml"); name != "" {
			walkField(v.Field(i), join(path, name), f, leaf)
		}
	}
}

func walkField(v reflect.Value, path string, f reflect.StructField, leaf func(string, reflect.StructField, reflect.Value)) {
	switch {
	case v.Kind() == reflect.Pointer:
		if !v.IsNil() {
			walkField(v.Elem(), path, f, leaf)
		}
	case isSection(v.Type()):
		walk(v, path, leaf)
	case v.Kind() == reflect.Slice && isSection(v.Type().Elem()):
		for i := range v.Len() {
			walk(v.Index(i), path+"["+strconv.Itoa(i)+"]", leaf)
		}
	default:
		leaf(path, f, v)
	}
}

// isSection reports whether t is a struct of configuration keys.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && len(keys(t)) > 0
}

// readSecrets fetches the value of every reference.
func (c *Config) readSecrets() Problems {
	var found Problems
	walk(reflect.ValueOf(c).Elem(), "", func(path string, _ reflect.StructField, v reflect.Value) {
		s, ok := v.Addr().Interface().(*Secret)
		if !ok || s.IsZero() {
			return
		}
		if err := s.read(os.ReadFile, os.LookupEnv); err != nil {
			found = append(found, c.problem(path, "%v", err))
		}
	})
	return found
}

// problem places a message at the value of path, or at its nearest parent
// that the file holds.
func (c *Config) problem(path, format string, args ...any) Problem {
	p := Problem{File: c.file, Path: path, Text: fmt.Sprintf(format, args...)}
	for at := path; at != ""; {
		if pos, ok := c.at[at]; ok {
			p.Line, p.Column = pos.line, pos.column
			break
		}
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
	return p
}
