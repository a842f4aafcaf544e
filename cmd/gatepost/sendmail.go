package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/config"
)

// sendmailCmd is the interface that cron and applications know: a mail on
// standard input, recipients as arguments or (-t) in its header. It speaks
// SMTP to the relay listener and reads no key.
type sendmailCmd struct {
	From       string   `short:"f" help:"Envelope sender."`
	FullName   string   `short:"F" help:"Name for a From field that is missing."`
	Header     bool     `short:"t" help:"Recipients are in To, Cc and Bcc; Bcc is removed."`
	Recipients []string `arg:"" optional:"" help:"Recipients."`
}

// withoutForeignOptions prepares the options of the sendmail command, if it is
// that.
func withoutForeignOptions(args []string) ([]string, error) {
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "sendmail":
			own, err := sendmailArgs(args[i:])
			return append(slices.Clone(args[:i]), own...), err
		case args[i] == "--config":
			i++
		case !strings.HasPrefix(args[i], "--"):
			return args, nil
		}
	}
	return args, nil
}

// sendmailArgs makes of the options of other sendmails what is meant here:
// those that mean nothing (-i, -oi, -oem, -B8BITMIME, …) are dropped, for
// input always ends at its end.
func sendmailArgs(args []string) ([]string, error) {
	kept := args[:1:1]
	for i := 1; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			return append(kept, args[i:]...), nil
		case strings.HasPrefix(a, "-r"):
			a = "-f" + a[2:]
		case strings.HasPrefix(a, "-b") && a != "-bm":
			return nil, fmt.Errorf("%s is not offered: this takes one mail from standard input", a)
		case a == "-bm", strings.HasPrefix(a, "-o") && a != "-o", strings.HasPrefix(a, "-B"), longOption(a):
			continue
		case slices.Contains([]string{"-o", "-N", "-R", "-V", "-L"}, a):
			i++
			continue
		case len(a) > 1 && a[0] == '-' && strings.Trim(a[1:], "inGUvt") == "":
			if !strings.Contains(a, "t") {
				continue
			}
			a = "-t"
		}
		kept = append(kept, a)
	}
	return kept, nil
}

// longOption: -Nnever, -Rhdrs, -Vid and -Ltag with their values attached.
func longOption(a string) bool {
	return len(a) > 2 && a[0] == '-' && strings.IndexByte("NRVL", a[1]) >= 0
}

// maxSendmail bounds what is read from standard input; octets.
const maxSendmail = 200 << 20

// address reads of the configuration only where the relay listener is: whoever
// may send need not be able to read secrets.
func (sendmailCmd) address(env environment) (*config.Config, error) {
	path := env.config
	src, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrPermission):
		return nil, exit{exitNoPerm, fmt.Errorf("%s cannot be read by this user: %s with listen.relay and organization.domains is enough for sendmail", path, sendmailConfig)}
	case err != nil:
		return nil, exit{exitNoInput, fmt.Errorf("the configuration %s cannot be read", path)}
	}
	c, err := config.Parse(path, src)
	if err != nil {
		return nil, exit{exitConfig, err}
	}
	if c.Listen.Relay == "" || len(c.Organization.Domains) == 0 {
		return nil, exit{exitConfig, fmt.Errorf("%s: listen.relay and organization.domains are needed", path)}
	}
	return c, nil
}

func (s sendmailCmd) Run(ctx context.Context, env environment) error {
	c, err := s.address(env)
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(io.LimitReader(env.in, maxSendmail+1))
	if err != nil || len(raw) > maxSendmail {
		return exit{exitData, errors.New("reading the mail failed, or it is too large")}
	}
	from, err := s.sender(c.Organization.Domains[0])
	if err != nil {
		return exit{exitUsage, err}
	}
	raw, to, err := s.prepare(canonical(raw), from)
	if err != nil {
		return exit{exitUsage, err}
	}
	return submit(ctx, c, from, to, raw)
}

func (s sendmailCmd) sender(domain string) (string, error) {
	from := s.From
	if from == "" {
		u, err := user.Current()
		if err != nil {
			return "", err
		}
		from = u.Username
	}
	if from == "<>" {
		return "", nil
	}
	if !strings.Contains(from, "@") {
		from += "@" + domain
	}
	a, err := gateway.ParseAddress(from)
	return a.Wire(), err
}

// canonical turns Unix line ends into CRLF and drops a final lone dot line's
// meaning: standard input ends where it ends.
func canonical(raw []byte) []byte {
	raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	raw = bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))
	if !bytes.HasSuffix(raw, []byte("\r\n")) {
		raw = append(raw, "\r\n"...)
	}
	return raw
}

