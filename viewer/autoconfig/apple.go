package autoconfig

import (
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
)

// plistType stands before a property list.
const plistType = `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n"

// dict is a dictionary of a property list: keys and values in turn.
type dict []any

// MarshalXML implements xml.Marshaler.
func (d dict) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	start := xml.StartElement{Name: xml.Name{Local: "dict"}}
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	for i := 0; i+1 < len(d); i += 2 {
		if err := element(e, "key", fmt.Sprint(d[i])); err != nil {
			return err
		}
		if err := value(e, d[i+1]); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

func element(e *xml.Encoder, name, text string) error {
	return e.EncodeElement(text, xml.StartElement{Name: xml.Name{Local: name}})
}

func value(e *xml.Encoder, v any) error {
	switch v := v.(type) {
	case bool:
		return element(e, strconv.FormatBool(v), "")
	case int:
		return element(e, "integer", strconv.Itoa(v))
	case []dict:
		array := xml.StartElement{Name: xml.Name{Local: "array"}}
		if err := e.EncodeToken(array); err != nil {
			return err
		}
		for _, d := range v {
			if err := e.EncodeElement(d, array); err != nil {
				return err
			}
		}
		return e.EncodeToken(array.End())
	}
	return element(e, "string", fmt.Sprint(v))
}

type plist struct {
	XMLName xml.Name `xml:"plist"`
	Version string   `xml:"version,attr"`
	Dict    dict
}

// apple answers with a configuration profile for the address in the query. It
// holds no password: the device asks for it. A profile names a server to send
// by, or devices refuse it.
func (c Config) apple(w http.ResponseWriter, r *http.Request) {
	user, ok := c.account(r.URL.Query().Get("address"))
	if !ok {
		http.Error(w, "Add your address to the link: "+ApplePath+"?address=you@"+c.Domains[0], http.StatusNotFound)
		return
	}
	if c.SMTP.IsZero() {
		http.Error(w, "A profile needs a server to send by: imap.submission in the configuration, or listen.submissions.", http.StatusNotFound)
		return
	}
	name, id := user.Wire(), identifier(c.Host, user.Key())
	account := dict{
		"PayloadType", "com.apple.mail.managed", "PayloadVersion", 1, "PayloadIdentifier", "gatepost.mail." + id, "PayloadUUID", identifier(c.Host, user.Key(), "mail"),
		"PayloadDisplayName", "Secure", "EmailAccountType", "EmailTypeIMAP", "EmailAccountDescription", c.Organization + " Secure", "EmailAddress", name,
		"IncomingMailServerHostName", c.IMAP.Host, "IncomingMailServerPortNumber", c.IMAP.Port, "IncomingMailServerUseSSL", true,
		"IncomingMailServerUsername", name, "IncomingMailServerAuthentication", "EmailAuthPassword",
		"OutgoingMailServerHostName", c.SMTP.Host, "OutgoingMailServerPortNumber", c.SMTP.Port, "OutgoingMailServerUseSSL", true,
		"OutgoingMailServerUsername", name, "OutgoingMailServerAuthentication", "EmailAuthPassword", "OutgoingPasswordSameAsIncomingPassword", true,
	}
	w.Header().Set("Content-Disposition", `attachment; filename="secure.mobileconfig"`)
	writeXML(w, "application/x-apple-aspen-config", plistType, plist{Version: "1.0", Dict: dict{
		"PayloadType", "Configuration", "PayloadVersion", 1, "PayloadIdentifier", "gatepost." + id, "PayloadUUID", id,
		"PayloadDisplayName", c.Organization + " Secure", "PayloadOrganization", c.Organization, "PayloadContent", []dict{account},
	}})
}

// identifier is a UUID (RFC 9562 section 5.8) made of parts: a profile that is
// installed again replaces itself.
func identifier(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	u := h.Sum(nil)[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
