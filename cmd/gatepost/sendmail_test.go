package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"
)

// plainHop is a next hop without SMTPUTF8, as most are.
func plainHop(t *testing.T) (*mailbox, string) {
	t.Helper()
	box := new(mailbox)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(box)
	s.Domain = "old.example"
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return box, l.Addr().String()
}

// TestSendmail: what cron, PHP and mail(1) say is understood, and what cannot
// be delivered gives the exit code that makes them try again or not.
func TestSendmail(t *testing.T) {
	box, next := plainHop(t)
	r := newRig(t, next)
	if _, errs, code := r.runWith(plainMail, "sendmail", "x@out.example"); code != exitTemporary || !strings.Contains(errs, "does not answer") {
		t.Errorf("no server: %d %s", code, errs)
	}
	r.start()
	const mail = "To: one@out.example, \"Two, T\" <two@out.example>\nCc: three@out.example\nBcc: four@out.example,\n five@out.example\nSubject: Gr\xc3\xbc\xc3\x9fe\nX: y\n\nbody \xc3\xa4\n.\nstill the body\n"
	if _, errs, code := r.runWith(strings.Replace(mail, "Gr\xc3\xbc\xc3\x9fe", "Hello", 1), "sendmail", "-t", "-oi", "-f", "ann@clinic.example"); code != 0 {
		t.Fatalf("-t: %d %s", code, errs)
	}
	got := box.to(t, "five@out.example")
	for _, to := range []string{"one", "two", "three", "four"} {
		box.to(t, to+"@out.example")
	}
	if strings.Contains(got.Raw, "Bcc") || strings.Contains(got.Raw, "four@") || strings.Contains(got.Raw, "\r\n five@") {
		t.Errorf("Bcc leaves:\n%s", got.Raw)
	}
	for _, want := range []string{"\r\nFrom: <ann@clinic.example>\r\n", "\r\nDate: ", "\r\nMessage-Id: <", "@clinic.example>", "body \xc3\xa4\r\n.\r\nstill the body\r\n", "\r\nCc: three@out.example\r\n"} {
		if !strings.Contains(got.Raw, want) {
			t.Errorf("lacks %q:\n%s", want, got.Raw)
		}
	}
	for want, args := range map[int][]string{
		0:               {"-i", "-fann@clinic.example", "--", "six@out.example"},
		exitUnavailable: {"-f", "ann@clinic.example", "x@reject.example"},
		exitUsage:       {"-f", "not an address", "x@out.example"},
	} {
		if _, errs, code := r.runWith(plainMail, append([]string{"sendmail"}, args...)...); code != want {
			t.Errorf("%v: %d, want %d: %s", args, code, want, errs)
		}
	}
	box.to(t, "six@out.example")
	if _, errs, code := r.runWith("no header field here\n", "sendmail", "-t"); code != exitUsage {
		t.Errorf("-t without recipients: %d %s", code, errs)
	}
	if _, errs, code := r.runWith("To: x@out.example\nSubject: a\n\nb\n", "sendmail", "-t", "x@out.example\r\nDATA"); code != exitUsage {
		t.Errorf("a line end in an address: %d %s", code, errs)
	}
}

// TestSendmailExitCodes: what the listener answers decides.
func TestSendmailExitCodes(t *testing.T) {
	for answer, want := range map[string]int{"250 2.0.0 Ok": 0, "452 4.3.1 Disk full": exitTemporary, "421 4.3.2 Going away": exitTemporary, "550 5.7.1 No": exitUnavailable} {
		for _, at := range []string{"MAIL", "RCPT", "DATA", "dot"} {
			r := newRig(t, "127.0.0.1:9")
			answering(t, r.relay, at, answer)
			if _, errs, code := r.runWith(plainMail, "sendmail", "x@out.example"); code != want || code != 0 && !strings.Contains(errs, answer[:3]) {
				t.Errorf("%s at %s: %d, want %d: %s", answer, at, code, want, errs)
			}
		}
	}
}

// answering is a server that gives one answer at one point of the dialogue.
func answering(t *testing.T, addr, at, answer string) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "220 x\r\n")
		in, buf := "", make([]byte, 4096)
		data := false
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			in += string(buf[:n])
			for {
				line, rest, found := strings.Cut(in, "\r\n")
				if !found {
					break
				}
				in = rest
				verb, say := strings.ToUpper(line[:min(4, len(line))]), "250 ok"
				switch {
				case data && line == ".":
					data, verb = false, "dot"
				case data:
					continue
				case verb == "QUIT":
					return // without a goodbye: the mail is accepted all the same
				case verb == "DATA":
					say = "354 go"
				}
				if verb == at && (verb != "DATA" || answer[0] != '2') {
					say = answer
				}
				data = data || say == "354 go"
				fmt.Fprint(conn, say+"\r\n")
			}
		}
	}()
}

