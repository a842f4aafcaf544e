package e2e

import (
	"bufio"
	octets "encoding/binary"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
)

// plainCarrier is a carrier that takes everything: enough of SMPP v3.4 for
// stories that must not need an installed peer.
type plainCarrier struct {
	addr  string
	taken atomic.Int64
}

func startPlainCarrier(t *testing.T) *plainCarrier {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	c := &plainCarrier{addr: l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.serve(conn)
		}
	}()
	return c
}

// serve answers every request of a connection with 0.
func (c *plainCarrier) serve(conn net.Conn) {
	defer conn.Close()
	for r := bufio.NewReader(conn); ; {
		command, sequence, _, err := readPDU(r)
		if err != nil {
			return
		}
		body := ""
		switch command {
		case 0x01, 0x02, 0x09: // binds
			body = "carrier\x00"
		case 0x04: // submit_sm
			body = fmt.Sprintf("%d\x00", c.taken.Add(1))
		}
		if command&0x80000000 != 0 {
			continue
		}
		if _, err := conn.Write(pduBytes(command|0x80000000, sequence, body)); err != nil {
			return
		}
	}
}

// readPDU reads one PDU and returns its command, sequence number and status.
func readPDU(r io.Reader) (command, sequence, status uint32, err error) {
	var head [16]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, 0, 0, err
	}
	n := int64(octets.BigEndian.Uint32(head[:])) - int64(len(head))
	if n < 0 || n > 1<<20 {
		return 0, 0, 0, fmt.Errorf("a PDU whose body has %d octets", n)
	}
	_, err = io.CopyN(io.Discard, r, n)
	return octets.BigEndian.Uint32(head[4:]), octets.BigEndian.Uint32(head[12:]), octets.BigEndian.Uint32(head[8:]), err
}
