package flow

import (
	"context"
	"errors"
	"time"

	"gatepost/gateway/people"
)

// userAppAdd makes an app password and prints it, which nothing else ever does.
func (f *Flow) userAppAdd(ctx context.Context, c Call) error {
	name, err := addressArg(c)
	if err != nil {
		return err
	}
	label := c.Args.Get("label")
	id, password, err := f.People.AddApp(ctx, name, label, c.Actor)
	if err != nil {
		return userError(err)
	}
	return c.line(struct {
		ID       string `json:"id"`
		Label    string `json:"label"`
		Password string `json:"password"`
	}{id, label, password.Reveal()})
}

func (f *Flow) userAppList(ctx context.Context, c Call) error {
	name, err := addressArg(c)
	if err != nil {
		return err
	}
	u, err := f.People.FindUser(ctx, name)
	if err != nil {
		return userError(err)
	}
	for _, a := range u.Apps {
		line := struct {
			ID      string    `json:"id"`
			Label   string    `json:"label"`
			Created time.Time `json:"created"`
			Used    time.Time `json:"used,omitzero"`
		}{a.ID, a.Label.Reveal(), a.Created, a.Used}
		if err := c.line(line); err != nil {
			return err
		}
	}
	return nil
}

func (f *Flow) userAppRemove(ctx context.Context, c Call) error {
	name, err := addressArg(c)
	if err != nil {
		return err
	}
	id := c.Args.Get("id")
	removed := f.People.RemoveApp(ctx, name, id, c.Actor)
	gone := errors.Is(removed, people.ErrNoApp) && people.IsAppID(id) // a try before this one may not have come to the journal
	if removed == nil || gone {
		if err := f.journalUser(name, userNoApp, id); err != nil {
			return err
		}
	}
	return userError(removed)
}
