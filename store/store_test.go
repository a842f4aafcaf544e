package store_test

import (
	"bytes"
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/store"
	"gatepost/store/storetest"
)

func TestDumpShowsKeysAndNoValues(t *testing.T) {
	s := storetest.NewMemory()
	var b store.Batch
	b.Put(store.Key(store.Links, []byte{0xab, 0xcd}), []byte("secret text"))
	b.Put(store.Key(store.Seen, []byte{0x01}), nil)
	b.Put([]byte{0x7f, 0x02}, nil)
	if err := s.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := store.Dump(t.Context(), s, &out); err != nil {
		t.Fatal(err)
	}
	want := "Links      abcd v1 11\nSeen       01 v1 0\n?          7f02 v1 0\n"
	if out.String() != want {
		t.Errorf("Dump wrote\n%swant\n%s", out.String(), want)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestDumpTellsWhenItCannotWrite(t *testing.T) {
	s := storetest.NewMemory()
	for n := range uint32(600) {
		var b store.Batch
		b.Put(store.Key(store.Links, store.Uint32(n)), nil)
		if err := s.Commit(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Dump(t.Context(), s, brokenPipe{}); err == nil {
		t.Error("a dump into a broken pipe reported success")
	}
}

// TestEveryTableHasItsNameAndOctet reads keys.go, so that a new table cannot
// lack a name in dumps or take an octet that is in use.
func TestEveryTableHasItsNameAndOctet(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "keys.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[byte]string)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		lit, ok := spec.Values[0].(*ast.BasicLit)
		if !ok || lit.Kind != token.CHAR {
			return true
		}
		name, octet := spec.Names[0].Name, lit.Value[1]
		if got := store.Table(octet).String(); got != name {
			t.Errorf("table %s is named %q", name, got)
		}
		if other, taken := seen[octet]; taken {
			t.Errorf("tables %s and %s share %q", name, other, octet)
		}
		seen[octet] = name
		return true
	})
	if len(seen) < 20 {
		t.Errorf("keys.go shows only %d tables", len(seen))
	}
}

func TestKeysSortByNumberAndTime(t *testing.T) {
	numbers := []uint64{0, 1, 255, 256, math.MaxUint32, math.MaxUint64}
	for i := 1; i < len(numbers); i++ {
		if bytes.Compare(store.Uint64(numbers[i-1]), store.Uint64(numbers[i])) >= 0 {
			t.Errorf("%d does not sort before %d", numbers[i-1], numbers[i])
		}
	}
	now := time.Date(2031, 5, 1, 0, 0, 0, 0, time.UTC)
	if bytes.Compare(store.Time(now), store.Time(now.Add(1))) >= 0 {
		t.Error("a nanosecond later does not sort later")
	}
	if !bytes.Equal(store.Time(time.Unix(-5, 0)), store.Uint64(0)) {
		t.Error("a time before 1970 is not encoded as 1970")
	}
}

func TestPrefixHoldsExactlyItsKeys(t *testing.T) {
	for _, c := range []struct{ prefix, from, to []byte }{
		{[]byte("a"), []byte("Aa"), []byte("Ab")},
		{[]byte{1, 0xff}, []byte{'A', 1, 0xff}, []byte{'A', 2}},
		{[]byte{0xff, 0xff}, []byte{'A', 0xff, 0xff}, []byte{'B'}},
		{nil, []byte{'A'}, []byte{'B'}},
	} {
		r := store.Prefix(store.Meta, c.prefix)
		if !bytes.Equal(r.From, c.from) || !bytes.Equal(r.To, c.to) {
			t.Errorf("Prefix(%x) = %x to %x, want %x to %x", c.prefix, r.From, r.To, c.from, c.to)
		}
	}
	if r := store.Prefix(0xff, []byte{0xff}); r.To != nil {
		t.Errorf("the last prefix ends at %x", r.To)
	}
}

type note struct {
	Text string
	Size int
}

func TestRecords(t *testing.T) {
	s, ctx := storetest.NewMemory(), context.Background()
	var b store.Batch
	key := store.Key(store.Links, []byte("k"))
	if err := b.PutRecord(key, note{"text", 3}); err != nil {
		t.Fatal(err)
	}
	b.Put(store.Key(store.Links, []byte("foreign")), []byte{99})
	b.Put(store.Key(store.Links, []byte("torn")), []byte("\x01{"))
	if err := s.Commit(ctx, &b); err != nil {
		t.Fatal(err)
	}
	got, version, err := store.GetRecord[note](ctx, s, key)
	if err != nil || got != (note{"text", 3}) || version == 0 {
		t.Errorf("GetRecord = %+v, %d, %v", got, version, err)
	}
	for _, k := range []string{"foreign", "torn"} {
		if _, _, err := store.GetRecord[note](ctx, s, store.Key(store.Links, []byte(k))); !errors.Is(err, store.ErrBadRecord) {
			t.Errorf("%s: %v, want ErrBadRecord", k, err)
		}
	}
	if _, _, err := store.GetRecord[note](ctx, s, store.Key(store.Links, []byte("none"))); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("absent: %v", err)
	}
	if err := b.PutRecord(key, make(chan int)); err == nil {
		t.Error("a channel was encoded")
	}
}

// ownNote is a note with a form of its own, which once it had not.
type ownNote note

func (n ownNote) AppendRecord(b []byte) ([]byte, error) {
	return append(append(b, byte(n.Size)), n.Text...), nil
}

func (n *ownNote) ReadRecord(value []byte) error {
	if len(value) == 0 {
		return errors.New("no note")
	}
	n.Size, n.Text = int(value[0]), string(value[1:])
	return nil
}

func TestRecordsThatWriteThemselvesAreReadAsJSONToo(t *testing.T) {
	want := ownNote{"text", 3}
	own, err := store.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	old, err := store.Encode(note(want))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(own, old) {
		t.Fatal("the record has no form of its own")
	}
	for _, value := range [][]byte{own, old} {
		var got ownNote
		if err := store.Decode(value, &got); err != nil || got != want {
			t.Errorf("%q: %+v, %v", value, got, err)
		}
	}
	if err := store.Decode(own[:1], new(ownNote)); !errors.Is(err, store.ErrBadRecord) {
		t.Errorf("torn: %v, want ErrBadRecord", err)
	}
	if err := store.Decode(own, new(note)); !errors.Is(err, store.ErrBadRecord) {
		t.Errorf("of another type: %v, want ErrBadRecord", err)
	}
}

func TestWriteRunsAfterOnlyWhenCommitted(t *testing.T) {
	for _, c := range []struct {
		plan storetest.Plan
		runs int
	}{{storetest.Plan{}, 1}, {storetest.Plan{At: 1}, 0}, {storetest.Plan{At: 1, Lost: true}, 0}} {
		runs := 0
		var b store.Batch
		b.Put(store.Key(store.Links, []byte("k")), []byte("value"))
		b.After(func() { runs++ })
		if n := b.Len(); n != 7 {
			t.Errorf("Len() = %d", n)
		}
		err := store.Write(t.Context(), storetest.Faulty(storetest.NewMemory(), c.plan), &b)
		if runs != c.runs || (err == nil) != (c.runs == 1) {
			t.Errorf("%+v: %v, ran %d times", c.plan, err, runs)
		}
		if c.runs == 1 {
			if b.Done(); runs != 1 {
				t.Error("After ran twice")
			}
		}
	}
}

// counted counts what is asked of a store, and fails its scans after some items.
type counted struct {
	store.Store
	gets, passed, breaks int
}

func (c *counted) Get(ctx context.Context, key []byte) (store.Item, error) {
	c.gets++
	return c.Store.Get(ctx, key)
}

func (c *counted) Scan(ctx context.Context, r store.Range, visit func(store.Item) bool) error {
	left := c.breaks
	err := c.Store.Scan(ctx, r, func(item store.Item) bool {
		if left--; left == 0 {
			return false
		}
		c.passed++
		return visit(item)
	})
	if left == 0 {
		return errors.New("the scan broke")
	}
	return err
}

// TestGetAll wants what Get finds, by one scan where the keys lie together, and
// without passing all that lies between them where they do not.
func TestGetAll(t *testing.T) {
	mem := storetest.NewMemory()
	var b store.Batch
	for n := range uint64(2000) {
		b.Put(store.Key(store.Links, store.Uint64(2*n)), store.Uint64(n))
	}
	if err := mem.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		step, keys, breaks int
		gets, passed       int // at most
	}{
		"together":     {step: 2, keys: 100, gets: 0, passed: 100},
		"half of them": {step: 1, keys: 100, gets: 1, passed: 50},
		"far apart":    {step: 100, keys: 30, gets: 30, passed: 20},
		"few":          {step: 2, keys: 3, gets: 3},
		"none":         {step: 2},
		"broken":       {step: 2, keys: 100, breaks: 10, gets: 91, passed: 9},
	} {
		s := &counted{Store: mem, breaks: c.breaks}
		var keys [][]byte
		var want, got []int
		for i := range c.keys {
			if i*c.step%2 == 0 {
				want = append(want, i)
			}
			keys = append(keys, store.Key(store.Links, store.Uint64(uint64(i*c.step))))
		}
		err := store.GetAll(t.Context(), s, keys, func(i int, item store.Item) error {
			if !bytes.Equal(item.Key, keys[i]) || !bytes.Equal(item.Value, store.Uint64(uint64(i*c.step/2))) {
				t.Errorf("%s: at %d stands %x: %x", name, i, item.Key, item.Value)
			}
			got = append(got, i)
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, got %v, want %v", name, err, got, want)
		}
		if s.gets > c.gets || s.passed > c.passed {
			t.Errorf("%s: %d gets and %d records passed, want %d and %d", name, s.gets, s.passed, c.gets, c.passed)
		}
		stop := errors.New("stop")
		if err := store.GetAll(t.Context(), s, keys, func(int, store.Item) error { return stop }); len(keys) > 0 && err != stop {
			t.Errorf("%s: the error of visit became %v", name, err)
		}
	}
}

// spelled is a record that appends its own JSON.
type spelled string

func (s spelled) AppendJSON(b []byte) ([]byte, error) {
	if s == "" {
		return b, errors.New("nothing to say")
	}
	return append(append(append(b, '"'), s...), '"'), nil
}

func TestAppendedRecords(t *testing.T) {
	for _, text := range []string{"a", strings.Repeat("long ", 100_000), "b"} {
		want, err := store.Encode(text)
		got, other := store.EncodeAppended(spelled(text))
		if err != nil || other != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d octets of %d, %v, %v", len(got), len(want), err, other)
		}
	}
	var b store.Batch
	if err := b.PutAppended([]byte{1}, spelled("")); err == nil || len(b.Ops) != 0 {
		t.Errorf("a record that fails was put: %v", err)
	}
	if err := b.PutAppended([]byte{1}, spelled("x")); err != nil || string(b.Ops[0].Value) != "\x01\"x\"" {
		t.Errorf("put %d rows, %v", len(b.Ops), err)
	}
}
