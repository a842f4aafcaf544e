package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// TestDemoShortMessages: what --once prints of the short messages is what
// happened, and nothing sensitive reached the carrier.
func TestDemoShortMessages(t *testing.T) {
	out := new(buffer)
	d, err := newDemo(t.TempDir(), environment{out: out, err: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	wire := &tap{Listener: d.sms}
	d.sms, d.once = wire, true
	if err := d.run(t.Context(), environment{out: out, err: io.Discard}); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text := out.String()
	for _, want := range []string{
		`(?m)a\. appointment reminder .*\n +answer: ESME_ROK, message_id \w{26}\n +the telephone shows:\n +` + regexp.QuoteMeta(demoReminder) + `\n +receipt: stat:DELIVRD`,
		`b\. \+15550100177 answers "Thanks"\n +frontdesk@clinic.example: got it by mail.*\n +the application: got it by deliver_sm`,
		`c\. test result .*\n +answer: ESME_ROK, message_id \w{26}\n +the telephone shows:\n +Example Clinic: You have a confidential message .*\n +http://127\S+/m/\S{22}\n +receipt: stat:DELIVRD`,
		`d\. \+15550100188 .*"STOP"\n(.*\n)+ +Example Clinic: You will get no more SMS`,
		`e\. another reminder .*\n +answer: command_status 0x45`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	octets := bytes.ToLower(wire.all())
	if !bytes.Contains(octets, []byte("dental appointment")) {
		t.Error("the reminder did not pass the carrier: the test looks at nothing")
	}
	for _, word := range []string{"biopsy", "positive", "miller"} {
		if bytes.Contains(octets, []byte(word)) || bytes.Contains(octets, wide(word)) {
			t.Errorf("the carrier has seen %q", word)
		}
	}
}

// wide is a word in UCS-2.
func wide(word string) []byte {
	var raw []byte
	for _, u := range utf16.Encode([]rune(word)) {
		raw = binary.BigEndian.AppendUint16(raw, u)
	}
	return raw
}

// TestDemoMissesTheCarrier: what does not arrive is said, soon, and ends the
// demo with an error.
func TestDemoMissesTheCarrier(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(d *demo)
		says  string
	}{
		"no carrier":     {func(d *demo) { _ = d.sms.Close() }, "passes untouched: the message did not arrive"},
		"no application": {func(d *demo) { d.config.Listen.SMPP = "" }, "the application cannot bind"},
		"a mute carrier": {func(d *demo) { d.sms = &tap{Listener: d.sms, mute: true} }, "passes untouched: the message did not arrive"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := newDemo(t.TempDir(), environment{out: io.Discard, err: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			d.patience, d.config.SMS.Timers.Response = 3*time.Second, time.Second
			d.once = true
			c.spoil(d)
			begin := time.Now()
			var e exit
			err = d.run(t.Context(), environment{out: io.Discard, err: io.Discard})
			if !errors.As(err, &e) || e.code != exitSoftware || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, not %q", err, c.says)
			}
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// checkPhones looks at the telephones of the page, and writes from one.
func checkPhones(t *testing.T, page, box string) {
	t.Helper()
	phones := strings.Split(box, `<section class="phone">`)[1:]
	if len(phones) != 2 || !strings.Contains(phones[0], "<h2>&#43;15550100177</h2>") || !strings.Contains(phones[0], demoReminder) {
		t.Fatalf("the telephones on the page:\n%s", box)
	}
	if strings.Contains(box, "biopsy result is positive") {
		t.Error("the page shows what no telephone may show")
	}
	link := regexp.MustCompile(`<a href="([^"]+/m/[^"]+)">http`).FindStringSubmatch(phones[0])
	if link == nil {
		t.Fatalf("no link on the telephone:\n%s", phones[0])
	}
	if _, gate := fetch(t, http.DefaultClient, link[1]); !strings.Contains(gate, "p•••@o•••.example") {
		t.Errorf("the code for the telephone's link does not go by mail:\n%s", gate)
	}
	number := page + "/phone/+15550100177"
	if code, form := fetch(t, http.DefaultClient, number); code != 200 || !strings.Contains(form, "<textarea") {
		t.Errorf("the telephone's page: %d\n%s", code, form)
	}
	for words, want := range map[string]int{"See you on Tuesday": 200, "": 400} {
		resp, err := http.PostForm(number, url.Values{"text": {words}})
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("writing %q from the telephone: %d", words, resp.StatusCode)
		}
	}
	eventually(t, "the mail to the front desk", func() bool {
		_, box := fetch(t, http.DefaultClient, page)
		mails, _, _ := strings.Cut(box, `<section class="phone">`)
		return strings.Contains(mails, "See you on Tuesday")
	})
	if code, _ := fetch(t, http.DefaultClient, page+"/phone/+15550999999"); code != 404 {
		t.Errorf("a telephone that nobody has: %d", code)
	}
}

// tap is a listener that keeps what its peers wrote.
type tap struct {
	net.Listener
	mute bool // takes connections, and never says a word
	got  buffer
}

func (l *tap) all() []byte { return []byte(l.got.String()) }

func (l *tap) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || !l.mute {
			return tapped{c, l}, err
		}
		defer c.Close()
	}
}

type tapped struct {
	net.Conn
	tap *tap
}

func (c tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	_, _ = c.tap.got.Write(p[:n])
	return n, err
}
