package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gatepost/gateway/people"
)

type queueCmd struct {
	List    queueListCmd    `cmd:"" help:"List envelopes that are not finished."`
	Summary queueSummaryCmd `cmd:"" help:"Count decisions and rules of what was accepted."`
	Show    queueShowCmd    `cmd:"" help:"One envelope, with the verdict that decided it."`
	Retry   queueRetryCmd   `cmd:"" help:"Try again now."`
	Hold    queueHoldCmd    `cmd:"" help:"Keep an envelope back until it is released."`
	Drop    queueDropCmd    `cmd:"" help:"Give an envelope up. No mail says so; of a short message the application gets a receipt, if it asked for one."`
	Pause   queuePauseCmd   `cmd:"" help:"Stop all deliveries; mail is still accepted."`
	Resume  queueResumeCmd  `cmd:"" help:"Go on with deliveries."`
}

type queueListCmd struct {
	State string `help:"Only this state: queued, held, delivered, bounced, refused, dropped, recorded, withdrawn." enum:",queued,held,delivered,bounced,refused,dropped,recorded,withdrawn" default:""`
	Rule  string `placeholder:"ID" help:"Only what this rule of the policy decided."`
	Since span   `placeholder:"24h" help:"Only mail accepted within this time before now, such as 90m, 24h or 7d."`
	Limit int    `help:"At most so many, the oldest first; of those that are queued, the next to be tried." default:"10000"`
}

func (q queueListCmd) Run(ctx context.Context, env environment) error {
	if err := sayPaused(ctx, env); err != nil {
		return err
	}
	args := url.Values{"state": {q.State}, "rule": {q.Rule}, "limit": {strconv.Itoa(q.Limit)}}
	if q.Since > 0 {
		args.Set("since", q.Since.String())
	}
	lines := lineCounter{to: env.out}
	warn := env.err
	env.out = &lines
	err := operate(ctx, env, "queue.list", args, nil, false,
		table("ID=id", "STATE=state", "ACTION=action", "DECIDED=decided", "RULES=rules", "CONTENT=content", "SENDER=sender", "RECIPIENT=recipient", "TRIES=attempts", "NEXT=next", "REPLY=reply"))
	if !env.json {
		lines.n-- // the heading
	}
	if err == nil && lines.n >= q.Limit {
		_, err = fmt.Fprintf(warn, "gatepost: these are the first %d; there may be more (--since, --limit)\n", q.Limit)
	}
	return err
}

// lineCounter counts the lines that pass.
type lineCounter struct {
	to io.Writer
	n  int
}

func (l *lineCounter) Write(p []byte) (int, error) {
	l.n += bytes.Count(p, []byte("\n"))
	return l.to.Write(p)
}

// envelopeArg is the argument of the commands about one envelope.
type envelopeArg struct {
	ID string `arg:"" help:"Envelope id as printed by queue list."`
}

func (a envelopeArg) values() url.Values { return url.Values{"id": {a.ID}} }

type queueShowCmd struct {
	ID string `arg:"" help:"Envelope id as printed by queue list, or the reference that a reader's page or notice shows."`
}

func (q queueShowCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "queue.show", url.Values{"id": {q.ID}}, nil, false, brief)
}

type queueRetryCmd struct {
	ID  string `arg:"" optional:"" help:"Envelope id as printed by queue list."`
	All bool   `help:"All envelopes that wait."`
}

func (q queueRetryCmd) Run(ctx context.Context, env environment) error {
	if (q.ID == "") != q.All {
		return exit{exitUsage, errors.New("either an id or --all")}
	}
	args := url.Values{"id": {q.ID}, "all": {strconv.FormatBool(q.All)}}
	if q.All {
		return operate(ctx, env, "queue.retry", args, nil, false, record)
	}
	return did(env, operate(ctx, env, "queue.retry", args, nil, false, nil), q.ID+" is tried again now")
}

type queueHoldCmd struct{ envelopeArg }

func (q queueHoldCmd) Run(ctx context.Context, env environment) error {
	return did(env, operate(ctx, env, "queue.hold", q.values(), nil, false, nil), q.ID+" is held until it is released")
}

type queueDropCmd struct{ envelopeArg }

func (q queueDropCmd) Run(ctx context.Context, env environment) error {
	return did(env, operate(ctx, env, "queue.drop", q.values(), nil, false, nil), q.ID+" is given up")
}

type queuePauseCmd struct{}

func (queuePauseCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "queue.pause", nil, nil, false, orSo("The queue is paused (gatepost queue resume)", "The queue was paused before (gatepost queue resume)"))
}

type queueResumeCmd struct{}

func (queueResumeCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "queue.resume", nil, nil, false, orSo("The queue delivers again", "The queue was not paused: nothing is changed"))
}

