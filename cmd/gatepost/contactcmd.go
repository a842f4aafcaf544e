package main

import (
	"context"
	"errors"
	"net/url"
)

type contactExportCmd struct {
	Name string `arg:"" help:"Mail address."`
}

// Run prints JSON with and without --json: an answer to a subject access
// request is kept as it is.
func (c contactExportCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "contact.export", url.Values{"name": {c.Name}}, nil, true, nil)
}

type contactEraseCmd struct {
	Name string `arg:"" help:"Mail address."`
	Yes  bool   `help:"Really."`
}

func (c contactEraseCmd) Run(ctx context.Context, env environment) error {
	if !c.Yes {
		return exit{exitUsage, errors.New("this cannot be undone: links end, and what they wrote here goes; add --yes")}
	}
	return operate(ctx, env, "contact.erase", url.Values{"name": {c.Name}}, nil, true, record)
}
