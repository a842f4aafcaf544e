package flow

import (
	"context"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

// capabilityIn is the sender of an answer: what staff answer to.
func capabilityIn(t *testing.T, mail string) string {
	t.Helper()
	_, after, ok := strings.Cut(mail, "<r.")
	local, _, ok2 := strings.Cut(after, "@")
	if !ok || !ok2 {
		t.Fatalf("no capability in %.300q", mail)
	}
	return "r." + local + "@reply.clinic.example"
}

func newest(t *testing.T, mails []string) string {
	t.Helper()
	if len(mails) == 0 {
		t.Fatal("no mail")
	}
	return mails[len(mails)-1]
}

// idIn is the Message-ID of a mail.
func idIn(mail string) string {
	_, after, _ := strings.Cut(mail, "\r\nMessage-ID: <")
	id, _, _ := strings.Cut(after, ">")
	return id
}

// staffAnswers is what the client of a member of staff makes of an answer.
func staffAnswers(t *testing.T, to, id string, text string) string {
	return "From: Ann <ann@clinic.example>\r\nTo: <" + capabilityIn(t, to) + ">\r\nSubject: Re: " + secretSubject + "\r\nIn-Reply-To: <" + idIn(to) + ">\r\nReferences: <" + idIn(to) +
		">\r\nDate: Sat, 01 Jan 2000 00:00:00 +0000\r\nMessage-ID: <" + id + "@clinic.example>\r\n\r\n" + text + "\r\n"
}

// A conversation from its first message through answers in the viewer and by
// mail and turns of staff: one thread, in which each stands under the other,
// and of which either link shows all; one that the correspondent begins is
// another.
func TestWholeConversation(t *testing.T) {
	for _, mode := range []gateway.Mode{gateway.Enforce, gateway.Observe} {
		w := newWorld(t)
		kv := emptyStore()
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			link, v, _ := w.writer(ctx, t, f)
			w.mode = mode
			f.Configure(w.settings(), testJudge())
			const to = "s@secure.example"
			first, err := f.Answer(ctx, link, v, gateway.Answer{Text: "one"})
			if err != nil {
				return err
			}
			deliverAll(ctx, f, time.Minute)
			one := newest(t, w.hop.mail("ann@clinic.example"))
			if _, err := handIn(ctx, f, submissionTo(capabilityIn(t, one)), staffAnswers(t, one, "two", "the second zebrafinch")); err != nil {
				return err
			}
			deliverAll(ctx, f, time.Minute)
			notice := newest(t, w.hop.mail(to))
			if strings.Contains(notice, "ebrafinch") {
				t.Errorf("a notice shows the text: %q", notice)
			}
			raw := answering(replyTo(notice), "three", "In-Reply-To: <"+idIn(notice)+">")
			if _, err := handIn(ctx, f, stranger(to, replyTo(notice)), raw); err != nil {
				return err
			}
			deliverAll(ctx, f, time.Minute)
			three := newest(t, w.hop.mail("ann@clinic.example"))
			if !strings.Contains(three, "In-Reply-To: <two@clinic.example>\r\n") || !strings.Contains(strings.ReplaceAll(three, "\r\n ", " "), "References: <original@clinic.example> <"+idIn(one)+"> <two@clinic.example>\r\n") {
				t.Errorf("%s: %.600s", mode, three)
			}
			second := linkIn(t, notice)
			time.Sleep(time.Minute)
			for _, l := range []gateway.LinkSecret{link, second} {
				v := w.proven(ctx, t, f, l, to)
				time.Sleep(2 * time.Minute)
				c, err := f.Conversation(ctx, l, v)
				if err != nil {
					return err
				}
				said := ""
				for _, turn := range c.Turns {
					if turn.Closed != "" {
						t.Errorf("a turn is closed: %s", turn.Closed)
						continue
					}
					g, err := f.OpenTurn(ctx, l, v, turn.Message, -1)
					if err != nil {
						return err
					}
					_, text, _ := strings.Cut(w.read(ctx, t, f, g, l), "\r\n\r\n")
					said += strings.TrimSpace(text) + "; "
				}
				if want := secretBody + "; one; the second zebrafinch; thank you, says the zebrafinch; "; said != want {
					t.Errorf("%s: the conversation reads %q", mode, said)
				}
			}
			begun, err := f.Answer(ctx, second, w.proven(ctx, t, f, second, to), gateway.Answer{To: gateway.MustAddress("ann@clinic.example"), Subject: "another", Text: "four"})
			if err != nil || begun.Thread == first.Thread {
				t.Errorf("begun %+v, %v", begun, err)
			}
			deliverAll(ctx, f, time.Minute)
			four := newest(t, w.hop.mail("ann@clinic.example"))
			if _, err := handIn(ctx, f, submissionTo(capabilityIn(t, four)), staffAnswers(t, four, "five", "fifth")); err != nil {
				return err
			}
			deliverAll(ctx, f, time.Minute)
			third := linkIn(t, newest(t, w.hop.mail(to)))
			c, err := f.Conversation(ctx, third, w.proven(ctx, t, f, third, to))
			if err != nil || len(c.Turns) != 2 || !c.Turns[0].Mine || c.Turns[0].Message != begun.Message || !c.Turns[1].Own {
				t.Errorf("%s: the other conversation: %+v, %v", mode, c.Turns, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w.sound(t, kv)
	}
}
