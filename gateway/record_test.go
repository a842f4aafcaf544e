package gateway_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"gatepost/gateway"
)

// fullLayout has something in every field, so that one which is forgotten is
// noticed.
func fullLayout(t testing.TB) *gateway.Layout {
	l := new(gateway.Layout)
	fill(t, reflect.ValueOf(l).Elem(), 3)
	return l
}

func fill(t testing.TB, v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.String:
		if v.Type() == reflect.TypeFor[string]() || v.Type() == reflect.TypeFor[gateway.Sensitive]() {
			v.SetString("text\r\n\x00\xff")
		} else {
			v.SetString("x")
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(-1 << 40)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"charset": "utf-8", "": "x"}))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), depth)
	case reflect.Slice:
		if depth == 0 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(t, v.Index(i), depth-1)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 3, 2, 10, 0, 1, 5, time.FixedZone("", -3600))))
			return
		}
		for i := range v.NumField() {
			fill(t, v.Field(i), depth)
		}
	default:
		t.Fatalf("no value for %v", v.Type())
	}
}

// record is what is kept of r.
func record(t testing.TB, r interface {
	AppendRecord([]byte) ([]byte, error)
}) []byte {
	t.Helper()
	raw, err := r.AppendRecord([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	return raw[len("before"):]
}

// same compares as JSON does, by which a zone is what it says and what is no
// UTF-8 is U+FFFD; of a header the octets stay.
func same(t testing.TB, a, b any) bool {
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	marked := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`\ufffd`), []byte("\uFFFD")) }
	return bytes.Equal(marked(x), marked(y))
}

func TestLayoutIsReadAsItWasWritten(t *testing.T) {
	for _, l := range []*gateway.Layout{{}, fullLayout(t)} {
		var read gateway.Layout
		if err := read.ReadRecord(record(t, l)); err != nil || !same(t, l, &read) {
			t.Errorf("%v\n%+v\n%+v", err, l, &read)
		}
	}
}

func TestLayoutThatIsCutIsNone(t *testing.T) {
	raw := record(t, fullLayout(t))
	for n := range raw {
		if err := new(gateway.Layout).ReadRecord(raw[:n]); err == nil {
			t.Fatalf("%d of %d octets are a layout", n, len(raw))
		}
	}
	if err := new(gateway.Layout).ReadRecord(append(raw, 0)); err == nil {
		t.Error("an octet too many is read over")
	}
}

func FuzzLayoutRecord(f *testing.F) {
	f.Add(record(f, fullLayout(f)))
	f.Add(record(f, new(gateway.Layout)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var l, again gateway.Layout
		if l.ReadRecord(raw) != nil {
			return
		}
		written := record(t, &l)
		if err := again.ReadRecord(written); err != nil || !bytes.Equal(record(t, &again), written) {
			t.Fatal("what was read is not what is written:", err)
		}
	})
}

func BenchmarkLayoutRecord(b *testing.B) {
	raw := record(b, fullLayout(b))
	b.ReportAllocs()
	for b.Loop() {
		var l gateway.Layout
		if err := l.ReadRecord(raw); err != nil {
			b.Fatal(err)
		}
	}
}
