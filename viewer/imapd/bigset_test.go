package imapd

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"gatepost/gateway"
)

// viewOf is a folder with n messages whose UIDs are every third number.
func viewOf(n int) *box {
	v := &gateway.FolderView{Validity: 7, Next: gateway.UID(3*n + 1), UIDs: make([]gateway.UID, n), Marks: make([]gateway.Marks, n)}
	for i := range v.UIDs {
		v.UIDs[i] = gateway.UID(3*i + 1)
	}
	return &box{view: v}
}

// uidsOf is a set of numbers as one of UIDs.
func uidsOf(numbers imap.SeqSet) imap.UIDSet {
	set := make(imap.UIDSet, len(numbers))
	for i, r := range numbers {
		set[i] = imap.UIDRange{Start: imap.UID(r.Start), Stop: imap.UID(r.Stop)}
	}
	return set
}

// A set that names everything again and again costs no more than its line and
// the folder.
func TestASetThatRepeatsItself(t *testing.T) {
	const messages = 9216
	b := viewOf(messages)
	for _, member := range []string{"1:*,", "*:1,", "1:4294967295,", "2:*,"} {
		numbers, ok := readSet(strings.Repeat(member, maxSetLine/len(member)-1) + "1")
		if !ok {
			t.Fatal(member)
		}
		for _, set := range []imap.NumSet{numbers, uidsOf(numbers)} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			places := b.positions(set)
			runtime.ReadMemStats(&after)
			if len(places) != messages {
				t.Errorf("%s: %d places", member, len(places))
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
				t.Errorf("%s took %d octets", member, took)
			}
		}
	}
}

// The places are those of a set that is looked at number by number.
func TestPlacesOfASet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		b := viewOf(random.IntN(8))
		numbers := make(imap.SeqSet, random.IntN(6))
		for i := range numbers {
			numbers[i] = imap.SeqRange{Start: random.Uint32N(26), Stop: random.Uint32N(26)}
		}
		checkPlaces(t, b, numbers)
	}
}

// checkPlaces compares the places of a set with those of one that is looked at
// number by number.
func checkPlaces(t *testing.T, b *box, numbers imap.SeqSet) {
	t.Helper()
	last := func(uid bool) uint32 {
		if n := len(b.view.UIDs); uid && n > 0 {
			return uint32(b.view.UIDs[n-1])
		}
		return uint32(len(b.view.UIDs))
	}
	for _, uid := range []bool{false, true} {
		set := imap.NumSet(numbers)
		if uid {
			set = uidsOf(numbers)
		}
		var want []int
		for i := range b.view.UIDs {
			n := uint32(i + 1)
			if uid {
				n = uint32(b.view.UIDs[i])
			}
			if slices.ContainsFunc(numbers, func(r imap.SeqRange) bool {
				from, to := span(r.Start, r.Stop, last(uid))
				return from <= n && n <= to
			}) {
				want = append(want, i)
			}
		}
		if got := b.positions(set); !slices.Equal(got, want) {
			t.Fatalf("%v of %v (by UID: %v): %v, want %v", numbers, b.view.UIDs, uid, got, want)
		}
	}
}

// named is how a set names a message.
func named(n uint32) string {
	if n == 0 {
		return "*"
	}
	return fmt.Sprint(n)
}

// FuzzSet: the text of a set is read as what it says, and its places are those
// of one that is looked at number by number.
func FuzzSet(f *testing.F) {
	for _, s := range []string{"1", "*", "1:*", "*:1", "5:2,3,3:3", "4294967295", "4294967296", "0", "+1", "01", "1,", "1::2", "", "$", "1:2:3", " 1"} {
		f.Add(s, uint8(5))
	}
	f.Fuzz(func(t *testing.T, s string, messages uint8) {
		numbers, ok := readSet(s)
		if !ok {
			return
		}
		if strings.Trim(s, "0123456789:*,") != "" || len(numbers) != 1+strings.Count(s, ",") {
			t.Fatalf("%q reads %v", s, numbers)
		}
		written := make([]string, len(numbers))
		for i, r := range numbers {
			written[i] = named(r.Start) + ":" + named(r.Stop)
		}
		again, ok := readSet(strings.Join(written, ","))
		if !ok || !slices.Equal(again, numbers) {
			t.Fatalf("%q reads %v, which is written %q", s, numbers, written)
		}
		checkPlaces(t, viewOf(int(messages)), numbers)
	})
}

// Every command with a set takes a long one that repeats itself.
func TestCommandsWithASetThatRepeatsItself(t *testing.T) {
	r := begin(t)
	r.simple(t, "ann", 30)
	c := r.inbox(t, "ann")
	set := strings.Repeat("1:*,", 60000) + "1"
	for _, form := range []string{"", "UID "} {
		if lines := c.ok(form + "FETCH " + set + " (FLAGS)"); len(lines) != 30 {
			t.Errorf("%d lines", len(lines))
		}
		if lines := c.ok(form + "STORE " + set + " +FLAGS (\\Flagged)"); len(lines) != 30 {
			t.Errorf("%d lines", len(lines))
		}
		if _, status := c.do(form + "COPY " + set + " Templates"); !strings.HasPrefix(status, "OK [COPYUID 7 1:30 ") {
			t.Error(status)
		}
	}
	has(t, c.ok("MOVE "+set+" Templates"), "COPYUID 7 1:30 ", fmt.Sprintf("%d:%d]", 61, 90))
}
