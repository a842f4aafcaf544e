package autoconfig

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func settings() Config {
	return Config{
		Organization: "Kliniek <Zee> & Zoon", Host: "secure.clinic.example", Domains: []string{"clinic.example", "lab.example"},
		IMAP: Endpoint{"secure.clinic.example", 993, true}, SMTP: Endpoint{"secure.clinic.example", 587, false},
	}
}

func ask(t *testing.T, c Config, method, url, body string) (int, http.Header, string) {
	t.Helper()
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	w := httptest.NewRecorder()
	Handler(c, next).ServeHTTP(w, httptest.NewRequest(method, url, strings.NewReader(body)))
	raw, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, w.Header(), string(raw)
}

// texts returns the text of each element by its path; of several alike the
// last.
func texts(t *testing.T, document string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	var path []string
	d := xml.NewDecoder(strings.NewReader(document))
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return found
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			name := tok.Name.Local
			for _, a := range tok.Attr {
				if a.Name.Local == "type" {
					name += ":" + a.Value
				}
			}
			path = append(path, name)
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if s := strings.TrimSpace(string(tok)); s != "" {
				found[strings.Join(path, "/")] = s
			}
		}
	}
}

func wants(t *testing.T, got, want map[string]string) {
	t.Helper()
	for path, text := range want {
		if got[path] != text {
			t.Errorf("%s is %q, want %q", path, got[path], text)
		}
	}
}

func TestThunderbird(t *testing.T) {
	for _, url := range []string{
		"https://autoconfig.clinic.example/mail/config-v1.1.xml?emailaddress=ada%40clinic.example",
		"https://secure.clinic.example/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=ada%40secure.clinic.example",
	} {
		code, h, body := ask(t, settings(), "GET", url, "")
		if code != 200 || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Fatalf("%s: %d %v", url, code, h)
		}
		const in, out = "clientConfig/emailProvider/incomingServer:imap/", "clientConfig/emailProvider/outgoingServer:smtp/"
		wants(t, texts(t, body), map[string]string{
			in + "hostname": "secure.clinic.example", in + "port": "993", in + "socketType": "SSL", in + "username": "ada@clinic.example",
			in + "authentication": "password-cleartext", out + "port": "587", out + "socketType": "STARTTLS",
			"clientConfig/emailProvider/displayName": "Kliniek <Zee> & Zoon Secure",
		})
	}
	_, _, body := ask(t, settings(), "GET", "https://autoconfig.clinic.example/mail/config-v1.1.xml", "")
	wants(t, texts(t, body), map[string]string{"clientConfig/emailProvider/incomingServer:imap/username": "%EMAILADDRESS%"})
	if code, _, _ := ask(t, settings(), "GET", "https://autoconfig.clinic.example/mail/config-v1.1.xml?emailaddress=x@other.example", ""); code != 404 {
		t.Errorf("a foreign domain is answered with %d", code)
	}
}

func TestOutlook(t *testing.T) {
	question := func(address string) string {
		return `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">
<Request><EMailAddress>` + address + `</EMailAddress><AcceptableResponseSchema>` + outlookInner + `</AcceptableResponseSchema></Request></Autodiscover>`
	}
	_, _, body := ask(t, settings(), "POST", "https://autodiscover.lab.example/Autodiscover/Autodiscover.xml", question("bo@LAB.example"))
	got := texts(t, body)
	wants(t, got, map[string]string{
		"Autodiscover/Response/Account/AccountType": "email", "Autodiscover/Response/Account/Action": "settings",
		"Autodiscover/Response/Account/Protocol/Type": "SMTP", "Autodiscover/Response/Account/Protocol/Encryption": "TLS",
		"Autodiscover/Response/Account/Protocol/LoginName": "bo@lab.example",
	})
	if !strings.Contains(body, "<Encryption>SSL</Encryption>") || !strings.Contains(body, `<Response xmlns="`+outlookInner+`">`) {
		t.Errorf("no IMAP over TLS in\n%s", body)
	}
	for name, q := range map[string]string{
		"foreign":  question("x@other.example"),
		"empty":    "",
		"no xml":   "hello",
		"entities": `<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><Autodiscover><Request><EMailAddress>&e;@clinic.example</EMailAddress></Request></Autodiscover>`,
		"endless":  "<Autodiscover><Request><EMailAddress>" + strings.Repeat("a", maxRequest) + "@clinic.example</EMailAddress></Request></Autodiscover>",
	} {
		code, _, body := ask(t, settings(), "POST", "https://autodiscover.clinic.example"+outlookPath, q)
		if code != 200 || texts(t, body)["Autodiscover/Response/Error/ErrorCode"] == "" || strings.Contains(body, "Account>") {
			t.Errorf("%s: %d\n%s", name, code, body)
		}
	}
	if code, h, _ := ask(t, settings(), "GET", "https://autodiscover.clinic.example"+outlookPath, ""); code != 405 || h.Get("Allow") != "POST" {
		t.Errorf("GET is answered with %d", code)
	}
}

