package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailauth"
	"gatepost/gateway/people"
	"gatepost/gateway/queue"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// Call is one operator command. Out takes JSON, one object a line, unless the
// operation says otherwise. Operators see addresses, as they do in any mail
// queue; who they are is in Actor and goes into evidence.
type Call struct {
	Actor string
	By    []gateway.PersonRef // who acts, where Actor alone does not say that
	Args  url.Values
	In    io.Reader
	Out   io.Writer
}

func (c Call) line(v any) error { return json.NewEncoder(c.Out).Encode(v) }

// Operation runs one operator command.
type Operation func(context.Context, Call) error

// Operations by name.
type Operations map[string]Operation

// OperationError is an error that is the operator's to mend.
type OperationError struct {
	Text     string
	Usage    bool
	NotFound bool
	Data     bool
	Busy     bool
}

func (e *OperationError) Error() string { return e.Text }

func usage(format string, args ...any) error {
	return &OperationError{Text: fmt.Sprintf(format, args...), Usage: true}
}

func notFound(what string) error { return &OperationError{Text: "no such " + what, NotFound: true} }

// Operations returns what operators can do while the server runs; more are
// those that belong to parts flow does not know (keys, backup).
func (f *Flow) Operations(more Operations) Operations {
	ops := Operations{
		"queue.list": f.queueList, "queue.show": f.queueShow, "queue.retry": f.queueRetry, "queue.hold": f.queueHold,
		"queue.drop": f.queueDrop, "queue.pause": f.queuePause, "queue.resume": f.queueResume,
		"held.list": f.heldList, "held.show": f.queueShow, "held.release": f.heldRelease, "held.refuse": f.heldRefuse,
		"message.show": f.messageShow, "message.judged": f.messageJudged, "message.recall": f.messageRecall, "message.recall_undo": f.messageRecallUndo, "link.thaw": f.linkThaw,
		"user.add": f.userAdd, "user.passwd": f.userPasswd, "user.role": f.userRole, "user.disable": f.userDisable, "user.enable": f.userEnable, "user.list": f.userList,
		"user.app_add": f.userAppAdd, "user.app_list": f.userAppList, "user.app_remove": f.userAppRemove,
		"contact.import": f.contactImport, "contact.show": f.contactShow,
		"contact.export": f.contactExport, "contact.erase": f.contactErase,
		"contact.revoke": f.contactRevoke, "contact.drop_pin": f.contactDropPIN,
		"consent.list": f.consentList, "consent.stop": f.consentStop, "consent.resume": f.consentResume,
		"audit.show": f.auditShow,
	}
	maps.Copy(ops, more)
	return ops
}

// envelopeLine is an envelope as operators see it.
type envelopeLine struct {
	ID        string    `json:"id"`
	State     string    `json:"state"`
	Action    string    `json:"action"`
	Decided   string    `json:"decided"`
	Rules     []string  `json:"rules"`
	Sender    string    `json:"sender"`
	Recipient string    `json:"recipient"`
	Content   string    `json:"content"` // original or notice
	Hold      string    `json:"hold,omitempty"`
	Accepted  time.Time `json:"accepted"`
	Next      time.Time `json:"next,omitzero"`
	Attempts  int       `json:"attempts"`
	Code      int       `json:"code,omitempty"`
	Status    string    `json:"status,omitempty"`
	Reply     string    `json:"reply,omitempty"`
	Host      string    `json:"host,omitempty"`
	TLS       string    `json:"tls,omitempty"`
	Link      string    `json:"link,omitempty"`
	Review    string    `json:"review,omitempty"`
	askedLine
	// Segments are how far those of a short message came.
	Segments []segmentLine `json:"segments,omitempty"`
}

// segmentLine is a segment of a short message as operators see it.
type segmentLine struct {
	Sent   bool      `json:"sent"`
	ID     string    `json:"id,omitempty"`     // that the carrier gave
	Status string    `json:"status,omitempty"` // command_status of its last refusal
	State  string    `json:"state,omitempty"`  // of its receipt
	Error  string    `json:"error,omitempty"`
	Done   time.Time `json:"done,omitzero"`
}

