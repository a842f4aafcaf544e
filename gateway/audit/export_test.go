package audit

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// export exports the log as o says.
func (b *bench) export(t testing.TB, o ExportOptions) (out []byte, head []byte, n int) {
	t.Helper()
	var w bytes.Buffer
	o.Head = func(h []byte) error { head = h; return nil }
	n, err := b.Export(t.Context(), &w, o)
	check(t, err)
	return w.Bytes(), head, n
}

func (b *bench) verifyExport(t testing.TB, out []byte, checkpoints ...[]byte) Report {
	t.Helper()
	r, err := VerifyExport(bytes.NewReader(out), b.key.Verifier(), checkpoints...)
	check(t, err)
	return r
}

func TestWholeExportsVerifyOffline(t *testing.T) {
	for _, n := range []int{0, 1, 2, 7, 64, chunk + 3} {
		b := newLog(t)
		b.fill(t, n)
		early := b.head(t)
		b.stage(t, n, 5)
		b.fold(t)
		b.stage(t, n+5, 1) // staged: not exported
		out, head, wrote := b.export(t, ExportOptions{})
		r := b.verifyExport(t, out, head)
		if !r.OK() || wrote != n+5 || r.Records != uint64(n+5) || r.Signed != uint64(n+5) || r.Checkpoints != 1 {
			t.Errorf("%d records: %d exported, %+v", n, wrote, r)
		}
		if early != nil {
			if r := b.verifyExport(t, out, early, head); !r.OK() || r.Checkpoints != 2 {
				t.Errorf("%d records against two checkpoints: %+v", n, r)
			}
		}
		if r := b.verifyExport(t, out); r.OK() {
			t.Error("an export verified without any checkpoint")
		}
		r = b.verifyExport(t, bytes.TrimSuffix(out, []byte{'\n'}), head) // an editor took the last line feed
		if !r.OK() {
			t.Errorf("without the last line feed: %+v", r)
		}
	}
}

// TestVerifyExportNoticesChanges changes an export in four ways, 40 times each.
func TestVerifyExportNoticesChanges(t *testing.T) {
	const seed, size = 20260302, 120
	b := newLog(t)
	b.fill(t, size)
	out, head, _ := b.export(t, ExportOptions{})
	lines := bytes.SplitAfter(bytes.TrimSuffix(out, []byte{'\n'}), []byte{'\n'})
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range 160 / stride {
		some := slices.Clone(lines)
		x := rng.IntN(size)
		switch i % 4 {
		case 0:
			line := bytes.Clone(some[x])
			line[rng.IntN(len(line))] ^= 1 << rng.IntN(8)
			some[x] = line
		case 1:
			some = slices.Delete(some, x, min(x+1+rng.IntN(5), size))
		case 2:
			y := (x + 1 + rng.IntN(size-1)) % size
			some[x], some[y] = some[y], some[x]
		case 3:
			some = slices.Insert(some, x, some[rng.IntN(size)])
		}
		if r := b.verifyExport(t, bytes.Join(some, nil), head); r.OK() {
			t.Errorf("change %d of record %d went unnoticed", i%4, x)
		}
	}
	named, _, _ := b.export(t, ExportOptions{Name: func(gateway.PersonRef) string { return "pat@out.example" }})
	if r := b.verifyExport(t, named, head); r.OK() {
		t.Error("an export with names verified")
	}
	if _, err := VerifyExport(strings.NewReader(strings.Repeat("x", maxLine+1)), b.key.Verifier(), head); err == nil {
		t.Error("an endless line was read")
	}
}

