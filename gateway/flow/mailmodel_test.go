package flow

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailbox"
)

// TestFoldersNeverLie: whatever people do in whatever order, each secured message
// is in exactly one of the folders that say how it stands, in the right one, its
// keyword agrees, and what a UID once named it names for ever.
func TestFoldersNeverLie(t *testing.T) {
	sent, seen := 0, map[gateway.Folder]bool{}
	for seed := range uint64(6) {
		w := newWorld(t)
		err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			m := &folderModel{
				client: w.client(ctx, t, f, "ann@clinic.example", "staff"), random: rand.New(rand.NewPCG(seed, 1)),
				hidden: map[gateway.MessageID]bool{}, named: map[mailbox.Place]string{}, next: map[gateway.Folder]gateway.UID{},
			}
			for range 60 {
				m.step(ctx)
				agendaFor(ctx, f, time.Second)
				fileAway(ctx, t, f)
				m.check(ctx)
			}
			if t.Failed() {
				t.Logf("seed %d: %s", seed, strings.Join(m.did, ", "))
			}
			sent += len(m.sent)
			for _, folder := range m.seen {
				seen[folder] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if sent < 20 || len(seen) < 6 {
		t.Errorf("only %d messages in %d folders", sent, len(seen))
	}
}

// folderModel is what must be true of Ann's folders.
type folderModel struct {
	*client
	random *rand.Rand
	sent   []gateway.MessageID
	hidden map[gateway.MessageID]bool
	named  map[mailbox.Place]string // what a UID named
	next   map[gateway.Folder]gateway.UID
	seen   []gateway.Folder
	did    []string
}

func (m *folderModel) step(ctx context.Context) {
	pick := func() gateway.MessageID { return m.sent[m.random.IntN(len(m.sent))] }
	n := m.random.IntN(10)
	if len(m.sent) == 0 {
		n = 0
	}
	var err error
	var refused *gateway.FolderError
	switch n {
	case 0, 1:
		m.sent = append(m.sent, sentTo(ctx, m.t, m.f, []string{"a@secure.example", "b@secure.example"}[:1+m.random.IntN(2)]...))
		m.note("send")
	case 2, 3:
		m.note("read")
		deliverAll(ctx, m.f, 61*time.Second) // reminders too, and until another code may be asked for
		if text := m.w.notice(m.t, "a@secure.example"); m.f.recalled(ctx, m.envelopeOf(ctx, linkIn(m.t, text))) {
			return
		}
		r := m.w.prove(ctx, m.t, m.f, "a@secure.example")
		if _, err = m.w.reads(ctx, m.f, r); err == nil && n == 3 {
			m.note("answer")
			_, err = m.f.Answer(ctx, r.secret, r.v, gateway.Answer{Text: "Yes", Next: files()})
		}
	case 4:
		m.note("recall from one")
		err = recallOp(ctx, m.f, "message.recall", pick(), "a@secure.example")
	case 5:
		m.note("undo")
		_, err = operation(ctx, m.f, "message.recall_undo", url.Values{"id": {pick().String()}}, "")
		if o := (*OperationError)(nil); errors.As(err, &o) {
			err = nil
		}
	case 6:
		m.note("wait")
		time.Sleep([]time.Duration{10 * time.Second, 2 * time.Minute, 24 * time.Hour}[m.random.IntN(3)])
		agendaFor(ctx, m.f, time.Minute)
	default:
		err = m.act(ctx)
	}
	if err != nil && !errors.As(err, &refused) {
		m.t.Errorf("%s: %v", m.did[len(m.did)-1], err)
	}
}

func (m *folderModel) note(what string) { m.did = append(m.did, what) }

// envelopeOf is the copy that a link opens.
func (m *folderModel) envelopeOf(ctx context.Context, s gateway.LinkSecret) gateway.EnvelopeID {
	m.t.Helper()
	l, err := m.f.link(ctx, s)
	if err != nil {
		m.t.Fatal(err)
	}
	return l.Envelope
}

// act does something to a random entry, as its client can.
func (m *folderModel) act(ctx context.Context) error {
	folders := gateway.Folders(false)
	from, to := folders[m.random.IntN(len(folders))], folders[m.random.IntN(len(folders))]
	if m.random.IntN(2) == 0 {
		to = gateway.FolderRecall
	}
	list := m.entries(ctx, from)
	if len(list) == 0 {
		m.note("nothing")
		return nil
	}
	e := list[m.random.IntN(len(list))]
	switch m.random.IntN(4) {
	case 0:
		m.note("expunge from " + from.String())
		if from.IsState() {
			m.hidden[e.Message] = true
		}
		return errors.Join(m.f.MailMark(ctx, m.account, from, []gateway.UID{e.UID}, gateway.MarksChange{Add: gateway.Marks{Deleted: true}}),
			m.f.MailExpunge(ctx, m.account, from, []gateway.UID{e.UID}))
	case 1:
		m.note("mark in " + from.String())
		return m.f.MailMark(ctx, m.account, from, []gateway.UID{e.UID}, gateway.MarksChange{With: &gateway.Marks{Flagged: true, Keywords: []string{"$GatepostExpired"}}})
	case 2:
		m.note("copy " + from.String() + " to " + to.String())
		_, err := m.f.MailCopy(ctx, m.account, from, []gateway.UID{e.UID}, to)
		return err
	}
	m.note("move " + from.String() + " to " + to.String())
	_, err := m.f.MailMove(ctx, m.account, from, []gateway.UID{e.UID}, to)
	return err
}

func (m *folderModel) check(ctx context.Context) {
	m.t.Helper()
	in := map[gateway.MessageID][]gateway.Folder{}
	for _, folder := range gateway.Folders(false) {
		list := m.entries(ctx, folder)
		for i := range list {
			e := &list[i]
			m.checkEntry(folder, e)
			if folder.IsState() {
				in[e.Message] = append(in[e.Message], folder)
			}
		}
		status, err := m.f.MailStatus(ctx, m.account, folder)
		if err != nil || int(status.Messages) != len(list) || status.Next < m.next[folder] {
			m.t.Errorf("%v after %v: %+v, %v", folder, m.did, status, err)
		}
		m.next[folder] = status.Next
	}
	for _, id := range m.sent {
		want := []gateway.Folder{m.belongs(ctx, id)}
		if m.hidden[id] {
			want = nil
		}
		if !slices.Equal(in[id], want) {
			m.t.Errorf("after %v: a message is in %v, not %v", m.did, in[id], want)
		}
	}
}

func (m *folderModel) checkEntry(folder gateway.Folder, e *gateway.MailEntry) {
	m.t.Helper()
	at, content := mailbox.Place{Folder: folder, UID: e.UID}, e.Message.String()+e.Head.Reveal()+e.Inline.Reveal()
	if was, known := m.named[at]; known && was != content {
		m.t.Errorf("after %v: %d in %v is another message", m.did, e.UID, folder)
	}
	if m.named[at] = content; !slices.Contains(m.seen, folder) {
		m.seen = append(m.seen, folder)
	}
	words := slices.DeleteFunc(slices.Clone(e.Marks.Keywords), func(k string) bool { return !strings.HasPrefix(k, "$Gatepost") })
	if word := stateWord(folder); strings.Join(words, " ") != word {
		m.t.Errorf("after %v: keywords %q in %v", m.did, words, folder)
	}
}

// belongs says by the records alone where a message is.
func (m *folderModel) belongs(ctx context.Context, id gateway.MessageID) gateway.Folder {
	m.t.Helper()
	copies, _, err := m.f.copies(ctx, id)
	if err != nil {
		m.t.Fatal(err)
	}
	all := func(is func(e gateway.Envelope) bool) bool {
		return !slices.ContainsFunc(copies, func(e gateway.Envelope) bool { return !is(e) })
	}
	back := func(e gateway.Envelope) bool { return !e.Recalled.IsZero() }
	some := func(of func(e gateway.Envelope) time.Time) bool {
		return slices.ContainsFunc(copies, func(e gateway.Envelope) bool { return !back(e) && !of(e).IsZero() })
	}
	switch {
	case all(back):
		return gateway.FolderRecalled
	case some(func(e gateway.Envelope) time.Time { return e.Answered }):
		return gateway.FolderReplied
	case some(func(e gateway.Envelope) time.Time { return e.Opened }):
		return gateway.FolderOpened
	case m.f.Now().Sub(copies[0].Accepted) > 30*24*time.Hour:
		return gateway.FolderExpired
	}
	return gateway.FolderUnopened
}
