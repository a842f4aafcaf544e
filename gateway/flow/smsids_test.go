package flow

import (
	"context"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gatepost/gateway"
	"gatepost/store"
)

// TestSpellingsAreSymmetric: whoever has one spelling of an id finds the other
// by it, whichever of the two the carrier gave first.
func TestSpellingsAreSymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		given, again := anID().Draw(t, "given"), ""
		n, number := new(big.Int).SetString(given, 10)
		h, hexadecimal := new(big.Int).SetString(given, 16)
		number = number && !strings.ContainsAny(given, "+-_")
		hexadecimal = hexadecimal && !strings.ContainsAny(given, "+-_")
		switch rapid.IntRange(0, 4).Draw(t, "spelling") {
		case 0:
			again = given
		case 1:
			again = strings.Repeat("0", rapid.IntRange(0, 10).Draw(t, "zeros")) + given
		case 2:
			again = swapCase(given)
		case 3:
			if !number {
				t.Skip("no decimal number")
			}
			again = rapid.SampledFrom([]string{n.Text(16), strings.ToUpper(n.Text(16)), "000" + n.Text(16)}).Draw(t, "hex")
		case 4:
			if !hexadecimal {
				t.Skip("no hexadecimal number")
			}
			again = rapid.SampledFrom([]string{h.Text(10), "0000" + h.Text(10)}).Draw(t, "decimal")
		}
		if !slices.Contains(spellings(again), plainID(given)) {
			t.Fatalf("%q is not found by %q: %q", given, again, spellings(again))
		}
		if !slices.Contains(spellings(given), plainID(again)) {
			t.Fatalf("%q is not found by %q: %q", again, given, spellings(given))
		}
	})
}

// anID draws message ids as carriers give them, and any other octets.
func anID() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[0-9]{1,20}`), rapid.StringMatching(`[0-9a-f]{1,24}`), rapid.StringMatching(`[0-9A-F]{1,64}`),
		rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}`), rapid.StringMatching(`[!-~]{1,64}`), rapid.StringOfN(rapid.Rune(), 1, 20, 64),
	)
}

// swapCase changes the case of ASCII letters: what has no case in ids, such as
// "ß", is left alone.
func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, s)
}

func TestPlainID(t *testing.T) {
	for given, want := range map[string]string{"": "0", "0": "0", "000": "0", "0010": "10", "00AbC": "abc", "10": "10", "a-0": "a-0"} {
		if got := plainID(given); got != want {
			t.Errorf("plainID(%q) = %q, want %q", given, got, want)
		}
	}
	if got := spellings(strings.Repeat("9", 65)); len(got) != 1 {
		t.Errorf("an id of 65 digits is read as a number: %q", got)
	}
}

// alive is a message whose receipt is waited for, and perhaps has come.
type alive struct {
	id, to string
	done   bool
}

