package seal

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/hpke"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

// These tests keep the table of thefts true: what each thief opens and what
// not. A site writes what a running gateway writes, through the public API. A
// thief gets some of it and then tries every key in its hands on every octet
// string in its hands, as long as that yields something new.

// The texts of the site. Each stands in one place only.
const (
	wordSubject = "zebraquartz-subject" // record in the store
	wordCopied  = "zebraquartz-copied"  // secured, with a staff copy
	wordAlone   = "zebraquartz-alone"   // secured, staff_copy: none
	wordNotice  = "zebraquartz-notice"  // notice of wordAlone, holds its link
	wordPassed  = "zebraquartz-passed"  // clear mail in the spool
)

// site is an installation in the middle of its work.
type site struct {
	t      *testing.T
	clock  *clock
	k      *Keyring
	dir    string
	mem    *storetest.Memory
	sealed store.Store
	link   gateway.LinkSecret // of wordAlone
	retain time.Time
	blobs  [][]byte // bodies that lie in files
}

func newSite(t *testing.T) *site {
	s := &site{t: t, clock: newClock(), mem: storetest.NewMemory(), link: linkSecret(t)}
	s.k, s.dir = newKeyring(t, s.clock)
	s.sealed = s.k.SealedStore(s.mem)
	s.retain = s.clock.now().AddDate(0, 0, 180)
	s.accept(wordCopied, true, false, linkSecret(t), nil)
	notice := []byte(wordNotice + " https://secure.clinic.example/m/" + s.link.Path() + "\r\n")
	s.accept(wordAlone, false, false, s.link, notice)
	s.accept(wordPassed, false, true, gateway.LinkSecret{}, nil)
	check(t, s.k.Journal().Append(Entry{Kind: JournalDelivered, ID: messageID(t).String()}))
	return s
}

// accept commits one message: as the flow does, with wraps for whoever may open.
func (s *site) accept(word string, staff, spool bool, link gateway.LinkSecret, notice []byte) {
	t, id := s.t, messageID(s.t)
	text := []byte(word + strings.Repeat(" the body says it again: "+word, 3000)) // two segments
	d, body := sealBody(t, s.k, id, text)
	s.blobs = append(s.blobs, body)
	m := gateway.Message{ID: id, Subject: wordSubject, Retain: s.retain}
	e := gateway.Envelope{ID: gateway.EnvelopeID{Message: id}, Recipient: gateway.MustAddress("pat@out.example")}
	b := new(store.Batch)
	if staff {
		m.Staff = must[gateway.Wrap](t)(s.k.Sealer().WrapStaff(d, id, s.retain))
	}
	if spool {
		m.Spool = must[gateway.Wrap](t)(s.k.Sealer().WrapSpool(d, id))
	}
	if link != (gateway.LinkSecret{}) {
		w := must[gateway.Wrap](t)(s.k.Sealer().WrapCorrespondent(d, id, link, s.retain))
		lid := LinkID(link)
		check(t, b.PutRecord(store.Key(store.Links, lid[:]), gateway.Link{ID: lid, Wrap: w}))
	}
	if notice != nil {
		d, sealed := sealBody(t, s.k, id, notice)
		b.Put(store.Key(store.Bodies, id[:]), sealed)
		e.Notice = &gateway.Notice{Spool: must[gateway.Wrap](t)(s.k.Sealer().WrapSpool(d, id))}
	}
	check(t, b.PutRecord(store.Key(store.Messages, id[:]), m))
	check(t, b.PutRecord(store.Key(store.Envelopes, id[:], store.Uint32(0)), e))
	check(t, store.Write(context.Background(), s.sealed, b))
}

// sendEverything empties the spool, as couriers do, and lets the spool key go.
func (s *site) sendEverything() {
	t := s.t
	b := new(store.Batch)
	check(t, s.sealed.Scan(context.Background(), store.Prefix(store.Messages), func(item store.Item) bool {
		var m gateway.Message
		check(t, store.Decode(item.Value, &m))
		m.Spool = gateway.Wrap{}
		check(t, b.PutRecord(bytes.Clone(item.Key), m))
		b.Put(store.Key(store.Envelopes, m.ID[:], store.Uint32(0)), nil)
		b.Delete(store.Key(store.Bodies, m.ID[:]))
		return true
	}))
	check(t, store.Write(context.Background(), s.sealed, b))
	must[string](t)(s.k.RotateSpool())
	s.clock.advance(time.Hour)
	check(t, s.k.DestroySpool("spool-1"))
}

// found is an octet string in the thief's hands, and the store key it lay under.
type found struct{ raw, key []byte }

