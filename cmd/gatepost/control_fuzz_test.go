package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// operated is a system for operators, without listeners.
func operated(f *testing.F) *system {
	f.Helper()
	path := filepath.Join(f.TempDir(), "gatepost.yaml")
	if err := writeNew(path, []byte("organization: {name: Example Clinic, domains: [clinic.example]}\ndata_dir: data\nkey_dir: keys\n")); err != nil {
		f.Fatal(err)
	}
	env := environment{config: path, err: io.Discard}
	c, err := loadConfig(env)
	if err != nil {
		f.Fatal(err)
	}
	s, err := openSystem(f.Context(), c, env, forOperator)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.close)
	return s
}

// FuzzControl gives requests to the control socket, with the real operations
// behind it. Each is answered; what is wrong with a request is told as
// something to mend, with the exit code of that, and never as a fault of ours.
func FuzzControl(f *testing.F) {
	s := operated(f)
	ops := s.operations()
	// These would work on the files of this machine, and cost a key each.
	for _, name := range []string{"backup", "key.destroy", "key.rotate"} {
		delete(ops, name)
	}
	for _, q := range controlSeeds() {
		f.Add([]byte(q))
	}
	handler := controlHandler(ops)
	f.Fuzz(func(t *testing.T, octets []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(octets)))
		if err != nil || strings.HasPrefix(r.URL.Path, "/debug/") || len(octets) > 16<<10 {
			return
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r.WithContext(context.WithValue(t.Context(), uidKey{}, 4711)))
		res := w.Result()
		if res.StatusCode >= 500 {
			t.Fatalf("%s: %s", r.URL, res.Status)
		}
		raw := res.Trailer.Get(trailer)
		if raw == "" {
			return
		}
		var e operationError
		if err := json.Unmarshal([]byte(raw), &e); err != nil || e.Text == "" {
			t.Fatalf("%s: the trailer %q: %v", r.URL, raw, err)
		}
		if !slices.Contains([]int{exitUsage, exitNoInput, exitData, exitTemporary}, e.Code) {
			t.Errorf("%s: exit %d: %s", r.URL, e.Code, e.Text)
		}
	})
}

// controlSeeds are requests of every operation.
func controlSeeds() (seeds []string) {
	const id = "0123456789abcdefghijklmnop"
	for _, q := range []string{
		"queue.list?state=held&rule=x&limit=5", "queue.list?limit=-1", "queue.show?id=" + id + ".0", "queue.retry?all=true", "queue.retry?id=" + id + ".0", "queue.hold?id=x", "queue.drop?id=" + id + ".0", "queue.pause", "queue.resume",
		"queue.state", "queue.summary?since=1h", "queue.summary?since=-9999999999h", "held.list", "held.release?id=" + id + ".0&reason=x", "held.refuse?id=" + id + ".0&reason=%0a", "message.show?id=" + id, "message.judged?id=" + id + "&sum=x", "message.recall?id=" + id + "&recipient=a@b",
		"message.recall_undo?id=" + id, "link.thaw?id=" + id, "user.add?name=ann@clinic.example&role=staff", "user.passwd?name=ann@clinic.example", "user.role?name=ann@clinic.example&role=admin", "user.disable?name=x", "user.enable?name=x", "user.list", "user.app_add?name=ann@clinic.example&label=phone",
		"user.app_list?name=ann@clinic.example", "user.app_remove?name=ann@clinic.example&id=x", "contact.show?name=pat@out.example", "contact.export?name=pat@out.example", "contact.erase?name=pat@out.example", "contact.revoke?name=pat@out.example&id=x", "contact.drop_pin?name=pat@out.example",
		"consent.list?format=csv&name=%2B15550001111", "consent.stop?name=%2B15550001111&line=15550002222", "consent.resume?name=x", "audit.show?id=" + id, "audit.verify?checkpoint=x", "audit.export?format=rfc5424&names=true&note=true", "audit.export?key=true", "key.list", "carrier.state", "store.dump", "store.dump?table=x",
	} {
		seeds = append(seeds, "POST /op/"+q+" HTTP/1.1\r\nHost: control\r\n\r\n")
	}
	body := func(q, in string) string {
		return "POST /op/" + q + " HTTP/1.1\r\nHost: control\r\nTransfer-Encoding: chunked\r\n\r\n" + strconv.FormatInt(int64(len(in)), 16) + "\r\n" + in + "\r\n0\r\n\r\n"
	}
	return append(seeds, body("user.add?name=ben@clinic.example&role=staff", "correct horse battery staple"), body("user.passwd?name=ben@clinic.example", "x"),
		body("contact.import", "email,phone,language,name,pin,patient,consents\npat@out.example,+15550001111,de,Pat,,true,sms;email\n"), body("contact.import", "email\n\"\n"), "GET /op/key.list HTTP/1.1\r\nHost: control\r\n\r\n", "POST /op/nonsense HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /op/..%2fkey.list HTTP/1.1\r\nHost: x\r\n\r\n", "POST /op/queue.list?%zz HTTP/1.1\r\nHost: x\r\n\r\n")
}
