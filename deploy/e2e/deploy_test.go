package e2e

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// TestUnitFile: systemd finds nothing to complain of, and the sandbox is as
// tight as promised (systemd's own score, 1.5 of 10 at most).
func TestUnitFile(t *testing.T) {
	t.Parallel()
	needProgram(t, "systemd-analyze")
	text := strings.ReplaceAll(readFile(t, "../systemd/gatepost.service"), "/usr/local/bin/gatepost", binary)
	unit := write(t, filepath.Join(workDir(t), "gatepost.service"), text)
	if out, err := output(t, time.Minute, "systemd-analyze", "verify", unit); err != nil || strings.Contains(out, "gatepost.service") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	if out, err := output(t, time.Minute, "systemd-analyze", "security", "--offline=true", "--threshold=15", unit); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out[max(0, len(out)-400):])
	}
}

// TestBackupsGoWhereTheUnitMayWrite: each backup and restore of the books and
// of --help lies in the directory that the unit file opens and that the
// installation makes.
func TestBackupsGoWhereTheUnitMayWrite(t *testing.T) {
	t.Parallel()
	book, unit := readFile(t, "../docs/operator.md"), readFile(t, "../systemd/gatepost.service")
	open := regexp.MustCompile(`(?m)^ReadWritePaths=-(\S+)$`).FindStringSubmatch(unit)
	if open == nil {
		t.Fatal("the unit file opens no directory for backups")
	}
	for name, text := range map[string]string{"operator.md": book, "gatepost.service": unit} {
		if !strings.Contains(text, "install -d -o gatepost -g gatepost -m 0700 "+open[1]+"\n") {
			t.Errorf("%s does not make %s", name, open[1])
		}
	}
	help, err := output(t, time.Minute, binary, "backup", "--help")
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`gatepost (?:backup|restore) (/\S+)`).FindAllStringSubmatch(book+help, -1)
	if len(commands) < 4 {
		t.Fatalf("only %d backups and restores were found", len(commands))
	}
	for _, c := range commands {
		if filepath.Dir(c[1]) != open[1] {
			t.Errorf("%s is not in %s", c[0], open[1])
		}
	}
}

// metricNames are the names that the code registers: written out, or put
// together of a subsystem and a name.
func metricNames(t *testing.T) map[string]bool {
	t.Helper()
	whole := regexp.MustCompile(`"(gatepost_[a-z0-9_]+)"`)
	short := regexp.MustCompile(`"([a-z]+(?:_[a-z]+)+)"`)
	names := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		src := readFile(t, path)
		for _, hit := range whole.FindAllStringSubmatch(src, -1) {
			names[hit[1]] = true
		}
		for _, area := range []*regexp.Regexp{regexp.MustCompile(`Subsystem: "([a-z]+)"`), regexp.MustCompile(`"gatepost_([a-z_]+)_" \+ name`)} {
			hit := area.FindStringSubmatch(src)
			if hit == nil {
				continue
			}
			for _, name := range short.FindAllStringSubmatch(src, -1) {
				names["gatepost_"+hit[1]+"_"+name[1]] = true
			}
		}
		return nil
	})
	if err != nil || len(names) < 20 {
		t.Fatalf("only %d metrics were found in the code: %v", len(names), err)
	}
	return names
}

var metricPattern = regexp.MustCompile(`\bgatepost_[a-z]+_[a-z0-9_]+`)

func known(names map[string]bool, metric string) bool {
	for _, tail := range []string{"", "_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(metric, tail); ok && names[base] {
			return true
		}
	}
	return false
}

// TestAlertRules: the file is what Prometheus reads, and no rule watches a
// metric that does not exist.
func TestAlertRules(t *testing.T) {
	t.Parallel()
	raw := readFile(t, "../prometheus/gatepost-alerts.yaml")
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.UnmarshalWithOptions([]byte(raw), &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("promtool"); err == nil {
		if out, err := output(t, time.Minute, "promtool", "check", "rules", "../prometheus/gatepost-alerts.yaml"); err != nil {
			t.Errorf("promtool: %v\n%s", err, out)
		}
	}
	names := metricNames(t)
	rules := 0
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			rules++
			if r.Alert == "" || r.Expr == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" {
				t.Errorf("rule %q lacks a name, an expression, a severity or a summary", r.Alert)
			}
			for _, m := range metricPattern.FindAllString(r.Expr, -1) {
				if !known(names, m) {
					t.Errorf("%s watches %s, which does not exist", r.Alert, m)
				}
			}
		}
	}
	if rules < 5 {
		t.Errorf("only %d rules", rules)
	}
}