type heldCmd struct {
	List    heldListCmd    `cmd:"" help:"List what waits for a person."`
	Show    heldShowCmd    `cmd:"" help:"One held envelope and why it is held."`
	Release heldReleaseCmd `cmd:"" help:"Let it go, the way the other rules demand."`
	Refuse  heldRefuseCmd  `cmd:"" help:"Refuse it; a sender inside is told."`
}

type heldListCmd struct{}

func (heldListCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "held.list", nil, nil, false,
		table("ID=id", "WHY=hold", "RULES=rules", "SENDER=sender", "RECIPIENT=recipient", "SINCE=accepted", "ASKED=asked"))
}

type heldShowCmd struct{ envelopeArg }

func (h heldShowCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "held.show", h.values(), nil, false, brief)
}

type reviewArg struct {
	envelopeArg
	Reason string `required:"" help:"Why; becomes part of the record. A sender inside reads it when a mail is refused."`
}

func (a reviewArg) values() url.Values { return url.Values{"id": {a.ID}, "reason": {a.Reason}} }

type heldReleaseCmd struct{ reviewArg }

func (h heldReleaseCmd) Run(ctx context.Context, env environment) error {
	return did(env, operate(ctx, env, "held.release", h.values(), nil, false, nil), h.ID+" is released")
}

type heldRefuseCmd struct{ reviewArg }

func (h heldRefuseCmd) Run(ctx context.Context, env environment) error {
	return did(env, operate(ctx, env, "held.refuse", h.values(), nil, false, nil), h.ID+" is refused")
}

type messageCmd struct {
	Show   messageShowCmd   `cmd:"" help:"A message and what became of each envelope."`
	Recall messageRecallCmd `cmd:"" help:"Take a message back: lock it at once, shred it when the grace is over."`
}

type messageShowCmd struct {
	ID string `arg:"" help:"Queue id of the message, or the reference that a reader's page or notice shows."`
}

func (m messageShowCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "message.show", url.Values{"id": {m.ID}}, nil, false, brief)
}

type linkCmd struct {
	Thaw linkThawCmd `cmd:"" help:"Open a link again that wrong codes froze, or a correspondent's PIN."`
}

type linkThawCmd struct {
	ID string `arg:"" help:"Reference that the reader's page shows, link id as printed by queue show, or the mail address of a correspondent whose PIN is frozen."`
}

func (l linkThawCmd) Run(ctx context.Context, env environment) error {
	if strings.Contains(l.ID, "@") {
		return operate(ctx, env, "link.thaw", url.Values{"name": {l.ID}}, nil, true,
			orSo("The PIN of "+l.ID+" takes tries again", "The PIN of "+l.ID+" was not frozen: nothing is changed"))
	}
	return operate(ctx, env, "link.thaw", url.Values{"id": {l.ID}}, nil, true, orSo("The link takes tries again", "The link was not frozen: nothing is changed"))
}

type userCmd struct {
	Add     userAddCmd     `cmd:"" help:"Add a user."`
	Passwd  userPasswdCmd  `cmd:"" help:"Set a user's password."`
	Role    userRoleCmd    `cmd:"" help:"Give a user another role. They have to log in again."`
	List    userListCmd    `cmd:"" help:"List users."`
	Disable userDisableCmd `cmd:"" help:"End a user's log-ins."`
	Enable  userEnableCmd  `cmd:"" help:"Give a disabled user their log-ins back, with a new password."`
	App     userAppCmd     `cmd:"" name:"app-password" help:"Passwords of a user's mail clients, one for each."`
}

type userAddCmd struct {
	Name         string `arg:"" help:"Mail address in one of the organization's domains."`
	PasswordFile string `required:"" placeholder:"FILE" help:"File with the password; one final newline is dropped. Shorter than 12 characters, it counts from this machine only. - is standard input."`
	Role         string `enum:"staff,compliance,admin" default:"staff" help:"staff, compliance or admin."`
}

func (u userAddCmd) Run(ctx context.Context, env environment) error {
	password, err := passwordFrom(env, u.PasswordFile)
	if err != nil {
		return err
	}
	warnWeak(env, password)
	return did(env, operate(ctx, env, "user.add", url.Values{"name": {u.Name}, "role": {u.Role}}, strings.NewReader(password), true, nil), "User "+u.Name+" is added")
}

// warnWeak says what a short password is good for.
func warnWeak(env environment, password string) {
	if people.WeakPassword(password) {
		fmt.Fprintln(env.err, "gatepost: warning: a password of less than 12 characters counts from mail clients on this machine only, and is wrong everywhere else")
	}
}

