package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// eachCommand calls visit with the words of every command.
func eachCommand(t *testing.T, visit func(words []string, leaf bool)) {
	t.Helper()
	parser, err := kong.New(new(cli), kong.Name("gatepost"))
	if err != nil {
		t.Fatal(err)
	}
	var walk func(n *kong.Node, words []string)
	walk = func(n *kong.Node, words []string) {
		for _, c := range n.Children {
			if c.Type == kong.CommandNode {
				w := append(slices.Clone(words), c.Name)
				visit(w, c.Leaf())
				walk(c, w)
			}
		}
	}
	walk(parser.Model.Node, nil)
}

// TestHelp: every command explains itself, with examples that parse.
func TestHelp(t *testing.T) {
	seen := make(map[string]bool)
	help := func(words []string) string {
		var out bytes.Buffer
		if code := run(t.Context(), append(words, "--help"), environment{out: &out, err: &out}); code != 0 {
			t.Errorf("%v --help: exit %d\n%s", words, code, out.String())
		}
		return out.String()
	}
	check := func(words []string) {
		name := strings.Join(words, " ")
		seen[name] = true
		text := help(words)
		_, shown, found := strings.Cut(text, "Examples:\n")
		if !found {
			t.Errorf("gatepost %s --help shows no example:\n%s", name, text)
		}
		for line := range strings.Lines(shown) {
			parses(t, strings.TrimSpace(line))
		}
	}
	check(nil)
	n := 0
	eachCommand(t, func(words []string, leaf bool) {
		n++
		if leaf {
			check(words)
		} else if text := help(words); !strings.Contains(text, words[0]) {
			t.Errorf("%v --help:\n%s", words, text)
		}
	})
	if n < 30 {
		t.Fatalf("only %d commands were looked at", n)
	}
	for name := range allExamples() {
		if !seen[name] {
			t.Errorf("examples for %q, which is no command", name)
		}
	}
}

// parses checks that an example is a command line of this version.
func parses(t *testing.T, line string) {
	t.Helper()
	line, _, _ = strings.Cut(line, " < ")
	line, _, _ = strings.Cut(line, " > ")
	line = strings.ReplaceAll(line, "'", "")
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != "gatepost" {
		t.Errorf("the example %q does not begin with gatepost", line)
		return
	}
	if i := slices.Index(words, "--reason"); i > 0 {
		words = append(words[:i+1], "because")
	}
	var c cli
	parser, err := kong.New(&c, kong.Name("gatepost"), kong.Exit(func(int) {}), kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(words[1:]); err != nil {
		t.Errorf("the example %q does not parse: %v", line, err)
	}
}

// TestBooksShowRealCommands: each command line in the blocks of the books is
// one of this version.
func TestBooksShowRealCommands(t *testing.T) {
	n := 0
	for _, book := range []string{"../../README.md", "../../deploy/docs/operator.md", "../../deploy/docs/sms.md"} {
		raw, err := os.ReadFile(book)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(raw), "\\\n", " ")
		for line := range strings.Lines(text) {
			block, indented := strings.CutPrefix(line, "    ")
			block, _, _ = strings.Cut(strings.TrimSpace(block), " #")
			block = strings.TrimPrefix(block, "runuser -u gatepost -- ")
			if !indented || !strings.HasPrefix(block, "gatepost ") {
				continue
			}
			n++
			block = strings.NewReplacer(`"Example Clinic"`, "Clinic", "$(date +%F)", "2026-11-21").Replace(block)
			parses(t, strings.TrimSpace(block))
		}
	}
	if n < 20 {
		t.Errorf("only %d command lines were found", n)
	}
}