func segmentLines(segments []gateway.SegmentResult) (lines []segmentLine) {
	for _, s := range segments {
		l := segmentLine{Sent: s.Sent, ID: s.ID.Reveal(), State: string(s.State), Error: s.Error, Done: s.Done}
		if s.Status != 0 {
			l.Status = fmt.Sprintf("0x%02X", s.Status)
		}
		lines = append(lines, l)
	}
	return lines
}

// toldOf says that the carrier took a message, and later that it did not reach
// its telephone; "" when it did, or nothing was said.
func toldOf(segments []gateway.SegmentResult) string {
	var worst gateway.ReceiptState
	for _, s := range segments {
		if failure(s.State) && (worst == "" || badness(s.State) > badness(worst)) {
			worst = s.State
		}
	}
	if worst == "" {
		return ""
	}
	return string(worst) + " by receipt"
}

func lineOf(e *gateway.Envelope) envelopeLine {
	l := envelopeLine{
		ID: e.ID.String(), State: string(e.State), Action: e.Action.String(), Decided: e.Decided.String(), Rules: e.Rules,
		Sender: e.Sender.Wire(), Recipient: shownTo(e.Recipient), Content: "original", Hold: e.Hold, Accepted: e.Accepted,
		Next: e.Next, Attempts: e.Attempts, Code: e.Last.Code, Status: e.Last.Status, Reply: e.Last.Text.Reveal(), Host: e.Last.Host,
		Review: e.Review.Reveal(), Segments: segmentLines(e.Last.Segments),
	}
	if e.Notice != nil {
		l.Content = "notice"
	}
	if told := toldOf(e.Last.Segments); told != "" && e.State == gateway.Delivered {
		l.Reply = told
	}
	if e.Attempts > 0 {
		l.TLS = tlsText(e.Last.TLS)
	}
	if !e.Link.IsZero() {
		l.Link = e.Link.String()
	}
	if l.Rules == nil {
		l.Rules = []string{}
	}
	return l
}

func (f *Flow) queueList(ctx context.Context, c Call) error {
	return f.list(ctx, c, gateway.State(c.Args.Get("state")))
}

func (f *Flow) heldList(ctx context.Context, c Call) error { return f.list(ctx, c, gateway.Held) }

// list prints the unfinished envelopes, or those of one state.
func (f *Flow) list(ctx context.Context, c Call, state gateway.State) error {
	limit := 10000
	if s := c.Args.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return usage("limit is a positive number")
		}
		limit = n
	}
	filter := queue.Filter{State: state, Rule: c.Args.Get("rule"), Limit: limit}
	if s := c.Args.Get("since"); s != "" {
		span, err := time.ParseDuration(s)
		if err != nil || span <= 0 {
			return usage("since is a time span, such as 24h")
		}
		filter.Since = f.Now().Add(-span)
	}
	envelopes, err := f.queue.List(ctx, filter)
	if err != nil {
		return err
	}
	for i := range envelopes {
		l := lineOf(&envelopes[i])
		if l.askedLine, err = f.askedLine(ctx, &envelopes[i]); err != nil {
			return err
		}
		if err := c.line(l); err != nil {
			return err
		}
	}
	return nil
}

func envelopeArg(c Call) (gateway.EnvelopeID, error) {
	id, err := gateway.ParseEnvelopeID(c.Args.Get("id"))
	if err != nil {
		return id, usage("an envelope id is 26 characters, a point and a number, such as those of queue list")
	}
	return id, nil
}

func (f *Flow) envelope(ctx context.Context, id gateway.EnvelopeID) (gateway.Envelope, error) {
	e, _, err := store.GetRecord[gateway.Envelope](ctx, f.Store, envelopeKey(id))
	if errors.Is(err, store.ErrNotFound) {
		return e, notFound("envelope")
	}
	return e, err
}