func TestSendmailArguments(t *testing.T) {
	for line, want := range map[string]string{
		"-t -i":                        "-t",
		"-it":                          "-t",
		"-oi -oem -odi -bm -B8BITMIME": "",
		"-r a@b c@d":                   "-f a@b c@d",
		"-ra@b c@d":                    "-fa@b c@d",
		"-o ignored -N never c@d":      "c@d",
		"-Nnever -Rhdrs -Vid c@d":      "c@d",
		"-i -- -i":                     "-- -i",
		"-F Name -f a@b c@d":           "-F Name -f a@b c@d",
	} {
		got, err := sendmailArgs(append([]string{"sendmail"}, strings.Fields(line)...))
		if err != nil || !reflect.DeepEqual(got[1:], strings.Fields(want)) {
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
	for _, mode := range []string{"-bs", "-bp", "-bd", "-bi"} {
		if _, err := sendmailArgs([]string{"sendmail", mode}); err == nil {
			t.Errorf("%s is taken for a mail", mode)
		}
	}
}

func TestMailParameters(t *testing.T) {
	for _, c := range []struct{ from, to, raw, want string }{
		{"a@b", "c@d", "Subject: x\r\n\r\ny", ""},
		{"a@b", "c@d", "Subject: x\r\n\r\n\xe4", " BODY=8BITMIME"},
		{"a@b", "c@d", "Subject: \xc3\xa4\r\n\r\ny", " BODY=8BITMIME SMTPUTF8"},
		{"a@b", "\xc3\xa4@d", "Subject: x\r\n\r\ny", " BODY=8BITMIME SMTPUTF8"},
	} {
		if got := mailParameters(c.from, []string{c.to}, []byte(c.raw)); got != c.want {
			t.Errorf("%q: %q", c, got)
		}
	}
}

// TestMain lets this test binary be gatepost, under the name sendmail. Else it
// fails where a goroutine is left when all tests are through.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "sendmail" {
		main()
	}
	goleak.VerifyTestMain(m, frozen()...)
}

// frozen are the goroutines of an engine whose device failed in a test: it
// stays as it is until the process ends. A store that nobody closed has others.
func frozen() (list []goleak.Option) {
	const pebble = "github.com/cockroachdb/pebble/v2"
	for _, name := range []string{
		"gatepost/store/pebblestore.(*guard).thaw", pebble + ".(*Batch).SyncWait", pebble + ".(*cleanupManager).mainLoop",
		pebble + ".(*ConcurrencyLimitScheduler).periodicGranter", pebble + "/internal/genericcache.(*shard[...]).releaseLoop",
	} {
		list = append(list, goleak.IgnoreAnyFunction(name))
	}
	return list
}

// TestSendmailName runs the program under the name sendmail, from another
// directory, as somebody who could read no secret.
func TestSendmailName(t *testing.T) {
	box, next := plainHop(t)
	r := newRig(t, next)
	r.more = "queue: {first_retry: 1s}\n"
	r.start()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(r.dir, "sendmail")
	if err := os.Symlink(binary, link); err != nil {
		t.Fatal(err)
	}
	r.viaRoute = fmt.Sprintf(`{domain: "*", via: %q, tls: none, auth: {user: u, password: {file: nobody-may-read-this}}}`, next)
	r.write()
	cmd := exec.Command(link, "-i", "seven@out.example", "--config", r.config)
	cmd.Dir, cmd.Stdin = t.TempDir(), strings.NewReader(plainMail)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := box.to(t, "seven@out.example"); !strings.Contains(got.Raw, "See you on Tuesday.") {
		t.Error(got.Raw)
	}
	cmd = exec.Command(link, "-i", "seven@out.example")
	cmd.Dir, cmd.Stdin = t.TempDir(), bytes.NewReader(nil)
	out, err := cmd.CombinedOutput()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != exitNoInput {
		if _, there := os.Stat(systemConfig); there != nil {
			t.Errorf("without a configuration: %v %s", err, out)
		}
	}
}
