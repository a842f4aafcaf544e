package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"gatepost/gateway"
)

// Who sends short messages in the demo.
const (
	demoLine     = "+15550100200" // the clinic's
	demoEsme     = "appointments"
	demoEsmePass = "demo-esme-password"
)

// telephones are two numbers of nobody, kept for stories. Over the data of an
// earlier run they are others: who got a secured message there gets nothing
// else in that conversation, and who said STOP gets nothing.
func telephones(again bool) (pat, kim string) {
	if !again {
		return "+15550100177", "+15550100188"
	}
	number := func(last int) string { return fmt.Sprintf("+1%d555%04d", 201+rand.IntN(300), 100+last) }
	return number(77), number(88)
}

// The short messages of the demo.
const (
	demoReminder = "Reminder: your dental appointment is on Tuesday at 10."
	demoResult   = "Dear Pat, your biopsy result is positive. Please call Dr Ann Miller."
)

// smsStory is what the short messages of the demo came to.
type smsStory struct {
	*demo
	app     *application
	secured string // message_id of the one that became a link
	refused string // queue id of the one that was refused
}

// playSMS lets the clinic's application and two telephones talk to each other,
// and says what came of it. It stops at the first thing that is not as told.
func (d *demo) playSMS(ctx context.Context) (*smsStory, error) {
	fmt.Fprintf(d.out, "\nThen its appointment system sends short messages, by SMPP; the carrier is simulated.\n\n")
	s := &smsStory{demo: d, app: newApplication(d.config.Listen.SMPP)}
	defer s.app.close()
	if err := s.app.bind(ctx, d.patience); err != nil {
		return s, fmt.Errorf("the application cannot bind: %w", err)
	}
	for i, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"appointment reminder to " + s.pat + ": passes untouched", s.reminder},
		{s.pat + " answers \"Thanks\"", s.thanks},
		{"test result to " + s.pat + ": one segment with a link leaves instead", s.result},
		{s.kim + " gets a reminder, and answers \"STOP\"", s.stop},
		{"another reminder to " + s.kim + ": refused", s.afterStop},
	} {
		fmt.Fprintf(d.out, "  %c. %s\n", 'a'+i, step.what)
		if err := step.do(ctx); err != nil {
			return s, fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return s, nil
}

// say tells what somebody saw.
func (s *smsStory) say(who, what string) {
	fmt.Fprintln(s.out, strings.TrimRight("     "+who+": "+what, " "))
}

// shows tells what a telephone shows.
func (s *smsStory) shows(text string) {
	s.say("the telephone shows", "")
	for line := range strings.Lines(text) {
		fmt.Fprintf(s.out, "       %s\n", strings.TrimSuffix(line, "\n"))
	}
}

// wait waits until something is there, or fails.
func (s *smsStory) wait(ctx context.Context, what string, there func() bool) error {
	deadline := time.Now().Add(s.patience)
	for !there() {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("%s did not arrive", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// submit sends a text, and waits until the telephone shows something new and
// the receipt is back.
func (s *smsStory) submit(ctx context.Context, to, text string) (id string, shown shortText, err error) {
	before := len(s.box.network.shown(to))
	id, err = s.app.submit(to, text)
	if err != nil {
		return "", shown, fmt.Errorf("the gateway answered %w", err)
	}
	s.say("answer", "ESME_ROK, message_id "+id)
	err = s.wait(ctx, "the message", func() bool { return len(s.box.network.shown(to)) > before })
	if err != nil {
		return id, shown, err
	}
	shown = s.box.network.shown(to)[before]
	s.shows(shown.Text)
	var state string
	err = s.wait(ctx, "the receipt", func() bool { state = s.app.receipt(id); return state != "" })
	if err == nil && state != "DELIVRD" {
		err = fmt.Errorf("the receipt says %s", state)
	}
	if err == nil {
		s.say("receipt", "stat:"+state+" under the same id")
	}
	return id, shown, err
}

func (s *smsStory) reminder(ctx context.Context) error {
	_, shown, err := s.submit(ctx, s.pat, demoReminder)
	if err == nil && (shown.Text != demoReminder || shown.From != demoLine) {
		err = fmt.Errorf("the telephone shows something else")
	}
	return err
}

// write writes from a telephone to the clinic, and waits for the mail to the
// front desk.
func (s *smsStory) write(ctx context.Context, from, words string) error {
	before := len(s.box.list())
	if err := s.box.network.write(ctx, from, demoLine, words); err != nil {
		return err
	}
	return s.wait(ctx, "the mail to the front desk", func() bool {
		list := s.box.list()
		return slices.ContainsFunc(list[:len(list)-before], func(c captured) bool {
			return slices.Contains(c.To, demoDesk) && strings.Contains(c.Text, words)
		})
	})
}

func (s *smsStory) thanks(ctx context.Context) error {
	const words = "Thanks"
	if err := s.write(ctx, s.pat, words); err != nil {
		return err
	}
	s.say(demoDesk, "got it by mail, and can answer from there")
	err := s.wait(ctx, "the telephone's message at the application", func() bool { return s.app.got(s.pat, words) })
	if err == nil {
		s.say("the application", "got it by deliver_sm")
	}
	return err
}

func (s *smsStory) result(ctx context.Context) (err error) {
	var shown shortText
	s.secured, shown, err = s.submit(ctx, s.pat, demoResult)
	if err == nil && (shown.Link() == "" || shown.Segments != 1 || strings.Contains(shown.Text, "biopsy")) {
		err = fmt.Errorf("the telephone shows something else than one segment with a link")
	}
	return err
}

func (s *smsStory) stop(ctx context.Context) error {
	if _, _, err := s.submit(ctx, s.kim, demoReminder); err != nil {
		return err
	}
	before := len(s.box.network.shown(s.kim))
	if err := s.write(ctx, s.kim, "STOP"); err != nil {
		return err
	}
	var answer string
	err := s.wait(ctx, "the confirmation", func() bool {
		for _, t := range s.box.network.shown(s.kim)[before:] {
			if t.From != "" {
				answer = t.Text
			}
		}
		return answer != ""
	})
	if err == nil {
		s.shows(answer)
	}
	return err
}

func (s *smsStory) afterStop(ctx context.Context) error {
	id, err := s.app.submit(s.kim, demoReminder)
	if err == nil {
		return fmt.Errorf("it was accepted as %s", id)
	}
	s.say("answer", err.Error())
	s.refused, err = s.lastRefused(ctx)
	return err
}

// lastRefused is the queue id of the message that STOP kept from leaving: the
// application has none of it.
func (s *smsStory) lastRefused(ctx context.Context) (id string, err error) {
	var out bytes.Buffer
	env := s.env
	env.out, env.err = &out, io.Discard
	if code := run(ctx, []string{"audit", "export", "--config", env.config}, env); code != 0 {
		return "", fmt.Errorf("the evidence cannot be read: exit %d", code)
	}
	for line := range strings.Lines(out.String()) {
		var r struct {
			Event, Message string
			Detail         map[string]string
		}
		if json.Unmarshal([]byte(line), &r) == nil && r.Event == string(gateway.EventJudged) && r.Detail["rules"] == "stop" {
			id = r.Message
		}
	}
	if id == "" {
		err = fmt.Errorf("there is no evidence of the refusal")
	}
	return id, err
}
