package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const module = "gatepost/"

// source is one Go file of the program, tests left out.
type source struct {
	dir     string // "gateway/seal"
	name    string
	file    *ast.File
	imports []string
}

func sources(t *testing.T) []source {
	t.Helper()
	root := filepath.Join("..", "..")
	var list []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		s := source{dir: filepath.ToSlash(rel), name: filepath.Base(path), file: f}
		for _, i := range f.Imports {
			s.imports = append(s.imports, strings.Trim(i.Path.Value, `"`))
		}
		list = append(list, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 20 {
		t.Fatalf("only %d files were read: the laws looked at nothing", len(list))
	}
	return list
}

func ours(path string) (string, bool) { return strings.CutPrefix(path, module) }

func top(dir string) string { head, _, _ := strings.Cut(dir, "/"); return head }

// TestImportLaws: who may import whom. The folder border is the secret border.
func TestImportLaws(t *testing.T) {
	for _, s := range sources(t) {
		for _, path := range s.imports {
			if why := unlawful(s, path); why != "" {
				t.Errorf("%s/%s imports %s: %s", s.dir, s.name, path, why)
			}
		}
	}
}

func unlawful(s source, path string) string {
	dir, ours := ours(path)
	stdlib := !ours && !strings.Contains(strings.SplitN(path, "/", 2)[0], ".")
	switch {
	case (s.dir == "gateway" || s.dir == "store") && !stdlib:
		return "gateway and store import the standard library only"
	case sealing(path) && s.dir != "gateway/seal":
		return "only gateway/seal seals"
	case !ours:
		return ""
	case dir == "gateway/flow" && top(s.dir) != "cmd":
		return "only cmd imports flow"
	case (dir == "store/pebblestore" || dir == "store/pgstore") && top(s.dir) != "cmd":
		return "only cmd names a store backend"
	case s.dir == "gateway/flow":
		if top(dir) == "gateway" || top(dir) == "store" {
			return ""
		}
		return "flow composes gateway and store, it knows no listener"
	case top(s.dir) == "gateway":
		if dir == "gateway" || dir == "store" || leaf(dir) == leaf(s.dir) {
			return ""
		}
		return "a leaf under gateway imports gateway and store, not another leaf"
	case top(s.dir) == "store":
		if top(dir) == "store" {
			return ""
		}
		return "store knows nothing of messages"
	case top(s.dir) == "smtpd", top(s.dir) == "smppd", top(s.dir) == "viewer":
		if dir == "gateway" || top(dir) == top(s.dir) {
			return ""
		}
		return "a listener imports gateway and declares the interface that it calls"
	}
	return ""
}

// leaf is the package under gateway that dir belongs to: "gateway/mailmsg" for
// its internal packages too.
func leaf(dir string) string {
	parts := strings.SplitN(dir, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}

// sealing reports whether path can encrypt. crypto/cipher and crypto/hpke are
// the doors; hashes, MACs, signatures and crypto/tls are free.
func sealing(path string) bool {
	switch path {
	case "crypto/aes", "crypto/cipher", "crypto/hpke", "crypto/des", "crypto/rc4":
		return true
	}
	return strings.HasPrefix(path, "golang.org/x/crypto/chacha20") || strings.HasPrefix(path, "golang.org/x/crypto/nacl") ||
		strings.HasPrefix(path, "github.com/tink-crypto/")
}

// TestNoHiddenState: no init function, no blank import, and package variables
// that are assigned once.
func TestNoHiddenState(t *testing.T) {
	for _, s := range sources(t) {
		vars := packageVars(s.file)
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s/%s has an init function", s.dir, s.name)
			}
		}
		for _, i := range s.file.Imports {
			if i.Name != nil && i.Name.Name == "_" && top(s.dir) != "cmd" && !strings.Contains(i.Path.Value, `"embed"`) {
				t.Errorf("%s/%s: blank import of %s", s.dir, s.name, i.Path.Value)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			a, ok := n.(*ast.AssignStmt)
			if !ok || a.Tok != token.ASSIGN {
				return true
			}
			for _, l := range a.Lhs {
				if id, ok := l.(*ast.Ident); ok && id.Obj != nil && vars[id.Obj] {
					t.Errorf("%s/%s assigns the package variable %s", s.dir, s.name, id.Name)
				}
			}
			return true
		})
	}
}

// TestNobodyEmbedsARecord: a type that embeds a record with a form of its own has
// the methods of that form, too, and would be kept without its other fields.
func TestNobodyEmbedsARecord(t *testing.T) {
	all := sources(t)
	records := make(map[string]bool) // "gateway.Message"
	for _, s := range all {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "AppendRecord" {
				records[typeName(s, f.Recv.List[0].Type)] = true
			}
		}
	}
	if !records["gateway.Message"] || !records["gateway.Envelope"] {
		t.Fatalf("the records are %v: the law looked at nothing", records)
	}
	for _, s := range all {
		ast.Inspect(s.file, func(n ast.Node) bool {
			x, ok := n.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range x.Fields.List {
				if name := typeName(s, f.Type); len(f.Names) == 0 && records[name] {
					t.Errorf("%s/%s embeds %s", s.dir, s.name, name)
				}
			}
			return true
		})
	}
}

// typeName is a type, or what it points to, with its package; "" for one without
// a name.
func typeName(s source, x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return typeName(s, x.X)
	case *ast.Ident:
		return s.file.Name.Name + "." + x.Name
	case *ast.SelectorExpr:
		return typeName(s, x.X)[len(s.file.Name.Name)+1:] + "." + x.Sel.Name
	}
	return ""
}

func packageVars(f *ast.File) map[*ast.Object]bool {
	vars := make(map[*ast.Object]bool)
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, sp := range g.Specs {
			for _, n := range sp.(*ast.ValueSpec).Names {
				vars[n.Obj] = true
			}
		}
	}
	return vars
}

// TestSizes keeps files and functions readable.
func TestSizes(t *testing.T) {
	fset := token.NewFileSet()
	for _, s := range sources(t) {
		path := filepath.Join("..", "..", s.dir, s.name)
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(src), "\n"); n > 600 {
			t.Errorf("%s/%s has %d lines: split it", s.dir, s.name, n)
		}
		f, err := parser.ParseFile(fset, path, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line; n > 70 {
				t.Errorf("%s/%s: %s has %d lines: split it", s.dir, s.name, fn.Name.Name, n)
			}
		}
	}
}

// TestTopLevel: the fixed layout.
func TestTopLevel(t *testing.T) {
	allowed := " cmd gateway smtpd smppd viewer store deploy go.mod go.sum README.md LICENSE "
	entries, err := os.ReadDir(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !strings.Contains(allowed, " "+e.Name()+" ") && !strings.HasPrefix(e.Name(), "gatepost") {
			t.Errorf("%s stands outside the fixed layout", e.Name())
		}
	}
}
