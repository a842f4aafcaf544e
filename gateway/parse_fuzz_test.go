package gateway

import (
	"encoding"
	"strings"
	"testing"
	"time"
)

// FuzzParseNames: of ids, links, actions and colors, only the one spelling that
// we write is read, and it is read as what it was.
func FuzzParseNames(f *testing.F) {
	id := MessageID{1, 2, 3, 0xff}
	for _, s := range []string{id.String(), EnvelopeID{id, 7}.String(), id.String() + ".007", LinkSecret{9}.Path(), LinkSecret{9}.Path()[:21] + "\n" + "A", "secure", "#0b5c6b", "15550001111", "+15550001111"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseMessageID(s); err == nil && id.String() != strings.ToLower(s) {
			t.Errorf("message id %q reads %s", s, id)
		}
		if id, err := ParseEnvelopeID(s); err == nil && id.String() != strings.ToLower(s) {
			t.Errorf("envelope id %q reads %s", s, id)
		}
		if l, err := ParseLinkSecret(s); err == nil && l.Path() != s {
			t.Errorf("link %q reads %q", s, l.Path())
		}
		if a, err := ParseAction(s); err == nil && !strings.EqualFold(a.String(), s) {
			t.Errorf("action %q reads %s", s, a)
		}
		if a, err := PhoneAddress(s); err == nil {
			if b, err := ParseAddress(a.Wire()); err != nil || a != b || a.Phone().Reveal() != s {
				t.Errorf("telephone %q reads %q, which reads %q: %v", s, a.Wire(), b.Wire(), err)
			}
		}
		for _, v := range []encoding.TextUnmarshaler{new(MessageID), new(EnvelopeID), new(ThreadID), new(LinkID), new(PersonRef), new(Address), new(Action), new(Mode), new(Channel), new(Level), new(PartKind), new(Color)} {
			if v.UnmarshalText([]byte(s)) != nil {
				continue
			}
			text, err := v.(encoding.TextMarshaler).MarshalText()
			if err != nil {
				t.Fatalf("%T of %q is not written: %v", v, s, err)
			}
			if err := v.UnmarshalText(text); err != nil {
				t.Errorf("%T of %q is written %q, which is not read: %v", v, s, text, err)
			}
		}
	})
}

// FuzzSMPPTime: an absolute time that is taken is the one that is written, and
// no time is more than a century away.
func FuzzSMPPTime(f *testing.F) {
	for _, s := range []string{"", "261122192030500+", "260229000000000-", "991231235959948+", "000000010000000R", "991299239959000R", "26112219203000 +"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		at, ok := ParseSMPPTime(s, now)
		if !ok || s == "" {
			if s == "" && (!ok || !at.IsZero()) {
				t.Fatalf("the empty time is %v, %v", at, ok)
			}
			return
		}
		if len(s) != 16 || at.Before(now.AddDate(-27, 0, 0)) || at.After(now.AddDate(110, 0, 0)) {
			t.Fatalf("%q reads %v", s, at)
		}
		if sign := s[15]; sign != 'R' {
			away := time.Duration((s[13]-'0')*10+s[14]-'0') * 15 * time.Minute
			if sign == '-' {
				away = -away
			}
			if got := at.Add(away).Format("060102150405.0"); got != s[:12]+"."+s[12:13] {
				t.Fatalf("%q reads %v, which is %s there", s, at, got)
			}
		}
	})
}