// TestUsageErrors: what nobody can mean is exit 64, with a hint on standard
// error and nothing on standard output.
func TestUsageErrors(t *testing.T) {
	r := newRig(t, "127.0.0.1:9")
	for _, args := range [][]string{
		{}, {"nonsense"}, {"queue"}, {"queue", "nonsense"}, {"queue", "list", "--nonsense"}, {"queue", "list", "--state", "nonsense"},
		{"queue", "retry"}, {"queue", "retry", "x.0", "--all"}, {"queue", "show"}, {"held", "release", "x.0"}, {"held", "refuse"},
		{"user", "add", "ann@clinic.example"}, {"user", "add", "ann@clinic.example", "--password-file", "-", "--role", "king"},
		{"key", "rotate", "nonsense"}, {"key", "destroy", "x"}, {"audit", "export", "--format", "xml"}, {"init"},
		{"init", "--domain", "not a domain"}, {"restore"}, {"backup"}, {"link", "thaw"}, {"sendmail"}, {"sendmail", "-bs"}, {"sendmail", "--nonsense", "x@y.example"},
	} {
		out, errs, code := r.run(args...)
		if code != exitUsage || !strings.HasPrefix(errs, "gatepost: ") || out != "" {
			t.Errorf("%v: exit %d\n%s\n%s", args, code, out, errs)
		}
	}
}

// TestMissingConfiguration: 66 without the file, 78 with a broken one, each
// with what to do.
func TestMissingConfiguration(t *testing.T) {
	absent := &rig{t: t, config: filepath.Join(t.TempDir(), "absent.yaml")}
	broken := &rig{t: t, config: filepath.Join(t.TempDir(), "broken.yaml")}
	writeFile(t, broken.config, "mode: enforce\norganisation: {domains: [clinic.example]}\n")
	for _, args := range [][]string{{"serve"}, {"check"}, {"doctor"}, {"queue", "list"}, {"user", "list"}, {"restore", "x"}, {"backup", filepath.Join(t.TempDir(), "b")}} {
		if _, errs, code := absent.run(args...); code != exitNoInput || !strings.Contains(errs, "gatepost init") {
			t.Errorf("%v without a configuration: %d %s", args, code, errs)
		}
		if _, errs, code := broken.run(args...); code != exitConfig || !strings.Contains(errs, "broken.yaml:2:1") || !strings.Contains(errs, `"organization"`) {
			t.Errorf("%v with a broken configuration: %d %s", args, code, errs)
		}
	}
	if out, errs, code := absent.runWith(plainMail, "explain", "-"); code != 0 || !strings.Contains(out, "action: ") {
		t.Errorf("explain needs no configuration: %d %s", code, errs)
	}
	if _, _, code := absent.run("explain", "/nonexistent"); code != exitNoInput {
		t.Errorf("explain of nothing: %d", code)
	}
}

