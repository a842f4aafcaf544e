package relay

import (
	"strconv"
	"strings"
)

// extensions are what the next hop offered to EHLO.
type extensions struct {
	pipelining bool
	eightBit   bool
	utf8       bool
	dsn        bool
	startTLS   bool
	size       bool
	maxSize    int64 // 0: no limit, or none told
	auth       []string
}

// parseExtensions reads the lines after the first of a reply to EHLO. Keywords
// and mechanisms compare without case (RFC 5321 section 4.1.1.1); what cannot
// be read is ignored.
func parseExtensions(lines []string) extensions {
	var e extensions
	for _, line := range lines {
		words := strings.Fields(strings.ToUpper(line))
		if len(words) == 0 {
			continue
		}
		switch key := words[0]; {
		case key == "PIPELINING":
			e.pipelining = true
		case key == "8BITMIME":
			e.eightBit = true
		case key == "SMTPUTF8":
			e.utf8 = true
		case key == "DSN":
			e.dsn = true
		case key == "STARTTLS":
			e.startTLS = true
		case key == "SIZE":
			e.size = true
			if len(words) > 1 {
				if n, err := strconv.ParseInt(words[1], 10, 64); err == nil && n > 0 {
					e.maxSize = n
				}
			}
		case key == "AUTH":
			e.auth = append(e.auth, words[1:]...)
		case strings.HasPrefix(key, "AUTH="): // spelling of servers older than RFC 2554
			e.auth = append(append(e.auth, key[len("AUTH="):]), words[1:]...)
		}
	}
	return e
}

// greet reads the banner and says EHLO.
func (cn *conn) greet() error {
	r, err := cn.read(cn.client.config.Timeouts.Banner)
	if err != nil {
		return ioTrouble(phaseBanner, err)
	}
	if r.code != 220 {
		return answered(phaseBanner, r)
	}
	return cn.hello()
}

// hello says EHLO, and HELO to a host that refuses EHLO (RFC 5321 section
// 4.1.4). Whatever was offered before is forgotten.
func (cn *conn) hello() error {
	config := &cn.client.config
	cn.ext = extensions{}
	r, err := cn.command("EHLO "+config.Hostname, config.Timeouts.Hello)
	if err == nil && r.class() == 5 && cn.tls.Version == "" {
		r, err = cn.command("HELO "+config.Hostname, config.Timeouts.Hello)
		if len(r.lines) > 1 {
			r.lines = r.lines[:1] // HELO offers nothing
		}
	}
	if err != nil {
		return ioTrouble(phaseEhlo, err)
	}
	if r.class() != 2 {
		return answered(phaseEhlo, r)
	}
	cn.ext = parseExtensions(r.lines[1:])
	return nil
}
