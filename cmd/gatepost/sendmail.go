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
	"strings"
	"time"

	"gatepost/gateway"
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

// sendmailArgs drops the options of other sendmails that mean nothing here
// (-i, -oi, -oem, -bm, -B8BITMIME, …): input always ends at its end.
func sendmailArgs(args []string) []string {
	kept := args[:1:1]
	for i := 1; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "-r":
			a = "-f"
		case a == "-i" || a == "-n" || a == "-G" || a == "-U" || a == "-v",
			strings.HasPrefix(a, "-o") && a != "-o", strings.HasPrefix(a, "-b"), strings.HasPrefix(a, "-B"), strings.HasPrefix(a, "-L") && len(a) > 2:
			continue
		case a == "-o" || a == "-N" || a == "-R" || a == "-V" || a == "-L":
			i++
			continue
		}
		kept = append(kept, a)
	}
	return kept
}

// maxSendmail bounds what is read from standard input; octets.
const maxSendmail = 200 << 20

func (s sendmailCmd) Run(_ context.Context, env environment) error {
	c, err := loadConfig(env)
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
	if c.Listen.Relay == "" {
		return exit{exitConfig, errors.New("listen.relay is not configured")}
	}
	return submit(c.Listen.Relay, from, to, raw)
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
			skip = len(line) >= 4 && strings.EqualFold(string(line[:4]), "bcc:")
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
func submit(addr, from string, to []string, raw []byte) error {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return exit{exitTemporary, fmt.Errorf("the relay listener does not answer: %w", err)}
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Minute))
	client, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		return smtpExit(err)
	}
	defer client.Close()
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	if err := client.Hello(host); err != nil {
		return smtpExit(err)
	}
	if err := client.Mail(from); err != nil {
		return smtpExit(err)
	}
	for _, a := range to {
		if err := client.Rcpt(a); err != nil {
			return smtpExit(err)
		}
	}
	w, err := client.Data()
	if err != nil {
		return smtpExit(err)
	}
	_, err = w.Write(raw)
	if err = errors.Join(err, w.Close()); err != nil {
		return smtpExit(err)
	}
	return smtpExit(client.Quit())
}

func smtpExit(err error) error {
	var reply *textproto.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &reply) && reply.Code >= 500:
		return exit{exitUnavailable, err}
	default:
		return exit{exitTemporary, err}
	}
}
