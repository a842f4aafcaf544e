package flow

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailauth"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/people"
	"gatepost/store"
)

// files hands out attachments as a form does.
func files(all ...gateway.AnswerFile) func() (gateway.AnswerFile, error) {
	return func() (gateway.AnswerFile, error) {
		if len(all) == 0 {
			return gateway.AnswerFile{}, io.EOF
		}
		first := all[0]
		all = all[1:]
		return first, nil
	}
}

func fileOf(name, mediaType, content string) gateway.AnswerFile {
	return gateway.AnswerFile{Name: gateway.Sensitive(name), MediaType: mediaType, Content: strings.NewReader(content)}
}

// writer is a correspondent with a proof for the first link of a conversation
// of one message.
func (w *world) writer(ctx context.Context, t *testing.T, f *Flow) (gateway.LinkSecret, gateway.Visitor, gateway.MessageID) {
	t.Helper()
	ids := w.told(ctx, t, f, []string{"s@secure.example"}, secretBody)
	link := w.links(t, "s@secure.example")[0]
	return link, w.proven(ctx, t, f, link, "s@secure.example"), ids[0]
}

// An answer becomes a mail of its own for staff that stands under what it
// answers; what staff sent knows that it was answered, and the correspondent
// sees what they wrote.
func TestAnswerByViewer(t *testing.T) {
	for _, mode := range []gateway.Mode{gateway.Enforce, gateway.Observe} {
		w := newWorld(t)
		kv := emptyStore()
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			link, v, id := w.writer(ctx, t, f)
			f.Configure(func() Settings { w.mode = mode; return w.settings() }(), testJudge())
			if err := f.People.Update(ctx, gateway.MustAddress("s@secure.example"), "test", func(p *people.Person) { p.Name = "Jane" }); err != nil {
				return err
			}
			large := strings.Repeat("0123456789abcdef", 64<<10)
			done, err := f.Answer(ctx, link, v, gateway.Answer{
				Text: "Thank you, dear zebra\n", Once: "form-1",
				Next: files(fileOf(`C:\scans\../my "scan".pdf`, "application/pdf", "small"), fileOf("", "", ""), fileOf("large.bin", "message/rfc822", large)),
			})
			if err != nil {
				return err
			}
			deliverAll(ctx, f, time.Minute)
			w.checkAnswerMail(t, large)
			e, err := f.envelope(ctx, gateway.EnvelopeID{Message: id})
			if err != nil || e.Answered.IsZero() {
				t.Errorf("answered %v, %v", e.Answered, err)
			}
			w.checkOwnTurn(ctx, t, f, link, v, done)
			story, err := operation(ctx, f, "audit.show", url.Values{"id": {done.Message.String()}}, "")
			if !strings.Contains(story, `"answer.accepted"`) || !strings.Contains(story, `"files":"2"`) || strings.Contains(story, "zebra") {
				t.Error(story)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		w.sound(t, kv)
	}
}

func (w *world) checkAnswerMail(t *testing.T, large string) {
	t.Helper()
	got := w.hop.mail("ann@clinic.example")
	if len(got) != 1 {
		t.Fatalf("%d mails", len(got))
	}
	if from := w.hop.from["ann@clinic.example"]; !strings.HasPrefix(from, "b.") || !strings.HasSuffix(from, "@reply.clinic.example") {
		t.Errorf("MAIL FROM %s", from)
	}
	head, _, _ := strings.Cut(got[0], "\r\n\r\n")
	for _, want := range []string{"In-Reply-To: <original@clinic.example>", "References: <original@clinic.example>", "Subject: Re: " + secretSubject, "To: <ann@clinic.example>"} {
		if !strings.Contains(head, want+"\r\n") {
			t.Errorf("no %s in %s", want, head)
		}
	}
	if !strings.HasPrefix(got[0], "From: \"Jane (s@secure.example) via Secure\"\r\n <r.") || strings.Contains(head, "Received:") {
		t.Errorf("header %s", head)
	}
	mail, err := mailmsg.View(stringContent{strings.NewReader(got[0])})
	if err != nil {
		t.Fatal(err)
	}
	if len(mail.Files) != 2 || !strings.Contains(mail.Text.Reveal(), "dear zebra") {
		t.Fatalf("%d files, text %q", len(mail.Files), mail.Text.Reveal())
	}
	for i, want := range []struct{ name, kind, content string }{{`my "scan".pdf`, "application/pdf", "small"}, {"large.bin", "application/octet-stream", large}} {
		r, err := mail.Files[i].Open()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err != nil || string(raw) != want.content || mail.Files[i].Name.Reveal() != want.name || mail.Files[i].Type != want.kind {
			t.Errorf("file %q of type %s with %d octets, %v", mail.Files[i].Name.Reveal(), mail.Files[i].Type, len(raw), err)
		}
	}
}

type stringContent struct{ *strings.Reader }

func (c stringContent) Size() int64 { return c.Reader.Size() }

func (w *world) checkOwnTurn(ctx context.Context, t *testing.T, f *Flow, link gateway.LinkSecret, v gateway.Visitor, done gateway.Answered) {
	t.Helper()
	c, err := f.Conversation(ctx, link, v)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.Turns); n != 2 || !c.Turns[1].Mine || c.Turns[1].Message != done.Message || c.Turns[1].Name.Reveal() != "Jane" {
		t.Fatalf("turns %+v", c.Turns)
	}
	g, err := f.OpenTurn(ctx, link, v, done.Message, -1)
	if err != nil {
		t.Fatal(err)
	}
	if raw := w.read(ctx, t, f, g, link); !strings.Contains(raw, "dear zebra") {
		t.Errorf("own turn reads %q", raw)
	}
}

