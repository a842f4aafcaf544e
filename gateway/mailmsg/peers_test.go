package mailmsg_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/emersion/go-message"
	"pgregory.net/rapid"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

// ours is one of each mail that is composed here.
func ours(t *testing.T) map[string][]byte {
	t.Helper()
	list := map[string][]byte{}
	keep := func(name string, raw []byte, err error) {
		if err != nil {
			t.Fatal(err)
		}
		list[name] = raw
	}
	for _, language := range languages() {
		for _, kind := range noticeKinds() {
			d := noticeData()
			d.Kind, d.Language = kind, language
			raw, err := mailmsg.Notice(d)
			keep("notice "+string(kind)+" "+language, raw, err)
		}
		for _, kind := range staffKinds() {
			d := staffNoticeData(kind)
			d.Language = language
			raw, err := mailmsg.StaffNotice(d)
			keep("staff "+string(kind)+" "+language, raw, err)
		}
		d := noticeData()
		raw, err := mailmsg.Code(mailmsg.CodeData{
			From: d.From, To: d.To, Organization: "Praxis Müller", Language: language, Reference: d.Reference, Code: "123456", Now: noon, Random: random(),
		})
		keep("code "+language, raw, err)
	}
	for _, language := range languages() {
		d := reportData()
		d.Language = language
		raw, err := mailmsg.Report(d)
		keep("report "+language, raw, err)
		d.Action = mailmsg.ActionDelayed
		raw, err = mailmsg.Report(d)
		keep("delay "+language, raw, err)
	}
	return list
}

// TestGoMessageReadsOurs: an independent parser sees the structure and reads
// every part.
func TestGoMessageReadsOurs(t *testing.T) {
	for name, raw := range ours(t) {
		e, err := message.Read(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var types []string
		err = e.Walk(func(_ []int, p *message.Entity, err error) error {
			if err != nil {
				return err
			}
			media, _, err := p.Header.ContentType()
			if err != nil {
				return err
			}
			types = append(types, media)
			if strings.HasPrefix(media, "multipart/") {
				return nil
			}
			body, err := io.ReadAll(p.Body)
			if err == nil && len(bytes.TrimSpace(body)) == 0 {
				err = errors.New("empty part")
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		kind, _, _ := strings.Cut(name, " ")
		want := map[string]string{
			"notice": "multipart/alternative text/plain text/html", "code": "text/plain", "staff": "text/plain",
			"report": "multipart/report text/plain message/delivery-status text/rfc822-headers",
			"delay":  "multipart/report text/plain message/delivery-status text/rfc822-headers",
		}[kind]
		if got := strings.Join(types, " "); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestPythonReadsOurs: another language's parser finds no defect.
func TestPythonReadsOurs(t *testing.T) {
	if exec.Command("python3", "-c", "import email").Run() != nil {
		t.Skip("no python3 here: our mails are NOT read by its email package")
	}
	const script = `import sys, json, email, email.policy
def check(m):
    parts = [m] + list(m.iter_parts() if m.get_content_maintype() == "multipart" else [])
    for p in parts:
        assert not p.defects, p.defects
        for name, value in p.items():
            assert not getattr(value, "defects", ()), (name, value.defects)
        if p.get_content_type() in ("text/plain", "text/html"):
            assert p.get_content().strip(), "empty"
        if p.get_content_type() == "message/delivery-status":
            groups = p.get_payload()
            assert groups[0]["Reporting-MTA"] and len(groups) == 4, len(groups)
            assert all(g["Final-Recipient"] and g["Action"] and g["Status"] for g in groups[1:])
    assert len(m["from"].addresses) == 1 and len(m["to"].addresses) == 1 and m["date"].datetime and m["subject"]
for name, text in json.load(sys.stdin).items():
    try:
        check(email.message_from_string(text, policy=email.policy.default))
    except Exception as e:
        print(name, repr(e))`
	texts := map[string]string{}
	for name, raw := range ours(t) {
		texts[name] = string(raw)
	}
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "-c", script)
	cmd.Stdin = bytes.NewReader(in)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s%v", out, err)
	}
}

// TestViewYieldsEveryPart: what another library writes comes back octet for
// octet, in order, as text or as file; and Read doubts none of it.
func TestViewYieldsEveryPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var raw bytes.Buffer
		var h message.Header
		h.SetContentType("multipart/mixed", map[string]string{"boundary": rapid.StringMatching(`[a-z=_+'(),./:?-]{1,60}[a-z]`).Draw(t, "boundary")})
		w, err := message.CreateWriter(&raw, h)
		if err != nil {
			t.Fatal(err)
		}
		files := rapid.SliceOfN(rapid.SliceOf(rapid.Byte()), 1, 5).Draw(t, "files")
		for i, file := range files {
			encoding := rapid.SampledFrom([]string{"base64", "quoted-printable"}).Draw(t, "encoding")
			if encoding != "base64" { // the writer makes lines of what looks like some
				file = bytes.ReplaceAll(bytes.ReplaceAll(file, []byte("\r"), nil), []byte("\n"), nil)
				files[i] = file
			}
			var ph message.Header
			ph.SetContentType("application/octet-stream", nil)
			ph.SetContentDisposition("attachment", map[string]string{"filename": "grüße.bin"})
			ph.Set("Content-Transfer-Encoding", encoding)
			p, err := w.CreatePart(ph)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Write(file); err != nil {
				t.Fatal(err)
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		m, err := mailmsg.View(bytes.NewReader(raw.Bytes()))
		if err != nil || len(m.Files) != len(files) {
			t.Fatalf("%d files, not %d: %v", len(m.Files), len(files), err)
		}
		for i, f := range m.Files {
			if got := opened(t, f); !bytes.Equal(got, files[i]) || f.Name != "grüße.bin" {
				t.Fatalf("file %d is %q, not %q", i, got, files[i])
			}
		}
		if r := mailmsg.Read(raw.Bytes()); len(r.Uncertain) > 0 {
			t.Fatalf("Read doubts it: %v", r.Uncertain)
		}
	})
}

func opened(t *rapid.T, f gateway.File) []byte {
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
