package viewer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"gatepost/gateway"
)

// household is what the clinic knows of one reader beyond the link: sessions,
// a PIN, remembered browsers, the conversation, and what the staff may read.
type household struct {
	homes    sync.Mutex // for all of it
	sessions map[string]*fakeSession
	pin      string
	devices  map[string]gateway.Device // by secret
	concerns []gateway.Concern
	talk     gateway.Conversation
	mails    map[gateway.MessageID]*gateway.Mail
	turned   []string // turns and files that were granted: "<id>/<file>"
	taken    []takenAnswer
	onces    map[string]gateway.MessageID
	refuse   error             // what Answer says, if not nil
	idle     time.Duration     // of the viewer; 0: its own
	closed   gateway.TurnState // what OpenTurn says of every turn
	gone     bool              // the message was taken back: nothing is granted any more
	logins   int               // wrong ones of staff
	nth      byte
}

type fakeSession struct {
	how  gateway.Assurance
	used time.Time
}

// takenAnswer is an answer that arrived.
type takenAnswer struct {
	gateway.Answer
	files []takenFile
}

type takenFile struct {
	name, kind string
	size       int64
	sum        [32]byte
}

// turnContent is the content of a turn of a conversation.
type turnContent struct {
	gateway.Content
	mail *gateway.Mail
}

const (
	staffName     = "ann"
	staffPassword = "correct horse battery"
)

var (
	ann = gateway.Known{Address: address("ann@clinic.example"), Name: "Dr Ann Miller"}
	ben = gateway.Known{Address: address("ben@clinic.example")}
)

func address(s string) gateway.Address {
	a, err := gateway.ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}

func newHousehold() household {
	return household{
		sessions: map[string]*fakeSession{}, devices: map[string]gateway.Device{}, mails: map[gateway.MessageID]*gateway.Mail{}, onces: map[string]gateway.MessageID{},
		talk: gateway.Conversation{Staff: []gateway.Known{ann}, Known: []gateway.Known{ann, ben}, Turns: []gateway.Turn{{Own: true, From: ann.Address, Name: ann.Name, Message: gateway.MessageID{7}}}},
	}
}

// says adds a turn to the conversation, before or after the link's message.
func (c *clinic) says(t gateway.Turn, m *gateway.Mail) gateway.MessageID {
	c.homes.Lock()
	defer c.homes.Unlock()
	return c.saysLocked(t, m)
}

func (c *clinic) saysLocked(t gateway.Turn, m *gateway.Mail) gateway.MessageID {
	c.nth++
	t.Message = gateway.MessageID{8, c.nth}
	c.mails[t.Message] = m
	c.talk.Turns = append(c.talk.Turns, t)
	slices.SortStableFunc(c.talk.Turns, func(a, b gateway.Turn) int { return a.At.Compare(b.At) })
	return t.Message
}

func (c *clinic) newSession(how gateway.Assurance) string {
	var raw [32]byte
	_, _ = randomReader{}.Read(raw[:])
	secret := base64.RawURLEncoding.EncodeToString(raw[:])
	c.known(secret, how)
	return secret
}

// known says that a session has proven who it is.
func (c *clinic) known(secret string, how gateway.Assurance) {
	c.homes.Lock()
	defer c.homes.Unlock()
	c.sessions[secret] = &fakeSession{how: how, used: c.time()}
}

// proven says how a session proved who it is, and that it is used.
func (c *clinic) proven(session string) (gateway.Assurance, bool) {
	c.homes.Lock()
	defer c.homes.Unlock()
	s := c.sessions[session]
	if s == nil || c.gone || c.time().Sub(s.used) >= 15*time.Minute {
		return "", false
	}
	s.used = c.time()
	return s.how, true
}

func (c *clinic) endSession(session string) {
	c.homes.Lock()
	defer c.homes.Unlock()
	delete(c.sessions, session)
}

// atHome says what the household adds to a page.
func (c *clinic) atHome(p *gateway.LinkPage, v gateway.Visitor) {
	c.homes.Lock()
	defer c.homes.Unlock()
	_, p.Device = c.devices[v.Device]
	if c.pin != "" && p.PIN == gateway.PINNone {
		p.PIN = gateway.PINStanding
	}
	if c.gone {
		p.State = gateway.LinkRecalled
	}
}

// opensWith reports whether a PIN is the right one.
func (c *clinic) opensWith(pin string) (session string, ok bool) {
	c.homes.Lock()
	right := c.pin != "" && pin == c.pin
	c.homes.Unlock()
	if !right {
		return "", false
	}
	return c.newSession(gateway.StandingPIN), true
}

