package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
)

type userAppCmd struct {
	Add    userAppAddCmd    `cmd:"" help:"Make a password for one mail client. It is shown once."`
	List   userAppListCmd   `cmd:"" help:"List them: which clients, last used when."`
	Remove userAppRemoveCmd `cmd:"" help:"End one."`
}

type userAppAddCmd struct {
	Name  string `arg:"" help:"The user's address."`
	Label string `required:"" help:"Which client it is for."`
}

func (u userAppAddCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "user.app_add", url.Values{"name": {u.Name}, "label": {u.Label}}, nil, true, func(w io.Writer, r io.Reader) error {
		return eachLine(r, func(v map[string]any) error {
			_, err := fmt.Fprintf(w, "%v\n\nThis is the password of %s for %v. It is not shown again; gatepost user app-password remove %s %v ends it.\n",
				v["password"], u.Name, v["label"], u.Name, v["id"])
			return err
		})
	})
}

type userAppListCmd struct {
	Name string `arg:"" help:"The user's address."`
}

func (u userAppListCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "user.app_list", url.Values{"name": {u.Name}}, nil, true, table("ID=id", "LABEL=label", "CREATED=created", "USED=used"))
}

type userAppRemoveCmd struct {
	Name string `arg:"" help:"The user's address."`
	ID   string `arg:"" name:"id" help:"As list shows it."`
}

func (u userAppRemoveCmd) Run(ctx context.Context, env environment) error {
	args := url.Values{"name": {u.Name}, "id": {u.ID}}
	return did(env, operate(ctx, env, "user.app_remove", args, nil, true, nil), "The app password is no more")
}
