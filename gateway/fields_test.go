package gateway

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"gatepost/store"
)

// kept is a record with a form of its own.
type kept interface {
	AppendRecord([]byte) ([]byte, error)
	ReadRecord([]byte) error
}

// keptRecord is what is kept of r.
func keptRecord(t testing.TB, r kept) []byte {
	t.Helper()
	raw, err := r.AppendRecord([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	return raw[len("before"):]
}

// shown is r as JSON, in which what is no UTF-8 is U+FFFD.
func shown(t testing.TB, r any) []byte {
	t.Helper()
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(raw, []byte(`\ufffd`), []byte("\uFFFD"))
}

// TestRecordsAreReadAsTheyWereWritten fills records at random, every field of
// them, and wants the same back. A field that is forgotten shows here.
func TestRecordsAreReadAsTheyWereWritten(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 {
		full := []float64{0, 0.1, 0.5, 0.9, 1}[i%5]
		for _, r := range [][2]kept{{new(Message), new(Message)}, {new(Envelope), new(Envelope)}} {
			fill(rng, full, reflect.ValueOf(r[0]).Elem())
			fill(rng, full, reflect.ValueOf(r[1]).Elem()) // what was there before does not stay
			raw := keptRecord(t, r[0])
			if err := r[1].ReadRecord(raw); err != nil {
				t.Fatalf("%T: %v", r[0], err)
			}
			if got, want := shown(t, r[1]), shown(t, r[0]); !bytes.Equal(got, want) {
				t.Fatalf("%T:\n got %s\nwant %s", r[0], got, want)
			}
		}
	}
}

// TestRecordsThatAreCutAreNone: nor are those with something behind them, or
// that are of another kind.
func TestRecordsThatAreCutAreNone(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		m, e := new(Message), new(Envelope)
		fill(rng, 1, reflect.ValueOf(m).Elem())
		fill(rng, 1, reflect.ValueOf(e).Elem())
		for i, r := range []kept{m, e} {
			raw := keptRecord(t, r)
			for n := range raw {
				if err := r.ReadRecord(raw[:n]); err == nil {
					t.Fatalf("%T: %d of %d octets are one", r, n, len(raw))
				}
			}
			if err := r.ReadRecord(append(bytes.Clone(raw), 0)); err == nil {
				t.Errorf("%T: an octet too many is read over", r)
			}
			if err := []kept{e, m}[i].ReadRecord(raw); err == nil {
				t.Errorf("%T is read as the other one", r)
			}
		}
	}
}

// TestEvidenceIsWhatEncodingJSONWrites fills records of evidence at random,
// every field of them, and wants the same octets.
func TestEvidenceIsWhatEncodingJSONWrites(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 {
		var r Record
		fill(rng, []float64{0, 0.1, 0.5, 0.9, 1}[i%5], reflect.ValueOf(&r).Elem())
		want, wantErr := json.Marshal(r)
		got, err := r.AppendJSON([]byte("before"))
		if err != nil || wantErr != nil || !bytes.Equal(got, append([]byte("before"), want...)) {
			t.Fatalf("\n got %s, %v\nwant %s, %v", got[6:], err, want, wantErr)
		}
	}
}

// TestTimesThatNoTextExpressesAreRefused: RFC 3339 has four digits for a year.
func TestTimesThatNoTextExpressesAreRefused(t *testing.T) {
	late := time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := (Record{At: late}).AppendJSON(nil); err == nil {
		t.Error("evidence of the year 10000")
	}
	for _, r := range []kept{&Message{Accepted: late}, &Envelope{Last: Outcome{At: late}}, &Envelope{Reminded: []time.Time{late}}} {
		if _, err := r.AppendRecord(nil); err == nil {
			t.Errorf("%T of the year 10000 is written", r)
		}
	}
	raw := append([]byte{envelopeFormat}, binary.AppendVarint(nil, 29)...)
	for _, n := range []int64{1, late.Unix(), 0, 0, 0} {
		raw = binary.AppendVarint(raw, n)
	}
	if err := new(Envelope).ReadRecord(raw); err == nil {
		t.Error("an envelope of the year 10000 is read")
	}
}

// TestRecordsOfOtherReleasesAreRead: testdata/records holds records as they were
// written when their form was new, and what they say. Whoever gives a number to
// another field is told here.
func TestRecordsOfOtherReleasesAreRead(t *testing.T) {
	for name, r := range map[string]kept{"message": new(Message), "envelope": new(Envelope)} {
		raw, err := os.ReadFile(filepath.Join("testdata", "records", name+".bin"))
		if err != nil {
			t.Fatal(err)
		}
		said, err := os.ReadFile(filepath.Join("testdata", "records", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.ReadRecord(raw); err != nil {
			t.Fatal(name, err)
		}
		if got := shown(t, r); !bytes.Equal(got, bytes.TrimSpace(said)) {
			t.Errorf("%s:\n got %s\nwant %s", name, got, said)
		}
	}
}

// TestRecordsThatAreJSONAreRead: those of the time before they had a form of their
// own.
func TestRecordsThatAreJSONAreRead(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, r := range [][2]kept{{new(Message), new(Message)}, {new(Envelope), new(Envelope)}} {
		fill(rng, 1, reflect.ValueOf(r[0]).Elem())
		old := append([]byte{1}, shown(t, r[0])...)
		own, err := store.Encode(r[0])
		if err != nil || own[0] == old[0] {
			t.Fatalf("%T is written as %d: %v", r[0], own[0], err)
		}
		for _, value := range [][]byte{old, own} {
			if err := store.Decode(value, r[1]); err != nil || !bytes.Equal(shown(t, r[1]), shown(t, r[0])) {
				t.Errorf("%T behind %d: %v\n got %s\nwant %s", r[0], value[0], err, shown(t, r[1]), shown(t, r[0]))
			}
		}
	}
}

// FuzzRecords: what is read as a record is written as one, and that one is read as
// itself.
func FuzzRecords(f *testing.F) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, full := range []float64{0, 0.3, 0.6} {
		for _, r := range []kept{new(Message), new(Envelope)} {
			fill(rng, full, reflect.ValueOf(r).Elem())
			f.Add(keptRecord(f, r))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, r := range [][2]kept{{new(Message), new(Message)}, {new(Envelope), new(Envelope)}} {
			if r[0].ReadRecord(raw) != nil {
				continue
			}
			written := keptRecord(t, r[0])
			if err := r[1].ReadRecord(written); err != nil || !bytes.Equal(keptRecord(t, r[1]), written) {
				t.Fatalf("%T: what was read is not what is written: %v", r[0], err)
			}
		}
	})
}

// texts that JSON spells in more than one way.
var awkward = []string{"", "a", "b@example.org", `"quoted" \ back`, "<a&b>", "\x00\x1f\x7f", "grüße", "\u2028\u2029", "\xffa\xfe", "a\tb\r\nc", "🙂"}

// fill sets a share of the fields of v, at every depth, to something.
func fill(rng *rand.Rand, full float64, v reflect.Value) {
	if rng.Float64() > full {
		return
	}
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Unix(rng.Int64N(1<<33), rng.Int64N(3)*rng.Int64N(1e9)).In([]*time.Location{time.UTC, time.FixedZone("", 3600*rng.IntN(12))}[rng.IntN(2)])
		return
	case *Address:
		*x = Address{local: awkward[1+rng.IntN(3)], domain: "example.net"}
		return
	case *netip.AddrPort:
		*x = netip.AddrPortFrom([]netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("fe80::1%<e>")}[rng.IntN(3)], uint16(rng.Uint32()))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(rng.Int64N(1<<7) - 20)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(rng.Uint64N(1 << 8))
	case reflect.String:
		v.SetString(awkward[rng.IntN(len(awkward))])
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(rng, full, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rng.IntN(4), 4))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(rng, full, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range rng.IntN(4) {
			v.SetMapIndex(reflect.ValueOf(awkward[rng.IntN(len(awkward))]), reflect.ValueOf(awkward[rng.IntN(len(awkward))]))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(rng, full, v.Field(i))
		}
	default:
		panic("no way to fill " + v.Type().String())
	}
}

