package mailmsg_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

// What reading one message may cost: CPU time of all threads, and memory of
// the whole process, the message included. Two seconds are what a core of the
// usual speed keeps to (the test prints what each takes); the test gives a
// slow one three times that, which a reading that does not end passes by far.
const (
	bombSeconds = 3 * 2.0
	bombMiB     = 200
)

// cost is what a child process says of its reading.
type cost struct {
	Seconds    float64
	MiB        int
	Kinds      []string // of what is unreadable
	Uncertain  []string
	Characters int
}

// TestBombs: a message that asks for more than its size warrants ends as
// unreadable or doubtful, within the bounds. Each is read in a process of its
// own, whose clock and memory nothing else touches.
func TestBombs(t *testing.T) {
	if underRace {
		t.Skip("the race detector makes reading several times slower and larger: the run without it has the bombs")
	}
	for _, b := range bombs(t) {
		raw := b.make(t)
		c := readApart(t, b.name, raw)
		t.Logf("%-44s %6.1f MiB %6.2f s %4d MiB  %v %q", b.name, float64(len(raw))/(1<<20), c.Seconds, c.MiB, c.Kinds, c.Uncertain)
		if c.Seconds > bombSeconds || c.MiB > bombMiB {
			t.Errorf("%s: %.2f s of CPU, %d MiB", b.name, c.Seconds, c.MiB)
		}
		if !b.harmless && len(c.Kinds)+len(c.Uncertain) == 0 {
			t.Errorf("%s: neither unreadable nor uncertain", b.name)
		}
		if b.kind != "" && !strings.Contains(strings.Join(c.Kinds, " "), b.kind) {
			t.Errorf("%s: %v, not %s", b.name, c.Kinds, b.kind)
		}
	}
}

// readApart reads a message in a child process.
func readApart(t *testing.T, name string, raw []byte) cost {
	t.Helper()
	file := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "-test.run=^TestReadInAChild$")
	cmd.Env = append(os.Environ(), "GATEPOST_TEST_READ="+file)
	out, err := cmd.CombinedOutput()
	var c cost
	_, line, _ := bytes.Cut(out, []byte("COST "))
	line, _, _ = bytes.Cut(line, []byte("\n"))
	if err != nil || json.Unmarshal(line, &c) != nil {
		t.Fatalf("%s: %v\n%.2000s", name, err, out)
	}
	return c
}

// TestReadInAChild is the child: it reads one message and says what that cost.
func TestReadInAChild(t *testing.T) {
	file := os.Getenv("GATEPOST_TEST_READ")
	if file == "" {
		t.Skip("runs as the child of TestBombs")
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before := cpuSeconds(t)
	r := readAtOnce(raw)
	c := cost{Seconds: cpuSeconds(t) - before, MiB: peakMiB(t), Uncertain: r.Uncertain}
	seen := map[string]bool{}
	for _, u := range r.Unreadable {
		if !seen[u.Kind] {
			seen[u.Kind] = true
			c.Kinds = append(c.Kinds, u.Kind)
		}
	}
	for _, p := range r.Parts {
		c.Characters += len(p.Text)
	}
	line, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("COST %s\n", line)
}

const (
	manyBombs   = 6
	heavyAtOnce = 2
)

// readAtOnce reads a message, or, as the environment says, many times at once.
func readAtOnce(raw []byte) *gateway.Reading {
	if os.Getenv("GATEPOST_TEST_AT_ONCE") == "" {
		return mailmsg.Read(raw)
	}
	q := mailmsg.NewReader(heavyAtOnce)
	var last atomic.Pointer[gateway.Reading] // the others are let go, as after judging
	var all sync.WaitGroup
	for range manyBombs {
		all.Go(func() { last.Store(q.Read(raw)) })
	}
	all.Wait()
	return last.Load()
}

// TestManyBombsAtOnce: heavy readings wait for each other, so that many do not
// take many times the memory of one.
func TestManyBombsAtOnce(t *testing.T) {
	if underRace {
		t.Skip("the race detector makes reading larger: the run without it measures")
	}
	t.Setenv("GATEPOST_TEST_AT_ONCE", "yes")
	for name, raw := range map[string][]byte{
		"small, one stream":  packed("a.gz", gzipStream(t, 100)),
		"small, eight files": documentBombs()[1].make(t),
		"PDF":                pdfBombs()[0].make(t),
		"large":              packed("a.zip", letters(t, 12<<20, zip.Store)),
	} {
		c := readApart(t, name, raw)
		t.Logf("%-20s %6.2f s %4d MiB  %v", name, c.Seconds, c.MiB, c.Kinds)
		if c.MiB > heavyAtOnce*bombMiB {
			t.Errorf("%s: %d MiB for %d at once", name, c.MiB, manyBombs)
		}
	}
}

func cpuSeconds(t *testing.T) float64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// peakMiB is the most memory that this process had. (Rusage has the peak of
// the parent, too, which Linux hands down.)
func peakMiB(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skipf("SKIPPED: no /proc here, so memory is not measured: %v", err)
	}
	_, line, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(line)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

// bomb is one message; kind is how it is to end, where only one end is right.
type bomb struct {
	name     string
	kind     string
	harmless bool // all of it can be read within the bounds
	make     func(t *testing.T) []byte
}

func bombs(t *testing.T) []bomb {
	t.Helper()
	var list []bomb
	for _, some := range [][]bomb{archiveBombs(), documentBombs(), pdfBombs(), mimeBombs()} {
		list = append(list, some...)
	}
	return list
}

// packed is a mail with the octets as its attachment, in lines of base64.
func packed(name string, data []byte) []byte {
	var b bytes.Buffer
	b.WriteString("Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee the file\r\n--b\r\nContent-Type: application/octet-stream; name=" + name +
		"\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	for text := b64(string(data)); text != ""; text = text[min(76, len(text)):] {
		b.WriteString(text[:min(76, len(text))] + "\r\n")
	}
	b.WriteString("--b--\r\n")
	return b.Bytes()
}

const limit = gateway.UnreadableLimit
