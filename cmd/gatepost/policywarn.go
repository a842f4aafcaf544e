package main

import (
	"fmt"
	"strings"

	"gatepost/gateway/policy"
)

// warn logs what deserves a look in the configuration and the policy in force.
func (s *server) warn() {
	for _, w := range s.config.Warnings() {
		s.log.Warn("configuration", "warning", w.String())
	}
	if all := s.flow.Policy().Warnings(); len(all) > 0 {
		s.log.Warn("the policy has warnings, which gatepost check shows", "count", len(all), "warning", placesOf(all))
	}
}

// mostPlaces is how many places of warnings a line of the log names.
const mostPlaces = 20

// placesOf names the places of problems, without what stands there: the words of
// a policy are the organization's own.
func placesOf(all []policy.Problem) string {
	var places []string
	for _, p := range all[:min(len(all), mostPlaces)] {
		at := p.File
		if p.Line > 0 {
			at += fmt.Sprintf(":%d:%d", p.Line, p.Column)
		}
		places = append(places, at)
	}
	if n := len(all) - len(places); n > 0 {
		places = append(places, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(places, ", ")
}

// policy says whether the policy of the configuration loads, which the running
// server's did once, and what in it deserves a look.
func (d *doctor) policy() {
	judge, err := loadJudge(d.c, [16]byte{})
	if err != nil {
		d.say("policy", stateFail, "%v", err)
		return
	}
	p := judge.Policy()
	for _, w := range p.Warnings() {
		d.say("policy", stateWarn, "%s", w)
	}
	if len(p.Warnings()) == 0 {
		d.say("policy", stateOK, "%s loads and passes its %d tests", policyName(d.c, p), len(p.Cases()))
	}
}
