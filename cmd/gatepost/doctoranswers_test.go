package main

import (
	"strings"
	"testing"

	"gatepost/gateway/config"
)

// TestDoctorSaysHowAnswersTravel: by the first route that matches, as mail goes.
func TestDoctorSaysHowAnswersTravel(t *testing.T) {
	for name, c := range map[string]struct {
		routes      []config.Route
		state, says string
	}{
		"none":          {nil, stateWarn, "wait in the queue"},
		"loopback":      {[]config.Route{{Domain: "clinic.example", Via: "127.0.0.1:2627", TLS: "none"}}, stateOK, "travel to 127.0.0.1:2627"},
		"verified":      {[]config.Route{{Domain: "*", Via: "mail.clinic.example:25", TLS: "verify"}}, stateOK, "travel to mail"},
		"clear":         {[]config.Route{{Domain: "*", Via: "192.0.2.5:25", TLS: "none"}}, stateWarn, "not protected"},
		"perhaps":       {[]config.Route{{Domain: "*", Via: "192.0.2.5:25", TLS: "opportunistic"}}, stateWarn, "only while its certificate verifies"},
		"first matches": {[]config.Route{{Domain: "*.example", Via: "192.0.2.5:25", TLS: "none"}, {Domain: "clinic.example", Via: "[::1]:25"}}, stateWarn, "not protected"},
		"below only":    {[]config.Route{{Domain: "*.clinic.example", Via: "192.0.2.5:25", TLS: "none"}, {Domain: "*", Via: "[::1]:25"}}, stateOK, "[::1]:25"},
	} {
		var found []finding
		d := &doctor{c: &config.Config{Organization: config.Organization{Domains: []string{"clinic.example"}}, Routes: c.routes}, show: func(f finding) error {
			found = append(found, f)
			return nil
		}}
		d.answers()
		if len(found) != 1 || found[0].State != c.state || !strings.Contains(found[0].Text, c.says) {
			t.Errorf("%s: %+v", name, found)
		}
	}
}
