package main

import (
	"context"
	"errors"
	"net/url"
)

// Help shows a file: nobody guesses what the columns take.
func (contactImportCmd) Help() string {
	return `A file:

  email,email2,phone,language,name,pin,patient,consents
  pat@out.example,pat@home.example,+15550100100,en,Pat Jones,493027,true,research;newsletter
  kim@out.example,,,es,Kim Lee,,false,

Only email is required. patient is true or false; consents are split by ";". An empty
column keeps the old value, and patient, once true, stays true.`
}

type contactExportCmd struct {
	Name string `arg:"" help:"Mail address or telephone number."`
}

// Run prints JSON with and without --json: an answer to a subject access
// request is kept as it is.
func (c contactExportCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "contact.export", url.Values{"name": {c.Name}}, nil, true, nil)
}

type contactEraseCmd struct {
	Name string `arg:"" help:"Mail address or telephone number."`
	Yes  bool   `help:"Really."`
}

func (c contactEraseCmd) Run(ctx context.Context, env environment) error {
	if !c.Yes {
		return exit{exitUsage, errors.New("this cannot be undone: links end, and what they wrote here goes; add --yes")}
	}
	return operate(ctx, env, "contact.erase", url.Values{"name": {c.Name}}, nil, true, record)
}
