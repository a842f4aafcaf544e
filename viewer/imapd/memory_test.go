package imapd

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

// memory is a Mail and a Bodies in memory: the simplest that keeps what the
// interface promises. It is the reference of the tests of this package.
type memory struct {
	mu       sync.Mutex
	users    map[string]*memUser
	boxes    map[memKey]*memBox
	bodies   map[gateway.MessageID]string
	layouts  map[gateway.MessageID]*gateway.Layout
	reads    []string // evidence: "user message", once per call and message
	opened   map[string]bool
	layout   int // layouts that were asked for
	fail     error
	readFail error
	gone     map[gateway.MessageID]bool
	short    bool                    // bodies end too early
	opening  func(gateway.MessageID) // while it is read
	logins   int
	visitor  gateway.Visitor // of the last login
}

type memUser struct {
	name     gateway.Address
	password string
	review   bool
	out      bool // may not go on
}

type memKey struct {
	owner  string
	folder gateway.Folder
}

// memBox is a folder. Its view is replaced, never changed.
type memBox struct {
	view     *gateway.FolderView
	entries  map[gateway.UID]gateway.MailEntry
	watchers map[*memOpen]bool
}

type memOpen struct {
	m       *memory
	box     *memBox
	changed chan struct{}
}

func newMemory(t testing.TB) *memory {
	m := &memory{
		users: make(map[string]*memUser), boxes: make(map[memKey]*memBox), bodies: make(map[gateway.MessageID]string),
		layouts: make(map[gateway.MessageID]*gateway.Layout), opened: make(map[string]bool), gone: make(map[gateway.MessageID]bool),
	}
	m.user(t, "ann@clinic.example", "secret", false)
	m.user(t, "rex@clinic.example", "review", true)
	return m
}

func (m *memory) user(t testing.TB, name, password string, review bool) {
	a, err := gateway.ParseAddress(name)
	if err != nil {
		t.Fatal(err)
	}
	m.users[name] = &memUser{name: a, password: password, review: review}
}

// boxLocked is the folder of somebody; held mail is shared.
func (m *memory) boxLocked(a gateway.Address, f gateway.Folder) *memBox {
	key := memKey{a.Key(), f}
	if f.IsReview() {
		key.owner = ""
	}
	b := m.boxes[key]
	if b == nil {
		b = &memBox{view: &gateway.FolderView{Folder: f, Validity: 7, Next: 1}, entries: make(map[gateway.UID]gateway.MailEntry), watchers: make(map[*memOpen]bool)}
		m.boxes[key] = b
	}
	return b
}

// changeLocked makes a new view of the box.
func (b *memBox) changeLocked(change func(v *gateway.FolderView)) {
	v := *b.view
	v.UIDs, v.Marks = slices.Clone(v.UIDs), slices.Clone(v.Marks)
	change(&v)
	v.Change++
	b.view = &v
	for w := range b.watchers {
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
}

func (b *memBox) addLocked(e gateway.MailEntry) gateway.UID {
	b.changeLocked(func(v *gateway.FolderView) {
		e.UID = v.Next
		v.Next++
		v.UIDs, v.Marks = append(v.UIDs, e.UID), append(v.Marks, e.Marks)
	})
	b.entries[e.UID] = e
	return e.UID
}

func (b *memBox) removeLocked(uid gateway.UID) {
	b.changeLocked(func(v *gateway.FolderView) {
		if i, ok := v.Position(uid); ok {
			v.UIDs, v.Marks = slices.Delete(v.UIDs, i, i+1), slices.Delete(v.Marks, i, i+1)
		}
	})
	delete(b.entries, uid)
}

// put files a mail, as the gateway does.
func (m *memory) put(t testing.TB, user string, f gateway.Folder, mail, head string, marks gateway.Marks) gateway.UID {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.keepLocked(mail)
	if err != nil {
		t.Fatal(err)
	}
	e.Head, e.Marks = gateway.Sensitive(head), marks
	e.Size += int64(len(head))
	return m.boxLocked(m.users[user].name, f).addLocked(e)
}

func (m *memory) keepLocked(mail string) (gateway.MailEntry, error) {
	id, err := gateway.NewMessageID(time.Now(), rand.Reader)
	if err != nil {
		return gateway.MailEntry{}, err
	}
	w := mailmsg.NewLayout()
	_, _ = io.WriteString(w, mail)
	m.bodies[id], m.layouts[id] = mail, w.Layout()
	return gateway.MailEntry{Message: id, At: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), Size: int64(len(mail))}, nil
}