// TestNoRecordIsCopiedToBeWritten: each mail writes its message and its envelope
// twice, and they are large.
func TestNoRecordIsCopiedToBeWritten(t *testing.T) {
	e := Envelope{State: Delivered, Action: Pass, Decided: Pass, Recipient: MustAddress("b@example.net"), Last: Outcome{Result: Sent}}
	m := Message{Channel: SMS, Body: Body{Size: 1}, Staff: Wrap{Group: "one", Sealed: make([]byte, 1200)}}
	for _, r := range []kept{&e, &m} {
		whole := reflect.TypeOf(r).Elem().Size()
		const times = 1000
		buf := keptRecord(t, r)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range times {
			buf, _ = r.AppendRecord(buf[:0])
		}
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / times; each >= uint64(whole)/2 {
			t.Errorf("%T: %d octets to write one of %d", r, each, whole)
		}
	}
}

// TestRecordsAreOnlyReadToBeWritten: two may write records that share their verdicts,
// or what they point to, at once. Only the race detector sees it otherwise.
func TestRecordsAreOnlyReadToBeWritten(t *testing.T) {
	v := Verdict{Action: Secure, Failed: true}
	v.Shadow, v.Results = Hold, []RuleResult{{ID: "one", Action: Secure, Met: true, Shadow: true}}
	v.Findings, v.Topics = []Finding{{Kind: PartHTML, Level: High}}, []TopicScore{{Level: Low}}
	m := Message{Channel: SMS, Verdicts: []Verdict{v}, Judged: &Judged{Staff: true}}
	want := keptRecord(t, &m)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if got, err := m.AppendRecord([]byte("before")); err != nil || !bytes.HasSuffix(want, got[len("before"):]) {
				t.Errorf("got %q, want %q: %v", got, want, err)
			}
		})
	}
	both.Wait()
}

