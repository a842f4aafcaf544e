package main

import (
	"fmt"
	"slices"
	"time"

	"gatepost/gateway"
)

// telephone is one number and what it shows, oldest first.
type telephone struct {
	Number string
	Texts  []shortText
	line   gateway.Line
	parts  map[longTextKey][]gateway.Segment // of long texts that are not complete
}

// longTextKey tells the long texts that a telephone gets apart.
type longTextKey struct {
	from  string
	place gateway.SegmentPlace // without Seq
}

// shortText is what a telephone shows of one message.
type shortText struct {
	At       time.Time
	From     string // "" for what the telephone wrote itself
	Text     string
	Segments int
	octets   []byte // user data of all segments, as they came
}

// Link is the link in the text, "" when there is none.
func (t shortText) Link() string { return linkIn.FindString(t.Text) }

// Before is the text up to the link: all of it when there is none.
func (t shortText) Before() string { before, _ := t.halves(); return before }

// After is the text behind the link.
func (t shortText) After() string { _, after := t.halves(); return after }

func (t shortText) halves() (before, after string) {
	at := linkIn.FindStringIndex(t.Text)
	if at == nil {
		return t.Text, ""
	}
	return t.Text[:at[0]], t.Text[at[1]:]
}

// list returns the telephones that wrote or got something.
func (c *centre) list() []telephone {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]telephone, len(c.phones))
	for i, p := range c.phones {
		list[i] = telephone{Number: p.Number, Texts: slices.Clone(p.Texts)}
	}
	return list
}

// shown is what a telephone shows.
func (c *centre) shown(number string) []shortText {
	for _, p := range c.list() {
		if p.Number == number {
			return p.Texts
		}
	}
	return nil
}

func (c *centre) phoneLocked(line gateway.Line) *telephone {
	for _, p := range c.phones {
		if p.line.Same(line) {
			return p
		}
	}
	p := &telephone{Number: line.Key(), line: line, parts: make(map[longTextKey][]gateway.Segment)}
	c.phones = append(c.phones, p)
	return p
}

func (p *telephone) add(t shortText) {
	p.Texts = append(p.Texts, t)
	if len(p.Texts) > mailboxLimit {
		p.Texts = p.Texts[1:]
	}
}

// take shows a message on its telephone, and returns its id. The parts of a
// long text wait for each other, in the order in which they were sent.
func (c *centre) take(s gateway.Segment) (id string, err error) {
	place, err := c.texts.Place(&s)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.phoneLocked(s.Dest)
	all := []gateway.Segment{s}
	if !place.Whole() {
		key := longTextKey{s.Source.Key(), place}
		key.place.Seq = 0
		all = append(p.parts[key], s)
		if p.parts[key] = all; len(all) < place.Total {
			return c.nextLocked(), nil
		}
		delete(p.parts, key)
	}
	t := shortText{At: time.Now(), From: s.Source.Key(), Text: c.texts.Read(all).Parts[0].Text.Reveal(), Segments: len(all)}
	for i := range all {
		t.octets = append(t.octets, all[i].Payload()...)
	}
	p.add(t)
	return c.nextLocked(), nil
}

// nextLocked makes an id as many carriers do.
func (c *centre) nextLocked() string {
	c.ids++
	return fmt.Sprintf("%08X", 0xC0FFEE00+c.ids)
}
