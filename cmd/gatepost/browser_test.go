package main

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// browser is a correspondent's: it keeps cookies and fills in forms.
type browser struct {
	t      *testing.T
	client *http.Client
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, &http.Client{Jar: jar, Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
}

func (b *browser) get(url string) (int, string) { return fetch(b.t, b.client, url) }

var formToken = regexp.MustCompile(`name="token" value="([^"]+)"`)

// post fills in one field of the form on page.
func (b *browser) post(link, page, field, value string) (int, string) {
	b.t.Helper()
	token := formToken.FindStringSubmatch(page)
	if token == nil {
		b.t.Fatalf("no form for %s on the page:\n%s", field, page)
	}
	resp, err := b.client.PostForm(link, url.Values{"token": {token[1]}, field: {value}})
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

var formOnce = regexp.MustCompile(`name="once" value="([^"]+)"`)

// answer fills in the form for an answer on page, with one attachment.
func (b *browser) answer(link, page, text, name, content string) (int, string) {
	b.t.Helper()
	token, once := formToken.FindStringSubmatch(page), formOnce.FindStringSubmatch(page)
	if token == nil || once == nil {
		b.t.Fatalf("no form for an answer on the page:\n%s", page)
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for field, value := range map[string]string{"token": token[1], "once": once[1], "reply": text} {
		_ = w.WriteField(field, value)
	}
	file, _ := w.CreateFormFile("file", name)
	_, _ = io.WriteString(file, content)
	_ = w.Close()
	resp, err := b.client.Post(link, w.FormDataContentType(), &form)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// ask asks for a code and returns the page with the field for it, and the code.
func (b *browser) ask(link string, box *mailbox, address string) (page, pin string) {
	b.t.Helper()
	before := len(box.list())
	_, first := b.get(link)
	_, page = b.post(link, first, "code", "1")
	eventually(b.t, "the code", func() bool {
		list := box.list()
		for _, c := range list[:len(list)-before] {
			if c.Code != "" && strings.Join(c.To, "") == address {
				pin = c.Code
			}
		}
		return pin != ""
	})
	return page, pin
}

// open goes the whole way from the link to the message.
func (b *browser) open(link string, box *mailbox, address string) string {
	b.t.Helper()
	page, pin := b.ask(link, box, address)
	code, message := b.post(link, page, "pin", pin)
	if code != 200 {
		b.t.Fatalf("the message does not open: %d\n%s", code, message)
	}
	return message
}