// TestInitCheckServeDoctor is the first hour of an operator.
func TestInitCheckServeDoctor(t *testing.T) {
	r := &rig{t: t, config: filepath.Join(t.TempDir(), "gatepost.yaml"), log: new(buffer)}
	for _, bad := range [][]string{{"--via", "nonsense"}, {"--trust", "300.1.2.3"}, {"--inside", "x"}, {"--url", "ftp://x"}, {"--hostname", "vm"}, {"--key-dir", "./gatepost-data/keys"}} {
		if _, errs, code := r.run(append([]string{"init", "--domain", "clinic.example"}, bad...)...); code != exitUsage || !strings.Contains(errs, "nothing was written: "+bad[0]+": ") || strings.Contains(errs, "yaml:") {
			t.Errorf("init %v: %d %s", bad, code, errs)
		}
	}
	if _, err := os.Stat(r.config); err == nil {
		t.Fatal("a refused init wrote a file")
	}
	out := r.must("init", "--domain", "clinic.example", "--domain", "Second.example", "--name", `The "Example" Clinic`, "--trust", "192.0.2.0/28", "--inside", "127.0.0.1:9", "--via", "127.0.0.1:9")
	for _, want := range []string{"mode: observe", "reply.clinic.example.  MX", "gatepost._domainkey.clinic.example.", "gatepost._domainkey.second.example.", "v=DKIM1", "gatepost check"} {
		if !strings.Contains(out, want) {
			t.Errorf("init does not say %q:\n%s", want, out)
		}
	}
	if _, errs, code := r.run("init", "--domain", "clinic.example"); code != exitCantCreate || !strings.Contains(errs, "--force") {
		t.Errorf("a second init: %d %s", code, errs)
	}
	if out, errs, code := r.run("check"); code != 0 || !strings.Contains(out, "ok, mode observe, policy ") || !strings.Contains(errs, "organization.help: is not set") {
		t.Errorf("check: %d %s%s", code, out, errs)
	}
	if out := r.must("check", "--effective"); !strings.Contains(out, `The \"Example\" Clinic`) && !strings.Contains(out, `The "Example" Clinic`) {
		t.Errorf("check --effective:\n%s", out)
	}
	if out := r.must("check", "--documented"); !strings.Contains(out, "first_retry") {
		t.Errorf("check --documented:\n%s", out)
	}
	for _, dir := range []string{"gatepost-data", "gatepost-keys"} {
		if info, err := os.Stat(filepath.Join(filepath.Dir(r.config), dir)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v %v", dir, info, err)
		}
	}
	out, errs, code := r.run("doctor", "--json")
	if code != exitUnavailable || !strings.Contains(out, `"check":"listen.relay","state":"fail"`) || !strings.Contains(errs, "checks failed") {
		t.Errorf("doctor without a server: %d %s%s", code, out, errs)
	}
}

// TestOffline: what can be done without a server, and what cannot.
func TestOffline(t *testing.T) {
	r := newRig(t, "127.0.0.1:9")
	for _, args := range [][]string{
		{"user", "list"}, {"key", "list"}, {"key", "rotate", "spool"}, {"key", "rotate", "metadata"}, {"audit", "verify"}, {"audit", "export"},
		{"audit", "export", "--checkpoint"}, {"store", "dump"},
	} {
		r.must(args...)
	}
	id := strings.Repeat("0", 26)
	for _, args := range [][]string{
		{"queue", "list"}, {"queue", "show", id + ".0"}, {"queue", "pause"}, {"queue", "resume"}, {"queue", "retry", "--all"}, {"queue", "hold", id + ".0"},
		{"queue", "drop", id + ".0"}, {"held", "list"}, {"held", "show", id + ".0"}, {"held", "release", id + ".0", "--reason", "x"}, {"message", "show", id},
	} {
		if _, errs, code := r.run(args...); code != exitUnavailable || !strings.Contains(errs, "no server is running") {
			t.Errorf("%v without a server: %d %s", args, code, errs)
		}
	}
}