// TestMatch tells what a receipt finds among messages at the carrier; -1 is
// nobody.
func TestMatch(t *testing.T) {
	const ann, bob = "+15551234567", "+15557654321"
	line := func(ton byte, addr string) gateway.Line { return gateway.Line{TON: ton, NPI: 1, Addr: addr} }
	for _, c := range []struct {
		name  string
		alive []alive
		id    string
		dest  gateway.Line
		want  int
	}{
		{"exactly", []alive{{id: "4711", to: ann}}, "4711", gateway.Line{}, 0},
		{"exactly, words", []alive{{id: "gw-1/x:Y", to: ann}}, "gw-1/x:Y", gateway.Line{}, 0},
		{"leading zeros in the receipt", []alive{{id: "4711", to: ann}}, "0000004711", gateway.Line{}, 0},
		{"leading zeros in the answer", []alive{{id: "0000004711", to: ann}}, "4711", gateway.Line{}, 0},
		{"lower case", []alive{{id: "0C0FFEE", to: ann}}, "0c0ffee", gateway.Line{}, 0},
		{"upper case", []alive{{id: "msg-abc", to: ann}}, "MSG-ABC", gateway.Line{}, 0},
		{"hexadecimal answer", []alive{{id: "1A2B3C", to: ann}}, "1715004", gateway.Line{}, 0},
		{"hexadecimal answer, padded", []alive{{id: "001A2B3C", to: ann}}, "0001715004", gateway.Line{}, 0},
		{"hexadecimal answer of digits", []alive{{id: "1234", to: ann}}, "4660", gateway.Line{}, 0},
		{"decimal answer", []alive{{id: "1715004", to: ann}}, "1a2b3c", gateway.Line{}, 0},
		{"decimal answer, hexadecimal of digits", []alive{{id: "4660", to: ann}}, "1234", gateway.Line{}, 0},
		{"64 hexadecimal digits", []alive{{id: strings.Repeat("f", 40), to: ann}}, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 160), big.NewInt(1)).String(), gateway.Line{}, 0},
		{"none", []alive{{id: "4711", to: ann}}, "4712", gateway.Line{}, -1},
		{"part of an id", []alive{{id: "4711", to: ann}}, "471", gateway.Line{}, -1},
		{"zeros at the end", []alive{{id: "4711", to: ann}}, "47110", gateway.Line{}, -1},

		{"twins but for zeros, exact spelling", []alive{{id: "0123", to: ann}, {id: "123", to: ann}}, "123", gateway.Line{}, 1},
		{"twins but for case, exact spelling", []alive{{id: "abc", to: ann}, {id: "ABC", to: ann}}, "ABC", gateway.Line{}, 1},
		{"twins, neither spelling", []alive{{id: "0123", to: ann}, {id: "123", to: bob}}, "00123", gateway.Line{}, -1},
		{"twins, neither spelling, telephone", []alive{{id: "0123", to: ann}, {id: "123", to: bob}}, "00123", line(1, "15557654321"), 1},
		{"twins, exact spelling, other telephone", []alive{{id: "0123", to: ann}, {id: "123", to: bob}}, "0123", line(1, "15557654321"), 1},
		{"the same id twice", []alive{{id: "7", to: ann}, {id: "7", to: bob}}, "7", gateway.Line{}, -1},
		{"the same id twice, telephone", []alive{{id: "7", to: ann}, {id: "7", to: bob}}, "7", line(1, "15551234567"), 0},
		{"the same id twice, one is over", []alive{{id: "7", to: ann, done: true}, {id: "7", to: bob}}, "7", gateway.Line{}, 1},
		{"the same id twice, same telephone", []alive{{id: "7", to: ann}, {id: "7", to: ann}}, "7", line(1, "15551234567"), -1},

		{"national number", []alive{{id: "7", to: ann}, {id: "7", to: bob}}, "7", line(2, "5551234567"), 0},
		{"number with 00", []alive{{id: "7", to: ann}, {id: "7", to: bob}}, "7", line(0, "0015557654321"), 1},
		{"number with +", []alive{{id: "7", to: ann}, {id: "7", to: bob}}, "7", line(1, "+15557654321"), 1},
		{"another number, exact id", []alive{{id: "7", to: ann}}, "7", line(1, "4915112345678"), 0},
		{"another number, id in another base", []alive{{id: "1234", to: ann}}, "4660", line(1, "4915112345678"), -1},
		{"another number, id is over", []alive{{id: "7", to: ann, done: true}}, "7", line(1, "4915112345678"), -1},
		{"decimal of one is the hexadecimal of another", []alive{{id: "4660", to: ann}, {id: "1234", to: bob}}, "4660", gateway.Line{}, 0},
		{"decimal of one is the hexadecimal of another, telephone", []alive{{id: "4660", to: ann}, {id: "1234", to: bob}}, "4660", line(1, "15557654321"), 1},
		{"over: the same again", []alive{{id: "7", to: ann, done: true}}, "7", line(1, "15551234567"), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
				var ids []gateway.EnvelopeID
				for _, a := range c.alive {
					_, e := sentSMS{asked: []byte{1}, ids: []string{a.id}, to: a.to}.store(ctx, t, f)
					ids = append(ids, e.ID)
					if a.done {
						markDone(ctx, t, f, a.id, e.ID)
					}
				}
				got, _, err := f.match(ctx, &gateway.Receipt{ID: gateway.Sensitive(c.id), Dest: c.dest, State: gateway.StateSent})
				switch {
				case err != nil:
					t.Error(err)
				case got == nil && c.want >= 0:
					t.Error("belongs to nobody")
				case got != nil && (c.want < 0 || got.Envelope != ids[c.want]):
					t.Errorf("belongs to message %d, want %d", slices.Index(ids, got.Envelope), c.want)
				}
				return nil
			})
		})
	}
}

func markDone(ctx context.Context, t *testing.T, f *Flow, id string, e gateway.EnvelopeID) {
	t.Helper()
	c := carrierID{Envelope: e, At: f.Now(), Done: f.Now()}
	var b store.Batch
	if err := b.PutRecord(f.carrierKey(id, &c), c); err != nil {
		t.Fatal(err)
	}
	if err := store.Write(ctx, f.Store, &b); err != nil {
		t.Fatal(err)
	}
}

// TestAnyIDIsFoundAgain: whatever a carrier gives as an id is found by it, and
// by each of its spellings, and the keys show nothing of it.
func TestAnyIDIsFoundAgain(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	f, done, err := w.open(kv)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	rapid.Check(t, func(rt *rapid.T) {
		id := anID().Draw(rt, "id") + rapid.StringMatching(`[1-9a-f]{12}`).Draw(rt, "rest") // so that no two draws meet
		_, e := sentSMS{asked: []byte{1}, ids: []string{id}}.store(t.Context(), t, f)
		for _, again := range append(spellings(id), id, "00"+id, swapCase(id)) {
			got, _, err := f.match(t.Context(), &gateway.Receipt{ID: gateway.Sensitive(again)})
			if err != nil || got == nil || got.Envelope != e.ID {
				rt.Fatalf("%q is not found by %q: %v", id, again, err)
			}
		}
		_ = kv.Scan(t.Context(), store.Prefix(store.CarrierIDs), func(it store.Item) bool {
			if strings.Contains(string(it.Key), id) {
				rt.Fatal("the key shows the id")
			}
			return true
		})
	})
}