func passwordFrom(env environment, path string) (string, error) {
	in := env.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", exit{exitNoInput, err}
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, 4096))
	if err != nil {
		return "", exit{exitNoInput, err}
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r"), nil
}

type userPasswdCmd struct {
	Name         string `arg:"" help:"The user's address."`
	PasswordFile string `required:"" placeholder:"FILE" help:"File with the password; one final newline is dropped. Shorter than 12 characters, it counts from this machine only. - is standard input."`
}

func (u userPasswdCmd) Run(ctx context.Context, env environment) error {
	password, err := passwordFrom(env, u.PasswordFile)
	if err != nil {
		return err
	}
	warnWeak(env, password)
	return did(env, operate(ctx, env, "user.passwd", url.Values{"name": {u.Name}}, strings.NewReader(password), true, nil), "The password of "+u.Name+" is set")
}

type userRoleCmd struct {
	Name string `arg:"" help:"The user's address."`
	Role string `arg:"" enum:"staff,compliance,admin" help:"staff, compliance (reviews held mail) or admin."`
}

func (u userRoleCmd) Run(ctx context.Context, env environment) error {
	args := url.Values{"name": {u.Name}, "role": {u.Role}}
	return operate(ctx, env, "user.role", args, nil, true,
		orSo("User "+u.Name+" is "+u.Role+" from the next log-in; IMAP and viewer sessions under that name are ended", "User "+u.Name+" was "+u.Role+" before: nothing is changed"))
}

type userListCmd struct{}

func (userListCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "user.list", nil, nil, true, table("NAME=name", "ROLE=role", "DISABLED=disabled", "WEAK=weak", "APPS=app_passwords", "CREATED=created"))
}

type userDisableCmd struct {
	Name string `arg:"" help:"The user's address."`
}

func (u userDisableCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "user.disable", url.Values{"name": {u.Name}}, nil, true,
		orSo("User "+u.Name+" cannot log in any more", "User "+u.Name+" was disabled before: nothing is changed"))
}

type userEnableCmd struct {
	Name         string `arg:"" help:"The user's address."`
	PasswordFile string `required:"" placeholder:"FILE" help:"File with the new password, another than the user had; one final newline is dropped. Shorter than 12 characters, it counts from this machine only. - is standard input."`
}

func (u userEnableCmd) Run(ctx context.Context, env environment) error {
	password, err := passwordFrom(env, u.PasswordFile)
	if err != nil {
		return err
	}
	warnWeak(env, password)
	return did(env, operate(ctx, env, "user.enable", url.Values{"name": {u.Name}}, strings.NewReader(password), true, nil), "User "+u.Name+" can log in again; passwords of mail clients have to be made anew")
}

type contactCmd struct {
	Import  contactImportCmd  `cmd:"" help:"Read contacts from CSV: email,email2,phone,language,name,pin,patient,consents."`
	Show    contactShowCmd    `cmd:"" help:"What is known of a correspondent."`
	Devices contactDevicesCmd `cmd:"" help:"Browsers that remember a correspondent."`
	PIN     contactPINCmd     `cmd:"" name:"pin" help:"The PIN that a correspondent chose."`
	Export  contactExportCmd  `cmd:"" help:"What is stored of a correspondent, as JSON lines: records only; the texts of messages are not in it."`
	Erase   contactEraseCmd   `cmd:"" help:"Forget a correspondent; the evidence stays and names them no more."`
}

type contactImportCmd struct {
	File string `arg:"" help:"CSV file; - is standard input."`
}

func (c contactImportCmd) Run(ctx context.Context, env environment) error {
	in := env.in
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return exit{exitNoInput, err}
		}
		defer f.Close()
		in = f
	}
	return operate(ctx, env, "contact.import", nil, in, true, record)
}

type contactShowCmd struct {
	Name string `arg:"" help:"Mail address or telephone number."`
}

func (c contactShowCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "contact.show", url.Values{"name": {c.Name}}, nil, true, record)
}

type contactDevicesCmd struct {
	Revoke contactRevokeCmd `cmd:"" help:"Forget a browser, or all of them: its next visit needs a code or PIN."`
}

type contactRevokeCmd struct {
	Name string `arg:"" help:"Mail address."`
	ID   string `arg:"" optional:"" help:"Device as printed by contact show; absent: all."`
}

func (c contactRevokeCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "contact.revoke", url.Values{"name": {c.Name}, "id": {c.ID}}, nil, true, record)
}

type contactPINCmd struct {
	Drop contactPINDropCmd `cmd:"" help:"Remove a PIN that its owner forgot: they choose another after a code."`
}

type contactPINDropCmd struct {
	Name string `arg:"" help:"Mail address."`
}

