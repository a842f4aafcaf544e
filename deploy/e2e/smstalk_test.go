package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// talker is a program of the folder smspeers: it takes commands and tells
// events, a line of JSON each.
type talker struct {
	t       *testing.T
	name    string
	process *process
	in      io.WriteCloser

	mu     sync.Mutex
	events []smsEvent
}

// smsEvent is a line that a talker printed; which fields are set depends on
// the event (see carrier.js and app.js).
type smsEvent struct {
	Event  string
	Tag    string
	Part   int
	Parts  int
	Status int
	ID     json.RawMessage
	Number int
	Port   int
	Mode   string
	Link   int   // of the carrier: which connection
	At     int64 // of the carrier: milliseconds

	smsFields
	Receipted string
	State     int
	Answered  json.RawMessage
	Why       string

	raw string // the line
}

// smsFields are the fields of a short message that a peer saw.
type smsFields struct {
	From        string
	FromTON     int `json:"from_ton"`
	To          string
	ToTON       int    `json:"to_ton"`
	ServiceType string `json:"service_type"`
	ESMClass    int    `json:"esm_class"`
	Registered  int
	DataCoding  int `json:"data_coding"`
	ProtocolID  int `json:"protocol_id"`
	Priority    int
	Octets      string // hexadecimal, the user data header among them
	Text        string // as the peer's library reads it
	Payload     bool   // came as message_payload
	SAR         []int  // reference, total, number
}

// id is the message_id that the event tells.
func (e smsEvent) id() string {
	var s string
	if json.Unmarshal(e.ID, &s) != nil {
		return string(e.ID)
	}
	return s
}

// startTalker runs a program of the folder smspeers; it is killed at the end.
func startTalker(t *testing.T, name string, args ...string) *talker {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(os.Getenv("GATEPOST_NODE_SMPP"), "node_modules"))
	said, err := os.CreateTemp(workDir(t), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = said.Close() })
	cmd.Stderr = said
	p := &talker{t: t, name: name}
	if p.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, outside, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = outside
	p.process = startProcess(t, cmd)
	_ = outside.Close()
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		defer out.Close()
		p.listen(out)
	}()
	t.Cleanup(func() {
		p.process.kill()
		<-listened
		if t.Failed() {
			raw, _ := os.ReadFile(said.Name())
			t.Logf("%s said: %s\n%s", p.name, raw, p.tail())
		}
	})
	return p
}

func (p *talker) listen(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e smsEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			e = smsEvent{Event: "garbage", Why: fmt.Sprintf("%v: %s", err, lines.Text())}
		}
		e.raw = lines.Text()
		p.mu.Lock()
		p.events = append(p.events, e)
		p.mu.Unlock()
	}
}

// tail is the end of what the program told.
func (p *talker) tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for _, e := range p.events[max(0, len(p.events)-20):] {
		fmt.Fprintf(&b, "  %s\n", e.raw)
	}
	return b.String()
}

// do sends a command.
func (p *talker) do(command object) {
	p.t.Helper()
	raw, err := json.Marshal(command)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.in.Write(append(raw, '\n')); err != nil {
		p.t.Fatalf("%s does not listen any more: %v", p.name, err)
	}
}

// told are the events of this name so far, those that keep says.
func (p *talker) told(event string, keep func(smsEvent) bool) []smsEvent {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []smsEvent
	for _, e := range p.events {
		if e.Event == event && (keep == nil || keep(e)) {
			found = append(found, e)
		}
	}
	return found
}

// wait returns the events of this name once there are n.
func (p *talker) wait(n int, within time.Duration, event string, keep func(smsEvent) bool) []smsEvent {
	p.t.Helper()
	var found []smsEvent
	eventually(p.t, within, func() string {
		if found = p.told(event, keep); len(found) < n {
			return fmt.Sprintf("%s told %d of %d %q", p.name, len(found), n, event)
		}
		return ""
	})
	return found
}

// forget drops what was told, for stories that go on for long.
func (p *talker) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = nil
}

