package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// readBy opens a link by its code and returns the page.
func readBy(t *testing.T, box *mailbox, link, to string) (*browser, string) {
	t.Helper()
	b := newBrowser(t)
	page, pin := b.ask(link, box, to)
	_, page = b.post(link, page, "pin", pin)
	return b, page
}

// TestRecall: an operator takes a message back and gives another back; neither
// link, session nor a restored older backup opens what was taken back. Then a
// contact is exported and erased.
func TestRecall(t *testing.T) {
	box, next := outside(t)
	r := newRig(t, next)
	r.more = "recall: {grace: 3s}\n"
	r.write()
	r.start()
	id := r.send("ann@clinic.example", "pat@secure.example", secretMail)
	other := r.send("ann@clinic.example", "sam@secure.example", secretMail)
	link, kept := box.to(t, "pat@secure.example").Link, box.to(t, "sam@secure.example").Link
	pat, page := readBy(t, box, link, "pat@secure.example")
	if !strings.Contains(page, "quillwort") {
		t.Fatalf("not readable:\n%s", page)
	}
	backup := filepath.Join(r.dir, "backup")
	r.must("backup", backup)

	if out := r.must("message", "recall", other); !strings.Contains(out, "sam@secure.example  locked") || !strings.Contains(out, "Out of reach") {
		t.Errorf("recall says:\n%s", out)
	}
	if out := r.must("message", "recall", other, "--undo"); out != "The recall is undone for sam@secure.example\n" {
		t.Errorf("the undoing says: %q", out)
	}
	if out := r.must("message", "recall", id, "--recipient", "pat@secure.example"); !strings.Contains(out, " recall "+id+" --recipient pat@secure.example --undo)") {
		t.Errorf("recall from one says:\n%s", out)
	}
	if _, page := pat.get(link); strings.Contains(page, "quillwort") || strings.Contains(page, `name="pin"`) {
		t.Errorf("the session reads on:\n%s", page)
	}
	eventually(t, "shredded", func() bool { return strings.Contains(r.must("message", "show", id), "shredded: ") })
	if _, errs, code := r.run("message", "recall", id, "--undo"); code != exitData {
		t.Errorf("undone after the grace: %d %s", code, errs)
	}
	if show := r.objects("message", "show", id)[0]; len(show["envelopes"].([]any)[0].(map[string]any)["views"].([]any)) != 1 {
		t.Errorf("message show: %v", show)
	}
	if _, page := readBy(t, box, kept, "sam@secure.example"); !strings.Contains(page, "quillwort") {
		t.Errorf("what was given back does not open:\n%s", page)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}

	r.replaceData()
	if out := r.must("restore", backup); !strings.Contains(out, "recalled: 1") {
		t.Errorf("restore says:\n%s", out)
	}
	r.start()
	r.must("queue", "resume")
	if _, page := newBrowser(t).get(link); strings.Contains(page, `name="code"`) || strings.Contains(page, `name="pin"`) {
		t.Errorf("the restored link takes codes:\n%s", page)
	}
	if out := r.must("contact", "export", "pat@secure.example"); !strings.Contains(out, `"kind":"evidence"`) || strings.Contains(out, "sam@") {
		t.Errorf("export:\n%s", out)
	}
	if _, _, code := r.run("contact", "erase", "pat@secure.example"); code != exitUsage {
		t.Errorf("erased without --yes: %d", code)
	}
	r.must("contact", "erase", "pat@secure.example", "--yes")
	if _, _, code := r.run("contact", "show", "pat@secure.example"); code == 0 {
		t.Error("the erased contact is shown")
	}
	r.must("audit", "verify")
}