func (m *memory) MailLogin(_ context.Context, name, password string, v gateway.Visitor) (gateway.MailAccount, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.logins++
	m.visitor = v
	if !strings.Contains(name, "@") {
		name += "@clinic.example"
	}
	u := m.users[name]
	if password == "busy" {
		return gateway.MailAccount{}, gateway.ErrBusy
	}
	if password == "soon" {
		return gateway.MailAccount{}, &gateway.TooSoonError{At: time.Now()}
	}
	if u == nil || u.password != password || u.out {
		return gateway.MailAccount{}, gateway.ErrNotProven
	}
	return gateway.MailAccount{Name: u.name, Review: u.review, Visitor: v}, nil
}

func (m *memory) MailCurrent(_ context.Context, a gateway.MailAccount) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users[a.Name.Wire()].out {
		return gateway.ErrNotProven
	}
	return nil
}

func (m *memory) MailOpen(_ context.Context, a gateway.MailAccount, f gateway.Folder) (gateway.OpenFolder, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.IsReview() && !a.Review {
		panic("a folder of held mail was opened for somebody who may not see it")
	}
	b := m.boxLocked(a.Name, f)
	o := &memOpen{m: m, box: b, changed: make(chan struct{}, 1)}
	b.watchers[o] = true
	return o, m.fail
}

func (o *memOpen) View() *gateway.FolderView {
	o.m.mu.Lock()
	defer o.m.mu.Unlock()
	return o.box.view
}

func (o *memOpen) Changed() <-chan struct{} { return o.changed }

func (o *memOpen) Close() {
	o.m.mu.Lock()
	defer o.m.mu.Unlock()
	delete(o.box.watchers, o)
}

func (m *memory) MailStatus(_ context.Context, a gateway.MailAccount, f gateway.Folder) (gateway.FolderStatus, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.boxLocked(a.Name, f)
	s := gateway.FolderStatus{Validity: b.view.Validity, Next: b.view.Next, Messages: uint32(len(b.view.UIDs))}
	for i, k := range b.view.Marks {
		s.Size += b.entries[b.view.UIDs[i]].Size
		if !k.Seen {
			s.Unseen++
		}
		if k.Deleted {
			s.Deleted++
		}
	}
	return s, m.fail
}

func (m *memory) MailEntries(_ context.Context, a gateway.MailAccount, f gateway.Folder, from, to gateway.UID, visit func(*gateway.MailEntry) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.boxLocked(a.Name, f)
	var shared gateway.MailEntry // good until visit returns, and no longer
	i, _ := b.view.Position(from)
	for ; i < len(b.view.UIDs) && b.view.UIDs[i] <= to; i++ {
		if shared = b.entries[b.view.UIDs[i]]; !visit(&shared) {
			break
		}
	}
	shared = gateway.MailEntry{}
	return m.fail
}

func (m *memory) MailLayouts(_ context.Context, _ gateway.MailAccount, _ gateway.Folder, entries []gateway.MailEntry, visit func(int, *gateway.Layout) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, e := range entries {
		m.layout++
		source := m.layouts[e.Message]
		if e.Head != "" || e.Inline != "" {
			w := mailmsg.NewLayout()
			_, _ = io.WriteString(w, e.Head.Reveal()+e.Inline.Reveal()+m.bodies[e.Message])
			source = w.Layout()
		}
		if source != nil && !visit(i, source) {
			break
		}
	}
	return m.fail
}

func (m *memory) MailRead(_ context.Context, a gateway.MailAccount, _ gateway.Folder, entries []gateway.MailEntry) ([]gateway.Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.readFail != nil {
		return nil, m.readFail
	}
	grants := make([]gateway.Grant, len(entries))
	for i, e := range entries {
		if m.gone[e.Message] {
			continue
		}
		m.reads = append(m.reads, a.Name.Local()+" "+e.Message.String())
		m.opened[a.Name.Key()+e.Message.String()] = true
		grants[i] = gateway.Grant{Message: e.Message, Staff: true}
	}
	return grants, nil
}

