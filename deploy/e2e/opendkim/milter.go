package opendkim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// milter is the side of the mail server in the milter protocol, version 6, as
// libmilter's own documents describe it: packets of a length, a command and its
// data.
type milter struct {
	conn net.Conn
	lead bool // values keep their leading space
}

// What the mail server offers, and the flag for leading space.
const (
	version   = 6
	actions   = 0x1ff
	leadSpace = 0x100000
	chunk     = 65535 // most octets of body in a packet
)

func (m *milter) close() {
	_ = m.send('Q', nil)
	_ = m.conn.Close()
}

func (m *milter) send(command byte, data []byte) error {
	packet := binary.BigEndian.AppendUint32(nil, uint32(len(data)+1))
	_, err := m.conn.Write(append(append(packet, command), data...))
	return err
}

func (m *milter) receive() (command byte, data []byte, err error) {
	var size [4]byte
	if _, err := io.ReadFull(m.conn, size[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n == 0 || n > 1<<20 {
		return 0, nil, fmt.Errorf("packet of %d octets", n)
	}
	data = make([]byte, n)
	_, err = io.ReadFull(m.conn, data)
	return data[0], data[1:], err
}

// step sends a command and expects to be told to go on.
func (m *milter) step(command byte, data ...string) error {
	var text strings.Builder
	for _, d := range data {
		text.WriteString(d)
	}
	if err := m.send(command, []byte(text.String())); err != nil {
		return err
	}
	answer, _, err := m.receive()
	if err == nil && answer != 'c' {
		err = fmt.Errorf("it answered %q to %q", answer, command)
	}
	return err
}

// negotiate is the first exchange.
func (m *milter) negotiate() error {
	var offer []byte
	for _, n := range []uint32{version, actions, leadSpace} {
		offer = binary.BigEndian.AppendUint32(offer, n)
	}
	if err := m.send('O', offer); err != nil {
		return err
	}
	command, data, err := m.receive()
	if err != nil || command != 'O' || len(data) < 12 {
		return fmt.Errorf("negotiation: %q, %v", command, err)
	}
	wants := binary.BigEndian.Uint32(data[8:])
	m.lead = wants&leadSpace != 0
	if wants&^leadSpace != 0 {
		return errors.New("it wants what was not offered")
	}
	return nil
}

// hand hands in a mail from this machine, and returns the fields that are to be
// put in front, with CRLF.
func (m *milter) hand(raw []byte, sender string) (fields string, err error) {
	const nul = "\x00"
	head, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		return "", errors.New("the mail has no body")
	}
	err = errors.Join(m.negotiate(),
		m.step('C', "localhost"+nul, "4", "\x30\x39", "127.0.0.1"+nul),
		m.step('H', "mail.example.org"+nul),
		m.step('M', "<"+sender+">"+nul),
		m.step('R', "<"+recipient+">"+nul))
	for _, f := range split(string(head)) {
		name, value, _ := strings.Cut(f, ":")
		if !m.lead {
			value = strings.TrimPrefix(value, " ")
		}
		err = errors.Join(err, m.step('L', name+nul, strings.ReplaceAll(value, "\r\n", "\n")+nul))
	}
	err = errors.Join(err, m.step('N'))
	for len(body) > 0 && err == nil {
		n := min(len(body), chunk)
		err = m.step('B', string(body[:n]))
		body = body[n:]
	}
	if err != nil {
		return "", err
	}
	return m.end()
}

// end closes the mail and collects what is to be inserted.
func (m *milter) end() (fields string, err error) {
	if err := m.send('E', nil); err != nil {
		return "", err
	}
	for {
		command, data, err := m.receive()
		if err != nil {
			return "", err
		}
		switch command {
		case 'i': // insert a field at an index
			parts := strings.Split(string(data[4:]), "\x00")
			space := " "
			if m.lead {
				space = ""
			}
			fields += parts[0] + ":" + space + strings.ReplaceAll(parts[1], "\n", "\r\n") + "\r\n"
		case 'p': // still at work
		case 'a', 'c':
			return fields, nil
		default:
			return "", fmt.Errorf("it answered %q at the end", command)
		}
	}
}

// split takes a header apart, folding kept.
func split(head string) []string {
	var list []string
	for l := range strings.SplitSeq(head, "\r\n") {
		if l != "" && (l[0] == ' ' || l[0] == '\t') && len(list) > 0 {
			list[len(list)-1] += "\r\n" + l
			continue
		}
		list = append(list, l)
	}
	return list
}
