package flow

import (
	"context"
	"strconv"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/gateway/seal"
)

// What a journal says of a user: one of these words, and its object.
const (
	userDisabled = "disabled"
	userEnabled  = "enabled" // since when, in nanoseconds of Unix time
	userNoApp    = "app"     // id
	userHasRole  = "role"
)

// journalUser keeps beside the keyring what a user lost, so that a restored backup
// does not give it back. It holds no name and no password.
func (f *Flow) journalUser(name gateway.Address, words ...string) error {
	return f.Journal.Append(seal.Entry{Kind: seal.JournalUser, ID: f.People.UserID(name), Data: []byte(strings.Join(words, " "))})
}

// lostByUsers is what a journal says of users, by their ids.
type lostByUsers map[string]people.Taken

func (l lostByUsers) note(e seal.Entry) {
	t := l[e.ID]
	switch word, object, _ := strings.Cut(string(e.Data), " "); word {
	case userDisabled:
		t.Disabled, t.Back = true, time.Time{}
	case userEnabled:
		if at, err := strconv.ParseInt(object, 10, 64); err == nil {
			t.Back = time.Unix(0, at)
		}
	case userNoApp:
		t.Apps = append(t.Apps, object)
	case userHasRole:
		t.Role = people.Role(object) // the newest counts
	}
	l[e.ID] = t
}

// replayUsers takes away from the users of a restored backup what they lost after it.
func (f *Flow) replayUsers(ctx context.Context, lost lostByUsers, done *Replayed) error {
	for id, t := range lost {
		some, err := f.People.TakeAgain(ctx, id, t)
		if err != nil {
			return err
		}
		if some {
			done.Users++
		}
	}
	return nil
}