// mend makes a link work again after a code.
func (c *clinic) mend() {
	if c.page.Renewable || c.page.SelfThaw {
		c.state, c.page.Renewable, c.page.SelfThaw = "", false, false
	}
}

func (c *clinic) Enter(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) (string, gateway.ProofResult, error) {
	p, err := c.Visit(ctx, s, v)
	if err != nil || !p.Device {
		return "", gateway.ProofResult{Page: p}, errors.Join(err, gateway.ErrNotProven)
	}
	return c.newSession(gateway.StandingPIN), gateway.ProofResult{Passed: true, Page: p}, nil
}

func (c *clinic) Report(_ context.Context, _ gateway.LinkSecret, _ gateway.Visitor, concern gateway.Concern) error {
	c.homes.Lock()
	defer c.homes.Unlock()
	c.concerns = append(c.concerns, concern)
	if concern == gateway.NotForMe {
		c.state = gateway.LinkFrozen
		clear(c.sessions)
	}
	return c.fail
}

func (c *clinic) Conversation(_ context.Context, _ gateway.LinkSecret, v gateway.Visitor) (gateway.Conversation, error) {
	if _, ok := c.proven(v.Session); !ok {
		return gateway.Conversation{}, gateway.ErrNotProven
	}
	c.homes.Lock()
	defer c.homes.Unlock()
	talk := c.talk
	talk.Turns = slices.Clone(talk.Turns)
	return talk, nil
}

func (c *clinic) OpenTurn(_ context.Context, _ gateway.LinkSecret, v gateway.Visitor, id gateway.MessageID, file int) (gateway.Grant, error) {
	if _, ok := c.proven(v.Session); !ok {
		return gateway.Grant{}, gateway.ErrNotProven
	}
	if c.closed != gateway.TurnOpen {
		return gateway.Grant{}, &gateway.TurnClosedError{State: c.closed}
	}
	return c.grantTurn(id, file, "")
}

func (c *clinic) grantTurn(id gateway.MessageID, file int, by string) (gateway.Grant, error) {
	c.homes.Lock()
	defer c.homes.Unlock()
	if c.mails[id] == nil {
		return gateway.Grant{}, gateway.ErrNoTurn
	}
	c.turned = append(c.turned, fmt.Sprintf("%s%x/%d", by, id[:2], file))
	for n := range c.talk.Turns {
		if c.talk.Turns[n].Message == id && c.talk.Turns[n].Opened.IsZero() && by == "" {
			c.talk.Turns[n].Opened = c.time()
		}
	}
	return gateway.Grant{Message: id, Staff: true, Sent: c.time(), Language: c.page.Language}, nil
}

func (c *clinic) Answer(_ context.Context, _ gateway.LinkSecret, v gateway.Visitor, a gateway.Answer) (gateway.Answered, error) {
	if _, ok := c.proven(v.Session); !ok {
		return gateway.Answered{}, gateway.ErrNotProven
	}
	if c.refuse != nil {
		return gateway.Answered{}, c.refuse
	}
	if !a.To.IsNull() && !slices.ContainsFunc(c.talk.Known, func(k gateway.Known) bool { return k.Address.Key() == a.To.Key() }) {
		return gateway.Answered{}, gateway.ErrNoStaff
	}
	got := takenAnswer{Answer: a}
	mail := &gateway.Mail{Subject: "Re: Your blood test results", From: "pat@out.example", To: "ann@clinic.example", Text: a.Text}
	for {
		f, err := a.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return gateway.Answered{}, fmt.Errorf("sealing: %w", err)
		}
		sum, head := sha256.New(), &bytes.Buffer{}
		size, err := io.Copy(io.MultiWriter(sum, &first{head, 1 << 20}), f.Content)
		if err != nil {
			return gateway.Answered{}, fmt.Errorf("sealing: %w", err)
		}
		got.files = append(got.files, takenFile{f.Name.Reveal(), f.MediaType, size, [32]byte(sum.Sum(nil))})
		mail.Files = append(mail.Files, file(f.Name.Reveal(), f.MediaType, "", head.Bytes()))
	}
	if a.Text == "" && len(got.files) == 0 {
		return gateway.Answered{}, gateway.ErrAnswerEmpty
	}
	c.homes.Lock()
	defer c.homes.Unlock()
	if id, again := c.onces[a.Once]; again {
		return gateway.Answered{Message: id}, nil
	}
	c.taken = append(c.taken, got)
	id := c.saysLocked(gateway.Turn{At: c.time(), Mine: true}, mail)
	c.onces[a.Once] = id
	return gateway.Answered{Message: id}, nil
}