// TestExportFormats pins both formats: programs outside read them.
func TestExportFormats(t *testing.T) {
	b := newLog(t)
	b.stage(t, 4, 1)
	b.fold(t)
	for want, o := range map[string]ExportOptions{
		`{"seq":0,"at":"2026-03-01T10:00:00Z","event":"envelope.delivered","actor":"system",` +
			`"message":"00000000000000000000000004","envelope":"00000000000000000000000004.1",` +
			`"persons":["0g000000000000000000000000"],"detail":{"n":"4","phase":"\u003cdot\u003e \u0026 more"}}` + "\n": {},
		`{"seq":0,"at":"2026-03-01T10:00:00Z","event":"envelope.delivered","actor":"system",` +
			`"message":"00000000000000000000000004","envelope":"00000000000000000000000004.1",` +
			`"persons":["0g000000000000000000000000"],"detail":{"n":"4","phase":"\u003cdot\u003e \u0026 more"},` +
			`"names":{"0g000000000000000000000000":"Pat \"]\\"}}` + "\n": {Name: func(gateway.PersonRef) string { return `Pat "]\` }},
		`<109>1 2026-03-01T10:00:00.000000Z gate.example gatepost - envelope.delivered [gatepost@32473 seq="0" actor="system" ` +
			`message="00000000000000000000000004" envelope="00000000000000000000000004.1" person="0g000000000000000000000000" ` +
			`name="Pat \"\]\\" detail.n="4" detail.phase="<dot> & more"]` + "\n": {Format: Syslog, Host: "gate.example", Name: func(gateway.PersonRef) string { return `Pat "]\` }},
	} {
		if got, _, _ := b.export(t, o); string(got) != want {
			t.Errorf("exported\n%s\nwant\n%s", got, want)
		}
	}
}

func TestExportOfATimeSpan(t *testing.T) {
	b := newLog(t)
	b.stage(t, 0, 100) // one a millisecond
	b.fold(t)
	from := newClock().now()
	out, _, n := b.export(t, ExportOptions{Since: from.Add(10 * time.Millisecond), Until: from.Add(20 * time.Millisecond)})
	var first Entry
	check(t, json.Unmarshal(out[:bytes.IndexByte(out, '\n')], &first))
	if n != 10 || first.Seq != 10 {
		t.Errorf("%d records from %d on", n, first.Seq)
	}
}

func TestExportStopsAtAGap(t *testing.T) {
	b := newLog(t)
	b.fill(t, 10)
	f := &forger{b: b, mem: b.mem}
	f.write(func(w *store.Batch) { w.Delete(recordKey(5)) })
	if _, err := b.Export(t.Context(), &bytes.Buffer{}, ExportOptions{}); err == nil {
		t.Error("a log with a gap was exported as whole")
	}
}

func FuzzVerifyExport(f *testing.F) {
	b := newLog(f)
	b.fill(f, 3)
	out, head, _ := b.export(f, ExportOptions{})
	f.Add(out)
	f.Add([]byte("{}\n{\"seq\":18446744073709551615,\"event\":\"x\"}\n{\"seq\":0,\"event\":\"x\"}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := VerifyExport(bytes.NewReader(raw), b.key.Verifier(), head)
		if err == nil && r.OK() != bytes.Equal(bytes.TrimSuffix(raw, []byte{'\n'}), bytes.TrimSuffix(out, []byte{'\n'})) {
			t.Fatalf("%q: %+v", raw, r)
		}
	})
}

// FuzzSyslog: whatever stands in a record, the line stays one line of printed
// characters with one element.
func FuzzSyslog(f *testing.F) {
	f.Add("system", "phase", "dot", "gate.example")
	f.Add("a\"]\\\n", "k=\"]", "\x00\u2028\u0085", "h h")
	f.Fuzz(func(t *testing.T, actor, name, value, host string) {
		o := ExportOptions{Format: Syslog, Host: host}
		line := string(o.syslog(Entry{Record: gateway.Record{Event: "x.y", Actor: actor, Detail: map[string]string{name: value}}}))
		if strings.ContainsAny(line, "\r\n\x00\u2028\u2029") || !strings.HasSuffix(line, "]") || len(strings.Fields(line)) < 7 {
			t.Fatalf("%q", line)
		}
		plain := strings.NewReplacer(`\\`, "", `\"`, "", `\]`, "").Replace(line[strings.Index(line, " [gatepost@"):])
		if strings.Count(plain, "]") != 1 || strings.Count(plain, `"`)%2 != 0 {
			t.Fatalf("the element does not end where it should: %q", line)
		}
	})
}

func BenchmarkLog(b *testing.B) {
	l := newLog(b)
	const n = 2000
	for round := range 3 {
		l.stage(b, round*n, n)
		check(b, l.foldAll(b.Context()))
	}
	b.Run("StageAndFold", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			w := newLog(b)
			w.stage(b, 0, n)
			check(b, w.foldAll(b.Context()))
		}
		b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
	})
	b.Run("Verify", func(b *testing.B) {
		for b.Loop() {
			l.verify(b)
		}
		b.ReportMetric(float64(3*n*b.N)/b.Elapsed().Seconds(), "records/s")
	})
	out, head, _ := l.export(b, ExportOptions{})
	b.Run("VerifyExport", func(b *testing.B) {
		for b.Loop() {
			l.verifyExport(b, out, head)
		}
		b.ReportMetric(float64(3*n*b.N)/b.Elapsed().Seconds(), "records/s")
	})
}
