package smtpd

import (
	"bytes"
	"io"

	"gatepost/gateway"
)

// scanner reads the octets of DATA and BDAT under the strict grammar of RFC
// 5321 sections 2.3.8 and 4.1.1.4: a line ends with CRLF, CR and LF stand
// nowhere else, there is no NUL, and only a dot alone on a line ends DATA. It
// looks at windows of any size through bytes.IndexByte and bytes.Count, and
// keeps only what a window can split. The zero value reads BDAT content
// without a limit of line length.
type scanner struct {
	dots  bool // DATA: dot-stuffed, and ended by a dot
	limit int  // octets of a line as sent, CRLF included; 0: none
	line  int  // octets of the line so far; 0 is its beginning
	cr    bool // the octet before the window was a CR
}

// next says what the octets of win are: skip of them are to be thrown away,
// the take after these belong to the body. With neither, the error is
// errMore when win is too short to tell, io.EOF after the terminator (skip
// counts it), or a *gateway.Fault at which the state is as before the call,
// so that a drain can go on from the head of win.
func (s *scanner) next(win []byte) (skip, take int, err error) {
	if s.dots && s.line == 0 && len(win) > 0 && win[0] == '.' {
		if len(win) < 3 && string(win) == ".\r\n"[:len(win)] {
			return 0, 0, errMore
		}
		if win[1] == '\r' && win[2] == '\n' {
			return 3, 0, io.EOF
		}
		s.line, skip = 1, 1
		return skip, 0, nil
	}
	if len(win) == 0 {
		return 0, 0, errMore
	}
	take, err = s.lines(win)
	return 0, take, err
}

// lines takes from win up to its end or up to the next line that begins with
// a dot.
func (s *scanner) lines(win []byte) (int, error) {
	line, ends, end := s.line, 0, 0
	if s.cr && win[0] != '\n' {
		return 0, faultBareCR
	}
	for end < len(win) && (end == 0 || !s.dots || win[end] != '.') {
		n := bytes.IndexByte(win[end:], '\n')
		if n < 0 {
			line += len(win) - end
			end = len(win)
			if s.tooLong(line) {
				return 0, faultLongLine
			}
			break
		}
		if cr := end + n - 1; cr < end && !(s.cr && end == 0) || cr >= end && win[cr] != '\r' {
			return 0, faultBareLF
		}
		if s.tooLong(line + n + 1) {
			return 0, faultLongLine
		}
		line, end = 0, end+n+1
		ends++
	}
	return end, s.settle(win[:end], line, ends)
}

func (s *scanner) tooLong(n int) bool { return s.limit > 0 && n > s.limit }

// settle looks for NUL and bare CR in what lines took: each CR must belong to
// one of the ends lines that ended in it, or be its last octet.
func (s *scanner) settle(taken []byte, line, ends int) error {
	if bytes.IndexByte(taken, 0) >= 0 {
		return faultNUL
	}
	crs := bytes.Count(taken, []byte{'\r'})
	if s.cr {
		crs++ // of the window before; its LF is the first octet here
	}
	last := taken[len(taken)-1] == '\r'
	if last {
		crs--
	}
	if crs != ends {
		return faultBareCR
	}
	s.line, s.cr = line, last
	return nil
}

// terminator ends DATA, RFC 5321 section 4.1.1.4.
const terminator = "\r\n.\r\n"

// drain finds the end of a DATA body that has been refused already. Nothing
// but the terminator ends it, whatever else the octets hold.
type drain struct {
	matched int // octets of the terminator that stood before the window
}

// drainFrom goes on where s stands.
func drainFrom(s *scanner) drain {
	switch {
	case s.line == 0:
		return drain{matched: 2}
	case s.cr:
		return drain{matched: 1}
	default:
		return drain{}
	}
}

// next returns how many octets of win are to be thrown away, and whether the
// terminator was their end.
func (d *drain) next(win []byte) (n int, done bool) {
	for n < len(win) {
		if d.matched == 0 {
			i := bytes.IndexByte(win[n:], '\r')
			if i < 0 {
				return len(win), false
			}
			n += i
		}
		switch c := win[n]; {
		case c == terminator[d.matched]:
			d.matched++
		case c == '\r':
			d.matched = 1
		default:
			d.matched = 0
		}
		n++
		if d.matched == len(terminator) {
			return n, true
		}
	}
	return n, false
}

// What a body can be refused for.
var (
	faultBareLF   = gateway.NewFault(554, "5.6.0", "Message refused: bare LF, lines must end with CR LF")
	faultBareCR   = gateway.NewFault(554, "5.6.0", "Message refused: bare CR, lines must end with CR LF")
	faultNUL      = gateway.NewFault(554, "5.6.0", "Message refused: NUL octet")
	faultLongLine = gateway.NewFault(554, "5.6.0", "Message refused: a line is too long")
)
