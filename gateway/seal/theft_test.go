package seal

import (
	"bytes"
	"context"
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

// loot is what a thief holds.
type loot struct {
	octets  map[string][]byte // content -> store key it lay under, nil for none
	secrets map[string]bool   // 32 octets each
	ids     []gateway.MessageID
	links   map[gateway.LinkSecret]bool
}

func newLoot() *loot {
	return &loot{octets: make(map[string][]byte), secrets: make(map[string]bool), links: make(map[gateway.LinkSecret]bool)}
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

func (l *loot) add(raw, key []byte) bool {
	if _, known := l.octets[string(raw)]; known || len(raw) == 0 {
		return false
	}
	l.octets[string(raw)] = key
	if len(raw) == keySize {
		l.secrets[string(raw)] = true
	}
	for _, m := range regexp.MustCompile(`/m/([A-Za-z0-9_-]{22})`).FindAllSubmatch(raw, -1) {
		if s, err := gateway.ParseLinkSecret(string(m[1])); err == nil {
			l.links[s] = true
		}
	}
	l.unpack(raw)
	return true
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
		for raw, key := range l.octets {
			for secretText := range l.secrets {
				s := secret([]byte(secretText))
				for _, text := range l.tryAll(&s, []byte(raw), key) {
					again = l.add(text, nil) || again
				}
			}
			for link := range l.links {
				for _, text := range l.tryLink(link, []byte(raw)) {
					again = l.add(text, nil) || again
				}
			}
		}
	}
}

// tryAll uses s as every kind of key.
func (l *loot) tryAll(s *secret, raw, key []byte) (got [][]byte) {
	keep := func(text []byte, err error) {
		if err == nil {
			got = append(got, text)
		}
	}
	if len(raw) >= valueOverhead {
		if aead, err := newValues(s).derive(salt(raw[5 : 5+saltSize])); err == nil {
			keep(aead.Open(nil, raw[valueHeader-nonceSize:valueHeader], raw[valueHeader:], key))
		}
	}
	aead, _ := s.aead()
	d, _ := newKey(s, true)
	private, _ := kem().NewPrivateKey(s[:])
	for _, id := range l.ids {
		if text, err := readsWhole(d, raw, id); err == nil {
			got = append(got, text)
		}
		for _, label := range []string{labelSpool, labelStaff, labelCorrespondent, labelInner} {
			for _, sealed := range [][]byte{raw, raw[min(1, len(raw)):]} {
				if len(sealed) > nonceSize {
					keep(aead.Open(nil, sealed[:nonceSize], sealed[nonceSize:], bound(label, id)))
				}
				if len(sealed) > 1120 && len(sealed) < 1300 {
					keep(hpke.Open(private, hpke.HKDFSHA256(), hpke.AES256GCM(), bound(label, id), sealed))
				}
			}
		}
	}
	return got
}

// tryLink uses a link's secret as the key of the inner layer.
func (l *loot) tryLink(link gateway.LinkSecret, raw []byte) (got [][]byte) {
	aead, err := linkCipher(link)
	if err != nil || len(raw) <= nonceSize {
		return nil
	}
	for _, id := range l.ids {
		if text, err := aead.Open(nil, raw[:nonceSize], raw[nonceSize:], bound(labelCorrespondent, id)); err == nil {
			got = append(got, text)
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
		for raw := range l.octets {
			if strings.Contains(raw, word) {
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
	l.links[s.link] = true
	l.wantWords(t, wordSubject, wordCopied, wordAlone)
}

func TestTheftOfDiskAndLink(t *testing.T) {
	s := newSite(t)
	l := newLoot()
	l.takeDisk(t, s.mem, s.blobs)
	l.links[s.link] = true
	l.add(s.link[:], nil)
	l.wantWords(t)
}

func TestTheftOfKeyringAndLink(t *testing.T) {
	s := newSite(t)
	l := newLoot()
	l.takeKeys(t, s.dir)
	l.links[s.link] = true
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
	l.links[s.link] = true
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
	l.links[s.link] = true
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
		}
		return true
	}))
	lid := LinkID(s.link)
	b.Delete(store.Key(store.Links, lid[:]))
	check(t, store.Write(context.Background(), s.sealed, b))
	return group
}