// tool is a secret in the thief's hands, as every kind of key. It remembers up
// to where it was tried.
type tool struct {
	values  *values
	aead    cipher.AEAD
	data    Key
	private hpke.PrivateKey
	link    cipher.AEAD // instead of all others: the cipher of a link
	tried   int
}

// loot is what a thief holds.
type loot struct {
	octets []found
	known  map[string]bool
	tools  []*tool
	links  map[gateway.LinkSecret]bool
	ids    []gateway.MessageID
}

func newLoot() *loot {
	return &loot{known: make(map[string]bool), links: make(map[gateway.LinkSecret]bool)}
}

// addSecret makes a tool of 32 octets.
func (l *loot) addSecret(raw []byte) {
	s := secret(raw)
	aead, _ := s.aead()
	data, _ := newKey(&s, true)
	private, _ := kem().NewPrivateKey(s[:])
	l.tools = append(l.tools, &tool{values: newValues(&s), aead: aead, data: data, private: private})
}

// addLink makes a tool of a link's secret.
func (l *loot) addLink(s gateway.LinkSecret) {
	if aead, err := linkCipher(s); err == nil && !l.links[s] {
		l.links[s] = true
		l.tools = append(l.tools, &tool{link: aead})
	}
}

// takeDisk steals a copy of the data: the store as it was, and the blobs.
func (l *loot) takeDisk(t *testing.T, mem *storetest.Memory, blobs [][]byte) {
	check(t, mem.Scan(context.Background(), store.Range{}, func(item store.Item) bool {
		l.add(item.Value, item.Key)
		if len(item.Key) >= 17 { // ids stand in keys
			l.ids = append(l.ids, gateway.MessageID(item.Key[1:17]))
		}
		return true
	}))
	for _, b := range blobs {
		l.add(b, nil)
	}
	slices.SortFunc(l.ids, func(a, b gateway.MessageID) int { return bytes.Compare(a[:], b[:]) })
	l.ids = slices.Compact(l.ids)
}

// takeKeys steals every file of key_dir.
func (l *loot) takeKeys(t *testing.T, dir string) {
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			raw, err := os.ReadFile(path)
			check(t, err)
			l.add(raw, nil)
		}
		return err
	}))
}

func (l *loot) add(raw, key []byte) {
	if l.known[string(raw)] || len(raw) == 0 {
		return
	}
	l.known[string(raw)] = true
	l.octets = append(l.octets, found{bytes.Clone(raw), key})
	if len(raw) == keySize {
		l.addSecret(raw)
	}
	for _, m := range regexp.MustCompile(`/m/([A-Za-z0-9_-]{22})`).FindAllSubmatch(raw, -1) {
		if s, err := gateway.ParseLinkSecret(string(m[1])); err == nil {
			l.addLink(s)
		}
	}
	for _, record := range []any{new(gateway.Message), new(gateway.Envelope)} {
		if raw[0] != '\x01' && store.Decode(raw, record) == nil { // has a form of its own
			told, err := json.Marshal(record)
			if err == nil {
				l.unpack(told)
			}
		}
	}
	l.unpack(raw)
}

// unpack adds every string inside JSON, and what it is in base64.
func (l *loot) unpack(raw []byte) {
	start := bytes.IndexByte(raw, '{')
	if start < 0 {
		return
	}
	var v any
	if json.NewDecoder(bytes.NewReader(raw[start:])).Decode(&v) == nil {
		l.strings(v)
	}
}

func (l *loot) strings(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			l.strings(inner)
		}
	case []any:
		for _, inner := range v {
			l.strings(inner)
		}
	case string:
		l.add([]byte(v), nil)
		if raw, err := base64.StdEncoding.DecodeString(v); err == nil {
			l.add(raw, nil)
		}
	}
}

// plunder tries everything on everything until nothing new comes of it.
func (l *loot) plunder() {
	for again := true; again; {
		again = false
		for i := 0; i < len(l.tools); i++ { // both lists grow on the way
			for u := l.tools[i]; u.tried < len(l.octets); u.tried++ {
				for _, text := range l.try(u, l.octets[u.tried]) {
					l.add(text, nil)
				}
				again = true
			}
		}
	}
}