func (c contactPINDropCmd) Run(ctx context.Context, env environment) error {
	return did(env, operate(ctx, env, "contact.drop_pin", url.Values{"name": {c.Name}}, nil, true, nil), "The PIN that "+c.Name+" chose is gone")
}

type auditCmd struct {
	Show   auditShowCmd   `cmd:"" help:"The whole story of one message."`
	Verify auditVerifyCmd `cmd:"" help:"Prove that nothing in the evidence was changed, removed or reordered."`
	Export auditExportCmd `cmd:"" help:"Write the evidence as JSON lines or RFC 5424."`
}

type auditShowCmd struct {
	ID string `arg:"" help:"Queue id of the message, or the reference that a reader's page or notice shows."`
}

func (a auditShowCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "audit.show", url.Values{"id": {a.ID}}, nil, true, table("SEQ=seq", "AT=at", "EVENT=event", "BY=actor", "PEOPLE=people", "DETAIL=detail"))
}

type auditVerifyCmd struct {
	Checkpoint []string `placeholder:"FILE" help:"Also compare with a checkpoint that was kept elsewhere."`
	Export     string   `placeholder:"FILE" help:"Verify this JSON export instead of the store; needs --checkpoint and --key and nothing else of Gatepost."`
	Key        string   `placeholder:"KEY" help:"Public key of the evidence, as audit export --key prints it."`
}

func (a auditVerifyCmd) Run(ctx context.Context, env environment) error {
	if a.Export != "" {
		return a.export(env)
	}
	args := url.Values{}
	for _, path := range a.Checkpoint {
		raw, err := os.ReadFile(path)
		if err != nil {
			return exit{exitNoInput, err}
		}
		args.Add("checkpoint", string(raw))
	}
	return operate(ctx, env, "audit.verify", args, nil, true, verified)
}

type auditExportCmd struct {
	Format     string `enum:"json,rfc5424" default:"json" help:"json or rfc5424."`
	Checkpoint bool   `help:"Write the newest signed checkpoint instead of the records."`
	Key        bool   `help:"Write the public key that verifies checkpoints."`
	Names      bool   `help:"Name the persons that are still known. Such an export is for reading; it does not verify."`
	Note       string `placeholder:"FILE" help:"Also write the signed checkpoint of exactly these records, with which the export verifies anywhere."`
}

func (a auditExportCmd) Run(ctx context.Context, env environment) error {
	if a.Note != "" {
		return a.withNote(ctx, env)
	}
	return operate(ctx, env, "audit.export", url.Values{
		"format": {a.Format}, "checkpoint": {strconv.FormatBool(a.Checkpoint)},
		"key": {strconv.FormatBool(a.Key)}, "names": {strconv.FormatBool(a.Names)},
	}, nil, true, nil)
}

type keyCmd struct {
	List    keyListCmd    `cmd:"" help:"List keys and key groups."`
	Rotate  keyRotateCmd  `cmd:"" help:"Begin a new spool or metadata key."`
	Destroy keyDestroyCmd `cmd:"" help:"Destroy a key group: what it seals can never be opened again."`
}

type keyListCmd struct{}

func (keyListCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "key.list", nil, nil, true, table("ID=id", "KIND=kind", "STATE=state", "RETAIN UNTIL=retain", "CREATED=created"))
}

type keyRotateCmd struct {
	Kind string `arg:"" enum:"spool,metadata" help:"spool or metadata."`
}

func (k keyRotateCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "key.rotate", url.Values{"kind": {k.Kind}}, nil, true, record)
}

type keyDestroyCmd struct {
	Group string `arg:"" help:"Key group as printed by key list."`
	Yes   bool   `help:"Really."`
}

func (k keyDestroyCmd) Run(ctx context.Context, env environment) error {
	if !k.Yes {
		return exit{exitUsage, errors.New("this cannot be undone; add --yes")}
	}
	return operate(ctx, env, "key.destroy", url.Values{"id": {k.Group}}, nil, true, record)
}

type backupCmd struct {
	Dir string `arg:"" help:"New directory to write to."`
}

func (b backupCmd) Run(ctx context.Context, env environment) error {
	dir, err := filepath.Abs(b.Dir)
	if err != nil {
		return exit{exitCantCreate, err}
	}
	if _, err := os.Stat(dir); err == nil {
		return exit{exitCantCreate, fmt.Errorf("%s exists already", b.Dir)}
	}
	return operate(ctx, env, "backup", url.Values{"dir": {dir}}, nil, true, record)
}

type storeCmd struct {
	Dump storeDumpCmd `cmd:"" help:"List the keys of all tables, without values."`
}

type storeDumpCmd struct{}

func (storeDumpCmd) Run(ctx context.Context, env environment) error {
	return operate(ctx, env, "store.dump", nil, nil, true, nil)
}