// The same form is one answer, one after the other and at once; two devices
// that answer at once are two.
func TestSameFormTwice(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		link, v, id := w.writer(ctx, t, f)
		other := w.proven2(ctx, t, f, link)
		var mu sync.Mutex
		var wg sync.WaitGroup
		got := map[string]map[gateway.MessageID]int{}
		for i := range 8 {
			once, session := "phone", v
			if i%2 == 1 {
				once, session = "laptop", other
			}
			wg.Go(func() {
				done, err := f.Answer(ctx, link, session, gateway.Answer{Text: "hello", Once: once, Next: files(fileOf("a", "", strings.Repeat("x", smallMessage+1)))})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if got[once] == nil {
					got[once] = map[gateway.MessageID]int{}
				}
				got[once][done.Message]++
			})
		}
		wg.Wait()
		if len(got["phone"]) != 1 || len(got["laptop"]) != 1 {
			t.Errorf("answers %v", got)
		}
		again, err := f.Answer(ctx, link, v, gateway.Answer{Text: "something else", Once: "phone"})
		if err != nil || got["phone"][again.Message] == 0 || again.Thread.IsZero() {
			t.Errorf("again %+v, %v", again, err)
		}
		m, err := f.message(ctx, id)
		if err != nil || again.Thread != m.Thread {
			t.Errorf("thread %v, %v", again.Thread, err)
		}
		deliverAll(ctx, f, time.Minute)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(w.hop.mail("ann@clinic.example")); n != 2 {
		t.Errorf("%d mails to staff", n)
	}
	if n := messages(t, w, kv); n != 3 {
		t.Errorf("%d messages", n)
	}
	w.sound(t, kv)
}

// proven2 is a second device of the same correspondent.
func (w *world) proven2(ctx context.Context, t *testing.T, f *Flow, link gateway.LinkSecret) gateway.Visitor {
	time.Sleep(2 * time.Minute) // until another code may be asked for
	return w.proven(ctx, t, f, link, "s@secure.example")
}