// try uses a tool in every way on one octet string.
func (l *loot) try(u *tool, f found) (got [][]byte) {
	keep := func(text []byte, err error) {
		if err == nil {
			got = append(got, text)
		}
	}
	small := func(aead cipher.AEAD, sealed, aad []byte) {
		if len(sealed) == nonceSize+keySize+tagSize {
			keep(aead.Open(nil, sealed[:nonceSize], sealed[nonceSize:], aad))
		}
	}
	if u.link == nil && len(f.raw) >= valueOverhead {
		if aead, err := u.values.derive(salt(f.raw[5 : 5+saltSize])); err == nil {
			keep(aead.Open(nil, f.raw[valueHeader-nonceSize:valueHeader], f.raw[valueHeader:], f.key))
		}
	}
	for _, id := range l.ids {
		if u.link != nil {
			small(u.link, f.raw, bound(labelCorrespondent, id))
			continue
		}
		keep(readsWhole(u.data, f.raw, id))
		for _, label := range []string{labelSpool, labelStaff, labelCorrespondent, labelInner} {
			small(u.aead, f.raw, bound(label, id))
			small(u.aead, f.raw[1:], bound(label, id))
			if len(f.raw) > 1120 && len(f.raw) < 1300 {
				keep(hpke.Open(u.private, hpke.HKDFSHA256(), hpke.AES256GCM(), bound(label, id), f.raw[1:]))
				keep(new(groups).unwrap(u.private, gateway.Wrap{Sealed: f.raw}, bound(label, id)))
			}
		}
	}
	return got
}

