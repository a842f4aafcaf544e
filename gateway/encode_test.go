package gateway

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"
)

// TestAppendedRecordsAreWhatEncodingJSONWrites fills records at random, every
// field of them, and wants the same octets. A field that the fast way forgets
// shows here.
func TestAppendedRecordsAreWhatEncodingJSONWrites(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 {
		full := []float64{0, 0.1, 0.5, 0.9, 1}[i%5]
		var m Message
		var e Envelope
		var r Record
		fill(rng, full, reflect.ValueOf(&m).Elem())
		fill(rng, full, reflect.ValueOf(&e).Elem())
		fill(rng, full, reflect.ValueOf(&r).Elem())
		same(t, m, m.AppendJSON)
		same(t, e, e.AppendJSON)
		same(t, r, r.AppendJSON)
	}
}

func same(t *testing.T, record any, appendTo func([]byte) ([]byte, error)) {
	t.Helper()
	want, wantErr := json.Marshal(record)
	got, err := appendTo([]byte("before"))
	if (err != nil) != (wantErr != nil) {
		t.Fatalf("%T: error %v, encoding/json %v", record, err, wantErr)
	}
	if err == nil && !bytes.Equal(got, append([]byte("before"), want...)) {
		t.Fatalf("%T:\n got %s\nwant %s", record, got[6:], want)
	}
}

// TestTimesThatJSONRefusesAreRefused: RFC 3339 has four digits for a year.
func TestTimesThatJSONRefusesAreRefused(t *testing.T) {
	late := time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	odd := time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", 25*3600))
	for _, at := range []time.Time{late, odd} {
		same(t, Record{At: at}, Record{At: at}.AppendJSON)
		same(t, Message{Accepted: at}, Message{Accepted: at}.AppendJSON)
		same(t, Envelope{Last: Outcome{At: at}}, Envelope{Last: Outcome{At: at}}.AppendJSON)
	}
}

// texts that JSON spells in more than one way.
var awkward = []string{"", "a", "b@example.org", `"quoted" \ back`, "<a&b>", "\x00\x1f\x7f", "grüße", "\u2028\u2029", "\xff\xfe", "a\tb\r\nc", "🙂"}

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

func BenchmarkAppendEnvelope(b *testing.B) {
	e := Envelope{State: Delivered, Sender: MustAddress("a@example.org"), Recipient: MustAddress("b@example.net"), Accepted: time.Unix(1e9, 1), Rules: []string{"one"}}
	e.Last = Outcome{Result: Sent, At: time.Unix(1e9, 2), Code: 250, Status: "2.0.0", Text: "Ok: queued", Phase: "dot", Host: "192.0.2.1:25"}
	b.Run("appended", func(b *testing.B) {
		var buf []byte
		for b.Loop() {
			buf, _ = e.AppendJSON(buf[:0])
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		for b.Loop() {
			if _, err := json.Marshal(&e); err != nil {
				b.Fatal(err)
			}
		}
	})
}