// TestUsers: add, log in, change, disable, while the server runs and after.
func TestUsers(t *testing.T) {
	r := newRig(t, "127.0.0.1:9").start()
	logIn := func(password string) bool {
		t.Helper()
		c, err := loadConfig(environment{config: r.config})
		if err != nil {
			t.Fatal(err)
		}
		client := dial(t, r.submission)
		defer client.Close()
		return sample{from: "ann@clinic.example"}.loginWith(client, c, password) == nil
	}
	file := filepath.Join(r.dir, "pw")
	writeFile(t, file, "correct horse battery\n")
	add := []string{"user", "add", "ann@clinic.example", "--password-file", file, "--role", "compliance"}
	r.must(add...)
	if _, errs, code := r.run(add...); code != exitData || !strings.Contains(errs, "gatepost: this user exists already: user passwd") {
		t.Errorf("the same user again: %d %s", code, errs)
	}
	if !logIn("correct horse battery") || logIn("correct horse battery\n") || logIn("") {
		t.Error("log-in")
	}
	if _, errs, code := r.runWith("another good secret\r\n", "user", "passwd", "ann@clinic.example", "--password-file", "-"); code != 0 {
		t.Errorf("passwd: %d %s", code, errs)
	}
	if logIn("correct horse battery") || !logIn("another good secret") {
		t.Error("the password did not change")
	}
	if _, errs, code := r.run("user", "role", "bob@clinic.example", "admin"); code != exitNoInput || !strings.Contains(errs, "no such user, or a disabled one (user list shows all)") {
		t.Errorf("a role for nobody: %d %s", code, errs)
	}
	for name, c := range map[string]struct {
		args []string
		in   string
		code int
	}{
		"a foreign domain": {[]string{"user", "add", "x@elsewhere.example", "--password-file", "-"}, "long enough secret", exitUsage},
		"no address":       {[]string{"user", "add", "nonsense", "--password-file", "-"}, "long enough secret", exitUsage},
		"an empty secret":  {[]string{"user", "add", "bob@clinic.example", "--password-file", "-"}, "\n", exitData},
		"no file":          {[]string{"user", "add", "bob@clinic.example", "--password-file", "/nonexistent"}, "", exitNoInput},
		"an unknown user":  {[]string{"user", "passwd", "bob@clinic.example", "--password-file", "-"}, "long enough secret", exitNoInput},
		"disabling nobody": {[]string{"user", "disable", "bob@clinic.example"}, "", exitNoInput},
	} {
		if _, errs, code := r.runWith(c.in, c.args...); code != c.code || errs == "" || strings.Contains(errs, "secret") {
			t.Errorf("%s: %d, want %d: %s", name, code, c.code, errs)
		}
	}
	r.must("user", "disable", "ann@clinic.example")
	if logIn("another good secret") {
		t.Error("a disabled user logs in")
	}
	if _, errs, code := r.runWith("another good secret\n", "user", "enable", "ann@clinic.example", "--password-file", "-"); code != exitData || !strings.Contains(errs, "the password that the user had") {
		t.Errorf("enabling with the old password: %d %s", code, errs)
	}
	want := []map[string]any{{"name": "ann@clinic.example", "role": "compliance", "disabled": true, "weak": false, "app_passwords": 0.0}}
	got := r.objects("user", "list")
	delete(got[0], "created")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("user list: %v", got)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if out := r.must("user", "list"); !strings.Contains(out, "NAME") || !strings.Contains(out, "ann@clinic.example") {
		t.Errorf("user list without a server:\n%s", out)
	}
}

// TestContacts: import and show, and errors that name the line.
func TestContacts(t *testing.T) {
	r := newRig(t, "127.0.0.1:9").start()
	const good = "email,email2,phone,language,name,pin,patient,consents\npat@out.example,pat2@other.example,+15551234567,de,Pat Jones,123456,true,treatment;billing\n"
	out, errs, code := r.runWith(good, "contact", "import", "-")
	if code != 0 || out != "imported: 1\n" {
		t.Errorf("import: %d %s%s", code, out, errs)
	}
	c := r.objects("contact", "show", "pat@out.example")[0]
	if c["email2"] != "pat2@other.example" || c["pin"] != true || c["patient"] != true || c["name"] != "Pat Jones" || len(c["consents"].([]any)) != 2 {
		t.Errorf("contact show: %v", c)
	}
	file := filepath.Join(r.dir, "bad.csv")
	writeFile(t, file, "email,phone\nok@out.example,+15551234567\nbad@out.example,quillwort\n")
	if _, errs, code := r.run("contact", "import", file); code != exitData || !strings.Contains(errs, "line 3, column phone") || strings.Contains(errs, "quillwort") {
		t.Errorf("a wrong phone: %d %s", code, errs)
	}
	for _, name := range []string{"ok@out.example", "nobody@out.example"} {
		if _, errs, code := r.run("contact", "show", name); code != exitNoInput || !strings.Contains(errs, "no such contact") {
			t.Errorf("%s after a refused import: %d %s", name, code, errs)
		}
	}
	if _, _, code := r.run("contact", "show", "nonsense"); code != exitUsage {
		t.Errorf("no address: %d", code)
	}
	if _, _, code := r.run("contact", "import", "/nonexistent"); code != exitNoInput {
		t.Errorf("no file: %d", code)
	}
}