func TestApple(t *testing.T) {
	const url = "https://secure.clinic.example" + ApplePath
	code, h, body := ask(t, settings(), "GET", url+"?address=ada@clinic.example", "")
	if code != 200 || h.Get("Content-Type") != "application/x-apple-aspen-config" {
		t.Fatalf("%d %v", code, h)
	}
	texts(t, body)
	for _, want := range []string{
		"<key>IncomingMailServerHostName</key>\n        <string>secure.clinic.example</string>", "<integer>993</integer>",
		"<key>IncomingMailServerUseSSL</key>\n        <true></true>", "<string>ada@clinic.example</string>", "<!DOCTYPE plist PUBLIC",
		"Kliniek &lt;Zee&gt; &amp; Zoon Secure",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
	_, _, again := ask(t, settings(), "GET", url+"?address=ADA@clinic.example", "")
	_, _, other := ask(t, settings(), "GET", url+"?address=bo@clinic.example", "")
	id := func(s string) string { _, s, _ = strings.Cut(s, "PayloadUUID"); return s[:80] }
	if id(body) != id(again) || id(body) == id(other) {
		t.Error("the identifier of a profile is not that of its account")
	}
	for _, bad := range []string{"", "?address=", "?address=ada@other.example", "?address=ada", "?address=%00@clinic.example", "?address=%3C%3E"} {
		if code, _, _ := ask(t, settings(), "GET", url+bad, ""); code != 404 {
			t.Errorf("%q is answered with %d", bad, code)
		}
	}
	c := settings()
	c.SMTP = Endpoint{}
	if code, _, _ := ask(t, c, "GET", url+"?address=ada@clinic.example", ""); code != 404 {
		t.Errorf("a profile without a server to send by: %d", code)
	}
}

// TestOthersPass: every other request is the viewer's.
func TestOthersPass(t *testing.T) {
	for _, r := range []struct{ method, url string }{
		{"GET", "https://secure.clinic.example/m/abc"}, {"GET", "https://stranger.example/mail/config-v1.1.xml"},
		{"POST", "https://secure.clinic.example/mail/config-v1.1.xml"}, {"GET", "https://autoconfig.secure.clinic.example.evil.example/mail/config-v1.1.xml"},
		{"GET", "https://autoconfig.autoconfig.clinic.example/mail/config-v1.1.xml"},
	} {
		if code, _, _ := ask(t, settings(), r.method, r.url, ""); code != http.StatusTeapot {
			t.Errorf("%s %s: %d", r.method, r.url, code)
		}
	}
	if code, _, _ := ask(t, Config{Host: "secure.clinic.example", Domains: []string{"clinic.example"}}, "GET", "https://secure.clinic.example/mail/config-v1.1.xml", ""); code != http.StatusTeapot {
		t.Errorf("without IMAP: %d", code)
	}
}

// FuzzOutlook: what a client asks is answered with well-formed XML, whatever it is.
func FuzzOutlook(f *testing.F) {
	f.Add("<Autodiscover><Request><EMailAddress>ada@clinic.example</EMailAddress></Request></Autodiscover>")
	f.Add(`<a><Request><EMailAddress>"a b"@clinic.example</EMailAddress></Request></a>`)
	f.Fuzz(func(t *testing.T, q string) {
		w := httptest.NewRecorder()
		Handler(settings(), http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("POST", "https://autodiscover.clinic.example"+outlookPath, strings.NewReader(q)))
		texts(t, w.Body.String())
	})
}

// FuzzSettings: whatever is asked under whatever name, only our own names are
// answered, with the headers that keep an answer inert, and what is answered
// is well-formed XML that holds no line of the asker's.
func FuzzSettings(f *testing.F) {
	for _, q := range []string{"emailaddress=ada@clinic.example", "emailaddress=%22a%20b%22%40clinic.example", "EMAILADDRESS=x", "emailaddress=%3Cx%3E@clinic.example", "user=%00", "a=%"} {
		f.Add("autoconfig.clinic.example", thunderbirdPath, q)
		f.Add("secure.clinic.example:443", wellKnownPath, q)
		f.Add("localhost", ApplePath, q)
	}
	f.Fuzz(func(t *testing.T, host, path, query string) {
		r := httptest.NewRequest("GET", "https://x.example/", nil)
		r.Host, r.URL.Path, r.URL.RawQuery = host, path, query
		w := httptest.NewRecorder()
		Handler(settings(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })).ServeHTTP(w, r)
		if w.Code == http.StatusTeapot {
			return
		}
		h := w.Header()
		if h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Fatalf("headers %v", h)
		}
		if w.Code >= 500 {
			t.Fatalf("%d for %q %q %q", w.Code, host, path, query)
		}
		if w.Code == http.StatusOK {
			texts(t, w.Body.String())
		}
	})
}
