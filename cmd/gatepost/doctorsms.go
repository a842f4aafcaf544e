package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"gatepost/gateway/flow"
	"gatepost/smppd/pdu"
	"gatepost/smppd/upstream"
)

// bindLine is one of our binds at the carrier as operators see it.
type bindLine struct {
	Bind   string    `json:"bind"`
	Up     bool      `json:"up"`
	Since  time.Time `json:"since,omitzero"`
	Reason string    `json:"reason,omitempty"`
}

// carrierState tells of our binds; nothing without a carrier.
func (s *system) carrierState(_ context.Context, c flow.Call) error {
	if s.smsc == nil {
		return nil
	}
	for _, b := range s.smsc.State() {
		if err := answer(c, bindLine{b.Bind, b.Up, b.Since, b.Reason}); err != nil {
			return err
		}
	}
	return nil
}

// sms looks at both sides of short messages. A running server is asked for its
// binds: many carriers allow one at a time, and a second would end the first.
func (d *doctor) sms(ctx context.Context) {
	if d.c.SMS == nil || d.c.SMS.Upstream == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*lookTime)
	defer cancel()
	const check = "sms.upstream"
	var out bytes.Buffer
	err := remote(ctx, d.c.DataDir, "carrier.state", nil, nil, &out)
	if errors.Is(err, errNoServer) {
		d.probeCarrier(ctx, check)
		return
	}
	if err != nil {
		d.say(check, stateWarn, "the server could not be asked: %v", err)
		return
	}
	lines := json.NewDecoder(&out)
	for lines.More() {
		var b bindLine
		if err := lines.Decode(&b); err != nil {
			d.say(check, stateWarn, "the server answers something else: %v", err)
			return
		}
		if b.Up {
			d.say(check, stateOK, "%s bound as %s since %s", d.c.SMS.Upstream.Addr, b.Bind, b.Since.Format(time.DateTime))
		} else {
			d.say(check, stateFail, "%s is not bound as %s: %s", d.c.SMS.Upstream.Addr, b.Bind, b.Reason)
		}
	}
}

func (d *doctor) probeCarrier(ctx context.Context, check string) {
	k, err := upstreamConfig(d.c)
	if err == nil {
		err = upstream.Probe(ctx, k)
	}
	if err != nil {
		d.say(check, stateFail, "%s: %v", d.c.SMS.Upstream.Addr, err)
		return
	}
	d.say(check, stateOK, "%s takes our bind", d.c.SMS.Upstream.Addr)
}

// enquires asks an SMPP listener for a sign of life before any bind: Gatepost
// answers that this is not the state for it.
func enquires(secure bool) func(context.Context, string) (string, error) {
	return func(ctx context.Context, addr string) (string, error) {
		conn, err := dialOwn(ctx, addr, secure)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		frame, err := pdu.Append(nil, pdu.PDU{Command: pdu.EnquireLink, Sequence: 1})
		if err != nil {
			return "", err
		}
		if _, err := conn.Write(frame); err != nil {
			return "", err
		}
		p, err := pdu.NewReader(conn, pdu.MaxFrame).Read()
		if errors.Is(err, io.EOF) {
			return "", errors.New("hangs up")
		}
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("SMPP (%s)", strings.ToLower(p.Command.String())), nil
	}
}

// dialOwn connects to a listener of ours, whose certificate others check.
func dialOwn(ctx context.Context, addr string, secure bool) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(lookTime)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if secure {
		return tls.Client(conn, &tls.Config{InsecureSkipVerify: true}), nil // certificates are another check
	}
	return conn, nil
}