// queueShow prints an envelope and the verdict that decided it.
func (f *Flow) queueShow(ctx context.Context, c Call) error {
	id, err := f.shownEnvelopeArg(ctx, c)
	if err != nil {
		return err
	}
	e, err := f.envelope(ctx, id)
	if err != nil {
		return err
	}
	m, err := f.message(ctx, id.Message)
	if err != nil {
		return err
	}
	shown := struct {
		envelopeLine
		Subject string           `json:"subject"`
		From    string           `json:"from"`
		Bytes   int64            `json:"bytes"`
		Verdict *gateway.Verdict `json:"verdict,omitempty"`
		Results string           `json:"authentication,omitempty"`
		linkLine
	}{envelopeLine: lineOf(&e), Subject: m.Subject.Reveal(), From: m.From.Wire(), Bytes: m.Body.Size}
	if shown.Verdict = verdictOf(m, &e); shown.Verdict != nil {
		whole, err := f.verdicts(ctx, m)
		if err != nil {
			return err
		}
		shown.Verdict = &whole[e.Judged-1]
	}
	if m.Authentication != nil {
		shown.Results = mailauth.Results(f.set().Hostname, m.Authentication)
	}
	if shown.linkLine, err = f.linkLine(ctx, e.Link); err != nil {
		return err
	}
	if shown.askedLine, err = f.askedLine(ctx, &e); err != nil {
		return err
	}
	return c.line(shown)
}

// linkLine is a link as operators see it.
type linkLine struct {
	LinkState string    `json:"link_state,omitempty"`
	OpensBy   string    `json:"opens_by,omitempty"` // proofs that it takes; "nothing" when there is none
	Expires   time.Time `json:"expires,omitzero"`
}

func (f *Flow) linkLine(ctx context.Context, id gateway.LinkID) (linkLine, error) {
	l, _, err := store.GetRecord[gateway.Link](ctx, f.Store, linkKey(id))
	if id.IsZero() || errors.Is(err, store.ErrNotFound) {
		return linkLine{}, nil
	}
	if err != nil {
		return linkLine{}, err
	}
	p, err := f.reader(ctx, l)
	if err != nil {
		return linkLine{}, err
	}
	page, err := f.page(ctx, l, p, gateway.Visitor{})
	o := f.offer(l, p)
	return linkLine{LinkState: string(page.State), OpensBy: o.opens(), Expires: l.Expires}, err
}

func verdictOf(m *gateway.Message, e *gateway.Envelope) *gateway.Verdict {
	if e.Judged < 1 || e.Judged > len(m.Verdicts) {
		return nil
	}
	return &m.Verdicts[e.Judged-1]
}

// stage returns the function that leaves evidence of an operator's act.
func (f *Flow) stage(c Call, event gateway.Event, reason string) func(*store.Batch, gateway.Envelope) error {
	return func(b *store.Batch, e gateway.Envelope) error {
		f.file(b, e.ID.Message)
		d := map[string]string{}
		if reason != "" {
			d["reason_given"] = "yes" // the words may name people; they stand in the envelope's record
		}
		return f.Audit.Stage(b, gateway.Record{
			At: f.Now(), Event: event, Actor: c.Actor, Message: e.ID.Message, Envelope: e.ID.String(), Persons: append(slices.Clone(c.By), e.Person), Detail: d,
		})
	}
}

func (f *Flow) queueRetry(ctx context.Context, c Call) error {
	if c.Args.Get("all") == "true" {
		n, err := f.queue.RetryAll(ctx, f.stage(c, gateway.EventRequeued, ""))
		return errors.Join(c.line(map[string]int{"retried": n}), err)
	}
	id, err := envelopeArg(c)
	if err != nil {
		return err
	}
	return operated(f.queue.Retry(ctx, id, f.stage(c, gateway.EventRequeued, "")))
}

func (f *Flow) queueHold(ctx context.Context, c Call) error {
	id, err := envelopeArg(c)
	if err != nil {
		return err
	}
	evidence := f.stage(c, gateway.EventHeld, "")
	stage := func(b *store.Batch, after gateway.Envelope) error {
		b.After(func() { f.fresh.drop(id.Message) }) // it may wait for days
		return evidence(b, after)
	}
	return operated(f.intercept(ctx, id, func() error { return f.queue.Hold(ctx, id, "operator", stage) }))
}

