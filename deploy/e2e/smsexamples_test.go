package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestExampleOfNodeSMPP: the example for node-smpp sends a text through
// Gatepost, and prints the id, the receipt and an answer.
func TestExampleOfNodeSMPP(t *testing.T) {
	t.Parallel()
	s := newSMSSite(t, passAll, nil)
	const words = "Your visit is on Tuesday at 10."
	cmd := exec.Command("node", "../examples/node-smpp.js", "smpp://"+s.smpp, "clinic", smsPassword, clinicNumber, patient, words)
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(os.Getenv("GATEPOST_NODE_SMPP"), "node_modules"))
	said := filepath.Join(workDir(t), "said")
	f, err := os.Create(said)
	must(t, err)
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	p := startProcess(t, cmd)
	t.Cleanup(p.kill)
	says := func(pattern string) {
		t.Helper()
		eventually(t, answerPatience, func() string {
			if text := readFile(t, said); !regexp.MustCompile(pattern).MatchString(text) {
				return fmt.Sprintf("the example has not said %s:\n%s", pattern, text)
			}
			return ""
		})
	}
	if got := s.carrier.waitSubmits(1)[0].Text; got != words {
		t.Errorf("the carrier got %q", got)
	}
	says(`(?m)^status 0 id [0-9a-v]{26}$`)
	id := regexp.MustCompile(`id (\w{26})`).FindStringSubmatch(readFile(t, said))[1]
	says(`(?m)^receipt id:` + id + ` .*stat:DELIVRD`)
	s.carrier.do(object{"do": "mo", "from": patient, "to": clinicNumber, "text": "Until then"})
	says(`(?m)^message from ` + strings.TrimPrefix(patient, "+") + ` Until then$`)
}

// TestExampleOfKannel: bearerbox with the smsc group of the example, with the
// names of this site put in, carries a text, its receipt and an answer.
func TestExampleOfKannel(t *testing.T) {
	t.Parallel()
	s := newSMSSite(t, passAll, nil)
	_, group, _ := strings.Cut(readFile(t, "../examples/kannel-gatepost.conf"), "group = smsc\n")
	for old, ours := range map[string]string{
		"smsc-id = gatepost": "smsc-id = carrier", "port = 2775": "port = %PORT%", `"kannel"`: `"%USER%"`, `"changeme"`: `"%PASSWORD%"`,
	} {
		if strings.Count(group, old) != 1 {
			t.Fatalf("the example has no single %s:\n%s", old, group)
		}
		group = strings.Replace(group, old, ours, 1)
	}
	conf := readFile(t, "smspeers/kannel.conf")
	before, rest, _ := strings.Cut(conf, "group = smsc\n")
	_, after, found := strings.Cut(rest, "\n\n")
	if !found {
		t.Fatal("the stories' configuration of Kannel has no smsc group")
	}
	k := startKannelWith(t, before+"group = smsc\n"+group+"\n"+after, s.smpp, "clinic", smsPassword)
	const words = "Your visit is on Tuesday at 10."
	ids := k.Submit(smsText{from: clinicNumber, to: patient, text: words})
	if got := s.carrier.waitSubmits(1)[0].Text; got != words {
		t.Errorf("the carrier got %q", got)
	}
	eventually(t, answerPatience, func() string {
		if got := k.Receipts(); !slices.Contains(got, smsReceipt{ids[0], "DELIVRD"}) {
			return fmt.Sprintf("no receipt for %v: %v", ids, got)
		}
		return ""
	})
	mosCome(t, k, s.carrier)
}