// TestContactProofs: what operators see and mend of PINs and devices.
func TestContactProofs(t *testing.T) {
	r := newRig(t, "127.0.0.1:9").start()
	if _, errs, code := r.runWith("email,pin\npat@out.example,739154\n", "contact", "import", "-"); code != 0 {
		t.Fatal(errs)
	}
	c := r.objects("contact", "show", "pat@out.example")[0]
	if c["pin_kind"] != "contact" || c["pin_state"] != "active" || len(c["devices"].([]any)) != 0 {
		t.Errorf("contact show: %v", c)
	}
	for _, x := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"link", "thaw", "pat@out.example"}, 0, "The PIN of pat@out.example was not frozen: nothing is changed"},
		{[]string{"link", "thaw", "nobody@out.example"}, exitNoInput, "no such contact"},
		{[]string{"contact", "devices", "revoke", "pat@out.example"}, 0, "revoked: 0"},
		{[]string{"contact", "devices", "revoke", "pat@out.example", "7v3o1j4u8m5t6q9r2ng0cs9k2l"}, exitNoInput, "no such device"},
		{[]string{"contact", "devices", "revoke", "nobody@out.example"}, exitNoInput, "no such contact"},
		{[]string{"contact", "pin", "drop", "pat@out.example"}, exitNoInput, "no such PIN"},
	} {
		out, errs, code := r.run(x.args...)
		if code != x.code || !strings.Contains(out+errs, x.says) {
			t.Errorf("%v: %d %s%s", x.args, code, out, errs)
		}
	}
}

// TestQueueCommands: what operators do with mail, what they are told, and that
// each act leaves evidence of who did it.
func TestQueueCommands(t *testing.T) {
	box, next := outside(t)
	r := newRig(t, next).start()
	r.must("queue", "pause")
	one := r.send("ann@clinic.example", "one@out.example", plainMail) + ".0"
	two := r.send("ann@clinic.example", "two@out.example", plainMail) + ".0"
	held := r.send("ann@clinic.example", "three@hold.example", plainMail) + ".0"
	no := r.send("ann@clinic.example", "four@hold.example", plainMail) + ".0"
	secured := r.send("ann@clinic.example", "five@secure.example", secretMail)

	for _, args := range [][]string{{"queue", "show"}, {"queue", "retry"}, {"queue", "hold"}, {"queue", "drop"}, {"held", "show"}} {
		for id, want := range map[string]int{"nonsense": exitUsage, strings.Repeat("0", 26) + ".0": exitNoInput} {
			if _, errs, code := r.run(append(args, id)...); code != want {
				t.Errorf("%v %s: %d %s", args, id, code, errs)
			}
		}
	}
	r.must("queue", "hold", one)
	if list := r.objects("held", "list"); len(list) != 3 {
		t.Errorf("%d held", len(list))
	}
	r.must("held", "release", one, "--reason", "checked by quillwort")
	r.must("held", "release", held, "--reason", "fine")
	if _, errs, code := r.run("held", "release", two, "--reason", "x"); code != exitNoInput {
		t.Errorf("releasing what is not held: %d %s", code, errs)
	}
	r.must("held", "refuse", no, "--reason", "wrong person")
	r.must("queue", "drop", two)
	if show := r.must("queue", "show", secured+".0"); !strings.Contains(show, "content: notice") || !strings.Contains(show, "action: secure") || !strings.Contains(show, "rules: s") {
		t.Errorf("queue show:\n%s", show)
	}
	r.must("queue", "resume")
	if out := r.must("queue", "retry", "--all"); !strings.HasPrefix(out, "retried: ") {
		t.Errorf("retry --all: %s", out)
	}
	for _, to := range []string{"one@out.example", "three@hold.example", "five@secure.example"} {
		box.to(t, to)
	}
	if dsn := box.to(t, "ann@clinic.example"); !strings.Contains(dsn.Raw, "four@hold.example") {
		t.Error("the sender does not hear of the refused mail")
	}
	eventually(t, "an empty queue", func() bool { return r.must("queue", "list") == "none\n" })
	r.wholeStory(secured, box)
}

