package policy_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/detect"
	"gatepost/gateway/policy"
)

// TestSameInputSameBytes: the same message under the same policy has the same
// explanation, octet by octet: again, at the same time, and by a policy and a
// detector that were made anew, as after a restart.
func TestSameInputSameBytes(t *testing.T) {
	text := "Her social security number is 536-22-8145, MRN: 00482913, card 4111 1111 1111 1111, IBAN GB82 WEST 1234 5698 7654 32. " +
		"Dr Ann Smith, your biopsy result shows a carcinoma; your loan was declined and your attorney filed the motion. " +
		"The password is: Tr0ub4dor&3x. NIF 12345678Z. Project zebraquartz. Date of birth: 03/04/1980."
	c := policy.Case{Subject: "[urgent] your test results", Text: strings.Repeat(text+"\r\n", 5), At: 12, Patient: true}
	src := strings.Replace(string(policy.DefaultSource()), "define:", "detectors: {ours: {words: [zebraquartz, project]}}\ndefine:", 1)
	explain := func(judge func(policy.Case) gateway.Verdict) string {
		raw, err := json.Marshal(judge(c))
		if err != nil {
			t.Error(err)
		}
		return string(raw)
	}
	made := func() func(policy.Case) gateway.Verdict {
		p, err := policy.Load("default.yaml", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		d, err := detect.New(detect.Config{Own: p.Detectors(), Key: [16]byte{1}})
		if err != nil {
			t.Fatal(err)
		}
		return judgeWith(p, d)
	}
	judge := made()
	want := explain(judge)
	if strings.Count(want, `"type":`) < 20 || !strings.Contains(want, `"weight"`) {
		t.Fatalf("the explanation says little: %s", want)
	}
	for _, secret := range []string{"536-22", "00482913", "4111", "1234 5698", "Tr0ub4dor", "Smith", "zebraquartz"} {
		if strings.Contains(want, secret) {
			t.Errorf("the explanation quotes %s", secret)
		}
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 50 {
				if got := explain(judge); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
					return
				}
			}
		})
	}
	group.Wait()
	for range 3 {
		if got := explain(made()); got != want {
			t.Errorf("made anew: got  %s\nwant %s", got, want)
		}
	}
}