// TestMetricsAreDocumented: every metric of a running server stands in
// interfaces.md, and what stands there exists.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	book := readFile(t, "../docs/interfaces.md")
	g, outside := plainSite(t)
	g.start()
	accepted(t, g.relay, "ann@clinic.example", []string{"pat@out.example"}, mailText("ann@clinic.example", "pat@out.example", "m", "The garden opens at nine.\n"))
	outside.wait(t, "pat@out.example", 1)
	_, text := g.get("/metrics")
	for _, hit := range regexp.MustCompile(`(?m)^# TYPE (gatepost_\S+)`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(book, "`"+hit[1]+"`") {
			t.Errorf("%s is not documented", hit[1])
		}
	}
	names := metricNames(t)
	for _, m := range metricPattern.FindAllString(book, -1) {
		if !known(names, m) {
			t.Errorf("interfaces.md documents %s, which does not exist", m)
		}
	}
}

// TestBooksPointAtFiles: links between the documents lead somewhere.
func TestBooksPointAtFiles(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	books, err := filepath.Glob("../docs/*.md")
	if err != nil || len(books) < 3 {
		t.Fatalf("only %d books: %v", len(books), err)
	}
	for _, book := range append(books, "../../README.md") {
		for _, hit := range link.FindAllStringSubmatch(readFile(t, book), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(book), hit[1])); err != nil {
				t.Errorf("%s points at %s, which is not there", filepath.Base(book), hit[1])
			}
		}
	}
}

// section is the part of a book below a heading that begins with these words.
func section(book, command string) string {
	for part := range strings.SplitSeq(book, "\n### ") {
		title, text, _ := strings.Cut(part, "\n")
		for name := range strings.SplitSeq(title, ", ") {
			if name == command {
				if strings.HasPrefix(text, "\nThe keys above") {
					text += section(book, "queue list")
				}
				return text
			}
		}
	}
	return ""
}

// TestJSONKeysAreDocumented: what commands print as JSON stands in
// interfaces.md, key by key.
func TestJSONKeysAreDocumented(t *testing.T) {
	t.Parallel()
	book := readFile(t, "../docs/interfaces.md")
	g, outside := secureSite(t, "")
	id := accepted(t, g.relay, "ann@clinic.example", []string{"pat@out.example"}, newLetter(t, 1000).mail)
	outside.wait(t, "pat@out.example", 1)
	g.must("user", "add", "ann@clinic.example", "--password-file", write(t, filepath.Join(g.dir, "password"), "correct horse battery\n"))
	for _, args := range [][]string{
		{"queue", "list", "--state", "delivered"}, {"queue", "show", id + ".0"}, {"message", "show", id}, {"queue", "retry", "--all"}, {"user", "list"},
		{"contact", "show", "pat@out.example"}, {"contact", "import", filepath.Join(g.dir, "contacts.csv")}, {"key", "list"}, {"key", "rotate", "spool"},
		{"audit", "verify"}, {"audit", "show", id}, {"audit", "export"}, {"backup", filepath.Join(g.dir, "backup")},
		{"queue", "pause"}, {"queue", "resume"}, {"user", "role", "ann@clinic.example", "admin"}, {"user", "disable", "ann@clinic.example"}, {"message", "recall", id}, {"message", "recall", id, "--undo"},
	} {
		command := strings.Join(args[:min(2, len(args))], " ")
		if args[0] == "backup" {
			command = "backup"
		}
		lines := g.list(args...)
		if len(lines) == 0 {
			t.Errorf("%s printed nothing", command)
		}
		text := section(book, command)
		for _, o := range lines {
			for key := range o {
				if !strings.Contains(text, "`"+key+"`") {
					t.Errorf("%s: the key %q is not documented", command, key)
				}
			}
		}
	}
}

// TestHelp: every command explains itself.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"", "init", "serve", "demo", "check", "doctor", "explain", "policy test", "policy diff", "policy show", "queue list", "queue retry", "held release", "message show", "user add", "contact import", "audit verify", "key destroy", "backup", "restore", "sendmail"} {
		out, err := output(t, time.Minute, binary, append(strings.Fields(command), "--help")...)
		if err != nil || !strings.Contains(out, "Usage: gatepost") || !strings.Contains(out, "Examples:") && command != "policy show" {
			t.Errorf("gatepost %s --help: %v\n%.600s", command, err, out)
		}
	}
}
