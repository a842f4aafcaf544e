package flow

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/people"
)

func addressArg(c Call) (gateway.Address, error) {
	a, err := gateway.ParseAddress(c.Args.Get("name"))
	if err != nil || a.IsNull() {
		return a, usage("a mail address is expected")
	}
	return a, nil
}

// maxPassword bounds what is read of a password; octets.
const maxPassword = 1024

func passwordIn(c Call) (string, error) {
	raw, err := io.ReadAll(io.LimitReader(c.In, maxPassword))
	return string(raw), err
}

func (f *Flow) userAdd(ctx context.Context, c Call) error {
	name, err := addressArg(c)
	if err != nil {
		return err
	}
	if !name.In(f.set().Domains) {
		return usage("a user's address is in one of the organization's domains")
	}
	role, err := people.ParseRole(c.Args.Get("role"))
	if err != nil {
		return usage("%v", err)
	}
	password, err := passwordIn(c)
	if err != nil {
		return err
	}
	return userError(f.People.AddUser(ctx, name, password, role, c.Actor))
}

// userError says what to do. It does not repeat the name: errors of commands end up
// in logs and mails of others.
func userError(err error) error {
	data := func(text string) error { return &OperationError{Text: text, Data: true} }
	switch {
	case errors.Is(err, people.ErrUserExists):
		return data("this user exists already: user passwd gives another password, user role another role, user enable gives a disabled one their log-ins back")
	case errors.Is(err, people.ErrEnabled):
		return data("this user is not disabled: user passwd gives another password")
	case errors.Is(err, people.ErrOldPassword):
		return data("this is the password that the user had when they were disabled, and whoever knows it could log in again: give another one")
	case errors.Is(err, people.ErrManyApps):
		return data("this user has 20 app passwords: remove one first (user app-password list shows them)")
	case errors.Is(err, people.ErrBadPassword), errors.Is(err, people.ErrBadLabel):
		return data(strings.TrimPrefix(err.Error(), "people: "))
	case errors.Is(err, people.ErrUnknown):
		return notFound("user, or a disabled one (user list shows all)")
	case errors.Is(err, people.ErrNoApp):
		return notFound("app password of this user (user app-password list shows all)")
	}
	return err
}

func (f *Flow) userPasswd(ctx context.Context, c Call) error {
	name, err := addressArg(c)
	if err != nil {
		return err
	}
	password, err := passwordIn(c)
	if err != nil {
		return err
	}
	return userError(f.People.SetPassword(ctx, name, password, c.Actor))
}

func (f *Flow) userRole(ctx context.Context, c Call) error {
	name, err := addressArg(c)
	if err != nil {
		return err
	}
	role, err := people.ParseRole(c.Args.Get("role"))
	if err != nil {
		return usage("%v", err)
	}
	f.roles.Lock()
	defer f.roles.Unlock()
	changed, err := f.People.SetRole(ctx, name, role, c.Actor)
	if err != nil {
		return userError(err)
	}
	if err := f.journalUser(name, userHasRole, string(role)); err != nil {
		return err
	}
	return c.line(Changed{changed})
}

func (f *Flow) userDisable(ctx context.Context, c Call) error {
	name, err := addressArg(c)
	if err != nil {
		return err
	}
	f.roles.Lock()
	defer f.roles.Unlock()
	changed, err := f.People.DisableUser(ctx, name, c.Actor)
	if err != nil {
		return userError(err)
	}
	// Also when it was so before: the try before may have ended before this.
	if err := f.journalUser(name, userDisabled); err != nil {
		return err
	}
	return c.line(Changed{changed})
}

func (f *Flow) userEnable(ctx context.Context, c Call) error {
	name, err := addressArg(c)
	if err != nil {
		return err
	}
	password, err := passwordIn(c)
	if err != nil {
		return err
	}
	f.roles.Lock()
	defer f.roles.Unlock()
	since, err := f.People.EnableUser(ctx, name, password, c.Actor)
	if err != nil {
		return userError(err)
	}
	return f.journalUser(name, userEnabled, strconv.FormatInt(since.UnixNano(), 10))
}

func (f *Flow) userList(ctx context.Context, c Call) error {
	users, err := f.People.ListUsers(ctx)
	if err != nil {
		return err
	}
	for _, u := range users {
		line := struct {
			Name     string    `json:"name"`
			Role     string    `json:"role"`
			Disabled bool      `json:"disabled"`
			Weak     bool      `json:"weak"`
			Apps     int       `json:"app_passwords"`
			Created  time.Time `json:"created"`
		}{u.Name.Wire(), string(u.Role), u.Disabled, u.Weak, len(u.Apps), u.Created}
		if err := c.line(line); err != nil {
			return err
		}
	}
	return nil
}

func (f *Flow) contactImport(ctx context.Context, c Call) error {
	n, err := f.People.Import(ctx, c.In, c.Actor)
	if err != nil {
		return &OperationError{Text: err.Error(), Data: true}
	}
	return c.line(map[string]int{"imported": n})
}

// deviceLine is a remembered device as operators see it.
type deviceLine struct {
	ID        string    `json:"id"`
	Label     string    `json:"label"`
	Assurance string    `json:"assurance"`
	Created   time.Time `json:"created"`
	Used      time.Time `json:"used"`
}

func (f *Flow) contactShow(ctx context.Context, c Call) error {
	p, err := f.contactArg(ctx, c)
	if err != nil {
		return err
	}
	_, kind := p.Standing()
	status, err := f.Proof.PINStatus(ctx, p.Ref)
	if err != nil {
		return err
	}
	kept, err := f.Proof.Devices(ctx, p.Ref)
	if err != nil {
		return err
	}
	devices := make([]deviceLine, len(kept))
	for i, d := range kept {
		devices[i] = deviceLine{d.ID, d.Label, string(d.Assurance), d.Created, d.Used}
	}
	return c.line(struct {
		Email    string       `json:"email"`
		Email2   string       `json:"email2"`
		Phone    string       `json:"phone"`
		Language string       `json:"language"`
		Name     string       `json:"name"`
		PIN      bool         `json:"pin"`
		PINKind  string       `json:"pin_kind"`  // standing, contact or ""
		PINState string       `json:"pin_state"` // active, paused or frozen
		Patient  bool         `json:"patient"`
		Consents []string     `json:"consents"`
		Devices  []deviceLine `json:"devices"`
		Ref      string       `json:"ref"`
		Created  time.Time    `json:"created"`
	}{
		shownTo(p.Address), p.Second.Wire(), p.Phone.Reveal(), p.Language, p.Name.Reveal(), kind != gateway.PINNone, string(kind), string(status.State),
		p.Patient, append([]string{}, p.Consents...), devices, p.Ref.String(), p.Created,
	})
}
