package autoconfig

import (
	"encoding/xml"
	"net/http"
)

// clientConfig is the document of Thunderbird, which K-9, Evolution and others
// read too.
type clientConfig struct {
	XMLName  xml.Name `xml:"clientConfig"`
	Version  string   `xml:"version,attr"`
	Provider provider `xml:"emailProvider"`
}

type provider struct {
	ID       string      `xml:"id,attr"`
	Domains  []string    `xml:"domain"`
	Name     string      `xml:"displayName"`
	Short    string      `xml:"displayShortName"`
	Incoming mailServer  `xml:"incomingServer"`
	Outgoing *mailServer `xml:"outgoingServer,omitempty"`
}

type mailServer struct {
	Type     string `xml:"type,attr"`
	Host     string `xml:"hostname"`
	Port     int    `xml:"port"`
	Socket   string `xml:"socketType"`
	User     string `xml:"username"`
	Password string `xml:"authentication"`
}

func serverOf(kind string, e Endpoint, user string) mailServer {
	s := mailServer{Type: kind, Host: e.Host, Port: e.Port, Socket: "STARTTLS", User: user, Password: "password-cleartext"}
	if e.TLS {
		s.Socket = "SSL"
	}
	return s
}

// thunderbird answers whoever asks; a client may name the address that was
// typed (emailaddress), else the document holds for the address as it stands.
func (c Config) thunderbird(w http.ResponseWriter, r *http.Request) {
	user := "%EMAILADDRESS%"
	if typed := r.URL.Query().Get("emailaddress"); typed != "" {
		a, ok := c.account(typed)
		if !ok {
			http.Error(w, "This server has no accounts of that domain.", http.StatusNotFound)
			return
		}
		user = a.Wire()
	}
	p := provider{ID: c.Host, Domains: append([]string{c.Host}, c.Domains...), Name: c.Organization + " Secure", Short: "Secure", Incoming: serverOf("imap", c.IMAP, user)}
	if !c.SMTP.IsZero() {
		out := serverOf("smtp", c.SMTP, user)
		p.Outgoing = &out
	}
	writeXML(w, "text/xml; charset=utf-8", "", clientConfig{Version: "1.1", Provider: p})
}

// writeXML writes a document; doctype stands behind the declaration.
func writeXML(w http.ResponseWriter, media, doctype string, v any) {
	body, err := xml.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, "The settings cannot be told just now.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", media)
	_, _ = w.Write(append(append([]byte(xml.Header+doctype), body...), '\n')) // who has gone reads nothing
}