// wantWords checks which of the site's texts the thief can read now.
func (l *loot) wantWords(t *testing.T, want ...string) {
	t.Helper()
	l.plunder()
	var got []string
	for _, word := range []string{wordSubject, wordCopied, wordAlone, wordNotice, wordPassed} {
		for _, f := range l.octets {
			if bytes.Contains(f.raw, []byte(word)) {
				got = append(got, word)
				break
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the thief reads %q, want %q", got, want)
	}
}

func TestTheftOfDiskAlone(t *testing.T) {
	s := newSite(t)
	l := newLoot()
	l.takeDisk(t, s.mem, s.blobs)
	l.wantWords(t)
}

func TestTheftOfKeyringAlone(t *testing.T) {
	s := newSite(t)
	l := newLoot()
	l.takeKeys(t, s.dir)
	l.wantWords(t)
}

// TestTheftOfDiskAndKeyring shows that the thief is able: before the notice
// has left, its link is in the spool and opens everything.
func TestTheftOfDiskAndKeyring(t *testing.T) {
	s := newSite(t)
	l := newLoot()
	l.takeDisk(t, s.mem, s.blobs)
	l.takeKeys(t, s.dir)
	l.wantWords(t, wordSubject, wordCopied, wordAlone, wordNotice, wordPassed)
}

// TestTheftOfDiskAndKeyringAfterTheNoticeHasLeft: even with a copy of the
// store from before, staff_copy none does not open, nor what was spooled.
func TestTheftOfDiskAndKeyringAfterTheNoticeHasLeft(t *testing.T) {
	s := newSite(t)
	backup := s.mem.Copy()
	s.sendEverything()
	l := newLoot()
	l.takeDisk(t, backup, s.blobs)
	l.takeDisk(t, s.mem, s.blobs)
	l.takeKeys(t, s.dir)
	l.wantWords(t, wordSubject, wordCopied)

	// The holder of the link still opens it, through the server.
	l.addLink(s.link)
	l.wantWords(t, wordSubject, wordCopied, wordAlone)
}

func TestTheftOfDiskAndLink(t *testing.T) {
	s := newSite(t)
	l := newLoot()
	l.takeDisk(t, s.mem, s.blobs)
	l.addLink(s.link)
	l.add(s.link[:], nil)
	l.wantWords(t)
}

func TestTheftOfKeyringAndLink(t *testing.T) {
	s := newSite(t)
	l := newLoot()
	l.takeKeys(t, s.dir)
	l.addLink(s.link)
	l.wantWords(t)
}

// TestTheftAfterRetention: when the keys of the day are gone, nothing opens,
// not out of an old copy of the store, and not with the link.
func TestTheftAfterRetention(t *testing.T) {
	s := newSite(t)
	backup := s.mem.Copy()
	s.sendEverything()
	s.clock.advance(181 * 24 * time.Hour)
	if n := must[int](t)(s.k.DestroyExpired(s.clock.now())); n != 1 {
		t.Fatalf("%d groups destroyed, want 1", n)
	}
	l := newLoot()
	l.takeDisk(t, backup, s.blobs)
	l.takeKeys(t, s.dir)
	l.addLink(s.link)
	l.wantWords(t, wordSubject)
}

// TestTheftAfterRecall: one message's wraps are dropped, the group's other
// wraps move, the group dies: the recalled message is gone from backups too.
func TestTheftAfterRecall(t *testing.T) {
	s := newSite(t)
	backup := s.mem.Copy()
	s.sendEverything()
	group := s.recallAlone()
	s.clock.advance(time.Hour)
	check(t, s.k.Destroy(group))
	l := newLoot()
	l.takeDisk(t, backup, s.blobs)
	l.takeDisk(t, s.mem, s.blobs)
	l.takeKeys(t, s.dir)
	l.addLink(s.link)
	l.wantWords(t, wordSubject, wordCopied)
}

// recallAlone deletes the wraps of wordAlone and moves the others.
func (s *site) recallAlone() (group string) {
	t, b := s.t, new(store.Batch)
	check(t, s.sealed.Scan(context.Background(), store.Prefix(store.Messages), func(item store.Item) bool {
		var m gateway.Message
		check(t, store.Decode(item.Value, &m))
		if !m.Staff.IsZero() {
			group = m.Staff.Group
			m.Staff = must[gateway.Wrap](t)(s.k.Opener().Rewrap(m.Staff, m.ID, Staff))
			check(t, b.PutRecord(bytes.Clone(item.Key), m))
			moved := append([]byte(m.Staff.Group), m.Staff.Sealed...)
			check(t, s.k.Journal().Append(Entry{Kind: JournalWraps, ID: m.ID.String(), Data: moved}))
		}
		return true
	}))
	lid := LinkID(s.link)
	b.Delete(store.Key(store.Links, lid[:]))
	check(t, store.Write(context.Background(), s.sealed, b))
	return group
}

// restored puts an old copy of the data, and of keyring/ if old is given, into
// the hands of a new process, which must not open what was destroyed.
func (s *site) restored(data *storetest.Memory, oldKeyring string) *Keyring {
	t := s.t
	check(t, s.k.Close())
	if oldKeyring != "" {
		check(t, os.RemoveAll(filepath.Join(s.dir, dirKeyring)))
		copyTree(t, oldKeyring, filepath.Join(s.dir, dirKeyring))
	}
	s.mem = data
	s.k = must[*Keyring](t)(Open(s.dir, options(s.clock)))
	t.Cleanup(func() { _ = s.k.Close() })
	s.sealed = s.k.SealedStore(data)
	return s.k
}

// TestRestoredBackupsBringNoDestroyedKeyBack: an older copy of the data, with
// an older copy of keyring/, is put in place after a recall. Opening the
// keyring destroys the group again, before anything can be opened with it.
func TestRestoredBackupsBringNoDestroyedKeyBack(t *testing.T) {
	s := newSite(t)
	data, keys := s.mem.Copy(), filepath.Join(t.TempDir(), "backup")
	copyTree(t, filepath.Join(s.dir, dirKeyring), keys)
	s.sendEverything()
	group := s.recallAlone()
	s.clock.advance(time.Hour)
	check(t, s.k.Destroy(group))

	k := s.restored(data, keys)
	l := newLoot()
	l.takeDisk(t, data, s.blobs)
	l.takeKeys(t, s.dir)
	l.addLink(s.link)
	l.wantWords(t, wordSubject)

	lid := LinkID(s.link)
	link, _, err := store.GetRecord[gateway.Link](t.Context(), s.sealed, store.Key(store.Links, lid[:]))
	check(t, err)
	for _, body := range s.blobs {
		for _, id := range l.ids {
			_, err := k.Opener().Correspondent(link.Wrap, id, s.link, bytes.NewReader(body), int64(len(body)))
			wantError(t, err, ErrDestroyed)
		}
	}
}

// TestJournalBringsTheSurvivorsBack: the data of before a recall is restored.
// Its wraps are of a dead group; the journal beside the keyring holds the
// survivors' new ones, and only theirs.
func TestJournalBringsTheSurvivorsBack(t *testing.T) {
	s := newSite(t)
	data := s.mem.Copy()
	s.sendEverything()
	group := s.recallAlone()
	s.clock.advance(time.Hour)
	check(t, s.k.Destroy(group))

	k := s.restored(data, "")
	opened := 0
	met, err := k.Journal().Replay(func(e Entry) error {
		if e.Kind != JournalWraps {
			return nil
		}
		id := must[gateway.MessageID](t)(gateway.ParseMessageID(e.ID))
		for _, body := range s.blobs {
			c, err := k.Opener().Staff(gateway.Wrap{Group: string(e.Data[:25]), Sealed: e.Data[25:]}, id, bytes.NewReader(body), int64(len(body)))
			if err == nil && bytes.HasPrefix(read(t, c, nil), []byte(wordCopied)) {
				opened++
			}
		}
		return nil
	})
	check(t, err)
	if opened != 1 || met.Damaged != 0 || met.Foreign != 0 {
		t.Errorf("%d survivors open from the journal, %+v", opened, met)
	}
}
