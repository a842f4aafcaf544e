package viewer

import (
	"gatepost/gateway"
)

// talk is the conversation around a message.
type talk struct {
	Before, After []turnLine
	Earlier       int        // turns before these that are not listed
	Form          answerForm // Staff is empty when nobody is left to answer to
	New           bool       // there is somebody to begin a conversation with
}

// turnLine is another message of the conversation in the list.
type turnLine struct {
	Href      string // "" when it cannot be read here
	Who, When string
	Mine      bool
	Unread    bool
	Why       string // why it cannot be read here
}

// talk prepares the conversation for the page of the link: what came before
// it and after it, oldest first.
func (v *viewer) talk(w words, l link, c gateway.Conversation) *talk {
	t := &talk{Earlier: c.Earlier, Form: v.answerForm(w, l.path, c), New: len(c.Known) > 0}
	passed := false
	for _, turn := range c.Turns {
		if turn.Own {
			passed = true
			continue
		}
		line := turnLineOf(w, l, turn)
		if passed {
			t.After = append(t.After, line)
		} else {
			t.Before = append(t.Before, line)
		}
	}
	if !passed { // the link's own message is older than what is listed
		t.Before, t.After = nil, t.Before
	}
	return t
}

func turnLineOf(w words, l link, turn gateway.Turn) turnLine {
	line := turnLine{When: w.Day(turn.At), Mine: turn.Mine, Who: nameOf(gateway.Known{Address: turn.From, Name: turn.Name})}
	if turn.Mine {
		line.Who = w.T("turn.mine")
	}
	if turn.Closed == gateway.TurnOpen {
		line.Href = l.path + "/turn/" + turn.Message.String()
		line.Unread = !turn.Mine && turn.Opened.IsZero()
	} else {
		line.Why = whyClosed(w, turn.Closed)
	}
	return line
}

// whyClosed says why a message of a conversation cannot be read here.
func whyClosed(w words, s gateway.TurnState) string {
	switch s {
	case gateway.TurnRecalled:
		return w.T("turn.recalled")
	case gateway.TurnExpired:
		return w.T("turn.expired")
	default:
		return w.T("turn.elsewhere")
	}
}