// What is refused leaves nothing behind, and says why.
func TestRefusedAnswers(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	broken := errors.New("the line was cut")
	many := make([]gateway.AnswerFile, gateway.MaxAnswerFiles+1)
	for i := range many {
		many[i] = fileOf("f", "", "x")
	}
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		link, v, _ := w.writer(ctx, t, f)
		huge := gateway.AnswerFile{Name: "huge", Content: io.LimitReader(zeros{}, gateway.MaxAnswerSize+1)}
		for name, c := range map[string]struct {
			v    gateway.Visitor
			a    gateway.Answer
			want error
		}{
			"not proven":     {gateway.Visitor{}, gateway.Answer{Text: "x"}, gateway.ErrNotProven},
			"empty":          {v, gateway.Answer{Text: " \n\t"}, gateway.ErrAnswerEmpty},
			"empty form":     {v, gateway.Answer{Next: files(fileOf("", "", ""))}, gateway.ErrAnswerEmpty},
			"text too long":  {v, gateway.Answer{Text: gateway.Sensitive(strings.Repeat("x", gateway.MaxAnswerText+1))}, gateway.ErrAnswerTooLarge},
			"subject":        {v, gateway.Answer{Text: "x", Subject: gateway.Sensitive(strings.Repeat("x", 1000))}, gateway.ErrAnswerTooLarge},
			"too many files": {v, gateway.Answer{Text: "x", Next: files(many...)}, gateway.ErrAnswerTooLarge},
			"too large":      {v, gateway.Answer{Text: "x", Next: files(huge)}, gateway.ErrAnswerTooLarge},
			"cut":            {v, gateway.Answer{Text: "x", Next: files(gateway.AnswerFile{Name: "a", Content: io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20)), errorReader{broken})})}, broken},
			"no next":        {v, gateway.Answer{Text: "x", Next: func() (gateway.AnswerFile, error) { return gateway.AnswerFile{}, broken }}, broken},
			"a stranger":     {v, gateway.Answer{Text: "x", To: gateway.MustAddress("eve@out.example")}, gateway.ErrNoStaff},
			"other staff":    {v, gateway.Answer{Text: "x", To: gateway.MustAddress("bob@clinic.example")}, gateway.ErrNoStaff},
		} {
			if done, err := f.Answer(ctx, link, c.v, c.a); !errors.Is(err, c.want) || !done.Message.IsZero() {
				t.Errorf("%s: %+v, %v", name, done, err)
			}
		}
		amend(ctx, t, f, envelopeKey(mustEnvelope(ctx, t, f, "s@secure.example").ID), func(e *gateway.Envelope) { e.Recalled = f.Now() })
		if _, err := f.Answer(ctx, link, v, gateway.Answer{Text: "x"}); !errors.Is(err, gateway.ErrNotProven) {
			t.Errorf("recalled: %v", err)
		}
		n, err := f.Blobs.Collect(ctx, f.Now().Add(time.Hour))
		if err != nil || n != 0 {
			t.Errorf("%d bodies were left behind, %v", n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := messages(t, w, kv); n != 1 {
		t.Errorf("%d messages", n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func mustEnvelope(ctx context.Context, t *testing.T, f *Flow, to string) (found gateway.Envelope) {
	t.Helper()
	err := each(ctx, f.Store, store.Prefix(store.Envelopes), func(e *gateway.Envelope) {
		if e.Recipient.Wire() == to && !e.Link.IsZero() {
			found = *e
		}
	})
	if err != nil || found.Recipient.IsNull() {
		t.Fatalf("no envelope to %s: %v", to, err)
	}
	return found
}

// No attachment is held in memory.
func TestAnswerMemory(t *testing.T) {
	if underRace {
		t.Skip("the race detector allocates")
	}
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		link, v, _ := w.writer(ctx, t, f)
		const size = 48 << 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := f.Answer(ctx, link, v, gateway.Answer{Next: files(gateway.AnswerFile{Name: "a", Content: io.LimitReader(zeros{}, size)})})
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
			t.Errorf("%d octets allocated for an attachment of %d", used, size)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Two staff and two correspondents in one conversation: each of the staff gets
// every answer, no correspondent sees the other's.
func TestSeveralInOneConversation(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		to := []string{"s@secure.example", "t@secure.example"}
		ids := w.told(ctx, t, f, to, "first")
		m, err := f.message(ctx, ids[0])
		if err != nil {
			return err
		}
		var b store.Batch
		if err := f.Threads.Secure(ctx, &b, m.Thread, gateway.MustAddress("bob@clinic.example"), gateway.MustAddress("eve@out.example")); err != nil {
			return err
		}
		if err := store.Write(ctx, f.Store, &b); err != nil {
			return err
		}
		for _, a := range to {
			link := w.links(t, a)[0]
			v := w.proven(ctx, t, f, link, a)
			if _, err := f.Answer(ctx, link, v, gateway.Answer{Text: gateway.Sensitive("words of " + a)}); err != nil {
				return err
			}
			c, err := f.Conversation(ctx, link, v)
			if err != nil || len(c.Turns) != 2 || len(c.Staff) != 2 || c.Turns[1].From.Wire() != a {
				t.Errorf("%s sees %+v, %v", a, c, err)
			}
		}
		deliverAll(ctx, f, time.Minute)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, staff := range []string{"ann@clinic.example", "bob@clinic.example"} {
		all := strings.Join(w.hop.mail(staff), "")
		if len(w.hop.mail(staff)) != 2 || !strings.Contains(all, "words of s@") || !strings.Contains(all, "words of t@") {
			t.Errorf("%s got %q", staff, all)
		}
		if !strings.Contains(all, "To: <ann@clinic.example>, <bob@clinic.example>\r\n") {
			t.Errorf("%s does not see who else got it", staff)
		}
	}
	if got := w.hop.mail("eve@out.example"); got != nil {
		t.Errorf("an answer left the organization: %q", got)
	}
	w.sound(t, kv)
}

// A correspondent begins a conversation with staff they know; its answer
// begins no other.
func TestNewConversation(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		link, v, id := w.writer(ctx, t, f)
		done, err := f.Answer(ctx, link, v, gateway.Answer{To: gateway.MustAddress("Ann@clinic.example"), Subject: "Re: [secure] A question\r\nBcc: eve@out.example", Text: "when?"})
		if err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		got := w.hop.mail("ann@clinic.example")
		if len(got) != 1 || !strings.Contains(got[0], "\r\nSubject: A question Bcc: eve@out.example\r\n") || strings.Contains(got[0], "In-Reply-To") {
			t.Errorf("staff got %q", got)
		}
		m, err := f.message(ctx, id)
		if err != nil || done.Thread == m.Thread {
			t.Errorf("thread %v, %v", done.Thread, err)
		}
		th, err := f.Threads.Get(ctx, done.Thread)
		if err != nil || !th.Secured || th.Staff.Wire() != "ann@clinic.example" {
			t.Errorf("thread %+v, %v", th, err)
		}
		if e := mustEnvelope(ctx, t, f, "s@secure.example"); !e.Answered.IsZero() {
			t.Error("the old message was answered")
		}
		local, _, _ := strings.Cut(strings.SplitN(got[0], "<r.", 2)[1], "@")
		capability, err := f.Threads.Capability(ctx, "r."+local)
		if err != nil || capability.Thread != done.Thread || capability.Person.IsZero() {
			t.Errorf("capability %+v, %v", capability, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Staff who are visibly addressed in what is secured, or who write the next
// turn, get the answers; those outside, and hidden ones, do not.
func TestVisibleStaffTakePart(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		raw := strings.Replace(testMail, "To: someone@out.example", "To: Ann <ann@clinic.example>, s@secure.example, eve@out.example\r\nCc: Bob <BOB@clinic.example>", 1)
		to := submissionTo("s@secure.example", "p@pass.example", "bob@clinic.example", "hidden@clinic.example")
		if _, err := accept(ctx, f, to, raw); err != nil {
			return err
		}
		time.Sleep(time.Second)
		next := strings.NewReplacer("<original@", "<next@", "From: Ann <ann@", "References: <original@clinic.example>\r\nFrom: Carl <carl@").Replace(testMail)
		sub := submissionTo("s@secure.example")
		sub.From = gateway.MustAddress("carl@clinic.example")
		if _, err := accept(ctx, f, sub, next); err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		link := w.links(t, "s@secure.example")[0]
		v := w.proven(ctx, t, f, link, "s@secure.example")
		c, err := f.Conversation(ctx, link, v)
		if err != nil {
			return err
		}
		var got []string
		for _, k := range c.Staff {
			got = append(got, k.Address.Key())
		}
		if strings.Join(got, " ") != "ann@clinic.example bob@clinic.example carl@clinic.example" {
			t.Errorf("answers go to %v", got)
		}
		w.hop.forget()
		if _, err := f.Answer(ctx, link, v, gateway.Answer{Text: "to all of you"}); err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for to, n := range map[string]int{"ann@clinic.example": 1, "BOB@clinic.example": 1, "carl@clinic.example": 1, "hidden@clinic.example": 0, "eve@out.example": 0, "p@pass.example": 0} {
		if got := w.hop.mail(to); len(got) != n {
			t.Errorf("%s got %d", to, len(got))
		}
	}
	if got := w.hop.mail("carl@clinic.example")[0]; !strings.Contains(got, "References: <original@clinic.example> <next@clinic.example>\r\n") || !strings.Contains(got, "In-Reply-To: <next@clinic.example>\r\n") {
		t.Errorf("it does not stand under what it answers: %s", got)
	}
}

// dnsOf answers with one key and nothing else.
type dnsOf struct{ name, record string }

func (d dnsOf) LookupTXT(_ context.Context, name string) ([]string, error) {
	if strings.TrimSuffix(name, ".") == d.name {
		return []string{d.record}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (d dnsOf) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	return nil, &net.DNSError{Name: name, IsNotFound: true}
}

func (d dnsOf) LookupIPAddr(_ context.Context, name string) ([]net.IPAddr, error) {
	return nil, &net.DNSError{Name: name, IsNotFound: true}
}

func (d dnsOf) LookupAddr(_ context.Context, name string) ([]string, error) {
	return nil, &net.DNSError{Name: name, IsNotFound: true}
}

// The mail to staff carries a signature that is aligned with its sender, by the
// key of the domain above the reply domain, over every octet of it.
func TestAnswerIsSigned(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := mailauth.NewSigner("clinic.example", "gp", private)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	err = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		set := w.settings()
		set.Signer = func(domain string) *mailauth.Signer {
			if domain == "clinic.example" {
				return signer
			}
			return nil
		}
		f.Configure(set, testJudge())
		link, v, _ := w.writer(ctx, t, f)
		if _, err := f.Answer(ctx, link, v, gateway.Answer{Text: "héllo\n", Next: files(fileOf("a.bin", "", strings.Repeat("octets", 100_000)))}); err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		raw := w.hop.mail("ann@clinic.example")[0]
		verifier := mailauth.NewVerifier(dnsOf{"gp._domainkey.clinic.example", mailauth.DNSRecord(public)}, f.Now)
		for text, want := range map[string]gateway.AuthResult{raw: gateway.AuthPass, strings.Replace(raw, "b2N0", "b2N1", 1): gateway.AuthFail} {
			a := verifier.Verify(ctx, []byte(text), mailauth.Peer{})
			if len(a.Signatures) != 1 || a.Signatures[0].Result != want || !a.Signatures[0].Aligned || a.Signatures[0].Partial {
				t.Errorf("verified as %+v", a)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// One correspondent does not fill the mailboxes of staff: beyond a thousand
// answers within the hour they wait, and others do not.
func TestFloodOfAnswers(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		link, v, _ := w.writer(ctx, t, f)
		large := func() gateway.Answer {
			return gateway.Answer{Next: files(gateway.AnswerFile{Name: "a", Content: io.LimitReader(zeros{}, 3<<20)})}
		}
		person := mustEnvelope(ctx, t, f, "s@secure.example").Person
		pace := []charge{{key: f.MAC("answers of", person[:]), limit: answersMax}}
		f.answers.take(pace, answersMax-5, f.Now())
		for range 2 { // each counts four
			if _, err := f.Answer(ctx, link, v, large()); err != nil {
				return err
			}
		}
		var soon *gateway.TooSoonError
		asked := false
		_, err := f.Answer(ctx, link, v, gateway.Answer{Text: "x", Next: func() (gateway.AnswerFile, error) { asked = true; return gateway.AnswerFile{}, io.EOF }})
		if !errors.As(err, &soon) || asked || !soon.At.After(f.Now()) {
			t.Errorf("one more: %v, attachments asked for: %v", err, asked)
		}
		other := w.told(ctx, t, f, []string{"t@secure.example"}, "first")
		l := w.links(t, "t@secure.example")[0]
		if _, err := f.Answer(ctx, l, w.proven(ctx, t, f, l, "t@secure.example"), gateway.Answer{Text: "x"}); err != nil || len(other) != 1 {
			t.Errorf("somebody else: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