// prepare collects the recipients, removes Bcc and adds the fields that RFC
// 5322 section 3.6 requires where they are missing.
func (s sendmailCmd) prepare(raw []byte, from string) ([]byte, []string, error) {
	head, body, found := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !found || bytes.HasPrefix(raw, []byte("\r\n")) {
		head, body = nil, bytes.TrimPrefix(raw, []byte("\r\n"))
	}
	fields, err := textproto.NewReader(bufio.NewReader(io.MultiReader(bytes.NewReader(head), strings.NewReader("\r\n\r\n")))).ReadMIMEHeader()
	if err != nil && len(head) > 0 {
		return nil, nil, errors.New("the mail has no valid header")
	}
	for name, values := range fields { // RFC 5322 section 4.5: white space before the colon
		if bare := strings.TrimRight(name, " \t"); bare != name {
			delete(fields, name)
			bare = textproto.CanonicalMIMEHeaderKey(bare)
			fields[bare] = append(fields[bare], values...)
		}
	}
	to := s.Recipients
	if s.Header {
		for _, name := range []string{"To", "Cc", "Bcc"} {
			for _, value := range fields[name] {
				list, err := mail.ParseAddressList(value)
				if err != nil {
					return nil, nil, fmt.Errorf("the %s field cannot be read", name)
				}
				for _, a := range list {
					to = append(to, a.Address)
				}
			}
		}
	}
	if len(to) == 0 {
		return nil, nil, errors.New("no recipients")
	}
	var out bytes.Buffer
	add := func(name, value string) {
		if len(fields[name]) == 0 {
			fmt.Fprintf(&out, "%s: %s\r\n", name, value)
		}
	}
	add("From", (&mail.Address{Name: s.FullName, Address: from}).String())
	add("Date", time.Now().Format(time.RFC1123Z))
	add("Message-Id", fmt.Sprintf("<%s@%s>", strings.ToLower(rand.Text()), from[strings.LastIndexByte(from, '@')+1:]))
	out.Write(withoutBcc(head))
	out.WriteString("\r\n")
	out.Write(body)
	return out.Bytes(), to, nil
}

func withoutBcc(head []byte) []byte {
	var out bytes.Buffer
	skip := false
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if len(line) == 0 {
			continue
		}
		if line[0] != ' ' && line[0] != '\t' {
			name, _, _ := bytes.Cut(line, []byte(":"))
			skip = strings.EqualFold(strings.TrimRight(string(name), " \t"), "bcc")
		}
		if !skip {
			out.Write(line)
			out.WriteString("\r\n")
		}
	}
	return out.Bytes()
}

// submit hands the mail over; a temporary refusal is exit code 75, so that
// the caller may try again.
func submit(ctx context.Context, c *config.Config, from string, to []string, raw []byte) error {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", reachable(c.Listen.Relay))
	if err != nil {
		return exit{exitTemporary, fmt.Errorf("the relay listener does not answer: %w", err)}
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Minute))
	client, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		return smtpExit(err)
	}
	defer client.Close()
	if err := client.Hello(c.Hostname); err != nil {
		return smtpExit(err)
	}
	return smtpExit(transact(client, from, to, raw))
}

func transact(client *smtp.Client, from string, to []string, raw []byte) error {
	if err := command(client, 250, "MAIL FROM:<"+from+">"+mailParameters(from, to, raw)); err != nil {
		return err
	}
	for _, a := range to {
		if err := command(client, 25, "RCPT TO:<"+a+">"); err != nil {
			return err
		}
	}
	w, err := client.Data()
	if err != nil {
		return err
	}
	_, err = w.Write(raw)
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	_ = client.Quit() // the mail is accepted, whatever becomes of the goodbye: who tried again would send it twice
	return nil
}

// mailParameters asks for what this mail needs and no more: a mail that was
// marked SMTPUTF8 without need would be refused by next hops that lack it.
func mailParameters(from string, to []string, raw []byte) string {
	head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	eight := func(c byte) bool { return c >= 0x80 }
	switch {
	case slices.ContainsFunc([]byte(from+strings.Join(to, "")+string(head)), eight):
		return " BODY=8BITMIME SMTPUTF8"
	case slices.ContainsFunc(raw, eight):
		return " BODY=8BITMIME"
	}
	return ""
}

func command(client *smtp.Client, want int, line string) error {
	if strings.ContainsAny(line, "\r\n") {
		return exit{exitUsage, errors.New("an address holds a line end")}
	}
	id, err := client.Text.Cmd("%s", line)
	if err != nil {
		return err
	}
	client.Text.StartResponse(id)
	defer client.Text.EndResponse(id)
	_, _, err = client.Text.ReadResponse(want)
	return err
}

func smtpExit(err error) error {
	var reply *textproto.Error
	var own exit
	switch {
	case err == nil || errors.As(err, &own):
		return err
	case errors.As(err, &reply) && reply.Code >= 500:
		return exit{exitUnavailable, err}
	default:
		return exit{exitTemporary, err}
	}
}
