package people

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gatepost/gateway"
)

// AppPassword is a password that was made for one mail client of a user, so
// that it can be taken away from that client alone.
type AppPassword struct {
	ID      string            // names it in lists and evidence
	Label   gateway.Sensitive // says which client it is for
	MAC     []byte            // it is random, so it needs no slow hash
	Created time.Time
	Used    time.Time `json:",omitzero"` // last, to usedEvery
}

// App passwords have 100 bits: appLength characters of appAlphabet, which has
// 32 and none that look alike, shown in groups of appGroup.
const (
	appAlphabet = "abcdefghijkmnpqrstuvwxyz23456789"
	appLength   = 20
	appGroup    = 4
	appIDLength = 6
)

// Limits of app passwords: how many a user has, and characters of a label.
const (
	maxApps  = 20
	maxLabel = 64
)

// usedEvery is how often the last use of an app password is written down.
const usedEvery = time.Hour

// Errors of app passwords.
var (
	ErrBadLabel = errors.New("people: a label has 1 to 64 characters that can be printed")
	ErrManyApps = errors.New("people: that user has 20 app passwords: remove one first")
	ErrNoApp    = errors.New("people: no such app password")
)

// AddApp makes an app password of a user and returns it, for the only time,
// with its id. ErrUnknown, ErrBadLabel, ErrManyApps.
func (d *Directory) AddApp(ctx context.Context, name gateway.Address, label, actor string) (id string, password gateway.Sensitive, err error) {
	if n := utf8.RuneCountInString(label); n == 0 || n > maxLabel || !utf8.ValidString(label) || strings.ContainsFunc(label, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", "", ErrBadLabel
	}
	text, err := d.letters(appLength)
	if err != nil {
		return "", "", err
	}
	if id, err = d.letters(appIDLength); err != nil {
		return "", "", err
	}
	made := AppPassword{ID: id, Label: gateway.Sensitive(label), MAC: d.appMAC(name, text), Created: d.now()}
	err = d.changeUser(ctx, name, actor, func(u *User) (map[string]string, error) {
		switch {
		case u.Disabled:
			return nil, ErrUnknown
		case len(u.Apps) >= maxApps:
			return nil, ErrManyApps
		}
		u.Apps = append(u.Apps, made)
		return map[string]string{"act": "app_password_add", "app": id}, nil
	})
	if err != nil {
		return "", "", err
	}
	return id, grouped(text), nil
}

// RemoveApp ends an app password, and with it what was logged in by any.
// ErrUnknown, ErrNoApp.
func (d *Directory) RemoveApp(ctx context.Context, name gateway.Address, id, actor string) error {
	return d.changeUser(ctx, name, actor, func(u *User) (map[string]string, error) {
		i := slices.IndexFunc(u.Apps, func(a AppPassword) bool { return a.ID == id })
		if i < 0 {
			return nil, ErrNoApp
		}
		u.Apps, u.Changed = slices.Delete(u.Apps, i, i+1), d.now()
		return map[string]string{"act": "app_password_remove", "app": id}, nil
	})
}

// IsAppID reports whether text may be the id of an app password, of any time.
func IsAppID(text string) bool {
	return len(text) == appIDLength && strings.Trim(text, appAlphabet) == ""
}

// letters is random text of n characters, 5 bits each.
func (d *Directory) letters(n int) (string, error) {
	raw := make([]byte, n)
	if _, err := io.ReadFull(d.random, raw); err != nil {
		return "", fmt.Errorf("making a password: %w", err)
	}
	for i := range raw {
		raw[i] = appAlphabet[int(raw[i])%len(appAlphabet)]
	}
	return string(raw), nil
}

func grouped(text string) gateway.Sensitive {
	var groups []string
	for g := range slices.Chunk([]byte(text), appGroup) {
		groups = append(groups, string(g))
	}
	return gateway.Sensitive(strings.Join(groups, "-"))
}

func (d *Directory) appMAC(name gateway.Address, text string) []byte {
	h := d.mac("app password", []byte(name.Key()), []byte(text))
	return h[:]
}

// findApp is the app password that was entered, or nil. Groups may be joined
// by anything that people put between them.
func (d *Directory) findApp(name gateway.Address, u *User, password string) *AppPassword {
	text := strings.ToLower(strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, password))
	if len(text) != appLength || strings.Trim(text, appAlphabet) != "" {
		return nil
	}
	entered, found := d.appMAC(name, text), -1
	for i := range u.Apps {
		if subtle.ConstantTimeCompare(entered, u.Apps[i].MAC) == 1 {
			found = i
		}
	}
	if found < 0 {
		return nil
	}
	return &u.Apps[found]
}