func (f *Flow) queueDrop(ctx context.Context, c Call) error {
	id, err := envelopeArg(c)
	if err != nil {
		return err
	}
	e, err := f.envelope(ctx, id)
	if err != nil {
		return err
	}
	stage := func(b *store.Batch, after gateway.Envelope) error {
		if e.Notice != nil {
			f.Blobs.Delete(b, e.Notice.Body.Blob)
		}
		b.After(func() { f.finished(ctx, &after, false) })
		if err := f.stageDeleted(ctx, b, &after); err != nil {
			return err
		}
		return f.stage(c, gateway.EventDropped, "")(b, after)
	}
	return operated(f.intercept(ctx, id, func() error { return f.queue.Drop(ctx, id, stage) }))
}

// operated turns the queue's errors into the operator's.
func operated(err error) error {
	switch {
	case errors.Is(err, queue.ErrBusy):
		return &OperationError{Text: "that envelope is being delivered just now, try again", Busy: true}
	case errors.Is(err, queue.ErrNotFound):
		return notFound("envelope, or its state is another than this needs (queue show says which)")
	}
	return err
}

func (f *Flow) queuePause(ctx context.Context, c Call) error {
	return f.onQueue(ctx, c, gateway.EventQueuePaused, f.queue.Pause)
}

func (f *Flow) queueResume(ctx context.Context, c Call) error {
	return f.onQueue(ctx, c, gateway.EventQueueResumed, f.queue.Resume)
}

// onQueue is an act on the queue as a whole, with evidence in its commit.
func (f *Flow) onQueue(ctx context.Context, c Call, event gateway.Event, act func(context.Context, func(*store.Batch) error) (bool, error)) error {
	changed, err := act(ctx, func(b *store.Batch) error {
		return f.Audit.Stage(b, gateway.Record{At: f.Now(), Event: event, Actor: c.Actor})
	})
	if err != nil {
		return err
	}
	return c.line(Changed{changed})
}

// Changed is what acts answer that can find everything as they want it. Evidence
// tells of what was changed only.
type Changed struct {
	Changed bool `json:"changed"`
}

func (f *Flow) personThaw(ctx context.Context, c Call) error {
	p, err := f.contactArg(ctx, c)
	if err != nil {
		return err
	}
	thawed, err := f.Proof.ThawPIN(ctx, p.Ref, c.Actor)
	if err != nil {
		return err
	}
	// Also when it was not frozen: the try before may have ended before this.
	if err := f.Journal.Append(seal.Entry{Kind: seal.JournalFrozen, ID: p.Ref.String(), Data: []byte(ofPersonThawed)}); err != nil {
		return err
	}
	return c.line(Changed{thawed})
}

func (f *Flow) auditShow(ctx context.Context, c Call) error {
	id, err := f.shownMessageArg(ctx, c)
	if err != nil {
		return err
	}
	if _, err := f.Audit.Fold(ctx); err != nil {
		return err
	}
	entries, err := f.Audit.Story(ctx, id)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return notFound("message in the evidence")
	}
	verdictFor := f.verdictsOnce(ctx, id)
	for _, e := range entries {
		l := f.told(ctx, e.Seq, e.Record)
		if l.Verdict, err = verdictFor(e.Record); err != nil {
			return err
		}
		if err := c.line(l); err != nil {
			return err
		}
	}
	return nil
}

// toldLine is a record with the persons that are still known by name, and the
// verdict that it is about as long as the message's record is kept.
type toldLine struct {
	Seq     uint64           `json:"seq"`
	People  []string         `json:"people,omitempty"`
	Verdict *gateway.Verdict `json:"verdict,omitempty"`
	gateway.Record
}

func (f *Flow) told(ctx context.Context, seq uint64, r gateway.Record) toldLine {
	l := toldLine{Seq: seq, Record: r}
	for _, ref := range r.Persons {
		p, err := f.People.Resolve(ctx, ref)
		switch {
		case err == nil:
			l.People = append(l.People, p.Address.Wire())
		case ref.IsZero():
			l.People = append(l.People, "<>")
		case errors.Is(err, people.ErrUnknown):
			l.People = append(l.People, "erased")
		}
	}
	return l
}