// wholeStory reads a secured message and looks at what is told of it.
func (r *rig) wholeStory(secured string, box *mailbox) {
	r.t.Helper()
	newBrowser(r.t).open(box.to(r.t, "five@secure.example").Link, box, "five@secure.example")
	show := r.must("message", "show", secured)
	for _, want := range []string{"subject: Results", "recipient: five@secure.example", "state: delivered"} {
		if !strings.Contains(show, want) {
			r.t.Errorf("message show lacks %q:\n%s", want, show)
		}
	}
	story := r.must("audit", "show", secured)
	for _, event := range []string{"envelope.notice", "envelope.judged"} {
		if !strings.Contains(story, event) {
			r.t.Errorf("the story lacks %s", event)
		}
	}
	at := 0
	for _, event := range []string{"message.accepted", "envelope.delivered", "code.sent", "proof.passed", "message.opened"} {
		i := strings.Index(story[at:], event)
		if i < 0 {
			r.t.Errorf("the story lacks %s after octet %d:\n%s", event, at, story)
			continue
		}
		at += i
	}
	log := r.must("audit", "export")
	for _, event := range []string{"queue.paused", "queue.resumed", "envelope.held", "envelope.released", "envelope.review_refused", "envelope.dropped"} {
		if !strings.Contains(log, `"`+event+`"`) {
			r.t.Errorf("no evidence of %s", event)
		}
	}
	if strings.Contains(log, "quillwort") {
		r.t.Error("an operator's words stand in the evidence")
	}
	if out := r.must("audit", "export", "--format", "rfc5424"); !strings.HasPrefix(out, "<") {
		r.t.Errorf("rfc5424: %.80s", out)
	}
	note := filepath.Join(r.dir, "note")
	writeFile(r.t, note, r.must("audit", "export", "--checkpoint"))
	r.must("audit", "verify", "--checkpoint", note)
	writeFile(r.t, note, "nonsense")
	if _, errs, code := r.run("audit", "verify", "--checkpoint", note); code != exitData || !strings.Contains(errs, "does not verify") {
		r.t.Errorf("a forged checkpoint: %d %s", code, errs)
	}
	if _, _, code := r.run("audit", "show", strings.Repeat("0", 26)); code != exitNoInput {
		r.t.Errorf("the story of nothing: %d", code)
	}
}

// TestOperatorMeetsLockedStore: a command that finds neither socket nor lock
// says so and may be tried again.
func TestOperatorMeetsLockedStore(t *testing.T) {
	r := newRig(t, "127.0.0.1:9").start()
	if err := os.Remove(filepath.Join(r.data, socketName)); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := r.run("user", "list"); code != exitTemporary || !strings.Contains(errs, "in use") {
		t.Errorf("the store is locked and the socket gone: %d %s", code, errs)
	}
}