func BenchmarkRecords(b *testing.B) {
	e := Envelope{State: Delivered, Action: Pass, Sender: MustAddress("a@example.org"), Recipient: MustAddress("b@example.net"), Accepted: time.Unix(1e9, 1), Rules: []string{"one"}, Decided: Pass}
	e.Last = Outcome{Result: Sent, At: time.Unix(1e9, 2), Code: 250, Status: "2.0.0", Text: "Ok: queued", Phase: "dot", Host: "192.0.2.1:25"}
	m := Message{
		ID: MessageID{1}, Accepted: time.Unix(1e9, 1), Sender: e.Sender, From: e.Sender, Subject: "Message 1 about the weekly status", HeaderID: "m1@example.org",
		Peer: Peer{Listener: "relay", Addr: netip.MustParseAddrPort("192.0.2.1:33333"), Helo: "mail.example.org", Trusted: true},
		Body: Body{Blob: "0123456789abcdef0123456789abcdef", Size: 10_000}, Hash: make([]byte, 32), Spool: Wrap{Group: "one", Sealed: make([]byte, 61)}, Staff: Wrap{Group: "two", Sealed: make([]byte, 1200)},
		Envelopes: 1, Verdicts: []Verdict{{Action: Pass, Rules: []string{"one"}, Explanation: Explanation{Policy: "default", Digest: "0123456789abcdef", Like: "x"}}},
	}
	for name, r := range map[string]kept{"envelope": &e, "message": &m} {
		raw := keptRecord(b, r)
		told, err := json.Marshal(r)
		if err != nil {
			b.Fatal(err)
		}
		into := reflect.New(reflect.TypeOf(r).Elem()).Interface().(kept)
		b.Run(name+"/written", func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				buf, _ = r.AppendRecord(buf[:0])
			}
		})
		b.Run(name+"/read", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := into.ReadRecord(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/read from JSON", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := json.Unmarshal(told, into); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