// first keeps the first octets that are written to it.
type first struct {
	*bytes.Buffer
	most int
}

func (f *first) Write(p []byte) (int, error) {
	_, _ = f.Buffer.Write(p[:min(len(p), f.most-f.Len())])
	return len(p), nil
}

// answers are those that arrived.
func (c *clinic) answers() []takenAnswer {
	c.homes.Lock()
	defer c.homes.Unlock()
	return slices.Clone(c.taken)
}

func (c *clinic) ChoosePIN(_ context.Context, _ gateway.LinkSecret, v gateway.Visitor, pin string) (gateway.PINProblem, error) {
	how, ok := c.proven(v.Session)
	if !ok {
		return "", gateway.ErrNotProven
	}
	switch {
	case how != gateway.OtherChannel:
		return gateway.PINNotAllowed, nil
	case len(pin) < 6:
		return gateway.PINTooShort, nil
	case pin == "123456":
		return gateway.PINGuessable, nil
	}
	c.homes.Lock()
	defer c.homes.Unlock()
	c.pin = pin
	return gateway.PINTaken, nil
}

func (c *clinic) DropPIN(_ context.Context, _ gateway.LinkSecret, v gateway.Visitor) error {
	if _, ok := c.proven(v.Session); !ok {
		return gateway.ErrNotProven
	}
	c.homes.Lock()
	defer c.homes.Unlock()
	c.pin = ""
	return nil
}

func (c *clinic) Remember(_ context.Context, _ gateway.LinkSecret, v gateway.Visitor) (string, error) {
	if _, ok := c.proven(v.Session); !ok {
		return "", gateway.ErrNotProven
	}
	c.homes.Lock()
	defer c.homes.Unlock()
	secret := fmt.Sprintf("device-secret-%029d", len(c.devices))
	c.devices[secret] = gateway.Device{ID: fmt.Sprint(len(c.devices)), Label: "Firefox, Android", Created: c.time(), Used: c.time()}
	return secret, nil
}

func (c *clinic) Devices(_ context.Context, _ gateway.LinkSecret, v gateway.Visitor) ([]gateway.Device, error) {
	if _, ok := c.proven(v.Session); !ok {
		return nil, gateway.ErrNotProven
	}
	c.homes.Lock()
	defer c.homes.Unlock()
	var all []gateway.Device
	for secret, d := range c.devices {
		d.This = secret == v.Device
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b gateway.Device) int { return a.Created.Compare(b.Created) })
	return all, nil
}

func (c *clinic) ForgetDevice(_ context.Context, _ gateway.LinkSecret, v gateway.Visitor, id string) error {
	if _, ok := c.proven(v.Session); !ok {
		return gateway.ErrNotProven
	}
	c.homes.Lock()
	defer c.homes.Unlock()
	for secret, d := range c.devices {
		if id == "" || d.ID == id {
			delete(c.devices, secret)
		}
	}
	return nil
}

func (c *clinic) StaffLogin(_ context.Context, name, password string, _ gateway.Visitor) (string, error) {
	if name != staffName || password != staffPassword {
		c.homes.Lock()
		c.logins++
		n := c.logins
		c.homes.Unlock()
		if n > 3 {
			return "", &gateway.TooSoonError{At: c.time().Add(time.Minute)}
		}
		return "", gateway.ErrNotProven
	}
	return c.newSession("staff"), nil
}

func (c *clinic) StaffOpen(_ context.Context, session string, id gateway.MessageID, file int, _ gateway.Visitor) (gateway.Grant, error) {
	if how, ok := c.proven(session); !ok || how != "staff" {
		return gateway.Grant{}, gateway.ErrNotProven
	}
	return c.grantTurn(id, file, "staff ")
}

func (c *clinic) StaffLeave(_ context.Context, session string) error {
	c.endSession(session)
	return nil
}

// Correspondent implements library.Opener: the shelf is not locked in tests.
func (c *clinic) Correspondent(gateway.Wrap, gateway.MessageID, gateway.LinkSecret, io.ReaderAt, int64) (gateway.Content, error) {
	return nil, nil
}

// Staff implements library.Opener.
func (c *clinic) Staff(_ gateway.Wrap, id gateway.MessageID, _ io.ReaderAt, _ int64) (gateway.Content, error) {
	c.homes.Lock()
	defer c.homes.Unlock()
	return turnContent{mail: c.mails[id]}, nil
}