// TestTheBuiltInPolicyIsSaidToBe: who shows or tests a policy without having named
// one is told which it is; who named one is told nothing.
func TestTheBuiltInPolicyIsSaidToBe(t *testing.T) {
	dir := t.TempDir()
	unnamed, cases := filepath.Join(dir, "unnamed.yaml"), filepath.Join(dir, "cases.jsonl")
	writeFile(t, unnamed, "organization: {domains: [clinic.example]}\n")
	writeFile(t, cases, `{"id":"a","text":"See you at noon."}`)
	mail := filepath.Join(dir, "a.eml")
	writeFile(t, mail, plainMail)
	named := newRig(t, "127.0.0.1:9")
	for _, args := range [][]string{{"policy", "show"}, {"policy", "test", cases}, {"explain", mail}} {
		for config, want := range map[string]string{filepath.Join(dir, "absent.yaml"): "there is no such file", unnamed: "names no policy"} {
			out, errs, code := (&rig{t: t, config: config}).run(args...)
			if code != 0 || out == "" || !strings.Contains(errs, "built-in policy") || !strings.Contains(errs, config) || !strings.Contains(errs, want) {
				t.Errorf("%v with %s: %d %s", args, config, code, errs)
			}
		}
		if _, errs, code := named.run(args...); code != 0 || strings.Contains(errs, "built-in") {
			t.Errorf("%v of a named policy: %d %s", args, code, errs)
		}
	}
	if _, errs, code := (&rig{t: t, config: filepath.Join(dir, "absent.yaml")}).run("explain", "--policy", "-", mail); code != 0 || strings.Contains(errs, "built-in") {
		t.Errorf("the built-in policy by name: %d %s", code, errs)
	}
}

// TestPolicyCommands: show, test, diff and explain need no server and no keys.
func TestPolicyCommands(t *testing.T) {
	r := newRig(t, "127.0.0.1:9")
	if words := r.must("policy", "show"); !strings.Contains(words, "policy") {
		t.Errorf("policy show:\n%s", words)
	}
	cases := filepath.Join(r.dir, "cases.jsonl")
	writeFile(t, cases, `{"id":"a","channel":"email","subject":"Result","text":"Your biopsy result is positive for lymphoma.","mode":"secure"}
{"id":"b","channel":"email","subject":"Lunch","text":"See you at noon.","mode":"standard"}
`)
	out := r.must("policy", "test", cases)
	if strings.Count(out, "\n") != 2 || !json.Valid([]byte(strings.SplitN(out, "\n", 2)[0])) {
		t.Errorf("policy test:\n%s", out)
	}
	draft := filepath.Join(r.dir, "draft.yaml")
	writeFile(t, draft, "policy: draft\ndefault: secure\n")
	if out, errs, code := r.run("policy", "diff", filepath.Join(r.dir, "policy.yaml"), draft, cases); code != 0 || !strings.Contains(errs, "2 decisions change") {
		t.Errorf("policy diff: %d %s%s", code, out, errs)
	}
	writeFile(t, draft, "policy: draft\nrules: [{id: x}]\n")
	if _, errs, code := r.run("policy", "diff", "-", draft, cases); code != exitConfig || !strings.Contains(errs, "draft.yaml:2") {
		t.Errorf("a broken draft: %d %s", code, errs)
	}
	writeFile(t, cases, "{\"id\":1\n")
	if _, errs, code := r.run("policy", "test", cases); code != exitData || !strings.Contains(errs, "line 1") {
		t.Errorf("broken examples: %d %s", code, errs)
	}
	if _, _, code := r.run("policy", "test", "/nonexistent"); code != exitNoInput {
		t.Errorf("no examples: %d", code)
	}
	out, errs, code := r.runWith("From: ann@clinic.example\n"+plainMail, "explain", "--to", "x@secure.example", "-")
	if code != 0 || !strings.Contains(out, "action: secure") {
		t.Errorf("explain: %d %s%s", code, out, errs)
	}
	if _, _, code := r.runWith(plainMail, "explain", "--to", "nonsense", "-"); code != exitUsage {
		t.Errorf("explain to nobody: %d", code)
	}
	if _, err := os.Stat(r.data); err == nil {
		t.Error("judging made a data_dir")
	}
}

// TestCancelledCommand: a command that is interrupted ends.
func TestCancelledCommand(t *testing.T) {
	r := newRig(t, "127.0.0.1:9").start()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code := run(ctx, []string{"queue", "list", "--config", r.config}, environment{out: io.Discard, err: io.Discard}); code == 0 {
		t.Error("an interrupted command succeeded")
	}
}
