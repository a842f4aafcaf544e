package main

import (
	"strings"
	"testing"
)

// TestAppPasswordCommands also shows the warning about a short password.
func TestAppPasswordCommands(t *testing.T) {
	_, next := outside(t)
	r := newRig(t, next)
	out, errs, code := r.runWith("pw\n", "user", "add", "ann@clinic.example", "--password-file", "-", "--role", "staff")
	if code != 0 || !strings.Contains(out, "is added") || !strings.Contains(errs, "warning: a password of less than 12") || strings.Contains(errs+out, "pw\n") {
		t.Fatalf("user add: %d %s%s", code, out, errs)
	}
	if _, errs, code := r.runWith("a long pass phrase\n", "user", "passwd", "ann@clinic.example", "--password-file", "-"); code != 0 || errs != "" {
		t.Errorf("user passwd: %d %s", code, errs)
	}
	if out := r.must("user", "role", "ann@clinic.example", "compliance"); !strings.Contains(out, "is compliance from the next log-in") || !strings.Contains(out, "sessions under that name are ended") {
		t.Error(out)
	}
	if _, errs, code := r.run("user", "role", "ann@clinic.example", "clerk"); code != exitUsage || !strings.Contains(errs, "compliance") {
		t.Errorf("an unknown role: %d %s", code, errs)
	}
	if u := r.objects("user", "list")[0]; u["role"] != "compliance" {
		t.Errorf("user list: %v", u)
	}
	text := r.must("user", "app-password", "add", "ann@clinic.example", "--label", "phone")
	made := r.objects("user", "app-password", "add", "ann@clinic.example", "--label", "laptop")[0]
	id, _ := made["id"].(string)
	if len(made["password"].(string)) != 24 || !strings.Contains(text, "for phone") || len(strings.Fields(text)[0]) != 24 {
		t.Errorf("made %v and\n%s", made, text)
	}
	list := r.must("user", "app-password", "list", "ann@clinic.example")
	if !strings.Contains(list, id+"  laptop") || !strings.Contains(list, "phone") || strings.Contains(list, made["password"].(string)) {
		t.Errorf("list:\n%s", list)
	}
	if u := r.objects("user", "list")[0]; u["app_passwords"] != 2.0 || u["weak"] != false {
		t.Errorf("user list: %v", u)
	}
	r.must("user", "app-password", "remove", "ann@clinic.example", id)
	if _, _, code := r.run("user", "app-password", "remove", "ann@clinic.example", id); code != exitNoUser && code != exitNoInput {
		t.Errorf("removed twice: exit %d", code)
	}
	if left := r.objects("user", "app-password", "list", "ann@clinic.example"); len(left) != 1 || left[0]["label"] != "phone" {
		t.Errorf("left: %v", left)
	}
}