// needNodeSMPP skips or fails a story that lacks node-smpp.
func needNodeSMPP(t *testing.T) {
	t.Helper()
	needProgram(t, "node")
	dir := os.Getenv("GATEPOST_NODE_SMPP")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "smpp", "package.json")); dir == "" || err != nil {
		missing(t, "GATEPOST_NODE_SMPP names no folder with node-smpp")
	}
}

// smsCarrier is the carrier's end of the stories: an SMSC made of node-smpp.
type smsCarrier struct {
	*talker
	port int
}

func (c *smsCarrier) addr() string { return fmt.Sprintf("127.0.0.1:%d", c.port) }

// startCarrier runs carrier.js with these settings, as they are told there.
func startCarrier(t *testing.T, settings object) *smsCarrier {
	t.Helper()
	needNodeSMPP(t)
	if settings == nil {
		settings = object{}
	}
	if settings["port"] == nil {
		settings["port"] = freePort(t) // so that it can be shut and opened again
	}
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	c := &smsCarrier{talker: startTalker(t, "the carrier", "node", "smspeers/carrier.js", string(raw))}
	c.port = c.wait(1, 30*time.Second, "listening", nil)[0].Port
	return c
}

// set changes settings of the carrier, which hold when it returns.
func (c *smsCarrier) set(settings object) {
	c.t.Helper()
	settings["do"] = "set"
	before := len(c.told("set", nil))
	c.do(settings)
	c.wait(before+1, 60*time.Second, "set", nil)
}

// submits are the submit_sm that came so far, refused ones among them.
func (c *smsCarrier) submits() []smsEvent { return c.told("submit", nil) }

// accepted are those that were answered with status 0.
func (c *smsCarrier) accepted() []smsEvent {
	answered := map[string]bool{}
	for _, e := range c.told("answered", func(e smsEvent) bool { return e.Status == 0 }) {
		answered[e.id()] = true
	}
	return c.told("submit", func(e smsEvent) bool { return answered[fmt.Sprint(e.Number)] })
}

// waitSubmits returns the submit_sm once n have come.
func (c *smsCarrier) waitSubmits(n int) []smsEvent {
	c.t.Helper()
	return c.wait(n, 60*time.Second, "submit", nil)
}

// texts are the logical texts that came whole, in order of their first parts.
func (c *smsCarrier) texts() []smsMO { return joined(c.submits()) }

// joined puts parts together: by the user data header's concatenation or by
// the SAR parameters, each part once.
func joined(events []smsEvent) []smsMO {
	type long struct {
		at    int
		parts []string
	}
	longs := map[string]*long{}
	var texts []smsMO
	for _, e := range events {
		ref, total, seq := e.place()
		if total <= 1 {
			texts = append(texts, smsMO{e.From, e.To, e.Text})
			continue
		}
		key := fmt.Sprint(e.From, "|", e.To, "|", ref, "|", total)
		l, nth := longs[key], min(max(seq, 1), total)-1
		switch {
		case l != nil && l.parts[nth] == e.Text: // again
			continue
		case l == nil || l.parts[nth] != "": // the reference is used again
			l = &long{at: len(texts), parts: make([]string, total)}
			longs[key] = l
			texts = append(texts, smsMO{from: e.From, to: e.To})
		}
		l.parts[nth] = e.Text
		if !slices.Contains(l.parts, "") {
			texts[l.at].text = strings.Join(l.parts, "")
		}
	}
	return texts
}

var udhConcatenation = regexp.MustCompile(`^(?:[0-9a-f]{2})(?:[0-9a-f]{2})*?(?:0003(..)|0804(....))(..)(..)`)

// place reads where a part belongs; total 1 for a whole message. It looks for
// the concatenation at the beginning of the header or behind the elements of
// national languages, which is where the peers put it.
func (e smsEvent) place() (ref string, total, seq int) {
	if len(e.SAR) == 3 {
		return fmt.Sprint("sar", e.SAR[0]), e.SAR[1], e.SAR[2]
	}
	if e.ESMClass&0x40 == 0 {
		return "", 1, 1
	}
	hit := udhConcatenation.FindStringSubmatch(e.Octets)
	if hit == nil {
		return "", 1, 1
	}
	_, _ = fmt.Sscanf(hit[3]+" "+hit[4], "%x %x", &total, &seq)
	return hit[1] + hit[2], total, seq
}
