package autoconfig

import (
	"encoding/xml"
	"io"
	"net/http"
)

// maxRequest bounds what a client asks; octets. Real ones are below 1,000.
const maxRequest = 16 << 10

// Schemas of the answer (MS-OXDSCLI section 2.2).
const (
	outlookOuter = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
	outlookInner = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
)

type autodiscover struct {
	XMLName  xml.Name `xml:"Autodiscover"`
	Schema   string   `xml:"xmlns,attr"`
	Response discovered
}

type discovered struct {
	Schema  string             `xml:"xmlns,attr,omitempty"`
	Error   *discoverError     `xml:"Error,omitempty"`
	Account *discoveredAccount `xml:"Account,omitempty"`
}

// discoverError is the answer to what cannot be answered (MS-OXDSCLI section
// 2.2.4.1.1).
type discoverError struct {
	Code    int    `xml:"ErrorCode"`
	Message string `xml:"Message"`
}

type discoveredAccount struct {
	Type     string `xml:"AccountType"`
	Action   string
	Protocol []discoveredServer
}

type discoveredServer struct {
	Type       string
	Server     string
	Port       int
	Domain     string `xml:"DomainRequired"`
	Login      string `xml:"LoginName"`
	SPA        string
	SSL        string
	Encryption string
	Auth       string `xml:"AuthRequired"`
}

func discoveredOf(kind string, e Endpoint, user string) discoveredServer {
	s := discoveredServer{Type: kind, Server: e.Host, Port: e.Port, Domain: "off", Login: user, SPA: "off", SSL: "on", Encryption: "TLS", Auth: "on"}
	if e.TLS {
		s.Encryption = "SSL"
	}
	return s
}

// outlook answers a POST that names an address.
func (c Config) outlook(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "Settings are asked for by POST.", http.StatusMethodNotAllowed)
		return
	}
	typed, ok := asked(http.MaxBytesReader(w, r.Body, maxRequest))
	if !ok {
		c.refuse(w, 600, "Invalid Request")
		return
	}
	user, ok := c.account(typed)
	if !ok {
		c.refuse(w, 500, "The email address cannot be found.")
		return
	}
	a := &discoveredAccount{Type: "email", Action: "settings", Protocol: []discoveredServer{discoveredOf("IMAP", c.IMAP, user.Wire())}}
	if !c.SMTP.IsZero() {
		a.Protocol = append(a.Protocol, discoveredOf("SMTP", c.SMTP, user.Wire()))
	}
	writeXML(w, "text/xml; charset=utf-8", "", autodiscover{Schema: outlookOuter, Response: discovered{Schema: outlookInner, Account: a}})
}

func (c Config) refuse(w http.ResponseWriter, code int, text string) {
	writeXML(w, "text/xml; charset=utf-8", "", autodiscover{Schema: outlookOuter, Response: discovered{Error: &discoverError{code, text}}})
}

// asked reads the address in a request. Its elements are taken whatever their
// schema: clients of different years differ in it.
func asked(r io.Reader) (address string, ok bool) {
	var q struct {
		Request struct {
			Address string `xml:"EMailAddress"`
		}
	}
	if err := xml.NewDecoder(r).Decode(&q); err != nil {
		return "", false
	}
	return q.Request.Address, q.Request.Address != ""
}