func (m *memory) MailWasRead(_ context.Context, a gateway.MailAccount, entries []gateway.MailEntry) ([]bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	read := make([]bool, len(entries))
	for i, e := range entries {
		read[i] = m.opened[a.Name.Key()+e.Message.String()]
	}
	return read, m.fail
}

func (m *memory) MailMark(_ context.Context, a gateway.MailAccount, f gateway.Folder, uids []gateway.UID, c gateway.MarksChange) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.boxLocked(a.Name, f)
	b.changeLocked(func(v *gateway.FolderView) {
		for _, uid := range uids {
			if i, ok := v.Position(uid); ok {
				v.Marks[i] = c.Apply(v.Marks[i])
			}
		}
	})
	return m.fail
}

func (m *memory) MailAppend(_ context.Context, a gateway.MailAccount, f gateway.Folder, k gateway.Marks, at time.Time, size int64, body io.Reader) (uint32, gateway.UID, error) {
	if f != gateway.FolderInbox && f != gateway.FolderTemplates {
		return 0, 0, &gateway.FolderError{Code: gateway.FolderCannot, Text: "Nothing can be put here"}
	}
	mail, err := io.ReadAll(body)
	if err != nil || int64(len(mail)) != size {
		return 0, 0, fmt.Errorf("reading what is appended: %d of %d: %w", len(mail), size, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return 0, 0, m.fail
	}
	e, err := m.keepLocked(string(mail))
	e.At, e.Marks = at, k
	m.opened[a.Name.Key()+e.Message.String()] = true
	return 7, m.boxLocked(a.Name, f).addLocked(e), err
}

func (m *memory) MailCopy(ctx context.Context, a gateway.MailAccount, from gateway.Folder, uids []gateway.UID, to gateway.Folder) (gateway.MailCopied, error) {
	if from.IsState() && to == gateway.FolderRecall { // taken back: it leaves
		return m.MailMove(ctx, a, from, uids, to)
	}
	return m.transfer(a, from, uids, to, false)
}

func (m *memory) MailMove(_ context.Context, a gateway.MailAccount, from gateway.Folder, uids []gateway.UID, to gateway.Folder) (gateway.MailCopied, error) {
	return m.transfer(a, from, uids, to, true)
}

func (m *memory) transfer(a gateway.MailAccount, from gateway.Folder, uids []gateway.UID, to gateway.Folder, leaves bool) (gateway.MailCopied, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if to.IsState() {
		return gateway.MailCopied{}, &gateway.FolderError{Code: gateway.FolderCannot, Text: "Gatepost alone fills this folder"}
	}
	source, target := m.boxLocked(a.Name, from), m.boxLocked(a.Name, to)
	did := gateway.MailCopied{Validity: 7}
	for _, uid := range uids {
		e, ok := source.entries[uid]
		if !ok {
			continue
		}
		if i, ok := source.view.Position(uid); ok {
			e.Marks = source.view.Marks[i]
		}
		did.From, did.To = append(did.From, uid), append(did.To, target.addLocked(e))
		if leaves {
			source.removeLocked(uid)
			did.Gone = append(did.Gone, uid)
		}
	}
	return did, m.fail
}

func (m *memory) MailExpunge(_ context.Context, a gateway.MailAccount, f gateway.Folder, uids []gateway.UID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.boxLocked(a.Name, f)
	for _, uid := range uids {
		if i, ok := b.view.Position(uid); ok && b.view.Marks[i].Deleted {
			b.removeLocked(uid)
		}
	}
	return m.fail
}

// Octets implements Bodies.
func (m *memory) Octets(_ context.Context, g gateway.Grant) (gateway.Content, io.Closer, error) {
	if m.opening != nil {
		m.opening(g.Message)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	body, ok := m.bodies[g.Message]
	if !ok || !g.Staff {
		return nil, nil, fmt.Errorf("no grant, no octets")
	}
	if m.short {
		return memContent{strings.NewReader(body[:len(body)/2]), int64(len(body))}, io.NopCloser(nil), nil
	}
	return memContent{strings.NewReader(body), int64(len(body))}, io.NopCloser(nil), nil
}

type memContent struct {
	io.ReaderAt
	size int64
}

func (c memContent) Size() int64 { return c.size }
